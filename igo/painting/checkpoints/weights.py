"""Files of a checkpoint, looked into before anything is built of them: whether they are what they are called, and
whether what came out of the weights are numbers that a model can paint with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from igo.errors import CheckpointError

if TYPE_CHECKING:
    import torch

    from igo.networks.folders import Held

POINTER = b"version https://git-lfs"
COUNTERS = ("_ids", "_index", "_tracked")
"""How tensors end that are whole numbers by their nature, such as the places of a text's words."""


def check_described(name: str, folder: Path, files: Iterable[str]) -> None:
    """Raise ``CheckpointError`` for configurations and vocabularies that aren't what their names say.

    ``files`` are paths within ``folder``.
    """
    for file in files:
        where, content = _where(name, file), _read(folder / file, _where(name, file))
        if file.endswith(".json"):
            _table(content, where)


def check_files(name: str, folder: Path, files: Iterable[str], quantized: bool = False) -> Held:
    """What the files of a model hold, which are paths within ``folder``.

    Raises ``CheckpointError`` for files that are no weights, are cut, or belong to shards that aren't all there. What
    is ``quantized`` may hold whole numbers.
    """
    from igo.networks.folders import Held
    from igo.networks.weights import described

    indices = [file for file in files if file.endswith(".json")]
    for file in indices:
        _check_shards(folder / file, _where(name, file))
    own, count = [file for file in files if file not in indices], 0
    for file in own:
        if "-of-" in file and not indices:
            raise CheckpointError(
                f"{_where(name, file)} is one of several shards, whose index is not there; download it again"
            )
        tensors = described(folder / file)
        if not quantized:
            check_floats(tensors, _where(name, file))
        count += len(tensors)
    paths = tuple(folder / file for file in own)
    return Held(paths[0].parent, paths, count, sum(path.stat().st_size for path in paths))


def check_floats(tensors: Mapping[str, torch.Tensor], where: str) -> None:
    """Raise ``CheckpointError`` for weights that are whole numbers, or none."""
    if not tensors:
        raise CheckpointError(f"{where} has no weights in it; download it again")
    for key, value in tensors.items():
        if value.ndim and not value.is_floating_point() and not key.endswith(COUNTERS):
            kind = str(value.dtype).removeprefix("torch.")
            raise CheckpointError(
                f"{where} has whole numbers ({kind}) for the weights {key!r}; expected floating point; download or "
                "convert it again"
            )


def check_numbers(name: str, part: str, model: torch.nn.Module) -> None:
    """Raise ``CheckpointError`` for weights of a loaded model that have no values, or such as no picture comes of."""
    from igo.networks.weights import check_finite

    weights = dict([*model.named_parameters(), *model.named_buffers()])
    for key, weight in weights.items():
        if weight.is_meta:
            raise CheckpointError(f"{name} lacks weights of its {part}, such as {key!r}; download or convert it again")
    dtype = str(getattr(model, "dtype", "")).removeprefix("torch.")
    check_finite(weights, f"the {part} of {name} (as {dtype})")


def read_table(path: Path, where: str) -> dict[str, Any]:
    """A JSON object. Raises ``CheckpointError`` for what isn't one."""
    return _table(_read(path, where), where)


def _where(name: str, file: str) -> str:
    folder, _, own = file.rpartition("/")
    return f"{own} in {folder}/ of {name}" if folder else f"the {own} of {name}"


def _read(path: Path, where: str) -> bytes:
    """What is in a file that describes. Raises ``CheckpointError`` for what isn't the file that it is called."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{where} can't be read ({error.strerror})") from None
    if not content:
        raise CheckpointError(f"{where} is empty; download it again")
    if content.startswith(POINTER):
        raise CheckpointError(f"{where} is a Git LFS pointer, not the file; fetch it with 'git lfs pull'")
    return content


def _table(content: bytes, where: str) -> dict[str, Any]:
    try:
        table = json.loads(content)
    except (ValueError, RecursionError):
        table = None
    if not isinstance(table, dict):
        raise CheckpointError(f"{where} is damaged; expected a JSON object; download it again")
    return table


def _check_shards(path: Path, where: str) -> None:
    """Raise ``CheckpointError`` for an index of shards that aren't all there."""
    named = read_table(path, where).get("weight_map")
    shards = sorted({str(shard) for shard in named.values()}) if isinstance(named, dict) else []
    gone = [shard for shard in shards if not (path.parent / Path(shard).name).is_file()]
    if gone or not shards:
        lacking = f", of which {gone[0]} is not there" if gone else ""
        raise CheckpointError(f"{where} names {len(shards)} shards{lacking}; download it again")
