"""Masks from a box or a scribble, by OpenCV's GrabCut, as a plugin for IGO."""

from __future__ import annotations

from dataclasses import dataclass

import igo
from igo.errors import FoundEverythingError, LayerError, NothingFoundError, SettingsError
from PIL import Image

SMALLEST, LARGEST = 0.001, 0.95
"""Shares of the picture below and above which no mask is believed."""


@dataclass(frozen=True)
class GrabCut:
    """A layer "mask" of what is in a box or under a scribble (Rother et al., GrabCut: Interactive Foreground Extraction
    Using Iterated Graph Cuts, 2004).

    Steps that repaint, such as VirtualStyling, ask for that layer before they look for themselves, so it is enough to
    put this one into the chain. The scribble is a layer ``"scribble"`` that the user brings: white strokes on what is
    meant, black ones on what isn't, gray (64 to 191) wherever nothing is said. With both, the box says where to look.

    Raises ``SettingsError`` for settings that can't be meant, ``LayerError`` where there is neither box nor scribble or
    one doesn't fit the picture, ``NothingFoundError`` and ``FoundEverythingError`` for a mask that can't be meant.
    """

    provides = ("mask",)

    box: tuple[float, float, float, float] | None = None
    """Left, top, right and bottom of what is meant: pixels, or shares of width and height if none is above 1."""
    iterations: int = 5
    """How often colours and borders are learned anew from each other."""
    margin: float = 0.01
    """What the mask grows by all around, as a share of the picture's height."""
    working_size: int = 512
    """The longer side, in pixels, at which a larger picture is cut: the time grows faster than its area."""

    def __post_init__(self) -> None:
        for name, least in (("iterations", 1), ("working_size", 32)):
            if getattr(self, name) < least:
                raise SettingsError(f"{name} is {getattr(self, name)}; expected at least {least}")
        if not 0 <= self.margin <= 0.5:
            raise SettingsError(f"margin is {self.margin}; expected a number from 0 to 0.5")
        if self.box is not None and not (0 <= self.box[0] < self.box[2] and 0 <= self.box[1] < self.box[3]):
            raise SettingsError(
                f"box is {self.box}; expected left, top, right, bottom, with left < right, top < bottom"
            )

    @igo.hookimpl
    def provide(self, name: str, frame: igo.Frame, request: igo.Request) -> Image.Image | None:
        """The mask (L, 255 or 0) in the frame's size."""
        if name != "mask":
            return None
        from igo_grabcut.cut import cut

        size, scribble = frame.image.size, request.layers.get("scribble")
        if self.box is None and scribble is None:
            raise LayerError("nothing says what is meant; give box=(left, top, right, bottom), or a layer 'scribble'")
        if scribble is not None and scribble.size != size:  # an earlier step has changed the picture's
            had = f"{scribble.width}x{scribble.height}"
            raise LayerError(f"the scribble is {had}; expected {size[0]}x{size[1]}, like the picture at this step")
        box = None if self.box is None else self._in_pixels(self.box, size)
        mask = cut(frame.image, box, scribble, self.iterations, self.working_size, self.margin)
        area = mask.histogram()[255] / (size[0] * size[1])
        if area < SMALLEST:
            raise NothingFoundError(
                f"nothing in the box differs from its surroundings (area {area:.1%}); move it", area
            )
        if area > LARGEST:
            raise FoundEverythingError(f"the mask is all of the picture (area {area:.1%}); draw a smaller box", area)
        return mask

    def _in_pixels(self, box: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[int, int, int, int]:
        width, height = size if max(box) <= 1 else (1, 1)
        left, top, right, bottom = (round(e * unit) for e, unit in zip(box, (width, height) * 2, strict=True))
        inside = max(left, 0), max(top, 0), min(right, size[0]), min(bottom, size[1])
        if inside[0] >= inside[2] or inside[1] >= inside[3]:
            raise LayerError(f"box is {box}, which lies outside of the picture of {size[0]}x{size[1]}")
        return inside
