"""Edges: the outlines in a picture, to paint along."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

import igo
from igo.errors import SettingsError

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Edges:
    """Provide the layer ``"edges"``, white lines on black, by Canny's detector (Canny, A Computational Approach to Edge
    Detection): what a ControlNet for Canny edges was trained on. Needs no weights.

    A gradient above ``high_threshold`` begins a line, which goes on down to ``low_threshold``. Raises ``SettingsError``
    for settings that can't be meant.
    """

    provides = ("edges",)

    low_threshold: float = 100
    """0 to ``high_threshold``; lower for longer lines."""
    high_threshold: float = 200
    """Lower for more lines. Below about 50 cloth shows its weave."""
    _: KW_ONLY
    detect_resolution: int | None = 1024
    """A picture whose shorter side has more pixels is looked at in this size, so that lines are as wide as a base sees
    them; ``None`` looks at all pixels."""

    def __post_init__(self) -> None:
        if not 0 <= self.low_threshold <= self.high_threshold:
            raise SettingsError(
                f"low_threshold is {self.low_threshold:g}, high_threshold {self.high_threshold:g}; expected two "
                "numbers of at least 0, the lower one first"
            )
        if self.detect_resolution is not None and self.detect_resolution < 16:
            raise SettingsError(f"detect_resolution is {self.detect_resolution}; expected at least 16 pixels, or none")

    @igo.hookimpl
    def provide(self, name: str, frame: igo.Frame) -> Image | None:
        """The lines, mode L, 0 or 255; other layers are not this step's."""
        if name != "edges":
            return None
        import cv2
        import numpy as np
        from PIL import Image

        picture, size = frame.image, frame.image.size
        if self.detect_resolution is not None and min(size) > self.detect_resolution:
            shrink = self.detect_resolution / min(size)
            picture = picture.resize((round(size[0] * shrink), round(size[1] * shrink)), Image.Resampling.BOX)
        lines = Image.fromarray(cv2.Canny(np.asarray(picture), self.low_threshold, self.high_threshold))
        return lines if lines.size == size else lines.resize(size, Image.Resampling.NEAREST)
