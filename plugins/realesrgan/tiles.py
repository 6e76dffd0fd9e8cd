"""Enlarging a picture piece by piece: each pixel once, with as much around it as the network looks at."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from igo.errors import ImageError, out_of_memory

Pixels = npt.NDArray[np.uint8]
SMALLEST = 16
"""The side of a tile below which it isn't halved any more, in pixels."""


class Enlarger(Protocol):
    """A loaded model on a device."""

    scale: int
    multiple: int
    """What the sides of a piece must be multiples of."""
    context: int
    """How many pixels around a tile its result depends on, or so many that the rest can't be seen."""
    tile: int
    """The side of the tiles that suit model and device; 0 for whole pictures."""

    def __call__(self, piece: Pixels) -> Pixels:
        """From h×w×3 RGB to (scale·h)×(scale·w)×3. Raises the library's own error where memory runs out."""
        ...


Box = tuple[int, int, int, int]
"""Top, left, bottom, right in pixels."""


def enlarge(
    enlarger: Enlarger,
    picture: Pixels,
    *,
    tile: int | None = None,
    margin: int = 0,
    progress: Callable[[int, int], object] = lambda _done, _total: None,
) -> Pixels:
    """The picture (H×W×3), enlarged by the model's scale.

    Tiles of at most ``tile`` pixels a side (default: the model's own; 0: all at once) are handed over with
    ``enlarger.context`` pixels around them, and only the tile itself is taken from the result. Where memory runs out,
    the tile that failed, and those after it, are halved and done then. ``margin`` pixels are mirrored around the
    picture before, on all sides and of the smallest pictures too: a network sees black beyond the edge otherwise.
    Pictures and results stay in ordinary memory. Raises ``ImageError`` if not even the smallest tile fits.
    """
    height, width = picture.shape[:2]
    scale = enlarger.scale
    padded, margin = _padded(picture, margin, enlarger.multiple)
    result = np.empty((height * scale, width * scale, 3), np.uint8)
    side = enlarger.tile if tile is None else tile
    waiting = deque(_split((0, 0, height, width), side or max(height, width)))
    done = 0
    while waiting:
        top, left, bottom, right = box = waiting.popleft()
        if side and max(bottom - top, right - left) > side:
            waiting.extendleft(reversed(_split(box, side)))
            continue
        outer = _outer(box, enlarger, margin, padded.shape)
        try:
            enlarged = enlarger(padded[outer[0] : outer[2], outer[1] : outer[3]])
        except Exception as error:
            if not out_of_memory(error):
                raise
            if max(bottom - top, right - left) <= SMALLEST:
                raise ImageError(f"not even {right - left}x{bottom - top} pixels fit the device's memory") from error
            side = -(-max(bottom - top, right - left) // 2)
            waiting.appendleft(box)
            continue
        down, across = (top + margin - outer[0]) * scale, (left + margin - outer[1]) * scale
        result[top * scale : bottom * scale, left * scale : right * scale] = enlarged[
            down : down + (bottom - top) * scale, across : across + (right - left) * scale
        ]
        done += 1
        progress(done, done + len(waiting))
    return result


def _padded(picture: Pixels, margin: int, multiple: int) -> tuple[Pixels, int]:
    """The picture with a mirrored margin, which grows so that all sides become multiples."""
    margin = -(-margin // multiple) * multiple
    height, width = picture.shape[:2]
    more = [(margin, margin + -side % multiple) for side in (height, width)]
    return np.pad(picture, (*more, (0, 0)), mode="reflect"), margin


def _split(box: Box, side: int) -> list[Box]:
    """Boxes of nearly equal size, at most ``side`` long, that cover a box once."""
    top, left, bottom, right = box
    rows, columns = -(-(bottom - top) // side), -(-(right - left) // side)
    down = [top + (bottom - top) * row // rows for row in range(rows + 1)]
    across = [left + (right - left) * column // columns for column in range(columns + 1)]
    return [
        (down[row], across[column], down[row + 1], across[column + 1])
        for row in range(rows)
        for column in range(columns)
    ]


def _outer(box: Box, enlarger: Enlarger, margin: int, shape: tuple[int, ...]) -> Box:
    """A box and its context within the padded picture, in the latter's pixels, on the grid of multiples."""
    context, multiple = enlarger.context, enlarger.multiple
    top, left = (max(edge + margin - context, 0) // multiple * multiple for edge in box[:2])
    bottom, right = (
        min(-(-(edge + margin + context) // multiple) * multiple, limit)
        for edge, limit in zip(box[2:], shape, strict=False)
    )
    return top, left, bottom, right
