"""Some models of a checkpoint by themselves, for what paints without the rest of it: a UNet and a VAE, and no text."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from igo import hub
from igo.errors import CheckpointError
from igo.files import at_home
from igo.licensing import License, Permit, fetch, permit_all, stated
from igo.networks.quiet import quietly
from igo.painting.checkpoints.components import NATURAL, load_part, one_line, parts_of
from igo.painting.checkpoints.digests import digest
from igo.painting.checkpoints.layout import INDEX, Part, Weights, chosen, described, no_index, note
from igo.painting.checkpoints.weights import check_described, read_table
from igo.painting.vae import care_for

if TYPE_CHECKING:
    import torch

CONFIG = "config.json"
Check = Callable[[Mapping[str, Mapping[str, Any]]], None]
"""Is given the configurations of the wanted models by their names, and raises where they won't do."""


@dataclass(frozen=True)
class Parts:
    """Models and a scheduler, on the CPU, by their names, and exactly which weights they are."""

    folder: Path
    models: Mapping[str, Any]
    identity: str
    """``revision:<commit>`` of a hub, else ``sha256:<digest>`` of the files."""
    note: str | None
    """What a user should know: that other files were taken than were asked for."""
    license: License
    """As its card states it."""


def load_parts(
    checkpoint: str,
    names: Sequence[str],
    dtype: torch.dtype,
    check: Check,
    place: Path | None = None,
    permit: Permit = permit_all,
) -> Parts:
    """The models ``names`` of a checkpoint in diffusers' layout, in ``dtype``, and its scheduler.

    ``checkpoint`` is a folder or a hub's name, of which no more is fetched than is wanted; ``place`` is where it lies,
    if that is known. ``check`` is asked before weights are fetched or read, and ``permit`` about the
    licence. Raises what these raise, and ``CheckpointError``, one line.
    """
    place, natural = place or folder_of(checkpoint, f"the checkpoint {checkpoint!r}"), _natural(dtype)

    def wanted(files: Sequence[str], look: hub.Look) -> tuple[list[Part], dict[str, Weights]]:
        if INDEX not in files:
            raise no_index(checkpoint, files)
        index = read_table(look(INDEX), f"the {INDEX} of {checkpoint}")
        for name in (*names, "scheduler"):
            own = f"{name}/{'scheduler_config.json' if name == 'scheduler' else CONFIG}"
            if not index.get(name) or own not in files:
                raise CheckpointError(f"{checkpoint} has no {name}, which is needed; name another checkpoint")
        check({name: read_table(look(f"{name}/{CONFIG}"), f"{CONFIG} in {name}/ of {checkpoint}") for name in names})
        parts = [*parts_of(checkpoint, {name: index[name] for name in names})]
        return parts, chosen(checkpoint, parts, files, None, natural)

    def needed(files: Sequence[str], look: hub.Look) -> list[str]:
        weights = wanted(files, look)[1].values()
        return [*described((*names, "scheduler"), files), *(file for one in weights for file in one.files)]

    with quietly():
        if place is not None:
            permit(checkpoint, stated(place))
        folder = place or fetch(checkpoint, needed, permit)
        files = _files(folder)
        parts, weights = wanted(files, folder.joinpath)
        check_described(checkpoint, folder, described((*names, "scheduler"), files))
        models = {part.name: load_part(folder, checkpoint, part, weights[part.name], dtype)[0] for part in parts}
        models["scheduler"] = _scheduler(checkpoint, folder, read_table(folder / INDEX, INDEX))
    if "vae" in models:
        care_for(models["vae"])
    taken = [file for one in weights.values() for file in one.files]
    identity = f"revision:{folder.name}" if place is None else digest(folder, taken)
    return Parts(folder, models, identity, note(weights, None, natural), stated(folder))


def folder_of(name: str, called: str) -> Path | None:
    """The folder ``name``; ``None`` for a hub's name. Raises ``CheckpointError`` for neither."""
    place = at_home(name)
    if name and place.is_dir():
        return place
    if not place.exists() and hub.is_name(name):
        return None
    what = "a file" if place.exists() else "not here"
    raise CheckpointError(f"{called} is {what}; expected a folder in diffusers' layout, or a hub's owner/name")


def _natural(dtype: torch.dtype) -> str | None:
    return NATURAL.get(str(dtype).removeprefix("torch."))


def _files(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]


def _scheduler(checkpoint: str, folder: Path, index: Mapping[str, Any]) -> Any:
    """The scheduler that an index names. Raises ``CheckpointError`` for what is none of diffusers'."""
    import diffusers

    told = index["scheduler"]
    kind: Any = getattr(diffusers, str(told[1]), None) if isinstance(told, list) and len(told) == 2 else None
    if not (inspect.isclass(kind) and issubclass(kind, diffusers.SchedulerMixin)):
        raise CheckpointError(f"{checkpoint} names {str(told)[:100]} for its scheduler, which is none of diffusers'")
    with one_line(f"the scheduler of {checkpoint}"):
        return cast(Any, kind).from_pretrained(folder / "scheduler", local_files_only=True)
