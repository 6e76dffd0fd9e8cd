"""Networks from files that nobody vouches for: read without running any code from them, told apart by their weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from igo.errors import CheckpointError
from igo.networks.rrdb import RRDBNet
from igo.networks.srvgg import SRVGGNetCompact

Network = SRVGGNetCompact | RRDBNet
READABLE = (".safetensors", ".pth")


def read_state(path: Path) -> dict[str, Tensor]:
    """The weights in a ``.safetensors`` or ``.pth`` file by name, on the CPU, in the precision of the file.

    Of an official file's two sets of weights the averaged one is taken. Raises ``CheckpointError`` for another suffix,
    for a pickle that holds anything but weights, and for a file that is damaged or missing.
    """
    if path.suffix not in READABLE:
        raise CheckpointError(f"{path} is not read: expected a file that ends in {' or '.join(READABLE)}")
    try:
        state: Any = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # both readers raise whatever a damaged file leads them to
        raise CheckpointError(f"can't read the weights {path}: {str(error).partition(chr(10))[0]}") from error
    if isinstance(state, dict):
        state = state.get("params_ema", state.get("params", state))
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(f"{path} holds no table of weights by name; expected a network's state_dict")
    return state


def network_of(state: Mapping[str, Tensor], source: object) -> Network:
    """The network that these weights belong to, in fp32. Raises ``CheckpointError``, which names the ``source``."""
    for kind in (RRDBNet, SRVGGNetCompact):
        try:
            with torch.random.fork_rng(devices=[]):  # its first weights, which these replace, are drawn at random
                return kind.of(state)
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
            continue
    raise CheckpointError(f"{source} holds neither an RRDBNet nor an SRVGGNetCompact of RGB pictures with PReLU")


def load_srvgg(path: Path) -> SRVGGNetCompact:
    """The SRVGGNetCompact in a file. Raises ``CheckpointError`` for any other network, too."""
    network = network_of(read_state(path), path)
    if not isinstance(network, SRVGGNetCompact):
        raise CheckpointError(f"{path} does not hold a SRVGGNetCompact of RGB pictures with PReLU")
    return network
