"""How large a canvas is, where in it the picture stands, and by which steps the picture grows to all of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from math import ceil

from igo.errors import SettingsError

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are exclusive."""
LEAST_VIEW = 64
"""The shortest side, in pixels, of what a base is shown at once, where there is so much."""
UPRIGHT = 3
"""How many times as far as sideways a pass may reach up or down."""
NEW_IN_VIEW = 0.75
"""How much of a view a further band may be; the rest shows the band before."""


def target_of(to: str) -> Fraction | tuple[int, int]:
    """A shape as width over height, or a size. Raises ``SettingsError``."""
    text = str(to)
    shape = re.fullmatch(r"(\d{1,5}(?:\.\d{1,4})?):(\d{1,5}(?:\.\d{1,4})?)", text)
    size = re.fullmatch(r"(\d{1,6})[x×](\d{1,6})", text)
    found = shape or size
    numbers = [Fraction(number) for number in found.groups()] if found else []
    if not numbers or not all(numbers):
        raise SettingsError(f"to is {to!r}; expected a shape such as '3:4' or a size such as '1024x1536'")
    return numbers[0] / numbers[1] if shape else (int(numbers[0]), int(numbers[1]))


def share_before(added: int, anchor: str, low: str, high: str) -> int:
    """How much of what is added goes to the ``low`` side of a picture that stands at ``anchor``."""
    return 0 if low in anchor else added if high in anchor else added // 2


def view_of(size: tuple[int, int], tile: int | None) -> tuple[int, int]:
    """Width and height of what a base is shown at once: a square of the longer side of a picture of ``size``, or of
    ``tile`` if that is less."""
    side = max(LEAST_VIEW, min(max(size), tile or max(size)))
    return side, side


def passes(known: Box, canvas: tuple[int, int], view: tuple[int, int], reach: float) -> Iterator[Box]:
    """The boxes to which ``known`` grows, up to all of ``canvas`` (width, height).

    Each grows on one side, by at most the share ``reach`` of ``view`` (width, height: `view_of`), up and down by three
    times as much: sideways a base that has room for it paints the prompt's figure a second time, but one that is cut
    off below gets feet in each pass, and is to be finished in one. Of the two directions the one comes first in which
    more is missing, of its two sides likewise.
    """
    box = list(known)
    while tuple(box) != (0, 0, *canvas):
        lengths = box[2] - box[0], box[3] - box[1]
        axis = 0 if canvas[0] * lengths[1] >= canvas[1] * lengths[0] else 1
        before, after = box[axis], canvas[axis] - box[axis + 2]
        missing = max(before, after)
        most = max(1, int(view[axis] * min(reach * (UPRIGHT if axis else 1), 1)))
        step = ceil(missing / ceil(missing / most))
        if before >= after:
            box[axis] -= step
        else:
            box[axis + 2] += step
        yield box[0], box[1], box[2], box[3]


def bands(known: Box, grown: Box, view: tuple[int, int], overlap: int) -> Iterator[tuple[Box, Box]]:
    """The parts of one pass in the order in which they are painted: what is shown to the base, and in which of it there
    may be painted; boxes in the coordinates of ``grown``.

    What is shown is as large as ``view`` (width, height), wherever that is not too little to show as much old as new:
    a base paints all it is shown at its native size, and things in a larger view would come out larger than those
    beside them. A longer side is painted in bands, each reaching ``overlap`` pixels into the one before, and shown
    without those that are still to come.
    """
    axis = 0 if (known[1], known[3]) == (grown[1], grown[3]) else 1
    lengths = grown[2] - grown[0], grown[3] - grown[1]
    length, side, size = lengths[axis], lengths[1 - axis], view[1 - axis]
    new = length - (known[axis + 2] - known[axis])
    shown = min(length, max(view[axis], 2 * new))
    low = 0 if known[axis] > grown[axis] else length - shown
    more, painted = ceil(max(side - size, 0) / (size * NEW_IN_VIEW)), 0
    for number in range(more + 1):
        end = size + (side - size) * number // more if more else side
        start = max(painted - overlap, 0)
        yield _box(axis, low, low + shown, max(min(start, end - size), 0), end), _box(axis, 0, length, start, end)
        painted = end


def _box(axis: int, low: int, high: int, start: int, end: int) -> Box:
    """The box from ``low`` to ``high`` in the direction of ``axis`` (0: sideways), from ``start`` to ``end`` across."""
    return (low, start, high, end) if axis == 0 else (start, low, end, high)
