"""Zones for a new garment, made from a parse: where the old one is, where the new one may be, what is protected.

A zone that follows the old garment betrays it: long sleeves stay long. So the limbs that the new one may cover or
uncover belong to it, and the convex hull hides the rest of the old outline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np

from igo.errors import NothingFoundError, SettingsError
from igo_plugins.parsing.build import Build, build_of
from igo_plugins.parsing.labels import Part, Parts, shows
from igo_plugins.parsing.parser import Parse
from igo_plugins.styling.text_mask import Mask, grown, working_size
from igo_plugins.styling.zone import SMALLEST

Category = Literal["upper", "lower", "dress"]
Shape = Literal["hull", "tight", "box"]

STRONG: Parts = (Part.FACE, Part.GLASSES, Part.HANDS, Part.GLOVES, Part.SHOES, Part.FEET)
"""What no garment is painted over."""
WEAK: Parts = (Part.HAIR, Part.HAT, Part.SCARF, Part.BAG, Part.JEWELRY, Part.OTHER)
"""What a hull leaves out, and a box takes in."""
WHOLE: Parts = (Part.DRESS, Part.JUMPSUIT)
WORN: dict[Category, tuple[Parts, Parts]] = {
    "upper": ((Part.TOP, Part.COAT), WHOLE),
    "lower": ((Part.SKIRT, Part.PANTS, Part.BELT), WHOLE),
    "dress": ((*WHOLE, Part.TOP, Part.COAT, Part.SKIRT, Part.PANTS, Part.BELT), ()),
}
"""What a garment of each category takes the place of; and where nobody wears that, what else."""
LIMBS: dict[Category, Parts] = {
    "upper": (Part.TORSO,),
    "lower": (Part.LEGS, Part.SOCKS),
    "dress": (Part.TORSO, Part.LEGS, Part.SOCKS),
}
"""Bare skin that it may cover, beside arms."""
LOWER: Parts = (Part.SKIRT, Part.PANTS, Part.BELT, Part.LEGS, Part.SOCKS)
"""What a long top hangs over."""
LONGEST: dict[Category, float] = {"upper": 0.9, "lower": 1.0, "dress": 1.0}
"""How far down the legs garments of unknown length reach; a top, as coats do."""
MARGIN = 0.025
"""What zones grow by, as a share of the figure's height."""
FRAGMENT = 0.01
"""Parts below this share of the largest one have no hull of their own."""


@dataclass(frozen=True)
class Zone:
    """All H×W: where to paint, the garment that is there now, and what is protected. ``area`` is the garment's share of
    the picture, 0 to 1."""

    zone: Mask
    garment: Mask
    protect: Mask
    area: float


def garment_zone(
    parse: Parse,
    category: Category,
    mask: Shape = "hull",
    *,
    sleeve: float | None = None,
    hem: float | None = None,
    margin: float = MARGIN,
) -> Zone:
    """The zone of a new garment in a picture with this ``parse`` (H×W numbers of ``Part``).

    ``sleeve`` says how far down the arms the new one reaches, from 0 at the shoulders to 1 at the wrists; ``hem`` how
    far down the legs, from 0 at the hips to 1 at the ankles; ``None`` where it isn't known, for as long as such
    garments come. ``mask="hull"`` is the old garment, the skin that the new one may cover, and the room in which a
    wider or longer one hangs, grown by ``margin`` (a share of the figure's height), and the convex hull of each piece
    of it, without what is protected. A top reaches over what is worn below it down to its hem, or the old one's.
    ``"box"`` is the rectangle around that, and takes in all but face, hands and feet; ``"tight"`` is the old garment,
    grown.

    Raises ``NothingFoundError`` where nothing of the category is worn, ``SettingsError`` for other values than these.
    """
    _check(parse, category, mask, sleeve, hem, margin)
    garment, parts = _worn(parse, category)
    strong, kept = shows(parse, STRONG), shows(parse, (*STRONG, *WEAK))
    small = cv2.resize(parse, working_size(parse.shape[::-1]), interpolation=cv2.INTER_NEAREST)
    build, old = build_of(small), shows(small, parts)
    hang = build.row(LONGEST[category] if hem is None else hem)
    last = max(hang, _lowest(old))
    others = _others(parse, parts)
    if category == "upper" and mask != "tight":
        others[: math.ceil((last + 1) * len(parse) / len(small))] = False
    reach = max(1, round(margin * build.height))
    zone = grown(old, reach) if old.any() else old
    if mask != "tight":
        arms = _arms(small, category, build, sleeve)
        may = old | arms | _covered(small, category, build, last) | build.skirt(small.shape, hang)
        hull = _hulls(grown(may, reach))
        hull[last + reach + 1 :] = False
        zone = zone | (hull & ~((small == Part.ARMS) & ~arms))
    zone = cv2.resize(zone.astype(np.uint8) * 255, parse.shape[::-1], interpolation=cv2.INTER_LINEAR) > 127
    zone = (zone & ~(kept | others)) | garment
    if mask == "box":
        zone, kept, others = _box(zone) & ~strong, strong, np.zeros_like(strong)
    return Zone(zone, garment, kept | others, float(garment.mean()))


def _check(parse: Parse, category: str, mask: str, *shares: float | None) -> None:
    if parse.ndim != 2:
        raise SettingsError(f"a parse of shape {parse.shape}; expected H×W numbers of parts")
    for name, value, choices in (("category", category, get_args(Category)), ("mask", mask, get_args(Shape))):
        if value not in choices:
            raise SettingsError(f"{name} is {value!r}; choose {', '.join(choices)}")
    for name, share in zip(("sleeve", "hem", "margin"), shares, strict=True):
        if share is not None and not 0 <= share <= 1:
            raise SettingsError(f"{name} is {share}; expected a number from 0 to 1")


def _worn(parse: Parse, category: Category) -> tuple[Mask, Parts]:
    """The garment that is to go, and its parts."""
    found = [(shows(parse, parts), parts) for parts in WORN[category]]
    mask, parts = next((one for one in found if one[0].mean() >= SMALLEST), found[0])
    area = float(mask.mean())
    if area < SMALLEST:
        kind = "dress or anything in its place" if category == "dress" else f"{category} garment"
        raise NothingFoundError(f"found no {kind} (area {area:.1%}); expected a person who wears one", area)
    return mask, parts


def _others(parse: Parse, parts: Parts) -> Mask:
    """Garments that stay."""
    every = {part for worn in WORN.values() for parts in worn for part in parts}
    return shows(parse, tuple(every.difference(parts)))


def _arms(parse: Parse, category: Category, build: Build, sleeve: float | None) -> Mask:
    """The bare arms that sleeves of a new garment may cover."""
    arms = parse == Part.ARMS
    if category == "lower":
        return np.zeros_like(arms)
    return arms if sleeve is None else arms & build.arms(parse.shape, sleeve)


def _covered(parse: Parse, category: Category, build: Build, last: int) -> Mask:
    """What else a new garment may cover, down to a row: bare skin, the neck's surroundings, and what a long top hangs
    over."""
    covered = shows(parse, (*LIMBS[category], *(LOWER if category == "upper" else ())))
    if category != "lower":
        covered |= build.collar(parse.shape)
    covered[last + 1 :] = False
    return covered


def _lowest(garment: Mask) -> int:
    """The row down to which a garment reaches, but for crumbs."""
    rows = np.nonzero(garment)[0]
    return int(np.quantile(rows, 1 - FRAGMENT)) if len(rows) else 0


def _hulls(mask: Mask) -> Mask:
    """The mask with the convex hull of each of its pieces."""
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    filled = mask.astype(np.uint8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    for number in np.flatnonzero(areas >= FRAGMENT * areas.max(initial=1)) + 1:
        left, top, width, height = stats[number, : cv2.CC_STAT_AREA]
        piece = (numbers[top : top + height, left : left + width] == number).astype(np.uint8)
        outline, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=(int(left), int(top)))
        cv2.fillConvexPoly(filled, cv2.convexHull(np.concatenate(outline)), (1,))
    return filled > 0


def _box(mask: Mask) -> Mask:
    """The rectangle around a mask that isn't empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = np.zeros_like(mask)
    box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return box
