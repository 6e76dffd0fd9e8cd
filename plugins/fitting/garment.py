"""The garment's picture: what it shows, cut out of it if somebody wears it or its ground is busy, and laid as models
have learned it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from igo.errors import NothingFoundError, UnsureError
from igo_plugins.parsing.build import ANKLES, HIPS, SHOULDERS, build_of
from igo_plugins.parsing.labels import Part, Parts, shows
from igo_plugins.parsing.parser import Parse
from igo_plugins.parsing.zones import WORN, Category
from igo_plugins.styling.text_mask import Mask, cleaned
from igo_plugins.styling.zone import SMALLEST

FILL = 0.9
"""How much of the model's picture the garment fills, at most."""
LONGEST = 1536
"""Pixels of a side beyond which a reference is shrunk first."""
LARGER = 4
"""How many times as wide as the model's picture one with detail may be."""
DIFFERENT = 12
"""Levels by which a garment differs from its ground."""
PLAIN = 0.85
"""The share of the picture's border that has one colour where the ground is plain."""
BARE: Parts = (Part.ARMS, Part.HANDS, Part.LEGS, Part.FEET, Part.TORSO)
HEAD: Parts = (Part.FACE, Part.HAIR)
SOMEBODY = 0.004
"""The share of a picture from which on a head, or bare skin four times as large, is somebody's."""
KINDS: dict[Category, Parts] = {
    "upper": (Part.TOP, Part.COAT),
    "lower": (Part.SKIRT, Part.PANTS),
    "dress": (Part.DRESS, Part.JUMPSUIT),
}
ACROSS: dict[Category, float] = {"upper": 0.2, "lower": 0.125, "dress": 0.29}
"""How wide garments are where they lie flat, tops and dresses in their lower half without the sleeves, trousers and
skirts at the waist, as shares of their wearer's height."""
QUARTERS, FINE = 4, 8
"""Into so many parts of the legs a hem is rounded up: one that is guessed, and one that is measured."""
MARGIN = 0.04
"""What is added to a hem that is measured, for the error of that."""
Pixels = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Garment:
    """A picture (RGB, of the model's size) of a garment by itself, and the same with the ``detail`` that the reference
    has, of a whole multiple of that size; ``part`` is None where nobody said and the parser
    couldn't tell. ``worn``: it was cut out of a picture of somebody. ``hem`` is about how far down the legs it reaches,
    from 0 at the hips to 1 at the ankles, where that can be read off the picture, and ``end`` the row of the picture at
    which it ends, where its outline is known."""

    image: Image.Image
    detail: Image.Image
    part: Category | None
    worn: bool
    hem: float | None
    end: float | None = None

    def reaching(self, down: float) -> Garment:
        """The same, which reaches so far ``down`` its wearer, from 0 at the crown to 1 at the soles."""
        share = (down - HIPS) / (ANKLES - HIPS)
        return replace(self, hem=_likely(share + MARGIN, FINE))


def working(reference: Image.Image) -> Image.Image:
    """A reference, shrunk to no more than ``LONGEST`` pixels a side."""
    scale = min(1.0, LONGEST / max(reference.size))
    size = max(1, round(reference.width * scale)), max(1, round(reference.height * scale))
    return reference if scale == 1 else reference.resize(size, Image.Resampling.LANCZOS)


def garment_of(image: Image.Image, parse: Parse, part: Category | None, size: tuple[int, int], name: str) -> Garment:
    """The garment that a reference (RGB, ``working``) shows, by its ``parse`` (H×W numbers of ``Part``).

    ``part`` is what the user says it is. Raises ``NothingFoundError`` for a picture that shows nothing, or nobody in
    such a garment; ``name`` is the reference's.
    """
    pixels = np.asarray(image)
    told = part or _told(parse)
    if _worn(parse):
        if told is None:
            raise NothingFoundError(f"the reference '{name}' shows somebody, and no garment on them", area=0.0)
        mask = _of(parse, told, name)
        build = build_of(parse)
        hem = (np.flatnonzero(mask.any(1))[-1] - build.row(0)) / max(build.row(1) - build.row(0), 1)
        large = _larger(_box(mask), size)
        return _garment(_cut_out(pixels, mask, large), size, told, True, _likely(float(hem)), _end(_box(mask), size))
    color, plain = _ground(pixels)
    differs = cleaned(np.abs(pixels.astype(np.int16) - color).max(axis=2) > DIFFERENT)
    found = cleaned(shows(parse, tuple(kind for parts in KINDS.values() for kind in parts)))
    seen = differs if plain else found if found.mean() >= SMALLEST else np.ones_like(found)
    if seen.mean() < SMALLEST:
        raise NothingFoundError(
            f"the reference '{name}' shows nothing but its ground (area {seen.mean():.1%}); expected a garment",
            area=float(seen.mean()),
        )
    hem = None
    if told is not None and plain:
        hem = _hem(seen, told)
    elif told is not None and told != "lower" and found.mean() >= SMALLEST:  # an outline may miss a leg
        hem = _hem(cleaned(shows(parse, KINDS[told])), told)
    end = _end(_box(seen), size) if plain or found.mean() >= SMALLEST else None
    large = _larger(_box(seen), size)
    whole = plain or end is None
    detail = _laid(image, _box(seen), large, color) if whole else _cut_out(pixels, seen, large)
    return _garment(detail, size, told, False, hem, end)


def _garment(detail: Image.Image, size: tuple[int, int], *told: Any) -> Garment:
    image = detail if detail.size == size else detail.resize(size, Image.Resampling.LANCZOS)
    return Garment(image, detail, *told)


def _larger(box: Box, size: tuple[int, int]) -> tuple[int, int]:
    """The largest multiple of ``size``, of some, in which what is in ``box`` isn't enlarged."""
    times = min(max(int(1 / _scale(box, size)), 1), LARGER)
    return size[0] * times, size[1] * times


def check_part(part: Category | None, name: str) -> Category:
    """The part, if it is known. Raises ``UnsureError``."""
    if part is None:
        raise UnsureError(
            f"can't tell what the reference '{name}' shows; say it with part='upper', 'lower' or 'dress'", area=0.0
        )
    return part


def _told(parse: Parse) -> Category | None:
    """What the parser takes the garment for: of what there is most."""
    areas: dict[Category, float] = {kind: float(shows(parse, parts).mean()) for kind, parts in KINDS.items()}
    best = max(areas, key=areas.__getitem__)
    return best if areas[best] >= SMALLEST else None


def _worn(parse: Parse) -> bool:
    """Whether somebody wears it."""
    return bool(shows(parse, HEAD).mean() >= SOMEBODY or shows(parse, BARE).mean() >= 4 * SOMEBODY)


def _of(parse: Parse, part: Category, name: str) -> Mask:
    """Where somebody wears a garment of the kind."""
    for parts in WORN[part]:
        mask = cleaned(shows(parse, parts))
        if mask.mean() >= SMALLEST:
            return mask
    raise NothingFoundError(
        f"the reference '{name}' shows somebody who wears nothing for part='{part}'; name another part", area=0.0
    )


def _hem(shape: Mask, part: Category) -> float | None:
    """How far down the legs a garment of a shape reaches that is laid flat: by its length, measured in its own widths.
    None for what is open down its middle, as coats are."""
    if not shape.any():
        return None
    left, top, right, bottom = _box(shape)
    rows = shape[top:bottom, left:right]
    high = len(rows)
    if part == "lower":
        wide, first = float(np.median(rows[: max(1, high // 8)].sum(axis=1))), HIPS
    else:
        lower = rows[high * 11 // 20 : high * 9 // 10 + 1]
        wide, first = float(np.median([_middle(row) for row in lower])), SHOULDERS
    if not wide:
        return None
    last = first + high / wide * ACROSS[part]
    return _likely((last - HIPS) / (ANKLES - HIPS))


def _middle(row: Mask) -> int:
    """How much of a row there is about its middle, without a gap: a body, and not the sleeves beside it."""
    half = len(row) // 2
    if not row[half]:
        return 0
    return int(np.argmin(np.append(row[half:], False)) + np.argmin(np.append(row[half::-1], False)) - 1)


def _likely(hem: float, parts: int = QUARTERS) -> float:
    """A hem that leaves room for error, and is that of many garments, whose zones are then the same."""
    return min(max(ceil(hem * parts), 1), parts) / parts


def _ground(pixels: Pixels) -> tuple[npt.NDArray[np.int16], bool]:
    """The colour of the border, and whether that is the ground's."""
    wide = max(1, min(pixels.shape[:2]) // 50)
    edge = np.concatenate(
        [part.reshape(-1, 3) for part in (pixels[:wide], pixels[-wide:], pixels[:, :wide], pixels[:, -wide:])]
    ).astype(np.int16)
    color = np.median(edge, axis=0).astype(np.int16)
    return color, bool((np.abs(edge - color).max(axis=1) <= DIFFERENT).mean() >= PLAIN)


def _cut_out(pixels: Pixels, mask: Mask, size: tuple[int, int]) -> Image.Image:
    """What a mask shows, on white."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(0.6, len(mask) / 400))[..., None] * mask[..., None]
    image = np.rint(pixels * soft + 255 * (1 - soft)).astype(np.uint8)
    return _laid(Image.fromarray(image), _box(mask), size, np.full(3, 255, np.int16))


def _laid(image: Image.Image, box: Box, size: tuple[int, int], color: npt.NDArray[np.int16]) -> Image.Image:
    """What is in ``box``, as large as ``FILL`` allows, in the middle of a picture of ``size``; around it is what there
    is, and beyond that ``color``."""
    left, top, right, bottom = box
    scale = _scale(box, size)
    half = size[0] / scale / 2, size[1] / scale / 2
    middle = (left + right) / 2, (top + bottom) / 2
    window = (
        max(0, int(middle[0] - half[0])),
        max(0, int(middle[1] - half[1])),
        min(image.width, int(np.ceil(middle[0] + half[0]))),
        min(image.height, int(np.ceil(middle[1] + half[1]))),
    )
    shown = image.crop(window)
    wide, high = (max(1, round(side * scale)) for side in shown.size)
    canvas = Image.new("RGB", size, tuple(int(level) for level in color))
    corner = [round(half[axis] * scale - (middle[axis] - window[axis]) * scale) for axis in (0, 1)]
    canvas.paste(shown.resize((wide, high), Image.Resampling.LANCZOS), (corner[0], corner[1]))
    return canvas


def _scale(box: Box, size: tuple[int, int]) -> float:
    """How much larger what is in ``box`` is shown than it is."""
    left, top, right, bottom = box
    return FILL * min(size[0] / (right - left), size[1] / (bottom - top))


def _end(box: Box, size: tuple[int, int]) -> float:
    """The row at which what is in ``box`` ends once it is laid into a picture of ``size``."""
    return size[1] / 2 + _scale(box, size) * (box[3] - box[1]) / 2


def _box(mask: Mask) -> Box:
    """The rectangle around a mask that isn't empty."""
    left, top, wide, high = cv2.boundingRect(mask.astype(np.uint8))
    return left, top, left + wide, top + high
