"""The drawing surface: anti-aliased, shaded fills that keep a part label for each pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from igo.wardrobe.cloth import Cloth, Color
from igo.wardrobe.placement import Placement
from igo.wardrobe.shapes import Points, PointsLike
from igo.wardrobe.textiles import ink, luma, weave

NATIVE = (128, 192)
"""Width and height of the picture that the drawing's units are made for."""


class Part(IntEnum):
    """What a pixel of the label map shows."""

    BACKGROUND = 0
    SKIN = 1
    FACE = 2
    HAIR = 3
    TOP = 4
    BOTTOM = 5
    SHOES = 6
    HAT = 7
    BAG = 8
    HANDS = 9
    INNER = 10


class Limb(IntEnum):
    """What the drawing surface tells apart of `Part.SKIN`; the rest of it is the torso's, neck included."""

    ARMS = Part.SKIN | 16
    LEGS = Part.SKIN | 32


PART_BITS = 15
"""Of a label on the drawing surface: which `Part` it is, whatever `Limb`."""


@dataclass(frozen=True)
class Patch:
    """Where a shape was painted: its upper left pixel on the working surface and its coverage, (h, w) from 0 to 1."""

    left: int
    top: int
    mask: NDArray[np.float32]


def _flat(height: int, width: int, color: Color) -> NDArray[np.uint8]:
    flat = np.empty((height, width, 3), np.uint8)
    cv2.rectangle(flat, (0, 0), (width, height), color, cv2.FILLED)
    return flat


@lru_cache(maxsize=8)
def _sheet(height: int, width: int, color: Color) -> NDArray[np.uint8]:
    sheet = _flat(height, width, color)
    sheet.flags.writeable = False
    return sheet


@lru_cache(maxsize=32)
def _kernel(size: int) -> NDArray[np.uint8]:
    return np.ones((size, size), np.uint8)


class Canvas:
    """A supersampled RGB surface with labels.

    Coordinates are picture units (a 128x192 picture is 128 by 192 units; other sizes show the same figure, centred, as
    large as it fits) until `place` puts the figure's own units on it. `light` from -1 (left) to 1 (right) says which
    sides of shapes are lit.
    """

    def __init__(self, width: int, height: int, light: float) -> None:
        self.size = (width, height)
        self.over = max(2, min(4, round(2 * NATIVE[1] / height)))
        unit = min(width / NATIVE[0], height / NATIVE[1])
        self.scale = unit * self.over
        self.origin = np.array([NATIVE[0] / 2 - width / unit / 2, NATIVE[1] / 2 - height / unit / 2])
        self.span = (width / unit, height / unit)
        self._offset = (self.origin * self.scale + 0.5) * 16 - 0.5
        self.light = light
        self.image: NDArray[np.uint8] = np.zeros((height * self.over, width * self.over, 3), np.uint8)
        self.labels: NDArray[np.uint8] = np.zeros(self.image.shape[:2], np.uint8)
        self._dark = _sheet(*self.labels.shape, (22, 8, 36))
        self._bright = _sheet(*self.labels.shape, (255, 255, 255))

    def place(self, x: float, y: float, factor: float) -> None:
        """From now on (0, 0) is the picture's (x, y), and one unit is `factor` picture units."""
        self.origin = self.origin - np.array([x, y])
        self.origin = self.origin / factor
        self.scale *= factor
        self._offset = (self.origin * self.scale + 0.5) * 16 - 0.5

    @property
    def placement(self) -> Placement:
        """Where the units lie in the picture that the surface becomes, once it has its size."""
        unit = self.scale / self.over
        return np.array([[unit, 0, -unit * self.origin[0] - 0.5], [0, unit, -unit * self.origin[1] - 0.5]])

    def _fixed(self, points: PointsLike) -> NDArray[np.int32]:
        """Points as OpenCV's fixed-point pixels, with four fractional bits."""
        fixed = np.asarray(points, dtype=np.float64) * (16 * self.scale)
        fixed -= self._offset
        return fixed.astype(np.int32)

    def _window(self, fixed: Sequence[NDArray[np.int32]], margin: float = 0.0) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) of the pixels around outlines, on the surface and never empty."""
        height, width = self.labels.shape
        x, y, w, h = cv2.boundingRect(fixed[0] if len(fixed) == 1 else np.concatenate(fixed))
        extra = 2 + math.ceil(margin)
        left = min(max(0, (x >> 4) - extra), width - 1)
        top = min(max(0, (y >> 4) - extra), height - 1)
        right = min(width, ((x + w) >> 4) + extra + 1)
        bottom = min(height, ((y + h) >> 4) + extra + 1)
        return left, top, max(left + 1, right), max(top + 1, bottom)

    def cover(self, shapes: Sequence[Points]) -> Patch:
        """The union of the outlines in `shapes` as a patch, without painting it.

        Pinholes are closed: the outline of a sharply bent limb crosses itself, which the even-odd rule leaves open.
        """
        outlines = [self._fixed(shape) for shape in shapes]
        gap = max(1, round(0.4 * self.scale))
        left, top, right, bottom = self._window(outlines, gap)
        mask = np.zeros((bottom - top, right - left), np.uint8)
        corner = np.array([left * 16, top * 16], np.int32)
        for points in outlines:
            cv2.fillPoly(mask, [points - corner], 255, cv2.LINE_AA, 4)
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, _kernel(2 * gap + 1))
        return Patch(left, top, np.multiply(mask, np.float32(1 / 255), dtype=np.float32))

    def _view(self, patch: Patch) -> NDArray[np.uint8]:
        height, width = patch.mask.shape
        return self.image[patch.top : patch.top + height, patch.left : patch.left + width]

    def _label_view(self, patch: Patch) -> NDArray[np.uint8]:
        height, width = patch.mask.shape
        return self.labels[patch.top : patch.top + height, patch.left : patch.left + width]

    def _soften(
        self, mask: NDArray[np.float32], radius: float, dx: float = 0.0, dy: float = 0.0
    ) -> NDArray[np.float32]:
        """Box-blurred, each pixel looking (dx, dy) radii (-1 to 1) away from itself; zero outside."""
        r = max(1, round(radius * self.scale))
        anchor = (r - round(dx * r), r - round(dy * r))
        blurred = cv2.blur(mask, (2 * r + 1, 2 * r + 1), anchor=anchor, borderType=cv2.BORDER_CONSTANT)
        return np.asarray(blurred, dtype=np.float32)

    def paint(
        self,
        shapes: Sequence[Points],
        color: Color,
        label: Part | Limb | None,
        *,
        pattern: str | Cloth = "plain",
        relief: float = 1.0,
        outline: float = 0.55,
        lift: float = 0.0,
        join: float | None = None,
    ) -> Patch:
        """Paint the union of `shapes` as one softly modelled piece and return its patch.

        relief: depth of the shading at its edges, 0 for flat; outline: opacity of the thin darker contour;
        lift: strength of the shadow it throws on the parts of the figure below it; label: None keeps what is there;
        join: above this height the piece is sewn to what has the same label, with no edge between them.
        """
        patch = self.cover(shapes)
        view, mask = self._view(patch), patch.mask
        height, width = mask.shape
        whole, sewn = mask, None
        if join is not None and label is not None:
            sewn = np.zeros(mask.shape, np.float32)
            rows = int(min(max((join - self.origin[1]) * self.scale - patch.top, 0), height))
            sewn[:rows] = self._label_view(patch)[:rows] == label
            whole = np.maximum(mask, sewn)
        if lift:
            self._throw(patch, lift, join)
        if pattern == "plain":
            base = _flat(height, width, color)
        else:
            xs = (patch.left + 0.5 + np.arange(width)) / self.scale + self.origin[0]
            ys = (patch.top + 0.5 + np.arange(height)) / self.scale + self.origin[1]
            base = weave(color, pattern, xs, ys).astype(np.uint8)
        if relief:
            base = self._model(base, whole, relief, luma(color))
        view[:] = cv2.blendLinear(base, view, mask, 1 - mask)
        if outline:
            self._contour(patch, shapes, ink(color), outline, sewn)
        if label is not None:
            self._label_view(patch)[mask > 0.5] = label
        return patch

    def _contour(
        self,
        patch: Patch,
        shapes: Sequence[Points],
        color: Color,
        opacity: float,
        sewn: NDArray[np.float32] | None,
    ) -> None:
        view = self._view(patch)
        line = np.zeros(patch.mask.shape, np.uint8)
        thick = max(1, round(0.45 * self.scale))
        if len(shapes) == 1:
            fixed = self._fixed(shapes[0]) - np.array([patch.left * 16, patch.top * 16], np.int32)
            cv2.polylines(line, [fixed], True, 255, thick, cv2.LINE_AA, 4)
        else:
            solid = (patch.mask > 0.5).astype(np.uint8)
            found, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cv2.polylines(line, found, True, 255, thick, cv2.LINE_AA)
        weight = np.multiply(line, np.float32(opacity / 255), dtype=np.float32)
        if sewn is not None:
            weight *= 1 - sewn
        height, width = patch.mask.shape
        view[:] = cv2.blendLinear(_flat(height, width, color), view, weight, 1 - weight)

    def _model(
        self, base: NDArray[np.uint8], mask: NDArray[np.float32], relief: float, brightness: float
    ) -> NDArray[np.uint8]:
        height, width = mask.shape
        slant = math.copysign(max(abs(self.light), 0.3), self.light)
        away = self._soften(mask, 3.2, 0.75 * slant, 0.3)
        toward = self._soften(mask, 3.2, -0.75 * slant, -0.3)
        shadow = (1 - away) * np.float32(0.34 * relief)
        glow = (1 - toward) * np.float32((0.10 + 0.10 * (brightness < 70)) * relief)
        base = cv2.blendLinear(base, self._dark[:height, :width], 1 - shadow, shadow)
        return np.asarray(cv2.blendLinear(base, self._bright[:height, :width], 1 - glow, glow), dtype=np.uint8)

    def _throw(self, patch: Patch, strength: float, join: float | None) -> None:
        margin = round(3 * self.scale)
        top, left = max(0, patch.top - margin), max(0, patch.left - margin)
        before = (patch.top - top, margin, patch.left - left, margin)
        grown = cv2.copyMakeBorder(patch.mask, *before, cv2.BORDER_CONSTANT, value=0)
        grown = grown[: self.labels.shape[0] - top, : self.labels.shape[1] - left]
        below = Patch(left, top, self._soften(grown, 1.7, 0.8 * self.light, -0.7))
        if join is not None:
            below.mask[: max(0, round((join - self.origin[1]) * self.scale) - top)] = 0
        self._tone(below, strength * below.mask * (self._label_view(below) > 0), self._dark)

    def _tone(self, patch: Patch, weight: NDArray[np.float32], toward: NDArray[np.uint8]) -> None:
        view = self._view(patch)
        height, width = weight.shape
        view[:] = cv2.blendLinear(view, toward[:height, :width], 1 - weight, weight)

    def haze(self, shape: Points, radius: float, opacity: float) -> None:
        """A shadow of `shape` with edges as soft as `radius` units, over everything; labels stay as they are."""
        fixed = self._fixed(shape)
        left, top, right, bottom = self._window([fixed], 2 * radius * self.scale)
        mask = np.zeros((bottom - top, right - left), np.uint8)
        cv2.fillPoly(mask, [fixed - np.array([left * 16, top * 16], np.int32)], 255, cv2.LINE_AA, 4)
        soft = self._soften(self._soften(mask.astype(np.float32) * np.float32(opacity / 255), radius), radius / 2)
        self._tone(Patch(left, top, soft), soft, self._dark)

    def fold(self, patch: Patch, points: PointsLike, width: float, amount: float) -> None:
        """A soft crease along an open line, inside `patch` only: darker by `amount` (0 to 1), lighter if negative."""
        fixed = self._fixed(points)
        left, top, right, bottom = self._window([fixed], 2 * width * self.scale)
        height, depth = patch.mask.shape
        left, right = max(left, patch.left), min(right, patch.left + depth)
        top, bottom = max(top, patch.top), min(bottom, patch.top + height)
        if right - left < 2 or bottom - top < 2:
            return
        line = np.zeros((bottom - top, right - left), np.uint8)
        fixed -= np.array([left * 16, top * 16], np.int32)
        cv2.polylines(line, [fixed], False, 255, max(1, round(width * self.scale)), cv2.LINE_AA, 4)
        soft = self._soften(line.astype(np.float32) * np.float32(1 / 255), width * 0.6)
        inside = patch.mask[top - patch.top : bottom - patch.top, left - patch.left : right - patch.left]
        if amount > 0:
            self._tone(Patch(left, top, soft), soft * inside * np.float32(amount), self._dark)
        else:
            self._tone(Patch(left, top, soft), soft * inside * np.float32(-0.4 * amount), self._bright)

    def stroke(
        self, points: PointsLike, color: Color, width: float, opacity: float = 1.0, *, closed: bool = False
    ) -> None:
        """A line of `width` units (never thinner than a working pixel), over everything; labels stay as they are."""
        fixed = self._fixed(points)
        thick = width * self.scale
        left, top, right, bottom = self._window([fixed], thick)
        fixed -= np.array([left * 16, top * 16], np.int32)
        view = self.image[top:bottom, left:right]
        if opacity >= 1:
            cv2.polylines(view, [fixed], closed, color, max(1, round(thick)), cv2.LINE_AA, 4)
            return
        drawn = view.copy()
        cv2.polylines(drawn, [fixed], closed, color, max(1, round(thick)), cv2.LINE_AA, 4)
        cv2.addWeighted(drawn, opacity, view, 1 - opacity, 0, view)

    def fill(self, shape: PointsLike, color: Color, opacity: float = 1.0, label: Part | None = None) -> None:
        """A flat detail over everything, without shading or contour."""
        fixed = self._fixed(shape)
        left, top, right, bottom = self._window([fixed])
        fixed -= np.array([left * 16, top * 16], np.int32)
        view = self.image[top:bottom, left:right]
        drawn = view if opacity >= 1 else view.copy()
        cv2.fillPoly(drawn, [fixed], color, cv2.LINE_AA, 4)
        if opacity < 1:
            cv2.addWeighted(drawn, opacity, view, 1 - opacity, 0, view)
        if label is not None:
            cv2.fillPoly(self.labels[top:bottom, left:right], [fixed], int(label), cv2.LINE_8, 4)
