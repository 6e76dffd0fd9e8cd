"""Bare arms and legs under a garment that somebody takes off, as far as they can be told from what is seen.

A new garment that is shorter bares what nobody has seen. Where that is the body says (see ``igo.networks.bodies``), and
more exactly the sleeves and trousers around it: arms and legs are in the middle of them. Their colour is the face's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from igo.networks.bodies import ARM, SHOULDER

Mask = NDArray[np.bool_]
Pixels = NDArray[np.uint8]
Points = NDArray[np.float64]
"""…×2: columns and rows, whole numbers being the pixels' middles."""
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in units of a body."""
Color = NDArray[np.uint8]
Indices = NDArray[np.int_]
Widths = tuple[tuple[float, float], ...]
"""How wide a limb is to either side of its middle, where: from 0, its first joint, by 1 to 2, its last."""

FACE, CHEST = (-4.0, 13.0, 4.0, 22.0), (-6.0, 45.0, 6.0, 62.0)
"""Where a face is skin, and where a garment is a top."""
HAND = (SHOULDER[0] + sum(ARM) + 2, SHOULDER[1] - 1, SHOULDER[0] + sum(ARM) + 6, SHOULDER[1] + 1)
"""Where a right hand is."""
LIT = (0.4, 0.9)
"""Of a face's pixels, or a hand's, the darkest first: from which share up to which are no features and in no shade."""
SKIN = 36
"""Levels of a channel by which skin may differ from that."""
LEG = ((6.9, 84.0), (8.8, 124.0), (9.8, 164.0))
"""Hip, knee and ankle of a right leg, in units, if nothing else is known."""
ARMS: Widths = ((0.2, 4.5), (0.6, 4.4), (1.0, 3.6), (1.3, 3.7), (2.0, 2.7))
LEGS: Widths = ((0.0, 7.1), (0.3, 6.7), (1.0, 4.8), (1.35, 5.0), (2.0, 3.0))
"""Arms and legs, in units; arms are so wide where a garment reaches ``BROAD`` units to a side on the ``SHOULDERS``."""
BROAD, NARROWEST, WIDEST = 19.8, 0.8, 1.3
SHOULDERS = (38.0, 40.0, 42.0, 44.0)
"""How far below the crown shoulders are looked at."""
LOOSE_ARM, LOOSE_LEG = (0.7, 1.5, 1.5), (1.0, 3.0, 5.0)
"""How many units a limb's three joints are off, as a deviation, before anything is seen around them."""
AROUND, NEAR, STEP = 12.0, 3.0, 0.25
"""How far to either side of a limb the ends of a sleeve are looked for, how far beside it one may begin; how finely."""
BOTH, ONE = 1.6, 1.7
"""How many units the middle of a sleeve is off, as a deviation, where both its sides are seen, and where one is."""
HALF, FEWEST = 7.7, 4
"""Half a sleeve's width, in units, where fewer places than so many show both its sides."""
PLACES = tuple(np.linspace(0.1, 0.95, 12))
"""Where along each bone a sleeve is looked at."""
ROUNDS = 3
HIDDEN = 0.15
"""Which share of a limb a garment must cover to be taken off it."""
BELOW = 8
"""How many steps of a leg, of which there are ``STEPS``, are looked at below a garment's hem."""
STEPS = 81
UNDER, COVERED = 0.1, 1.8
"""How far a limb is drawn under a new garment's hem, and how far down that reaches where it covers all of it."""
FINE = 4
"""How many times as fine as pixels outlines are drawn."""


@dataclass(frozen=True, eq=False)
class Limbs:
    """``outlines`` of bare limbs in a picture (P×2 each), and the ``color`` of their skin (3 uint8)."""

    outlines: tuple[Points, ...]
    color: Color

    def moved(self, scale: tuple[float, float], by: tuple[float, float]) -> Limbs:
        """The same in a picture that is so many times as wide and high, and then moved by so many pixels."""
        return replace(self, outlines=tuple((one + 0.5) * scale - 0.5 + by for one in self.outlines))

    def bared(self, picture: Pixels, old: Mask, rim: int = 1) -> tuple[Pixels, Mask]:
        """A picture (H×W×3) with these limbs in place of the garment ``old`` (H×W) and of so many pixels around it, and
        where they are (H×W)."""
        where = np.zeros_like(old)
        for outline in self.outlines:
            _fill(where, outline)
        where &= cv2.dilate(old.astype(np.uint8), np.ones((2 * rim + 1,) * 2, np.uint8)) > 0
        return np.where(where[..., None], self.color, picture), where


def skin_of(picture: Pixels, placements: NDArray[np.float64]) -> Color | None:
    """The colour of skin (3) in a picture (H×W×3) in which the parts of a body lie as ``placements`` say (5×2×3): that
    of the face, else of the hands; None where neither is in the picture."""
    seen = _colors(picture, placements[0], FACE)
    if not len(seen):
        hands = ((HAND, placements[4]), ((-HAND[2], HAND[1], -HAND[0], HAND[3]), placements[2]))
        seen = np.concatenate([_colors(picture, place, box) for box, place in hands])
    if not len(seen):
        return None
    light = seen.sum(axis=1)
    low, high = np.quantile(light, LIT, method="nearest")
    return np.asarray(np.median(seen[(light >= low) & (light <= high)], axis=0), np.uint8)


def limbs_under(picture: Pixels, old: Mask, new: Mask, placements: NDArray[np.float64], color: Color | None) -> Limbs:
    """The limbs under the garment ``old`` of somebody in a picture (H×W×3), as far as the one that lies where ``new``
    says leaves them bare (H×W both). The parts of the body lie as ``placements`` say (5×2×3; see ``Bodies``), and its
    skin has a ``color``. There are none of unknown colour, none that the old garment doesn't hide, and no legs under a
    long top below which no skin is seen."""
    if color is None:
        return Limbs((), np.zeros(3, np.uint8))
    trunk = placements[0]
    near = np.abs(picture.astype(np.int16) - color).max(axis=2) <= SKIN
    arms, legs = (
        [limb.centred(old | near) for limb in some if limb.hidden(old)]
        for some in (_arms(placements, old), _legs(trunk))
    )
    chest = _colors(old, trunk, CHEST)
    if len(chest) and chest.mean() >= 0.5:
        legs = [limb for limb in legs if limb.seen_below(old, near)]
    bare = [limb.beyond(new) for limb in (*arms, *legs)]
    return Limbs(tuple(limb.outline for limb in bare if limb is not None), color)


@dataclass(frozen=True, eq=False)
class _Limb:
    """A limb with its ``joints`` (3×2), ``widths`` and how ``loose`` the joints are, in units of so many pixels;
    ``sided`` if it is beside the trunk, so that but one side of a sleeve may be seen."""

    joints: Points
    widths: Widths
    loose: tuple[float, float, float]
    unit: float
    sided: bool = False

    def middle(self, count: int, first: float = 0.0) -> Points:
        """So many places along it, count×2."""
        shares = np.linspace(first, 2, count)
        return np.stack([np.interp(shares, np.arange(3.0), self.joints[:, axis]) for axis in (0, 1)], 1)

    @property
    def outline(self) -> Points:
        """What it looks like, P×2."""
        middle = self.middle(25, self.widths[0][0])
        shares = np.linspace(self.widths[0][0], 2, 25)
        half = np.interp(shares, *np.array(self.widths).T) * self.unit
        along = np.gradient(middle, axis=0)
        across = np.stack([-along[:, 1], along[:, 0]], 1) / np.maximum(np.hypot(*along.T), 1e-6)[:, None]
        sides = [middle + sign * across * half[:, None] for sign in (1, -1)]
        return np.concatenate([sides[0], sides[1][::-1]])

    def hidden(self, old: Mask) -> bool:
        """Whether a garment covers some of it."""
        return bool(_at(old, self.middle(STEPS)).mean() >= HIDDEN)

    def seen_below(self, old: Mask, near: Mask) -> bool:
        """Whether there is skin below the hem of a garment."""
        covered, bare = (_at(mask, self.middle(STEPS)) for mask in (old, near))
        last = int(np.flatnonzero(covered)[-1]) + 1 if covered.any() else 0
        below = bare[last : last + BELOW]
        return bool(len(below) and below.mean() >= 0.5)

    def beyond(self, new: Mask) -> _Limb | None:
        """What a garment leaves bare of it, and a little more; None where it covers nearly all."""
        covered = np.flatnonzero(_at(new, self.middle(STEPS)))
        if not len(covered):
            return self
        last = 2 * covered[-1] / (STEPS - 1)
        first = max(self.widths[0][0], last - UNDER)
        half = float(np.interp(first, *np.array(self.widths).T))
        below = tuple(one for one in self.widths if one[0] > first)
        return None if last > COVERED else replace(self, widths=((first, half), *below))

    def centred(self, covered: Mask) -> _Limb:
        """The same in the middle of what covers it, as far as the sides of that are seen: by least squares. Where
        one side is enough, sleeves are taken to be as wide as elsewhere."""
        joints = self.joints
        for _ in range(ROUNDS):
            seen = []
            for bone in range(2):
                span = joints[bone + 1] - joints[bone]
                across = np.array([-span[1], span[0]]) / max(float(np.hypot(*span)), 1e-6)
                for share in PLACES:
                    row = np.zeros((3, 2))
                    row[bone], row[bone + 1] = across * (1 - share), across * share
                    seen.append((row.ravel(), *_sides(joints[bone] + span * share, across * self.unit, covered)))
            both = [right - left for _, left, right in seen if np.isfinite(right - left)]
            half = float(np.median(both)) / 2 if len(both) >= FEWEST else HALF
            rows, values = [], []
            for along, left, right in seen:
                one = np.isfinite([left, right])
                if one.all():
                    rows.append(along / BOTH)
                    values.append((left + right) / 2 / BOTH)
                elif one.any() and self.sided:
                    rows.append(along / ONE)
                    values.append((left + half if one[0] else right - half) / ONE)
            loose = np.repeat(self.loose, 2)
            rows += list(np.diag(1 / loose))
            values += list((self.joints - joints).ravel() / self.unit / loose)
            joints = joints + np.linalg.lstsq(np.stack(rows), np.array(values), rcond=None)[0].reshape(3, 2) * self.unit
        return replace(self, joints=joints)


def _fill(mask: Mask, outline: Points) -> None:
    """Set what is within an outline: pixels more than half of which are."""
    height, width = mask.shape
    left, top = np.maximum(np.floor(outline.min(0)).astype(int) - 1, 0)
    right, bottom = np.minimum(np.ceil(outline.max(0)).astype(int) + 2, (width, height))
    if left < right and top < bottom:
        fine = np.zeros(((bottom - top) * FINE, (right - left) * FINE), np.uint8)
        cv2.fillPoly(fine, [np.round((outline - (left, top) + 0.5) * FINE - 0.5).astype(np.int32)], (255,))
        mask[top:bottom, left:right] |= (
            cv2.resize(fine, (right - left, bottom - top), interpolation=cv2.INTER_AREA) > 127
        )


def _sides(point: Points, across: Points, covered: Mask) -> tuple[float, float]:
    """How many units (of ``across``) beside a point what covers it ends to either side; nan where that isn't seen."""
    reach = np.arange(-AROUND, AROUND + STEP, STEP)
    seen = _at(covered, point + reach[:, None] * across)
    there = np.flatnonzero(seen)
    start = int(there[np.abs(reach[there]).argmin()]) if len(there) else 0
    if not len(there) or abs(reach[start]) > NEAR:
        return math.nan, math.nan
    before, after = np.flatnonzero(~seen[:start]), np.flatnonzero(~seen[start:])
    left = float(reach[before[-1] + 1]) if len(before) else math.nan
    return left, float(reach[start + after[0] - 1]) if len(after) else math.nan


def _at(mask: Mask, points: Points) -> Mask:
    """What a mask is at P×2 points; beyond it, False."""
    at, inside = _nearest(mask, points)
    found = np.zeros(len(inside), np.bool_)
    found[inside] = mask[at]
    return found


def _nearest(values: NDArray[np.generic], points: Points) -> tuple[tuple[Indices, Indices], Mask]:
    """Rows and columns of H×W×… values next to those of P×2 points that are within them, and which are (P)."""
    at = np.round(points).astype(int)
    inside = np.asarray(((at >= 0) & (at < values.shape[1::-1])).all(1))
    return (at[inside, 1], at[inside, 0]), inside


def _colors(values: NDArray[np.generic], place: Points, box: Box) -> NDArray[np.float64]:
    """What of H×W×… values is seen in a box of a body's part; nothing, of one that isn't."""
    if not np.isfinite(place).all():
        return np.empty((0, *values.shape[2:]))
    columns, rows = np.meshgrid(np.linspace(box[0], box[2], 9), np.linspace(box[1], box[3], 9))
    at, _ = _nearest(values, _to(place, np.stack([columns, rows], -1).reshape(-1, 2)))
    return np.asarray(values[at], np.float64)


def _arms(placements: NDArray[np.float64], old: Mask) -> list[_Limb]:
    """Those that the picture shows, as wide as shoulders under a garment are broad."""
    trunk, found, sides = placements[0], [], []
    out = np.arange(0, 32, STEP)
    for side in (-1, 1):
        seen = [_at(old, _to(trunk, np.stack([side * out, np.full_like(out, row)], 1))) for row in SHOULDERS]
        sides.append([out[np.flatnonzero(row)[-1]] for row in seen if row.any()])
    broad = min(np.mean(side) for side in sides) if all(sides) else BROAD
    wide = min(max(float(broad) / BROAD, NARROWEST), WIDEST)
    unit = float(np.hypot(*trunk[:, 0]))
    for side, upper, fore in ((-1, *placements[1:3]), (1, *placements[3:5])):
        if not np.isfinite([upper, fore]).all():
            continue
        reach = SHOULDER[0] + np.cumsum((0, *ARM))
        ends = np.stack([side * reach, np.full(3, SHOULDER[1])], 1)
        elbow = (_to(upper, ends[1]) + _to(fore, ends[1])) / 2
        joints = np.stack([_to(upper, ends[0]), elbow, _to(fore, ends[2])])
        found.append(_Limb(joints, tuple((share, half * wide) for share, half in ARMS), LOOSE_ARM, unit, True))
    return found


def _legs(trunk: Points) -> list[_Limb]:
    unit = float(np.hypot(*trunk[:, 0]))
    return [_Limb(_to(trunk, np.array(LEG) * (side, 1)), LEGS, LOOSE_LEG, unit) for side in (-1, 1)]


def _to(place: Points, points: Points) -> Points:
    """Pixels of …×2 points in units of a part that lies at a ``place`` (2×3)."""
    return np.asarray(points @ place[:, :2].T + place[:, 2])
