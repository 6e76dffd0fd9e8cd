"""The one compositor: what was painted goes into its zone, and outside of it not one byte changes.

A zone is where a mask (mode L) is not 0. It is cut out with context (`context_box`), painted, matched in colour to the
ring around it (`color_matched`), and blended in (`composite`); `seam_score` says how well it sits.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from igo.errors import ImageError, LayerError

Bytes = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are exclusive."""
LARGEST_SHIFT = 24.0
"""Levels."""
SMALLEST_STEP = 0.5
"""Levels that are added to both sides of a seam's score, so that plain colours have one."""
STRIP = 256
"""Rows of a picture that are compared at once, so that a large photo isn't held several times over."""


def composite(original: Image.Image, painted: Image.Image, mask: Image.Image, feather: float = 4.0) -> Image.Image:
    """``painted`` where ``mask`` says so, ``original`` everywhere else. All three of one size; RGB, RGB, L.

    The zone is where the mask is not 0; a soft mask blends. ``feather`` is the width in pixels over which the zone's
    border fades, *inward*, by the distance to the outside: a Gaussian blur of the mask would reach far beyond it. It is
    at most what leaves the zone's middle opaque. The picture's own edge is no border. Every pixel outside the zone is
    checked to be the original's, on each call.

    Raises ``ImageError`` for pictures of another mode or size, ``LayerError`` for a mask of another size.
    """
    for name, image in (("original", original), ("painted", painted)):
        if image.mode != "RGB" or image.size != original.size:
            raise ImageError(
                f"the {name} picture is {image.mode} {image.width}x{image.height}; "
                f"expected RGB {original.width}x{original.height}"
            )
    if mask.size != original.size:
        raise LayerError(
            f"the mask is {mask.width}x{mask.height}; expected {original.width}x{original.height} like the picture"
        )
    made = original.copy()
    box = mask.getbbox()
    if box is not None:  # all is done where something can change: a large photo's zone is often small
        part = _around(box, 1, mask.size)  # with the nearest pixels outside, to which the feather measures its distance
        zone, before, after = (np.asarray(image.crop(part)) for image in (_gray(mask), original, painted))
        opacity = zone.astype(np.float32) / 255 * _inward(zone, feather)
        start = before.astype(np.float32)
        blended = np.rint(start + (after.astype(np.float32) - start) * opacity[..., None]).astype(np.uint8)
        if _differs(blended, before, zone == 0):
            raise ImageError("pixels outside the zone were about to change; nothing was written, please report this")
        made.paste(Image.fromarray(blended), part[:2])
    return made


def restored_outside(original: Image.Image, painted: Image.Image, mask: Image.Image) -> Image.Image:
    """``painted`` with the pixels of ``original`` wherever ``mask`` is 0; all of one size, RGB, RGB, L.

    For pictures whose zone is blended already, by a base that may not have kept the rest.
    """
    mask = _gray(mask)
    strips = (np.asarray(image.crop(part)) for part in _strips(mask.size) for image in (painted, original, mask))
    if not any(_differs(one, other, zone == 0) for one, other, zone in zip(strips, strips, strips, strict=True)):
        return painted
    return Image.composite(painted, original, mask.point(lambda value: 255 if value else 0))


def context_box(mask: Image.Image, context: float, least: tuple[int, int]) -> Box:
    """What to show a model that paints the zone of ``mask`` (L, not empty): see ``context_around``."""
    return context_around(mask.getbbox() or (0, 0, *mask.size), mask.size, context, least)


def context_around(zone: Box, size: tuple[int, int], context: float, least: tuple[int, int]) -> Box:
    """What to show a model that paints ``zone`` in a picture of ``size``: the zone, and around it ``context`` times its
    longer side on each side.

    The box has at least the size ``least`` (width, height), and its proportions as far as the picture allows: models
    paint best what is shaped like what they have learned. It never reaches out of the picture.
    """
    left, top, right, bottom = zone
    grown = 2 * context * max(right - left, bottom - top)
    width, height = max(right - left + grown, least[0]), max(bottom - top + grown, least[1])
    width, height = max(width, height * least[0] / least[1]), max(height, width * least[1] / least[0])
    left, right = _span(left, right, round(width), size[0])
    top, bottom = _span(top, bottom, round(height), size[1])
    return left, top, right, bottom


def _span(low: int, high: int, length: int, limit: int) -> tuple[int, int]:
    """``length`` pixels about the middle of low..high, moved and cut to lie in 0..limit."""
    length = min(max(length, high - low), limit)
    start = min(max((low + high - length) // 2, 0), limit - length)
    return start, start + length


def color_matched(painted: Image.Image, original: Image.Image, mask: Image.Image, ring: int) -> Image.Image:
    """``painted`` with its colours moved so that in the ring of ``ring`` pixels around the zone they are those of
    ``original``, all of one size: RGB, RGB, L.

    What a model paints outside the zone is a copy of what was there, off by the shift of its autoencoder; that shift,
    smoothed from the ring into the zone (normalised convolution, Knutsson & Westin), is taken back. Shifts of more than
    ``LARGEST_SHIFT`` levels are differences of content and don't count. Without a ring nothing changes.
    """
    part = _around(mask.getbbox() or (0, 0, 0, 0), ring, mask.size)
    zone = np.asarray(_gray(mask).crop(part)) > 0
    after = np.asarray(painted.crop(part)).astype(np.float32)
    shift = np.asarray(original.crop(part)).astype(np.float32) - after
    known = _grown(zone, ring) & ~zone & (np.abs(shift).max(axis=2, initial=0) <= LARGEST_SHIFT)
    if not known.any():
        return painted
    moved = painted.copy()
    values = np.rint(np.clip(after + _spread(shift, known, ring), 0, 255)).astype(np.uint8)
    moved.paste(Image.fromarray(values), part[:2])
    return moved


def _spread(values: npt.NDArray[np.float32], known: npt.NDArray[np.bool_], radius: int) -> npt.NDArray[np.float32]:
    """Smooth means of the ``known`` ones of ``values`` (H×W×C), for all places: of ever wider windows, from ``radius``
    up to all of the picture, a window half as wide counting twice."""
    weight = known.astype(np.float32)
    sums, total = np.zeros_like(values), np.full(weight.shape, 1e-9, np.float32)
    kernel = 2 * radius + 1
    while True:
        sums += cv2.blur(values * weight[..., None], (kernel, kernel), borderType=cv2.BORDER_CONSTANT) / kernel
        total += cv2.blur(weight, (kernel, kernel), borderType=cv2.BORDER_CONSTANT) / kernel
        if kernel > 2 * max(weight.shape):
            return np.asarray(sums / total[..., None], np.float32)
        kernel = 2 * kernel + 1


def seam_score(image: Image.Image, mask: Image.Image) -> float:
    """How visible the zone's border is in an RGB picture: the mean difference of neighbours across it, over the mean
    difference of neighbours one step inside and one step outside of it. 1 is no seam; nan where there is no border.
    """
    part = _around(mask.getbbox() or (0, 0, 0, 0), 2, mask.size)
    pixels = np.asarray(image.crop(part)).astype(np.float32)
    zone = np.asarray(_gray(mask).crop(part)) > 0
    across, beside = [], []
    for values, inside in ((pixels, zone), (pixels.swapaxes(0, 1), zone.T)):
        if len(values) < 4:
            continue
        steps = np.abs(np.diff(values, axis=0)).mean(axis=2)
        border = inside[1:-2] != inside[2:-1]
        calm = (inside[:-3] == inside[1:-2]) & (inside[2:-1] == inside[3:])
        at = border & calm
        across.append(steps[1:-1][at])
        beside += [steps[:-2][at], steps[2:][at]]
    if not sum(len(part) for part in across):
        return float("nan")
    return float((np.concatenate(across).mean() + SMALLEST_STEP) / (np.concatenate(beside).mean() + SMALLEST_STEP))


def _around(box: Box, pixels: int, size: tuple[int, int]) -> Box:
    """``box`` with so many pixels on each side, as far as a picture of ``size`` goes."""
    left, top, right, bottom = box
    return max(left - pixels, 0), max(top - pixels, 0), min(right + pixels, size[0]), min(bottom + pixels, size[1])


def _strips(size: tuple[int, int]) -> Iterator[Box]:
    """All of a picture of ``size`` in boxes of ``STRIP`` rows."""
    for top in range(0, size[1], STRIP):
        yield 0, top, size[0], min(top + STRIP, size[1])


def _gray(mask: Image.Image) -> Image.Image:
    """A mask in mode L: itself, where it is in that."""
    return mask if mask.mode == "L" else mask.convert("L")


def _differs(one: Bytes, other: Bytes, where: npt.NDArray[np.bool_]) -> bool:
    """Whether any of the pixels (H×W×3) differ that ``where`` (H×W) names."""
    different = one != other
    return bool(different.any() and (where & different.any(axis=2)).any())


def _grown(zone: npt.NDArray[np.bool_], pixels: int) -> npt.NDArray[np.bool_]:
    """All that is at most ``pixels`` away from the zone (H×W, not empty)."""
    distance = cv2.distanceTransform((~zone).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance <= pixels)


def _inward(zone: Bytes, feather: float) -> npt.NDArray[np.float32]:
    """0 to 1 over ``feather`` pixels from the zone's border inward."""
    if feather <= 0 or zone.all() or not zone.any():
        return (zone > 0).astype(np.float32)
    distance = cv2.distanceTransform((zone > 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    feather = min(feather, float(distance.max()) - 1)  # a thin zone is painted too
    opacity: npt.NDArray[np.float32] = np.clip(distance / (feather + 1), 0, 1).astype(np.float32)
    return opacity
