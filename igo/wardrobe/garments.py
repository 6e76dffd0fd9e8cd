"""Garments by themselves: who wears what of whom, and how a garment looks when nobody wears it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from igo.wardrobe.body import pose
from igo.wardrobe.bottoms import draw_bottom
from igo.wardrobe.canvas import Canvas, Part
from igo.wardrobe.cloth import Color
from igo.wardrobe.figure import Figure
from igo.wardrobe.placement import Placement, cropped, moved, posed
from igo.wardrobe.sleeves import draw_sleeve
from igo.wardrobe.textiles import mix
from igo.wardrobe.tops import draw_hood, draw_top

Category = Literal["upper", "lower", "dress"]
"""What a garment covers."""
UPPER = ("top", "top_color", "top_pattern", "top_cloth", "inner_color", "sleeve", "top_length")
LOWER = ("bottom", "bottom_color", "bottom_pattern", "bottom_cloth", "bottom_length")
WORN: dict[str, tuple[str, ...]] = {"upper": UPPER, "lower": LOWER, "dress": (*UPPER, *LOWER)}
"""The attributes of a figure that are a garment of each category."""
PARTS: dict[str, tuple[Part, ...]] = {
    "upper": (Part.TOP, Part.INNER),
    "lower": (Part.BOTTOM,),
    "dress": (Part.TOP, Part.INNER),
}
"""The labels of a garment of each category."""
_SIZE, _AROUND = (320, 432), 4
"""The picture, in pixels, on which a garment is laid before it is cut out, and what is left around it."""


@dataclass(frozen=True, eq=False)
class FlatLay:
    """A garment that nobody wears: image (H, W, 3) uint8 RGB, its shape (H, W), 0 to 1, and its placements, 5×2×3:
    where the parts of a body would lie in it, arms only where it has sleeves."""

    image: NDArray[np.uint8]
    shape: NDArray[np.float32]
    placements: Placement


def category(figure: Figure) -> Category:
    """What the figure's top covers."""
    return "dress" if figure.top == "dress" else "upper"


def wearing(figure: Figure, other: Figure, garment: Category) -> Figure:
    """``figure`` in the garment of ``other``; all else of it stays. Raises SettingsError where the two can't be worn
    together, as a top over a dress that stays."""
    return replace(figure, **{name: getattr(other, name) for name in WORN[garment]})


def lay_flat(
    figure: Figure,
    garment: Category,
    width: int,
    height: int,
    ground: Color | NDArray[np.uint8] = (244, 243, 240),
    fill: float = 0.9,
    tilt: float = 0.0,
) -> FlatLay:
    """The figure's garment laid out on ``ground`` (a colour, or a picture (height, width, 3) uint8).

    It fills the share ``fill`` of the picture, turned by ``tilt`` degrees. Its neckline shows the inside of the back.
    """
    cut, shape, placements = _cut_out(
        replace(figure, pose="open", mirror=False, bag="none", hat="none", light=0.4), garment
    )
    scale = fill * min(width / cut.shape[1], height / cut.shape[0])
    lain = np.full((height, width, 3), ground, np.uint8) if isinstance(ground, tuple) else ground.copy()
    middle = cut.shape[1] / 2, cut.shape[0] / 2
    turn = cv2.getRotationMatrix2D(middle, tilt, 2 * scale)
    turn[:, 2] += (width - middle[0], height - middle[1])

    def turned(values: NDArray[np.float32], border: float) -> NDArray[np.float32]:
        large = cv2.warpAffine(
            values,
            turn,
            (2 * width, 2 * height),
            flags=cv2.INTER_AREA,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(border,) * 3,
        )
        return np.asarray(cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA), np.float32)

    color, soft = turned(cut, 0), turned(shape, 0)
    dark = cv2.GaussianBlur(np.roll(soft, (2, 2 if figure.light >= 0 else -2), (0, 1)), (0, 0), 2.5)[..., None] * 0.3
    shaded = lain * (1 - dark)
    image = color + shaded * (1 - soft[..., None])  # the colour is premultiplied by its shape
    halved = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25]])
    lies = moved(moved(placements, turn), halved)
    return FlatLay(np.clip(image + 0.5, 0, 255).astype(np.uint8), soft, lies)


def _cut_out(figure: Figure, garment: Category) -> tuple[NDArray[np.float32], NDArray[np.float32], Placement]:
    """The garment's picture, premultiplied, its shape, cut to its box with some room, and where its units lie."""
    canvas = Canvas(*_SIZE, figure.light)
    canvas.place(64, 12, 0.95)
    body = pose(figure)
    if garment == "lower":
        draw_bottom(canvas, figure, body)
    else:
        inside = mix(figure.top_rgb, (30, 24, 36), 0.45)
        draw_hood(canvas, figure, body)
        draw_top(canvas, figure, body, inside)
        for index in (0, 1):
            draw_sleeve(canvas, figure, body, index)
    shape = cv2.resize((canvas.labels > 0).astype(np.float32), canvas.size, interpolation=cv2.INTER_AREA)
    solid = canvas.image.astype(np.float32) * (canvas.labels > 0)[..., None]
    image = np.asarray(cv2.resize(solid, canvas.size, interpolation=cv2.INTER_AREA), np.float32)
    left, top, wide, high = cv2.boundingRect((shape > 0).astype(np.uint8))
    first = max(0, top - _AROUND), max(0, left - _AROUND)
    box = slice(first[0], top + high + _AROUND), slice(first[1], left + wide + _AROUND)
    places = posed(canvas.placement, () if garment == "lower" else body.arms)
    return image[box], np.asarray(shape[box], np.float32), cropped(places, first[1], first[0])
