"""Finding and loading checkpoints through diffusers' own loaders: a folder, a hub name, or one .safetensors file.

Only weights that can't run code are loaded: safetensors, or what diffusers and transformers read with
``weights_only``; code that a checkpoint brings or names is not run. All of a model's weights are there, or it is
refused.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from igo import embedded, hub
from igo.errors import CheckpointError, SettingsError
from igo.files import at_home
from igo.licensing import UNSTATED, License, Permit, fetch, permit_all, stated
from igo.networks.quiet import quietly
from igo.painting.checkpoints.components import contents, load_pipeline, needed, one_line
from igo.painting.checkpoints.digests import digest
from igo.painting.checkpoints.layout import DEFAULTS_FILE, INDEX, described, no_index
from igo.painting.checkpoints.single_file import load_single_file, looked_into, own_configuration
from igo.painting.checkpoints.weights import read_table
from igo.painting.families import Defaults, defaults_of
from igo.painting.samplers import Choice
from igo.painting.schedulers import check_fits

if TYPE_CHECKING:
    import torch

    from igo.painting.checkpoints.components import Contents


MINI = Defaults(**embedded.DEFAULTS)


@dataclass(frozen=True)
class Loaded:
    """A diffusers pipeline, and exactly which weights are in it."""

    pipeline: Any
    identity: str
    """``revision:<commit>`` of a hub, else ``sha256:<digest>`` of the files."""
    defaults: Defaults
    note: str | None = None
    """What a user should know: that other files were taken than were asked for."""
    license: License = UNSTATED
    """As its card, or the file itself, states it."""


def load(
    checkpoint: str,
    *,
    inpainting: bool = False,
    revision: str | None = None,
    variant: str | None = None,
    config: str | None = None,
    scheduler: Choice | None = None,
    dtype: torch.dtype,
    permit: Permit = permit_all,
) -> Loaded:
    """Load a checkpoint as a text-to-image (or inpainting) pipeline, on the CPU, in ``dtype``.

    ``checkpoint`` is ``"mini"``, ``"mini/inpaint"``, a folder in diffusers' layout, a ``.safetensors`` file in Stable
    Diffusion's original layout, or a hub's ``owner/name``. ``config`` is, for a single file, the folder or hub name of
    a checkpoint of the same shape, whose configuration and tokenizer are used; ``scheduler`` what the pipeline will be
    given, so that one which doesn't fit is refused before weights are read (``SettingsError``). ``permit``
    is asked about licences before weights are read or fetched. Raises what that raises, and ``CheckpointError``, one
    line.
    """
    place = whereabouts(checkpoint)
    if revision is not None and place is not None:
        raise SettingsError(f"revision is {revision!r}, and only a hub's checkpoint has one; {checkpoint} lies here")
    if config is not None and (place is None or place.is_dir()):
        raise SettingsError(f"config is {config!r}, which only a .safetensors file needs; {checkpoint} has its own")
    if place is None or place.is_dir():
        folder, found = _found(checkpoint, place, revision, variant, dtype, permit)
        own = folder / "scheduler" / "scheduler_config.json"
        with quietly():
            if scheduler is not None and own.is_file():
                check_fits(scheduler, read_table(own, str(own)))
            pipeline, said = load_pipeline(folder, found, inpainting, dtype)
        identity = digest(folder, found.files) if place else f"revision:{folder.name}"
    else:
        permit(checkpoint, stated(place))
        like = None if config is None else _described(config)
        if like is not None and (like / "safety_checker").is_dir():
            permit(str(config), stated(like))
        with quietly():
            pipeline, said = load_single_file(place, like, inpainting, dtype)
        folder, identity = place, digest(place)
    pipeline.set_progress_bar_config(disable=True)
    return Loaded(pipeline, identity, defaults_in(folder, checkpoint, pipeline), said, stated(folder))


def tokenizer(checkpoint: str) -> Any:
    """A checkpoint's (first) tokenizer alone, without its weights. Raises ``CheckpointError``."""
    from transformers import CLIPTokenizer

    def wanted(files: Sequence[str], _look: hub.Look) -> list[str]:
        return [file for file in files if file.startswith("tokenizer/")]

    place = whereabouts(checkpoint) or hub.fetch(checkpoint, wanted)
    with ExitStack() as until_read:
        if place.is_file():
            place = until_read.enter_context(own_configuration(place, looked_into(place)[0]))
        folder = place / "tokenizer"
        if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json")):
            raise CheckpointError(f"{checkpoint} has no tokenizer/ with a vocabulary; download or convert it again")
        until_read.enter_context(quietly())
        until_read.enter_context(one_line(f"the tokenizer of {checkpoint!r}"))
        return CLIPTokenizer.from_pretrained(folder, local_files_only=True)


def whereabouts(checkpoint: str) -> Path | None:
    """Where a checkpoint lies on this machine; ``None`` for a hub's name. Raises ``CheckpointError`` for neither."""
    own = {"mini": "base", "mini/inpaint": "inpaint"}.get(checkpoint)
    place = embedded.path(own) if own else at_home(checkpoint)
    if place.exists():
        return place
    if hub.is_name(checkpoint):
        return None
    raise CheckpointError(
        f"there is no checkpoint {checkpoint!r}; expected 'mini', a folder in diffusers' layout, "
        "a .safetensors file, or a hub name such as 'youngmki/musinsaigo-1.0'"
    )


def _found(
    checkpoint: str,
    place: Path | None,
    revision: str | None,
    variant: str | None,
    dtype: torch.dtype,
    permit: Permit,
) -> tuple[Path, Contents]:
    """A folder, which a hub's name gets in the cache, and what to load of it, if ``permit`` lets it be."""

    def read(name: str, files: Sequence[str], look: hub.Look) -> Contents:
        with quietly():
            return contents(name, files, look, variant, dtype)

    def wanted(files: Sequence[str], look: hub.Look) -> list[str]:
        return needed(read(checkpoint, files, look), files)

    if place is not None:
        permit(checkpoint, stated(place))
    folder = place or fetch(checkpoint, wanted, permit, revision)
    files = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    return folder, read(str(place or checkpoint), files, folder.joinpath)


def _described(config: str) -> Path:
    """The folder of a checkpoint whose configuration is wanted, and no weights."""

    def wanted(files: Sequence[str], look: hub.Look) -> list[str]:
        if INDEX not in files:
            raise no_index(config, files)
        return described(read_table(look(INDEX), f"the {INDEX} of {config}"), files)

    place = whereabouts(config) or hub.fetch(config, wanted)
    if not place.is_dir():
        raise CheckpointError(f"config={config} is a file; expected a folder in diffusers' layout, or a hub name")
    return place


def defaults_in(place: Path, checkpoint: str, pipeline: Any) -> Defaults:
    """The checkpoint's own, else its family's."""
    if (place / DEFAULTS_FILE).is_file():
        with one_line(f"{place / DEFAULTS_FILE}", "expected width, height, num_inference_steps and guidance_scale"):
            told = json.loads((place / DEFAULTS_FILE).read_text("utf-8"))
            return Defaults(**{item.name: told[item.name] for item in fields(Defaults)})
    return defaults_of(pipeline, checkpoint)
