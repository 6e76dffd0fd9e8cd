"""Captions by a model: what each picture shows, in a few words."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

import igo
from igo.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image


@dataclass(frozen=True)
class Captioning:
    """Caption pictures by BLIP-2 (Li et al., BLIP-2: Bootstrapping Language-Image Pre-training with Frozen Image
    Encoders and Large Language Models) or by any other model that transformers loads as image-text-to-text.

    ``Captioning("Salesforce/blip-image-captioning-large")``, ``Captioning("microsoft/git-large-coco")``. Models that
    chat are asked for one sentence on clothes, pose and place, unless a prompt asks something else. Answers are
    searched by beams and never sampled: equal pictures get equal captions.

    A model that doesn't fit into the device's memory is offloaded, to the main memory and then to the disk, by
    accelerate. Raises ``CheckpointError`` for a model that can't be loaded or lacks weights, ``SettingsError`` for
    settings that can't be meant and for a model that needs a prompt and got none.
    """

    model: str = "Salesforce/blip2-opt-2.7b"
    """A folder, or a hub's name."""
    _: KW_ONLY
    revision: str | None = None
    """A branch, a tag or a commit of the hub's repository."""
    load_in_8bit: bool = False
    """Load the weights in 8 bits, which takes half the memory of fp16; needs bitsandbytes."""
    num_beams: int = 5
    """How many beginnings the search follows; BLIP-2's authors use 5, 1 is fastest."""
    max_new_tokens: int = 60
    """Where an answer is cut off."""

    def __post_init__(self) -> None:
        if not self.model.strip():
            raise SettingsError("model is empty; expected a folder or a hub's name")
        for name in ("num_beams", "max_new_tokens"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; expected at least 1")

    @igo.hookimpl
    def caption(self, images: Sequence[Image], prompt: str, runtime: igo.Runtime) -> list[str]:
        """A text for each picture, as one batch."""
        from igo_plugins.captions.captioner import load

        captioner = load(self.model, self.revision, self.load_in_8bit, runtime)
        texts: list[str] = captioner.answers(
            images, prompt, num_beams=self.num_beams, max_new_tokens=self.max_new_tokens
        )
        return texts
