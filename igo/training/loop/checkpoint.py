"""Training state on disk: written whole or not at all, read without running any code from the file."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from igo.errors import CheckpointError
from igo.files import writing_whole
from igo.networks.weights import read


def save(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` (tensors, numbers, strings, and dicts and lists of these) so that no kill leaves half a file:
    until it is complete the previous checkpoint stays readable. Raises ``CheckpointError``."""
    with writing_whole(path, CheckpointError, path.with_name(f"{path.name}.partial")) as file:
        torch.save(state, file)


def learned(module: nn.Module) -> dict[str, Tensor]:
    """What training changes of ``module``: its state without frozen parameters, which an adapter's are nearly all."""
    frozen = {name for name, parameter in module.named_parameters() if not parameter.requires_grad}
    return {name: value for name, value in module.state_dict().items() if name not in frozen}


def restore(module: nn.Module, state: dict[str, Tensor]) -> None:
    """Load what ``learned`` gave. Raises ``KeyError`` or ``RuntimeError`` if it is of another module."""
    missing = learned(module).keys() - state.keys()
    if missing:
        raise KeyError(f"no value for {', '.join(sorted(missing)[:3])}")
    _, unexpected = module.load_state_dict(state, strict=False)
    if unexpected:
        raise KeyError(f"no place for {', '.join(sorted(unexpected)[:3])}")


def load(path: Path) -> dict[str, Any]:
    """Read what ``save`` wrote, with every tensor on the CPU. Raises ``CheckpointError`` if it can't be trusted."""
    try:
        state = read(path)
    except CheckpointError as error:
        raise CheckpointError(f"can't read the checkpoint: {error}; or delete it to start anew") from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} is not a training checkpoint; delete it to start anew")
    return state
