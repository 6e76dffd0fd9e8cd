"""The part of a picture that a model is shown, at the model's size, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from igo.compositing import context_box
from igo.images import unpad

Box = tuple[int, int, int, int]
Resampling = Image.Resampling


@dataclass(frozen=True)
class View:
    """What is shown: ``box`` of a picture, which lies in ``inner`` of a canvas of ``size``; around it the picture is
    mirrored, where it isn't large enough."""

    box: Box
    inner: Box
    size: tuple[int, int]

    @property
    def scale(self) -> float:
        """How long a side is painted, as a multiple of what it is in the picture."""
        return (self.inner[2] - self.inner[0]) / (self.box[2] - self.box[0])

    def shown(self, image: Image.Image) -> Image.Image:
        """The canvas for an RGB picture."""
        return self._mirrored(_resized(unpad(image, self.box), self._inside))

    def mask(self, zone: Image.Image, cell: int) -> Image.Image:
        """The same of a zone (L, the picture's size), 0 or 255, grown to whole cells of so many pixels."""
        touched = unpad(zone, self.box).point([0] + [255] * 255)
        if touched.size != self._inside:
            touched = touched.resize(self._inside, Resampling.BOX).point([0] + [255] * 255)
        pixels = np.asarray(self._mirrored(touched))
        height, width = pixels.shape
        cells = pixels.reshape(height // cell, cell, width // cell, cell).max(axis=(1, 3))
        return Image.fromarray(cells.repeat(cell, axis=0).repeat(cell, axis=1))

    def hidden(self, mask: Image.Image, old: Image.Image, outline: int) -> Image.Image:
        """What of a zone on the canvas (L) isn't shown to a model that may see all of it but the old garment: that (L,
        the picture's size), grown by so many pixels that its ``outline`` may be off."""
        grown = cv2.dilate(np.asarray(self.mask(old, 1)), np.ones((2 * outline + 1,) * 2, np.uint8))
        return Image.fromarray(np.minimum(grown, np.asarray(mask)))

    def back(self, canvas: Image.Image, image: Image.Image) -> Image.Image:
        """``image`` with what a canvas of its mode shows of it."""
        left, top, right, bottom = self.box
        result = np.array(image)
        result[top:bottom, left:right] = np.asarray(_resized(unpad(canvas, self.inner), (right - left, bottom - top)))
        return Image.fromarray(result)

    def into(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """How many times as wide and high things are in the picture as on the canvas, and how far to the right and
        down: a point ``p`` of the canvas, 0.5 a pixel's middle, is at ``p * times + by`` there."""
        (left, top, right, bottom), inner = self.box, self.inner
        times = (right - left) / (inner[2] - inner[0]), (bottom - top) / (inner[3] - inner[1])
        return times, (left - inner[0] * times[0], top - inner[1] * times[1])

    @property
    def _inside(self) -> tuple[int, int]:
        left, top, right, bottom = self.inner
        return right - left, bottom - top

    def _mirrored(self, inside: Image.Image) -> Image.Image:
        left, top, right, bottom = self.inner
        around = (top, self.size[1] - bottom, left, self.size[0] - right)
        return Image.fromarray(cv2.copyMakeBorder(np.asarray(inside), *around, cv2.BORDER_REFLECT_101))


def view_of(zone: Image.Image, size: tuple[int, int], context: float) -> View:
    """The view of a zone (L, not empty) for a model that takes pictures of ``size``: the zone, around it ``context``
    times its longer side where there is so much, and never less than ``size`` of a picture that has that."""
    left, top, right, bottom = box = context_box(zone, context, size)
    scale = min(size[0] / (right - left), size[1] / (bottom - top))
    width, height = (max(1, round(scale * side)) for side in (right - left, bottom - top))
    x, y = (size[0] - width) // 2, (size[1] - height) // 2
    return View(box, (x, y, x + width, y + height), size)


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, Resampling.LANCZOS)


def changed(before: Image.Image, after: Image.Image, levels: float) -> npt.NDArray[np.bool_]:
    """Where two RGB pictures of one size differ by more than ``levels``, as far as that is no grain."""
    first, second = (cv2.GaussianBlur(np.asarray(image, np.float32), (0, 0), 1.0) for image in (before, after))
    return np.asarray(np.abs(first - second).max(axis=2) > levels)
