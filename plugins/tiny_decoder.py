"""TinyDecoder: a small decoder in the place of the checkpoint's own, for previews and drafts."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import igo
from igo.errors import SettingsError


@dataclass(frozen=True)
class TinyDecoder:
    """Turn latents into pixels by a small network: ``TinyDecoder("madebyollin/taesd")``, for previews and drafts.

    On CPUs a decoder costs more than a step of denoising; one like TAESD (Bohan; diffusers' ``AutoencoderTiny``) costs
    a small part of that, and loses fine detail. Pictures are encoded as ever. For checkpoints with an AutoencoderKL
    whose latents it has learned: Stable Diffusion 1 and 2, XL, 3 and Flux each have one of their own; ``igo train
    decoder`` makes one for any. A chain without it loads a base of its own.

    Raises ``SettingsError`` for settings that can't be meant, ``CheckpointError`` for a model that can't be loaded or
    was made for other latents.
    """

    model: str = "mini/tiny"
    """A folder in diffusers' layout, or a hub's name; ``"mini/tiny"`` is for `mini` alone."""
    _: KW_ONLY
    revision: str | None = None
    """A branch, a tag or a commit of the hub's repository."""

    lossy = "a small decoder"

    def __post_init__(self) -> None:
        if not self.model.strip():
            raise SettingsError("model is empty; expected a folder or a hub's name, such as 'madebyollin/taesd'")

    @igo.hookimpl
    def check(self, runtime: igo.Runtime) -> None:
        """Weights that may not be used commercially, where that is asked for."""
        if runtime.commercial:
            from igo_plugins.steps import decoders

            decoders.find(self.model, self.revision, runtime)

    @igo.hookimpl
    def preprocess(self, runtime: igo.Runtime) -> igo.Request | None:
        """Put on the picture's record which files they were, and refuse what is none before anything loads."""
        from igo_plugins.steps import decoders

        _, identity, license = decoders.find(self.model, self.revision, runtime)  # noqa: A001  as hubs call it
        runtime.identify(self.model, identity, license)
        return None

    @igo.hookimpl
    def prepare(self, pipeline: Any, runtime: igo.Runtime) -> Any:
        """The pipeline with the small decoder."""
        from igo_plugins.steps import decoders

        decoders.put_in(pipeline, decoders.find(self.model, self.revision, runtime)[0], self.model)
        return pipeline
