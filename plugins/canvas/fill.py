"""What a canvas begins with around a picture, and which of it is to be painted."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from PIL import Image

from igo.images import kept_hidden, unpad
from igo_plugins.canvas.growth import Box


def extended(image: Image.Image, known: Box, grown: Box, overlap: int) -> tuple[Image.Image, Image.Image]:
    """An RGB picture that lies in ``known`` on the canvas ``grown``, to paint on: the canvas filled, and a mask (L) of
    what is new and of ``overlap`` pixels of the old beside it.

    The fill is the picture mirrored at its edges, the more blurred the farther it is from them, so that edges go on
    across the seam and no second face is made of the first. Of those that were tried it has the lowest seam, with the
    mirrored picture itself: 0.1 at the sides of drawn figures and 0.2 below them; repeated edges 0.2 and 0.3, with
    noise of the picture's own grain 0.9 and 1.1, cv2's inpainting 1.2 and 1.7 (Telea; at a quarter of the resolution
    2.2 and 3.7, Navier-Stokes the same), gray 21 and 29. Painted over by `mini/base` at a strength of 0.8, all end
    between 1.10 and 1.17, gray with its colours a third farther from the drawing's; at 1, where a base begins with
    noise, they end alike.
    """
    size = grown[2] - grown[0], grown[3] - grown[1]
    place = known[0] - grown[0], known[1] - grown[1], known[2] - grown[0], known[3] - grown[1]
    kept = [place[side] + (0 if known[side] == grown[side] else overlap if side < 2 else -overlap) for side in range(4)]
    mask = Image.new("L", size, 255)
    mask.paste(0, (kept[0], kept[1], kept[2], kept[3]))
    canvas = _blurred(continued(image, place, size, "symmetric"), place)
    canvas.paste(image, place[:2])
    return canvas, mask


def cut(canvas: Image.Image, mask: Image.Image, shown: Box, band: Box) -> tuple[Image.Image, Image.Image]:
    """The box ``shown`` of a canvas, and of its mask with nothing outside of ``band``; boxes in the canvas."""
    zone = Image.new("L", mask.size)
    zone.paste(unpad(mask, band), band[:2])
    return unpad(canvas, shown), unpad(zone, shown)


def continued(
    image: Image.Image, place: Box, size: tuple[int, int], mode: Literal["edge", "symmetric"] = "edge"
) -> Image.Image:
    """A picture in a canvas of ``size``, its edge pixels repeated or the picture mirrored."""
    pixels = np.asarray(image)
    margins = [(place[1], size[1] - place[3]), (place[0], size[0] - place[2]), (0, 0)][: pixels.ndim]
    return Image.fromarray(np.pad(pixels, margins, mode=mode))


def with_hidden(
    image: Image.Image, shown: Image.Image, canvas: Image.Image, alpha: Image.Image, place: Box
) -> Image.Image:
    """A canvas that began with ``shown`` in ``place``, which is ``image`` on white: what hasn't changed there, or can't
    be seen, has the colours of ``image`` again."""
    result = canvas.copy()
    result.paste(kept_hidden(image, shown, unpad(canvas, place), alpha), place[:2])
    return result


def _blurred(canvas: Image.Image, place: Box) -> Image.Image:
    """A picture that is blurred outside of ``place``, with a radius that grows with the distance to it."""
    columns, rows = np.arange(canvas.width), np.arange(canvas.height)[:, None]
    across = np.maximum(place[0] - columns, columns - place[2] + 1)
    down = np.maximum(place[1] - rows, rows - place[3] + 1)
    octave = np.log2(np.maximum(np.hypot(across.clip(0), down.clip(0)), 1)).astype(np.float32)[..., None] - 1
    sharp = np.asarray(canvas).astype(np.float32)
    result, level = sharp.copy(), 1
    while (octave > level - 1).any():  # a Gaussian of 2, 4, 8 ... pixels, made at a lower resolution where it is wide
        scale = 2 ** max(level - 2, 0)
        small = cv2.resize(sharp, (-(-canvas.width // scale), -(-canvas.height // scale)), interpolation=cv2.INTER_AREA)
        soft = cv2.resize(cv2.GaussianBlur(small, (0, 0), 2**level / scale), canvas.size)
        result += (soft - result) * np.clip(octave - (level - 1), 0, 1)
        level += 1
    return Image.fromarray(np.rint(result).astype(np.uint8))
