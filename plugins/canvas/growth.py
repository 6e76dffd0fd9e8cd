"""How large a canvas is, where in it the picture stands, and by which steps the picture grows to all of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from math import ceil, log

from igo.errors import SettingsError

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are exclusive."""
LEAST_STEP = 32
"""Pixels that one pass may always add, however small the picture is."""


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


def passes(known: Box, canvas: tuple[int, int], reach: float) -> Iterator[Box]:
    """The boxes to which ``known`` grows, up to all of ``canvas`` (width, height).

    Each grows in one direction, by at most the share ``reach`` of the length it has (or ``LEAST_STEP`` pixels), so that
    a base, which paints all it sees at its native size, sees more old than new. Of the two directions the one comes
    first in which more is missing; the steps of one are of equal proportion.
    """
    left, top, right, bottom = known
    while (right - left, bottom - top) != canvas:
        if canvas[0] * (bottom - top) >= canvas[1] * (right - left):
            left, right = _grown(left, right, canvas[0], reach)
        else:
            top, bottom = _grown(top, bottom, canvas[1], reach)
        yield left, top, right, bottom


def _grown(low: int, high: int, limit: int, reach: float) -> tuple[int, int]:
    """A span within 0..limit after one step to all of it, both its ends in proportion."""
    length, missing = high - low, limit - (high - low)
    steps = ceil(log(limit / length, 1 + reach) - 1e-9)
    step = min(missing, max(LEAST_STEP, ceil(length * ((limit / length) ** (1 / steps) - 1))))
    before = round(step * low / missing)
    return low - before, high + step - before


def bands(known: Box, grown: Box, tile: int | None, overlap: int) -> Iterator[tuple[Box, Box]]:
    """The parts of one pass in the order in which they are painted: what is shown to the base, and in which of it there
    may be painted; boxes in the coordinates of ``grown``.

    One part that is all of it; or, where ``tile`` is given, bands of at most so many pixels across the direction of
    growth, each reaching ``overlap`` pixels into the one before. A band is shown with those before it and without those
    that are still to come.
    """
    width, height = grown[2] - grown[0], grown[3] - grown[1]
    sideways = known[1] == grown[1] and known[3] == grown[3]
    length = height if sideways else width
    count = ceil(length / (tile or length))
    for number in range(count):
        start, end = max(length * number // count - overlap, 0), length * (number + 1) // count
        if sideways:
            yield (0, 0, width, end), (0, start, width, end)
        else:
            yield (0, 0, end, height), (start, 0, end, height)
