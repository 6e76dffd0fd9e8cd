"""What a checkpoint is to paint, with all that was filled in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from igo.painting.prompts.encode import Emphasis
from igo.values import Conditions

if TYPE_CHECKING:
    from PIL.Image import Image

Task = Literal["text2img", "img2img", "inpaint"]
"""Diffusers' tasks."""


@dataclass(frozen=True)
class Job:
    """What a pipeline is to paint. Sizes are multiples of 8; ``seeds`` has one for each picture."""

    prompt: str
    negative_prompt: str
    width: int
    height: int
    num_inference_steps: int
    guidance_scale: float
    seeds: tuple[int, ...]
    emphasis: Emphasis = "mean"
    clip_skip: int = 0
    image: Image | None = None
    mask: Image | None = None
    strength: float = 1.0
    explicit: tuple[str, ...] = ()
    """Which of these the user asked for, and no default did."""
    conditions: Conditions = field(default_factory=Conditions)
    """What the steps of the chain give the pipeline beside these."""

    @property
    def task(self) -> Task:
        """Which of diffusers' tasks this is."""
        return "text2img" if self.image is None else "img2img" if self.mask is None else "inpaint"
