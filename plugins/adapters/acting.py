"""Adapters that act in a pipeline, together, each at its own scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch

import igo
from igo.errors import CheckpointError
from igo.networks.quiet import quietly
from igo_plugins.adapters import embeddings, files, loading

_SCALES: WeakKeyDictionary[Any, dict[str, float]] = WeakKeyDictionary()
"""Of each pipeline that has adapters, their names and scales; diffusers sets those of all at once."""


def identified(weights: str, weight_name: str | None, runtime: igo.Runtime, shown: str | None = None) -> Path:
    """The file that ``weights`` stands for, once it is on record, by the name that is ``shown``. Raises
    ``CheckpointError`` for one that fits no checkpoint."""
    file: Path = files.find(weights, weight_name, "adapter", runtime)
    license = files.permitted(weights, file, runtime)  # noqa: A001  as hubs call it
    runtime.identify(shown or weights, files.identity(file, "adapter", loading.check, runtime), license)
    return file


def add(pipeline: Any, file: Path, scale: float, schedule: tuple[float, ...] = ()) -> None:
    """Let what is in ``file`` act beside what ``pipeline`` has. Raises ``CheckpointError``."""
    if not hasattr(pipeline, "load_lora_weights"):
        raise CheckpointError(f"a {type(pipeline).__name__} takes no adapters; use a Stable Diffusion checkpoint")
    weights, bundled = embeddings.unbundled(files.read(file, "adapter"))
    for vectors in bundled:
        embeddings.add(pipeline, vectors, file)
    if scale == 0:  # a DoRA would act all the same, by its lengths
        loading.place(pipeline, weights)
        return
    scales = _SCALES.setdefault(pipeline, {})
    name = f"adapter-{len(scales)}"
    layers = loading.load(pipeline, name, weights, linear=bool(schedule))
    scales[name] = scale
    pipeline.set_adapters(list(scales), list(scales.values()))
    if schedule:
        _follow(pipeline, name, layers, scale, schedule)


def put_in(pipeline: Any, file: Path, scale: float) -> None:
    """Let what is in ``file`` act at one scale for good: in the weights themselves, which takes no time while painting,
    but for those in half precision, where that would be rounded, and where others act already. Raises
    ``CheckpointError``."""
    alone = pipeline not in _SCALES and pipeline.dtype == torch.float32
    add(pipeline, file, scale)
    if alone:
        with quietly():
            pipeline.fuse_lora(components=list(pipeline.get_list_adapters()))
            pipeline.unload_lora_weights()
        del _SCALES[pipeline]


def _follow(pipeline: Any, name: str, layers: list[Any], scale: float, schedule: tuple[float, ...]) -> None:
    """Set the scale of the denoiser's layers anew in each step."""
    denoiser = getattr(pipeline, "unet", None) or pipeline.transformer
    inside = {id(module) for module in denoiser.modules()}
    layers = [layer for layer in layers if id(layer) in inside]

    def set_scale(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        done = min(_done(pipeline.scheduler, args, kwargs), 1 - 1e-9)
        factor = schedule[int(done * len(schedule))]
        for layer in layers:
            layer.set_scale(name, scale * factor)

    denoiser.register_forward_pre_hook(set_scale, with_kwargs=True)


def _done(scheduler: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> float:
    """The share of the scheduler's steps that are done when the denoiser is called.

    Schedulers of flow matching count them, since families tell their transformers the time in units of their own.
    """
    steps = scheduler.timesteps
    if "FlowMatch" in type(scheduler).__name__:
        counted = scheduler.step_index if scheduler.step_index is not None else scheduler.begin_index
        return float(counted or 0) / max(len(steps), 1)
    timestep = kwargs["timestep"] if "timestep" in kwargs else args[1]
    return float((steps > float(timestep.max())).sum()) / max(len(steps), 1)
