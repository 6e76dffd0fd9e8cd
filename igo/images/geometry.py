"""Sizes that a model can take: padding by reflection to a grid, and the way back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from igo.errors import ImageError
from igo.images.limits import MAX_PIXELS

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are exclusive."""

_PADDED_MODES = ("RGB", "L", "RGBA", "LA")


def fit_size(width: int, height: int, multiple: int = 8) -> tuple[int, int]:
    """The smallest width and height, in pixels, that are multiples of ``multiple`` and hold the given ones."""
    if min(width, height, multiple) < 1:
        raise ImageError(f"{width}x{height} to a multiple of {multiple}: expected whole numbers of at least 1")
    return -(-width // multiple) * multiple, -(-height // multiple) * multiple


def pad_reflect(image: Image.Image, multiple: int = 8) -> tuple[Image.Image, Box]:
    """Grow a picture to a multiple of ``multiple`` pixels by mirroring it at its edges, shared between both sides.

    Takes modes RGB, L, RGBA and LA; returns the padded picture and the box in which the given one lies unchanged, for
    `unpad`. The edge row itself is not doubled; where a side is shorter than its padding, the mirroring goes to and
    fro, and a side of one pixel is repeated. Stretching was rejected: it changes every pixel, and not back.

    Raises ``ImageError`` for other modes and for a multiple below 1.
    """
    if image.mode not in _PADDED_MODES:
        raise ImageError(f"a picture in mode {image.mode} can't be padded: expected {', '.join(_PADDED_MODES)}")
    width, height = fit_size(image.width, image.height, multiple)
    left, top = (width - image.width) // 2, (height - image.height) // 2
    box = (left, top, left + image.width, top + image.height)
    if (width, height) == image.size:
        return image.copy(), box
    rows, columns = _mirrored(image.height, height, top), _mirrored(image.width, width, left)
    return Image.fromarray(np.asarray(image)[rows][:, columns]), box


def unpad(image: Image.Image, box: Box) -> Image.Image:
    """The part of a padded picture that lies in ``box``, as `pad_reflect` gave it.

    Raises ``ImageError`` if the box is empty or reaches outside the picture.
    """
    left, top, right, bottom = box
    if not (0 <= left < right <= image.width and 0 <= top < bottom <= image.height):
        raise ImageError(
            f"the box {box} does not lie in a picture of {image.width}x{image.height}: expected pad's own box"
        )
    if image.mode not in _PADDED_MODES:
        raise ImageError(f"a picture in mode {image.mode} can't be unpadded: expected {', '.join(_PADDED_MODES)}")
    # Not Image.crop: it runs Pillow's check for decompression bombs, which warns on large pictures.
    return Image.fromarray(np.asarray(image)[top:bottom, left:right])


def resized(
    image: Image.Image,
    width: int | None,
    height: int | None,
    resample: Image.Resampling = Image.Resampling.LANCZOS,
) -> Image.Image:
    """The picture at the width and height asked for; one of them alone keeps the proportions, neither the size.

    Raises ``ImageError`` for more pixels than a picture may have that is read.
    """
    if width is None and height is None:
        return image
    if width is None:
        width = max(1, round(image.width * (height or 1) / image.height))
    if height is None:
        height = max(1, round(image.height * width / image.width))
    if width * height > max(MAX_PIXELS, image.width * image.height):
        raise ImageError(f"a picture of {width}x{height} is asked for; expected at most {MAX_PIXELS:,} pixels")
    return image if image.size == (width, height) else image.resize((width, height), resample)


def placed(layer: Image.Image, box: Box, size: tuple[int, int], resample: Image.Resampling) -> Image.Image:
    """A layer scaled to ``box`` on a canvas of ``size`` (width, height) that is black elsewhere.

    The box may reach beyond the canvas, which then shows a part of the layer.
    """
    left, top, right, bottom = box
    scaled = (
        layer if layer.size == (right - left, bottom - top) else layer.resize((right - left, bottom - top), resample)
    )
    canvas = Image.new(layer.mode, size)
    canvas.paste(scaled, (left, top))
    return canvas


def _mirrored(length: int, padded: int, before: int) -> NDArray[np.intp]:
    """For each of ``padded`` positions, ``before`` of which lie ahead of the picture, the pixel to show there."""
    if length == 1:
        return np.zeros(padded, np.intp)
    period = 2 * (length - 1)
    position = np.arange(-before, padded - before, dtype=np.intp) % period
    return np.where(position < length, position, period - position)
