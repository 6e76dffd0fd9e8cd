"""What a checkpoint is, from its descriptions and the names of its files: weights are neither read nor fetched."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from igo import hub
from igo.licensing import CARD, UNSTATED, License, stated
from igo.networks.folders import built_within
from igo.networks.quiet import quietly
from igo.painting.checkpoints.checkpoint import defaults_in, whereabouts
from igo.painting.checkpoints.components import contents, one_line, own_class, parts_of
from igo.painting.checkpoints.layout import INDEX, Part, described
from igo.painting.checkpoints.single_file import looked_into, own_configuration
from igo.painting.checkpoints.weights import check_described, read_table
from igo.painting.families import Defaults, shape_of
from igo.painting.job import Task
from igo.painting.prompts.presets import preset_for
from igo.painting.tasks import class_for

if TYPE_CHECKING:
    import torch

WORKING = 4
"""How many results of its widest full-size layer an autoencoder holds at once while it decodes. Measured on Stable
Diffusion's at 512x768 in 32 bit, on a CPU: 1.56 GB, where a UNet of its size takes 0.57 GB for a step with guidance."""
TENSORS, NUMBERS = 10_000, 10**12
"""More than any published model has; what describes more is damaged, or malice."""
SHAPES = {"1.5": "Stable Diffusion 1", "2": "Stable Diffusion 2", "xl": "Stable Diffusion XL"}


@dataclass(frozen=True)
class Files:
    """Where a checkpoint's weights lie. Sizes are in bytes."""

    count: int
    formats: tuple[str, ...]
    """How they end, such as ``".fp16.safetensors"``."""
    size: int | None
    """``None`` where the hub doesn't tell."""
    fetched: bool = True
    """Whether they are on this machine."""
    note: str | None = None
    """What else a user should know of them."""
    license: License = UNSTATED
    """As the checkpoint's card, or the file itself, states it."""


@dataclass(frozen=True)
class Inspection:
    """What is known of a checkpoint without its weights. Sizes are in bytes."""

    name: str
    family: str
    pipeline: str
    """The name of diffusers' class."""
    parameters: Mapping[str, int]
    """How many weights each of its models has."""
    files: Files
    scheduler: str
    defaults: Defaults
    preset: str | None
    tasks: tuple[str, ...]
    """What it can do here, of "text to image", "image to image" and "masks"."""
    memory: int
    """What its weights take when they are loaded."""
    working: int | None
    """What it takes beside them to paint one picture of its own size; ``None`` where that isn't known."""


def inspected(
    checkpoint: str, *, revision: str | None = None, variant: str | None = None, dtype: torch.dtype
) -> Inspection:
    """What ``checkpoint`` is, a name as ``checkpoint.load`` takes it, and what it needs in ``dtype``.

    Raises ``CheckpointError``, one line.
    """
    with quietly():
        place = whereabouts(checkpoint)
        if place is None or place.is_dir():
            folder, pipeline, files = _folder(checkpoint, place, revision, variant, dtype)
        else:
            folder, pipeline, files = place, *_file(place)
    preset, defaults = preset_for(checkpoint), defaults_in(folder, checkpoint, pipeline)
    models = {name: part for name, part in pipeline.components.items() if hasattr(part, "parameters")}
    parameters = {name: sum(weight.numel() for weight in model.parameters()) for name, model in models.items()}
    return Inspection(
        name=checkpoint,
        family=_family(pipeline),
        pipeline=type(pipeline).__name__,
        parameters=parameters,
        files=files,
        scheduler=_scheduler(pipeline),
        defaults=defaults,
        preset=preset.name if preset else None,
        tasks=tuple(_tasks(pipeline)),
        memory=sum(parameters.values()) * dtype.itemsize,
        working=_working(pipeline, defaults, dtype),
    )


def _folder(
    checkpoint: str, place: Path | None, revision: str | None, variant: str | None, dtype: torch.dtype
) -> tuple[Path, Any, Files]:
    """A folder in diffusers' layout, or what describes it, from a hub; its pipeline without numbers; its files."""
    folder, names, sizes = _listed(checkpoint, place, revision)
    found = contents(checkpoint, names, folder.joinpath, variant, dtype)
    check_described(checkpoint, folder, described(found.index, names))
    pipeline = _hollow(checkpoint, folder, own_class(checkpoint, found.index), found.parts)
    weighed = [sizes[file] for file in found.files if file in sizes]
    return (
        folder,
        pipeline,
        Files(
            count=len(found.files),
            formats=tuple(sorted({one.format for one in found.weights.values()})),
            size=sum(weighed) if len(weighed) == len(found.files) else None,
            fetched=all((folder / file).exists() for file in found.files),
            note=found.note,
            license=stated(folder),
        ),
    )


def _file(place: Path) -> tuple[Any, Files]:
    """The pipeline of a file in Stable Diffusion's original layout, without numbers, and what there is to say of it."""
    with own_configuration(place, looked_into(place)[0]) as folder:
        index = read_table(folder / INDEX, str(place))
        pipeline = _hollow(str(place), folder, own_class(str(place), index), parts_of(str(place), index))
    return pipeline, Files(1, (place.suffix,), place.stat().st_size, license=stated(place))


def _listed(checkpoint: str, place: Path | None, revision: str | None) -> tuple[Path, list[str], Mapping[str, int]]:
    """A folder with all that describes a checkpoint, the names of its files, and what sizes are known."""
    named: list[str] = []

    def wanted(files: Sequence[str], _look: hub.Look) -> list[str]:
        named.extend(files)
        folders = {file.partition("/")[0] for file in files}
        return [file for file in files if file == CARD or file in described(folders, files)]

    folder = place or hub.fetch(checkpoint, wanted, revision)
    here = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    sizes = {name: path.stat().st_size for name, path in here.items()}
    if not named:  # a folder, or a hub that can't be reached
        return folder, list(here), sizes
    return folder, named, {**hub.sizes(checkpoint, folder.name), **sizes}


def _hollow(name: str, folder: Path, kind: Any, parts: Iterable[Part]) -> Any:
    """A checkpoint's own pipeline as its configurations describe it, of models whose weights have no numbers."""
    import torch

    models = {}
    for part in parts:
        place = folder / part.name
        described_as = f"config.json in {part.name}/ of {name}"
        refusal = f"{described_as} describes a model of more than {TENSORS} tensors; download it again"
        with one_line(described_as), torch.device("meta"), built_within(TENSORS, NUMBERS, refusal):
            if part.library == "diffusers":
                models[part.name] = part.kind.from_config(part.kind.load_config(place, local_files_only=True))
            else:
                models[part.name] = part.kind(part.kind.config_class.from_pretrained(place, local_files_only=True))
    with one_line(f"checkpoint {name}"):
        return kind.from_pretrained(folder, local_files_only=True, **models)


def _family(pipeline: Any) -> str:
    """What people call it: by its shape, else by the name of its class, without the task."""
    if (shape := shape_of(pipeline)) is not None:
        return SHAPES[shape]
    name = re.sub(r"(Img2Img|Inpaint|Control|Fill|Pipeline)", "", type(pipeline).__name__)
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])", " ", name)


def _scheduler(pipeline: Any) -> str:
    """Its class, and what it says of its noise levels where that isn't usual."""
    config = pipeline.scheduler.config
    told = [name for name in ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas") if config.get(name)]
    predicted = config.get("prediction_type", "epsilon")
    told += [predicted] if predicted != "epsilon" else []
    return type(pipeline.scheduler).__name__ + (f" ({', '.join(told)})" if told else "")


def _tasks(pipeline: Any) -> list[str]:
    """What a pipeline and its siblings can do."""
    if getattr(getattr(pipeline, "unet", None), "config", {}).get("in_channels") == 9:
        return ["masks"]
    takes = inspect.signature(type(pipeline).__call__).parameters
    able: dict[str, tuple[Task, bool]] = {
        "text to image": ("text2img", "image" not in takes),
        "image to image": ("img2img", "image" in takes),
        "masks": ("inpaint", "mask_image" in takes),
    }
    name = type(pipeline).__name__
    return [told for told, (task, itself) in able.items() if itself or class_for(name, task) is not None]


def _working(pipeline: Any, defaults: Defaults, dtype: torch.dtype) -> int | None:
    widths = getattr(getattr(pipeline, "vae", None), "config", {}).get("block_out_channels")
    if not widths:
        return None
    return int(WORKING * widths[min(1, len(widths) - 1)] * defaults.width * defaults.height * dtype.itemsize)
