"""What the families of models want: their native sizes, steps and guidance, and what each pipeline takes of a request.

Both are read off the pipeline: its call's signature and its parts' configurations. A table holds the few names of
checkpoints that paint otherwise than their class says.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from igo.painting.prompts.encode import supports
from igo.painting.prompts.presets import names_of
from igo.painting.prompts.syntax import BREAK, parse

if TYPE_CHECKING:
    from igo.painting.job import Job


@dataclass(frozen=True)
class Defaults:
    """What a checkpoint draws best: its native size in pixels, steps and guidance."""

    width: int
    height: int
    num_inference_steps: int = 50
    guidance_scale: float = 7.5


KNOWN: tuple[tuple[str, dict[str, Any]], ...] = (
    (r"musinsaigo", {"num_inference_steps": 50, "guidance_scale": 7.0}),
    (r"qwen-?image(?!-?edit)", {"width": 1328, "height": 1328}),
    (r"z-image-turbo", {"num_inference_steps": 9, "guidance_scale": 0.0}),
    (r"(sd|sdxl)-turbo", {"width": 512, "height": 512, "num_inference_steps": 1, "guidance_scale": 0.0}),
    (r"3\.5-large-turbo", {"num_inference_steps": 4, "guidance_scale": 0.0}),
    (r"3\.5-large", {"guidance_scale": 3.5}),
    (r"3\.5-medium", {"num_inference_steps": 40, "guidance_scale": 4.5}),
    (r"flux.*klein-(4|9)b", {"num_inference_steps": 4, "guidance_scale": 1.0}),
)
"""By what is part of a checkpoint's name or class: what its makers say, where its call's signature says otherwise."""
MUSINSAIGO = {"1.5": (512, 768), "xl": (768, 1024)}
"""Its sizes, by the shape of Stable Diffusion that it has."""
SCHNELL = {"num_inference_steps": 4, "guidance_scale": 0.0}
"""Flux of few steps, known by its parts: it is told no guidance, and its steps are the same for all sizes."""


def defaults_of(pipeline: Any, checkpoint: str) -> Defaults:
    """What a pipeline paints best, loaded from ``checkpoint``, whose name may say more."""
    taken = {name: parameter.default for name, parameter in _call(pipeline).items()}
    width, height = _native_size(pipeline, taken)
    steps, guidance = taken.get("num_inference_steps"), taken.get(guidance_argument(pipeline) or "")
    found = Defaults(
        width,
        height,
        steps if isinstance(steps, int) else Defaults.num_inference_steps,
        float(guidance) if isinstance(guidance, int | float) else Defaults.guidance_scale,
    )
    cls, name = type(pipeline).__name__, " ".join(names_of(checkpoint)).lower()
    told = next((told for pattern, told in KNOWN if re.search(pattern, f"{name} {cls.lower()}")), {})
    if "musinsaigo" in name and (shape := shape_of(pipeline)) in MUSINSAIGO:
        told = {**told, **dict(zip(("width", "height"), MUSINSAIGO[shape], strict=True))}
    if cls.startswith("Flux") and "true_cfg_scale" in taken and not _told_guidance(pipeline):
        told = told if pipeline.scheduler.config.get("use_dynamic_shifting") else SCHNELL
    return replace(found, **told)


def guidance_argument(pipeline: Any) -> str | None:
    """What the pipeline calls its guidance: the scale of the one that acts, where it takes two.

    That is ``true_cfg_scale`` unless its model was distilled to be told the guidance (Flux); ``None`` for none.
    """
    taken = _call(pipeline)
    if "true_cfg_scale" in taken and not _told_guidance(pipeline):
        return "true_cfg_scale"
    return next((name for name in ("guidance_scale", "prior_guidance_scale") if name in taken), None)


def negates(pipeline: Any, scale: float) -> bool:
    """Whether a negative prompt has a part in what the pipeline paints at a guidance of ``scale``."""
    taken = _call(pipeline)
    if "negative_prompt" not in taken:
        return False
    if "true_cfg_scale" in taken:
        return guidance_argument(pipeline) == "true_cfg_scale" and scale > 1
    return _guided(pipeline, scale)


def takes(pipeline: Any, argument: str) -> bool:
    """Whether the pipeline's call has an argument of that name."""
    return argument in _call(pipeline)


def plain(prompt: str) -> str:
    """A prompt without the syntax of weights, for a model that reads it as text."""
    return " ".join("".join(" " if part is BREAK else part.text for part in parse(prompt)).split())


def unheard(pipeline: Any, job: Job) -> list[str]:
    """What of a job has no part in what the pipeline paints, as lines for people."""
    name, notes = type(pipeline).__name__, []
    if not supports(pipeline):
        weighed = _weighed(job.prompt) or _weighed(job.negative_prompt)
        if weighed and job.emphasis != "off":
            notes.append(f"{name} reads prompts as plain text, in which weights such as {weighed} do nothing")
        if job.clip_skip:
            notes.append(f"clip_skip does nothing with {name}")
    if "guidance_scale" in job.explicit and not _guides(pipeline):
        notes.append(f"the guidance does nothing with {name}")
    if job.negative_prompt and not negates(pipeline, job.guidance_scale):
        reason = f"at a guidance of {job.guidance_scale:g}" if negates(pipeline, 100.0) else f"with {name}"
        notes.append(f"the negative prompt does nothing {reason}")
    if "strength" in job.explicit and not takes(pipeline, "strength"):
        notes.append(f"the strength does nothing with {name}, which changes what its prompt says")
    return notes


@dataclass(frozen=True)
class _At:
    """A pipeline as it is while it paints at a guidance of ``_guidance_scale``."""

    _pipeline: Any
    _guidance_scale: float

    @property
    def guidance_scale(self) -> float:
        return self._guidance_scale

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipeline, name)


def _call(pipeline: Any) -> Mapping[str, inspect.Parameter]:
    """What its call takes."""
    return inspect.signature(type(pipeline).__call__).parameters


def _told_guidance(pipeline: Any) -> bool:
    """Whether its model is told the guidance, instead of being asked with and without the prompt."""
    transformer, unet = (getattr(getattr(pipeline, part, None), "config", {}) for part in ("transformer", "unet"))
    return bool(transformer.get("guidance_embeds")) or unet.get("time_cond_proj_dim") is not None


def _guides(pipeline: Any) -> bool:
    """Whether any guidance has a part in what it paints."""
    if guidance_argument(pipeline) is None:
        return False
    return _told_guidance(pipeline) or _guided(pipeline, 100.0)


def _guided(pipeline: Any, scale: float) -> bool:
    """Whether it paints with classifier-free guidance at that scale, by its own account where it gives one."""
    own = getattr(type(pipeline), "do_classifier_free_guidance", None)
    try:
        return bool(own.fget(_At(pipeline, scale))) if isinstance(own, property) and own.fget else scale > 1
    except AttributeError:  # it looks at more than the scale
        return scale > 1


def _native_size(pipeline: Any, taken: Mapping[str, Any]) -> tuple[int, int]:
    """Width and height: as its call says, else as its class does, else as its model was trained."""
    width, height = taken.get("width"), taken.get("height")
    if isinstance(width, int) and isinstance(height, int):
        return width, height
    factor = int(getattr(pipeline, "vae_scale_factor", 8))
    model = getattr(pipeline, "unet", None) or getattr(pipeline, "transformer", None)
    size = getattr(model, "config", {}).get("sample_size") or getattr(pipeline, "default_sample_size", None)
    if size is None:
        return (512, 512) if hasattr(pipeline, "unet") else (1024, 1024)
    height, width = size if isinstance(size, list | tuple) else (size, size)
    return int(width) * factor, int(height) * factor


def shape_of(pipeline: Any) -> str | None:
    """Which Stable Diffusion its UNet and text encoders are: ``"1.5"`` or ``"xl"``."""
    unet = getattr(getattr(pipeline, "unet", None), "config", {})
    if not unet or not supports(pipeline):
        return None
    return (
        "xl"
        if unet.get("addition_embed_type") == "text_time"
        else "2"
        if unet["cross_attention_dim"] == 1024
        else "1.5"
    )


def _weighed(text: str) -> str | None:
    """The first thing in a prompt that has a weight, as one could have written it."""
    return next((f"({part.text.strip()}:{part.weight:g})" for part in parse(text) if part.weight != 1), None)
