"""Zones far apart in a large picture, which would be painted small if they were painted together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from math import ceil, sqrt

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from igo.images.compositing import Box, context_around
from igo.painting.sizing import ROOM

MUCH = 1 / 3
"""Zones are painted each by itself where together they'd be painted at less than this share of their own scale. A pair
of shoes is better painted together, somewhat smaller: then they match."""
MOST = 16
"""So many parts of a mask are looked at one by one; where there are more, the nearest are taken as one."""
LOOK = 1024
"""The longest side, in pixels, at which parts are told from each other."""


def apart(mask: Image.Image, native: tuple[int, int], context: float) -> list[Image.Image]:
    """The parts of a mask (L, not empty) that are to be painted each by itself, from the top: masks of its size, which
    together are the mask. Most often it is one, the mask itself.

    ``native`` (width, height) and ``context`` are those of ``igo.painting.sizing.fitted``.
    """
    pixels = np.asarray(mask)
    labels, block, boxes = _components(pixels)

    def scale(some: Iterable[int]) -> float:
        """How long a side of these parts is painted, if they are painted together; at most 1, its own length."""
        left, top, right, bottom = context_around(_joint(boxes, some), mask.size, context, native)
        area, painted = (right - left) * (bottom - top), native[0] * native[1]
        return sqrt(painted / area) if area > painted * ROOM else 1.0

    groups: list[tuple[int, ...]] = [(label,) for label in sorted(boxes)]
    while len(groups) > 1:
        share, one, other = max(
            (scale(one + other) / min(scale(one), scale(other)), one, other) for one, other in combinations(groups, 2)
        )
        if share < MUCH:
            break
        groups = [*(group for group in groups if group not in (one, other)), one + other]
    if len(groups) == 1:
        return [mask]
    groups.sort(key=lambda group: _joint(boxes, group)[1::-1])
    return [_part(pixels, np.isin(labels, group), block) for group in groups]


def _part(pixels: npt.NDArray[np.uint8], blocks: npt.NDArray[np.bool_], block: int) -> Image.Image:
    """A mask's pixels in these of its blocks."""
    height, width = pixels.shape
    inside = blocks.repeat(block, axis=0).repeat(block, axis=1)[:height, :width]
    return Image.fromarray(np.where(inside, pixels, 0).astype(np.uint8))


def _components(pixels: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int32], int, dict[int, Box]]:
    """The number of the part that each block of a mask belongs to, how many pixels a side of a block has, and the boxes
    of the parts. What lies near each other is one part."""
    height, width = pixels.shape
    block = ceil(max(height, width) / LOOK)
    padded = np.pad(pixels > 0, ((0, -height % block), (0, -width % block)))
    zone = padded.reshape(padded.shape[0] // block, block, padded.shape[1] // block, block).any(axis=(1, 3))
    distance = cv2.distanceTransform((~zone).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near, count = max(zone.shape) / 128, 0
    while not 1 < count <= MOST + 1:
        count, near_labels = cv2.connectedComponents((distance <= near).astype(np.uint8), connectivity=8)
        near *= 2
    boxes = {}
    for label in range(1, count):
        left, top, wide, high = cv2.boundingRect(((near_labels == label) & zone).astype(np.uint8))
        right, bottom = min((left + wide) * block, width), min((top + high) * block, height)
        boxes[label] = left * block, top * block, right, bottom
    return np.asarray(near_labels, np.int32), block, boxes


def _joint(boxes: Mapping[int, Box], labels: Iterable[int]) -> Box:
    lefts, tops, rights, bottoms = zip(*(boxes[label] for label in labels), strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)
