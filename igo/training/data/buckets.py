"""Aspect-ratio buckets: pictures of many shapes, sorted into a few sizes of about equal area (NovelAI, Improvements on
Stable Diffusion), so that little of each is cropped and every batch has one size."""

import math
from collections.abc import Sequence

from igo.errors import SettingsError

LONGEST = 2.0
"""How many times longer than the other a bucket's side may be. Narrower pictures are cropped to that."""


def bucket_sizes(size: tuple[int, int] | int, multiple: int | None = None) -> list[tuple[int, int]]:
    """Widths and heights, all multiples of ``multiple``, whose area is that of ``size`` (width and height, or the area
    itself in pixels) or a little less; by width, then by height.

    Less by as much as it takes to have a square, and shapes that lie close together: 2 multiples in a side of a square
    of that area. ``multiple`` is 64 unless said otherwise, or 8 where that would leave few shapes: below 256×256. It
    must be a multiple of 8, which is what Stable Diffusion's autoencoder takes. Raises ``SettingsError`` for what can't
    be.
    """
    area = max(0, size if isinstance(size, int) else size[0] * size[1])
    multiple = multiple or (64 if area >= 256 * 256 else 8)
    if multiple < 8 or multiple % 8:
        raise SettingsError(f"buckets of multiples of {multiple} can't be; expected a multiple of 8, such as 64")
    side = math.sqrt(area)
    sides = range(multiple, int(LONGEST * side) + 1, multiple)
    found = [
        (width, height)
        for width in sides
        for height in sides
        if area - 2 * multiple * side <= width * height <= area and max(width, height) <= LONGEST * min(width, height)
    ]
    if not found:
        raise SettingsError(f"no bucket of multiples of {multiple} has {area} pixels or less; choose a larger size")
    return found


def nearest_bucket(size: tuple[int, int], buckets: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The bucket of which a picture of ``size`` loses least, by the ratio of its sides; the larger one of equals."""
    shape = math.log(size[0] / size[1])
    return min(buckets, key=lambda bucket: (abs(math.log(bucket[0] / bucket[1]) - shape), -bucket[0] * bucket[1]))
