"""Files of a checkpoint, looked into before anything is built of them: whether they are what they are called, and
whether what came out of the weights are numbers that a model can paint with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from igo.errors import CheckpointError

POINTER = b"version https://git-lfs"
Tensors = Mapping[str, tuple[str, tuple[int, ...]]]
"""Type and shape of each tensor, by its name; types are called as in safetensors: F32, F16, BF16, F8_E4M3, I64."""
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


def check_files(name: str, folder: Path, files: Iterable[str], quantized: bool = False) -> None:
    """Raise ``CheckpointError`` for files that are no weights, are cut, or belong to shards that aren't all there.

    ``files`` are paths within ``folder``. A ``quantized`` part may hold whole numbers.
    """
    indices = [file for file in files if file.endswith(".json")]
    for file in indices:
        _check_shards(folder / file, _where(name, file))
    for file in (file for file in files if file not in indices):
        where = _where(name, file)
        if "-of-" in file and not indices:
            raise CheckpointError(f"{where} is one of several shards, whose index is not there; download it again")
        tensors = tensors_of(folder / file, where)
        if not quantized:
            check_floats(tensors, f"{where}")


def check_floats(tensors: Tensors, where: str) -> None:
    """Raise ``CheckpointError`` for weights that are whole numbers."""
    for key, (kind, shape) in tensors.items():
        if shape and not kind.startswith(("F", "BF")) and not key.endswith(COUNTERS):
            raise CheckpointError(
                f"{where} has whole numbers ({kind}) for the weights {key!r}; expected floating point; download or "
                "convert it again"
            )


def read_table(path: Path, where: str) -> dict[str, Any]:
    """A JSON object. Raises ``CheckpointError`` for what isn't one."""
    return _table(_read(path, where), where)


def tensors_of(path: Path, where: str) -> Tensors:
    """What is in a file, without reading the numbers. Raises ``CheckpointError``."""
    _read(path, where, len(POINTER))
    return dict(_safe(path, where) if path.suffix == ".safetensors" else _pickled(path, where))


def check_numbers(name: str, part: str, model: Any) -> None:
    """Raise ``CheckpointError`` for weights of a loaded model that have no values, or such as no picture comes of."""
    import torch

    for key, weight in (*model.named_parameters(), *model.named_buffers()):
        if weight.is_meta:
            raise CheckpointError(f"{name} lacks weights of its {part}, such as {key!r}; download or convert it again")
        if not weight.is_floating_point() or weight.element_size() < 2:
            continue
        total = weight.detach().sum(dtype=torch.float32)  # not finite if any of them isn't, in one pass
        if not torch.isfinite(total) and not torch.isfinite(weight).all():
            raise CheckpointError(
                f"{name} has weights in its {part} that are no numbers or infinite ({key!r}, as "
                f"{str(weight.dtype).removeprefix('torch.')}); download or convert it again"
            )


def _where(name: str, file: str) -> str:
    folder, _, own = file.rpartition("/")
    return f"{own} in {folder}/ of {name}" if folder else f"the {own} of {name}"


def _read(path: Path, where: str, size: int = -1) -> bytes:
    """The first ``size`` bytes, or all. Raises ``CheckpointError`` for what isn't the file that it is called."""
    try:
        with path.open("rb") as file:
            content = file.read(size)
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


def _safe(path: Path, where: str) -> Iterator[tuple[str, tuple[str, tuple[int, ...]]]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            for key in file.keys():  # noqa: SIM118 (it is no dictionary)
                tensor = file.get_slice(key)
                yield key, (tensor.get_dtype(), tuple(tensor.get_shape()))
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{where} is no safetensors file, or a damaged one ({error}); download it again"
        ) from None


def _pickled(path: Path, where: str) -> Iterator[tuple[str, tuple[str, tuple[int, ...]]]]:
    """torch's own format, with its loader for weights alone, which runs no code; onto no device, which reads none."""
    from pickle import UnpicklingError

    import torch

    kinds = {torch.float32: "F32", torch.float16: "F16", torch.float64: "F64", torch.bfloat16: "BF16"}
    try:
        found = torch.load(path, map_location="meta", weights_only=True)
    except UnpicklingError:
        raise CheckpointError(
            f"{where} is not loaded: it is damaged, or holds more than weights, which may run code; convert it to "
            ".safetensors"
        ) from None
    except Exception:  # torch's messages for cut archives are lines of C++
        raise CheckpointError(f"{where} is no file of weights, or a damaged one; download it again") from None
    found = found.get("state_dict", found) if isinstance(found, Mapping) else {}
    tensors = {key: value for key, value in found.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise CheckpointError(f"{where} has no weights in it; download it again")
    for key, value in tensors.items():
        kind = kinds.get(value.dtype, str(value.dtype).removeprefix("torch.").upper().replace("FLOAT", "F"))
        yield key, (kind, tuple(value.shape))
