"""Text masks: where in a picture the thing is that a text names."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

import igo
from igo.errors import SettingsError

if TYPE_CHECKING:
    from PIL.Image import Image

    from igo_plugins.styling.zone import Found


@dataclass(frozen=True)
class TextMask:
    """Provide the layer ``"mask"`` from a text, by CLIPSeg: ``TextMask("t-shirt")``.

    For steps that need a mask and have no text of their own, and for ``igo dataset mask``. The mask is the thing with
    clean outlines, 255 inside. Raises ``NothingFoundError``, ``FoundEverythingError`` and ``UnsureError``, which have
    ``area`` and ``confidence``, and ``SettingsError`` for settings that can't be meant.
    """

    provides = ("mask",)

    target: str
    """What to find: "t-shirt", or several phrases with commas between them: "jacket, shirt"."""
    _: KW_ONLY
    protect: str = ""
    """What is never in the mask, phrases with commas between them."""
    margin: float = 0.0
    """What the mask grows by all around, as a share of the picture's height."""
    threshold: float = 0.5
    """How sure the model must be of a pixel, 0 to 1."""
    confidence: float = 0.6
    """How sure it must be of the whole, 0 to 1; with 0 whatever is found is believed."""
    mask_model: str = "mini"
    """What finds it: "mini" for pictures by mini and drawings like them, which doubts what looks like a photograph; for
    photographs a CLIPSeg, "CIDAS/clipseg-rd64-refined" or a folder, or a human parser, which knows names of garments
    alone."""

    def __post_init__(self) -> None:
        if not self.target.strip(" ,"):
            raise SettingsError("target is empty; expected words such as 't-shirt'")
        for name in ("margin", "threshold", "confidence"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; expected a number from 0 to 1")

    @igo.hookimpl
    def check(self, runtime: igo.Runtime) -> None:
        """A model that may not be used commercially, where that is asked for."""
        from igo_plugins.styling.text_mask import permitted

        permitted(self.mask_model, runtime)

    @igo.hookimpl
    def provide(self, name: str, frame: igo.Frame, runtime: igo.Runtime) -> Image | None:
        """The mask, mode L, 0 or 255; other layers are not this step's."""
        if name != "mask":
            return None
        from igo_plugins.styling.mask_models import load
        from igo_plugins.styling.text_mask import check_known
        from igo_plugins.styling.wording import phrases
        from igo_plugins.styling.zone import believe, find

        if self.confidence > 0:
            check_known(self.mask_model, frame.image, "confidence=0")
        masks, targets, protect = load(self.mask_model, runtime), phrases(self.target), phrases(self.protect)
        found: Found = find(masks, frame.image, targets, protect, (), self.threshold, self.margin)
        advice = f"name it more closely, or lower confidence ({self.confidence:g})"
        believe(found, self.target, self.threshold, self.confidence, advice)
        zone: Image = found.zone
        return zone
