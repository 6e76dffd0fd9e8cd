"""Caching: the deep features of a UNet, computed in some steps and kept in those between."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import igo
from igo.errors import CheckpointError, SettingsError


@dataclass(frozen=True)
class Caching:
    """Paint in about half the time and nearly the same: ``Caching(interval=3)``.

    Only the UNet's outermost layers are run in each step; what lies deeper changes little from one step to the next, is
    computed in one of ``interval`` steps, and kept between (Ma et al., DeepCache: Accelerating Diffusion Models for
    Free). For any checkpoint with a UNet of diffusers' (Stable Diffusion 1, 2 and XL, those that paint in masks or try
    garments on), with adapters, ControlNets and batches. Pictures are others than without it, so it is on their record
    as ``lossy``; a seed gives the same bytes each time. With few steps little is gained and more is lost.

    Of transformers, such as Flux and Qwen-Image, the attention is kept, by diffusers' own cache; ``branch`` and
    ``last`` do nothing with them.

    Raises ``SettingsError`` for settings that can't be meant, ``CheckpointError`` for a checkpoint with neither.
    """

    interval: int = 3
    """In one of how many steps the whole UNet is run; 1 is in each, and loses nothing."""
    _: KW_ONLY
    branch: int = 0
    """How many more of the outermost layers are run in each step, on either side: more lose less and take longer."""
    first: int = 2
    """So many steps at the beginning, which settle the composition, are run whole."""
    last: int = 1
    """So many at the end, which settle details, are run whole."""

    def __post_init__(self) -> None:
        for name, least in (("interval", 1), ("branch", 0), ("first", 1), ("last", 0)):
            if getattr(self, name) < least:
                raise SettingsError(f"{name} is {getattr(self, name)}; expected at least {least}")

    @property
    def lossy(self) -> str:
        """What is lost."""
        return f"features of one in {self.interval} steps" if self.interval > 1 else ""

    @igo.hookimpl
    def prepare(self, pipeline: Any) -> Any:
        """The pipeline with a UNet, or a transformer, that keeps features."""
        from diffusers import UNet2DConditionModel

        from igo_plugins.steps import attention
        from igo_plugins.steps.features import Features

        unet = getattr(pipeline, "unet", None)
        if not isinstance(unet, UNet2DConditionModel) and not attention.keeps(pipeline):
            raise CheckpointError(
                f"a {type(pipeline).__name__} has nothing that could be kept between steps; use a checkpoint with a "
                "UNet, such as Stable Diffusion 1.5 or XL, or a transformer that diffusers caches, such as Flux"
            )
        if self.interval > 1 and unet is None:
            attention.keep(pipeline, self.interval, self.first)
        elif self.interval > 1:
            Features(
                unet,
                lambda: pipeline.scheduler.timesteps,
                interval=self.interval,
                branch=self.branch,
                first=self.first,
                last=self.last,
            ).attach()
        return pipeline
