"""Files of small weights that nobody vouches for: found here or on a hub, and read without running code from them."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from igo import hub
from igo.errors import CheckpointError
from igo.licensing import fetch, stated

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from torch import Tensor

    import igo
    from igo.licensing import License, Permit

SAFE = ".safetensors"
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
"""Read with ``weights_only``, by which nothing but tensors and plain values comes out of them."""
NAMES = (
    "adapter_model.safetensors",
    "pytorch_lora_weights.safetensors",
    "learned_embeds.safetensors",
    "adapter_model.bin",
    "pytorch_lora_weights.bin",
    "learned_embeds.bin",
)
"""What peft and diffusers call the one file of a folder or repository."""
CONFIG = "adapter_config.json"
NO_WEIGHTS = ("scheduler", "optimizer", "checkpoint")
"""Files whose names hold these are what a training left behind, as in diffusers' own rules."""
MOST = 100_000
"""Tensors of a file; the largest adapters have some thousands."""


@dataclass(frozen=True)
class Weights:
    """What is in a file: tensors by key, and what is told about them."""

    file: Path
    tensors: dict[str, Tensor]
    metadata: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    """peft's own, of a folder."""
    name: str = ""
    """What the file calls itself, if it does."""


def find(weights: str, weight_name: str | None, kind: str, runtime: igo.Runtime) -> Path:
    """The file on this machine: one here, the one of a folder, or of a hub's ``owner/name``, fetched if need be.

    ``kind`` is what messages call it. A hub is asked once for all that share the ``runtime``. Raises
    ``CheckpointError``.
    """
    place = Path(os.path.expanduser(weights))  # noqa: PTH111  Path's own raises for users who aren't known
    if place.is_dir():
        return place / _chosen([path.name for path in place.iterdir() if path.is_file()], weight_name, weights, kind)
    if place.exists() or place.suffix.lower() in (SAFE, *PICKLES):
        if not place.is_file():
            raise CheckpointError(f"there is no {kind} {weights}; expected a .safetensors file")
        if place.suffix.lower() not in (SAFE, *PICKLES):
            raise CheckpointError(f"{weights} is no {kind}; expected a file that ends in .safetensors")
        return place
    if not hub.is_name(weights):
        raise CheckpointError(
            f"there is no {kind} {weights!r}; expected a .safetensors file, a folder with one, or a hub's owner/name"
        )
    key = ("hub file", weights, weight_name)
    found: Path = runtime.model(key, lambda: _fetched(weights, weight_name, kind, runtime.permit))
    return found


def permitted(weights: str, file: Path, runtime: igo.Runtime) -> License:
    """The licence of a file that ``weights`` stands for: as its folder or repository states it, else the file itself.

    Raises ``LicenseError`` where the runtime is for commercial use and the licence forbids that or isn't known.
    """
    place = Path(os.path.expanduser(weights))  # noqa: PTH111  Path's own raises for users who aren't known
    if place.is_file():
        return runtime.permit(weights, file)
    fetched = (parent for parent in file.parents if parent.parent.name == "snapshots")
    return runtime.permit(weights, stated(place if place.is_dir() else next(fetched), [file]))


def identity(file: Path, kind: str, check: Callable[[Weights], None], runtime: igo.Runtime, *more: Hashable) -> str:
    """The file's digest, once ``check``, which may depend on ``more``, has passed what is in it.

    Remembered by ``runtime`` for as long as the file stays as it is. Raises ``CheckpointError``.
    """

    def checked() -> str:
        check(read(file, kind))
        with file.open("rb") as stream:
            return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"

    status = file.stat()
    key = (f"{kind} digest", str(file.resolve()), status.st_mtime_ns, status.st_size, *more)
    found: str = runtime.model(key, checked)
    return found


def described(file: Path, kind: str) -> Weights:
    """The same without tensors, which take no time then where the file is a ``.safetensors``. Raises
    ``CheckpointError``."""
    return _read_safe(file, kind, tensors=False) if file.suffix.lower() == SAFE else read(file, kind)


def read(file: Path, kind: str) -> Weights:
    """The file's tensors on the CPU, in the precision of the file. Raises ``CheckpointError``."""
    if file.suffix.lower() == SAFE:
        return _read_safe(file, kind)
    from igo.networks import weights

    try:
        found = weights.read(file)
    except CheckpointError as error:
        raise CheckpointError(
            f"the {kind} {file} is not loaded: it is damaged, or holds more than weights and could run code; "
            "convert it to .safetensors"
        ) from error
    found = found.get("state_dict", found) if isinstance(found, dict) else found
    name = found.get("name") if isinstance(found, dict) else None
    return Weights(file, _tensors(found), name=name if isinstance(name, str) else "", config=_config(file))


def _read_safe(file: Path, kind: str, tensors: bool = True) -> Weights:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as opened:
            keys = list(opened.keys())
            if len(keys) > MOST:
                raise CheckpointError(f"{file} holds {len(keys)} tensors; expected those of one {kind}")
            return Weights(
                file,
                {key: opened.get_tensor(key) for key in keys if tensors},
                opened.metadata() or {},
                _config(file),
            )
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"can't read the {kind} {file}: {reason}") from error


def _tensors(found: Any, above: str = "") -> dict[str, Tensor]:
    """The tensors of nested tables, their keys joined by dots."""
    import torch

    if isinstance(found, torch.Tensor):
        return {above.removesuffix("."): found}
    tensors: dict[str, Tensor] = {}
    for key, value in found.items() if isinstance(found, dict) else ():
        tensors |= _tensors(value, f"{above}{key}.")
    return tensors


def _config(file: Path) -> dict[str, Any]:
    """peft's description beside the file. Raises ``CheckpointError`` for a damaged one."""
    place = file.parent / CONFIG
    if not file.name.lower().startswith("adapter_model.") or not place.is_file():
        return {}
    try:
        found = json.loads(place.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{place} can't be read ({type(error).__name__}); expected peft's JSON") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{place} holds a {type(found).__name__}; expected peft's table")
    return found


def _chosen(names: Iterable[str], weight_name: str | None, where: str, kind: str) -> str:
    """The one file that is meant, by peft's and diffusers' names, or since there is no other."""
    here = sorted(names)
    if weight_name is not None:
        if weight_name not in here:
            raise CheckpointError(f"{where} has no {weight_name}; it has: {', '.join(here[:10]) or 'nothing'}")
        return weight_name
    for name in NAMES:
        if name in here:
            return name
    for suffixes in ((SAFE,), PICKLES):
        left = [name for name in here if name.lower().endswith(suffixes) and not any(no in name for no in NO_WEIGHTS)]
        if len(left) == 1:
            return left[0]
        if left:
            raise CheckpointError(f"{where} has several files; say which in weight_name: {', '.join(left[:10])}")
    raise CheckpointError(f"{where} has no {kind}; expected a .safetensors file in it")


def _fetched(repository: str, weight_name: str | None, kind: str, permit: Permit) -> Path:
    """A repository's file in the hub's cache, with peft's description beside it."""

    def chosen(names: Iterable[str]) -> str:
        tops = [name for name in names if weight_name is not None or "/" not in name]
        return _chosen(tops, weight_name, repository, kind)

    def wanted(names: Iterable[str], _look: hub.Look) -> list[str]:
        return [chosen(names), *(name for name in names if name == CONFIG)]

    folder = fetch(repository, wanted, permit)
    return folder / chosen(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
