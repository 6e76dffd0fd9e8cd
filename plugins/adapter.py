"""Adapters: a trained LoRA (Hu et al., LoRA: Low-Rank Adaptation of Large Language Models) in the chain's base."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any
from weakref import WeakKeyDictionary

import igo
from igo.errors import CheckpointError, SettingsError
from igo_plugins.adapters import files

_SCALES: WeakKeyDictionary[Any, dict[str, float]] = WeakKeyDictionary()
"""Of each pipeline that has adapters, their names and scales; diffusers sets those of all at once."""


@dataclass(frozen=True)
class Adapter:
    """Let the base paint what an adapter has learned: ``Adapter("jacket.safetensors", scale=0.8)``.

    A file that ``igo train lora`` or ``igo train dreambooth`` wrote, or any LoRA or DoRA of diffusers, peft or kohya's
    tools, each layer by its own rank and alpha; of LyCORIS also LoHa, LoKr, GLoRA, (IA)³, OFT and full changes, mixed
    too, and the embeddings that come with them. Several adapters in a chain act together, each at its own scale. A
    chain without them loads a base of its own, in which they leave no trace. The picture is the one that plain
    diffusers makes with the same file and scale, where that reads it rightly.

    Raises ``SettingsError`` for settings that can't be meant, ``CheckpointError`` for a file that can't be read or was
    made for a checkpoint of another shape than the chain's.
    """

    weights: str
    """A ``.safetensors`` file, a folder with one (as peft writes), or a hub's ``owner/name``."""
    scale: float = 1.0
    """How strongly it acts: 0 is not at all."""
    _: KW_ONLY
    schedule: tuple[float, ...] = ()
    """Factors of the scale that follow one another in equal shares of the denoising, such as (0, 1, 1): first the
    composition as it was, then the adapter. The text is read at the scale itself."""
    weight_name: str | None = None
    """Which file of a folder or a hub's repository, where there are several."""

    def __post_init__(self) -> None:
        if not self.weights:
            raise SettingsError("weights is empty; expected a .safetensors file, or a hub's owner/name")
        if not all(abs(number) <= 10 for number in (self.scale, *self.schedule)):
            raise SettingsError(f"scale is {self.scale:g}, schedule {self.schedule}; expected numbers from -10 to 10")

    @igo.hookimpl
    def check(self, runtime: igo.Runtime) -> None:
        """A file that may not be used commercially, where that is asked for."""
        if runtime.commercial:
            files.permitted(self.weights, files.find(self.weights, self.weight_name, "adapter", runtime), runtime)

    @igo.hookimpl
    def preprocess(self, runtime: igo.Runtime) -> igo.Request | None:
        """Put on the picture's record which file it was. A file that fits no checkpoint is refused before one loads."""
        from igo_plugins.adapters import loading

        file = files.find(self.weights, self.weight_name, "adapter", runtime)
        license = files.permitted(self.weights, file, runtime)  # noqa: A001  as hubs call it
        runtime.identify(self.weights, files.identity(file, "adapter", loading.check, runtime), license)
        return None

    @igo.hookimpl
    def prepare(self, pipeline: Any, runtime: igo.Runtime) -> Any:
        """The pipeline with the adapter beside those that it has."""
        from igo_plugins.adapters import embeddings, loading

        if not hasattr(pipeline, "load_lora_weights"):
            raise CheckpointError(f"a {type(pipeline).__name__} takes no adapters; use a Stable Diffusion checkpoint")
        file = files.find(self.weights, self.weight_name, "adapter", runtime)
        weights, bundled = embeddings.unbundled(files.read(file, "adapter"))
        for vectors in bundled:
            embeddings.add(pipeline, vectors, file)
        if self.scale == 0:  # a DoRA would act all the same, by its lengths
            loading.place(pipeline, weights)
            return pipeline
        scales = _SCALES.setdefault(pipeline, {})
        name = f"adapter-{len(scales)}"
        layers = loading.load(pipeline, name, weights, linear=bool(self.schedule))
        scales[name] = self.scale
        pipeline.set_adapters(list(scales), list(scales.values()))
        if self.schedule:
            self._follow(pipeline, name, layers)
        return pipeline

    def _follow(self, pipeline: Any, name: str, layers: list[Any]) -> None:
        """Set the scale of the denoiser's layers anew in each step."""
        denoiser = getattr(pipeline, "unet", None) or pipeline.transformer
        inside = {id(module) for module in denoiser.modules()}
        layers = [layer for layer in layers if id(layer) in inside]

        def set_scale(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            done = min(_done(pipeline.scheduler, args, kwargs), 1 - 1e-9)
            factor = self.schedule[int(done * len(self.schedule))]
            for layer in layers:
                layer.set_scale(name, self.scale * factor)

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
