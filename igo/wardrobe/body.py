"""The posed body under the clothes: proportions, joints, and its bare skin."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from igo.wardrobe.canvas import Canvas, Limb, Part
from igo.wardrobe.figure import SKINS, Figure
from igo.wardrobe.shapes import Points, blob, curve, ellipse, limb, moved, polygon
from igo.wardrobe.textiles import mix

CHIN, PIT, SHOULDER, WAIST, HIP, CROTCH, KNEE, ANKLE, SOLE = 26.0, 32.0, 36.5, 65.0, 79.0, 87.0, 125.0, 163.0, 171.0
"""Heights in figure units, measured down from the crown of the head (0)."""

UPPER_ARM, FOREARM = 26.0, 24.0

_LEVELS = (SHOULDER, HIP)
_SWAYS = (-0.6, 1.0)


@dataclass(frozen=True)
class Body:
    """Joints in figure units: x from the middle, y down from the crown. Index 0 is the left of the picture, 1 right.

    shoulder, chest, waist, hip: half widths; arms: (shoulder, elbow, wrist); legs: (hip, knee, ankle).
    """

    shoulder: float
    chest: float
    waist: float
    hip: float
    sway: float
    tilt: float
    turn: float
    arms: tuple[Points, Points]
    legs: tuple[Points, Points]
    hidden: tuple[bool, bool]
    carrying: int

    def middle(self, y: float) -> float:
        """The x of the body's middle line at height y."""
        low, high = _LEVELS
        share = min(max((y - low) / (high - low), 0.0), 1.0)
        return (_SWAYS[0] + (_SWAYS[1] - _SWAYS[0]) * share) * self.sway

    def trunk(self, rows: list[tuple[float, float]], hem: float = 1.2) -> Points:
        """A symmetric piece around the middle line: smooth sides through (y, half width), its hem sagging by `hem`."""
        half = curve([(half, y) for y, half in rows])
        middle = np.zeros_like(half)
        middle[:, 0] = np.interp(half[:, 1], _LEVELS, _SWAYS) * self.sway
        share = np.linspace(1, -1, 9)[1:-1]
        edge = np.stack([middle[-1, 0] + share * half[-1, 0], half[-1, 1] + hem * (1 - share**2)], axis=1)
        return np.concatenate([middle + half, edge, (middle + half * (-1.0, 1.0))[::-1]])


def _reach(shoulder: Points, wrist: Points, side: int) -> Points:
    """The elbow, bent outwards, of an arm from `shoulder` to `wrist` (two-bone inverse kinematics)."""
    span = wrist - shoulder
    distance = min(float(np.hypot(*span)), UPPER_ARM + FOREARM - 0.5)
    along = (UPPER_ARM**2 - FOREARM**2 + distance**2) / (2 * distance)
    out = math.sqrt(max(UPPER_ARM**2 - along**2, 0.0))
    unit = span / np.hypot(*span)
    normal = np.array([unit[1], -unit[0]]) * side
    return np.asarray(shoulder + unit * along + normal * out, dtype=np.float64)


def _swing(shoulder: Points, upper: float, lower: float, side: int) -> Points:
    """(shoulder, elbow, wrist) of an arm at angles in degrees from straight down, outwards positive."""
    a, b = math.radians(upper), math.radians(lower)
    elbow = shoulder + UPPER_ARM * np.array([side * math.sin(a), math.cos(a)])
    wrist = elbow + FOREARM * np.array([side * math.sin(b), math.cos(b)])
    return np.stack([shoulder, elbow, wrist])


def pose(figure: Figure) -> Body:
    """The body of a figure: its joints follow from pose, mirror, gender, build and the seed's jitter."""
    rng = figure.rng("body")
    jitter = rng.uniform(-1.0, 1.0, 12)
    woman = figure.gender == "woman"
    wide = 0.95 + 0.12 * figure.build
    shoulder, chest, waist, hip = (15.0, 12.0, 9.6, 13.6) if woman else (18.6, 15.0, 13.0, 13.8)
    shoulder, chest, waist, hip = shoulder * wide, chest * wide, waist * wide, hip * wide
    lead = 1 if figure.mirror else -1
    walking = figure.pose == "walking"
    sway = lead * (0.6 + 0.5 * jitter[0]) * (1.6 if figure.pose == "hip" else 1.0)
    arms, legs, hidden = [], [], []
    for index, side in enumerate((-1, 1)):
        leading = side == lead
        joint = np.array([-0.6 * sway + side * (shoulder - 3.2), SHOULDER + 1.6])
        j = jitter[1 + index * 4 : 5 + index * 4]
        tucked = figure.pose == "pockets"
        if tucked:
            wrist = np.array([sway + side * (hip * 0.78), 86.5])
            arm = np.stack([joint, _reach(joint, wrist, side), wrist])
        elif figure.pose == "hip" and leading:
            wrist = np.array([sway + side * (hip * 0.9), 72.0 + j[0]])
            arm = np.stack([joint, _reach(joint, wrist, side), wrist])
        elif figure.pose == "wave" and leading:
            arm = _swing(joint, 52 + 6 * j[0], 152 + 8 * j[1], side)
        elif figure.pose == "open":
            arm = _swing(joint, 27 + 4 * j[0], 20 + 5 * j[1], side)
        elif walking:
            arm = _swing(joint, 21 + 3 * j[0], (24 if leading else 4) + 4 * j[1], side)
        else:
            arm = _swing(joint, 15 + 3 * j[0], 7 + 4 * j[1], side)
        arms.append(arm)
        hidden.append(tucked)
        top = np.array([sway + side * hip * 0.5, CROTCH - 4])
        if walking:
            foot = side * (13.5 + j[2]) if leading else side * (11.5 + j[2])
            raise_ = 0.0 if leading else 5.5
            knee = np.array([sway * 0.5 + foot * (0.78 if leading else 0.86), KNEE - raise_ * 0.25])
        else:
            foot = side * (9.6 + 1.2 * j[2] + (2.2 if leading else 0.0))
            raise_ = 0.0
            knee = np.array([sway * 0.5 + side * hip * 0.22 + foot * 0.6, KNEE])
        legs.append(np.stack([top, knee, np.array([foot, ANKLE - raise_])]))
    return Body(
        shoulder=shoulder,
        chest=chest,
        waist=waist,
        hip=hip,
        sway=sway,
        tilt=float(3.5 * jitter[9]),
        turn=float(jitter[10]),
        arms=(arms[0], arms[1]),
        legs=(legs[0], legs[1]),
        hidden=(hidden[0], hidden[1]),
        carrying=0 if lead > 0 else 1,
    )


def draw_legs(canvas: Canvas, figure: Figure, body: Body) -> None:
    """Bare legs, or only the ankles below long jeans and trousers."""
    skin = SKINS[figure.skin]
    wide = (1.0 if figure.gender == "woman" else 1.1) * (0.95 + 0.1 * figure.build)
    for hip, knee, ankle in body.legs:
        shin = knee + (ankle - knee) * 0.35
        end = moved(ankle, 0, 2)
        if figure.bottom in ("jeans", "trousers") and figure.bottom_length is None:
            canvas.paint([limb([shin + (ankle - shin) * 0.8, end], [3.2 * wide, 2.7 * wide])], skin, Limb.LEGS)
            continue
        widths = [6.6 * wide, 6.2 * wide, 4.5 * wide, 4.7 * wide, 2.7 * wide]
        patch = canvas.paint([limb([hip, hip + (knee - hip) * 0.3, knee, shin, end], widths)], skin, Limb.LEGS)
        canvas.fold(patch, [moved(knee, -2, 1.5), moved(knee, 0, 2.4), moved(knee, 2, 1.5)], 0.8, 0.2)


def draw_neck(canvas: Canvas, figure: Figure, body: Body) -> None:
    """Neck and the skin around the collarbones, to be covered by a top."""
    skin = SKINS[figure.skin]
    half = 4.0 if figure.gender == "woman" else 5.2
    x = body.middle(30)
    shape = blob(
        [
            (x - half, 20),
            (x - half, 30),
            (x - half - 5, 35),
            (x, 44),
            (x + half + 5, 35),
            (x + half, 30),
            (x + half, 20),
        ]
    )
    patch = canvas.paint([shape], skin, Part.SKIN, relief=0.6)
    canvas.fold(patch, [(x - half, 27.5), (x, 29.5), (x + half, 27.5)], 2.6, 0.42)


def draw_arm(canvas: Canvas, figure: Figure, body: Body, index: int) -> None:
    """What shows of one arm below its sleeve, and its hand unless that is in a pocket."""
    skin = SKINS[figure.skin]
    wide = 0.92 if figure.gender == "woman" else 1.14
    shoulder, elbow, wrist = body.arms[index]
    side = -1 if index == 0 else 1
    if figure.top in ("t-shirt", "dress") or figure.sleeve is not None:
        upper = elbow - shoulder
        points = [shoulder + upper * 0.2, shoulder + upper * 0.6, elbow, elbow + (wrist - elbow) * 0.3, wrist]
        widths = [3.8 * wide, 3.7 * wide, 3.0 * wide, 3.1 * wide, 2.2 * wide]
        joint = ellipse(elbow[0], elbow[1], 2.9 * wide, 2.9 * wide, count=16)
        canvas.paint([limb(points, widths), joint], skin, Limb.ARMS, lift=0.3)
    if body.hidden[index]:
        return
    along = (wrist - elbow) / np.hypot(*(wrist - elbow))
    across = np.array([along[1], -along[0]]) * side
    if figure.pose == "hip" and abs(along[0]) > 0.4 and along[1] > 0:
        across = -across

    def at(u: float, v: float) -> tuple[float, float]:
        x, y = wrist + across * u * wide + along * v * wide
        return float(x), float(y)

    palm = blob(
        [at(-1.9, -0.6), at(-2.7, 2.6), at(-2.3, 6.2), at(-0.6, 8.2), at(1.4, 7.4), at(2.3, 4.2), at(1.9, -0.6)]
    )
    thumb = limb([at(-1.6, 1.0), at(-3.2, 3.0), at(-3.4, 5.0)], [1.1, 1.1, 0.8])
    canvas.paint([palm, thumb], skin, Part.HANDS, relief=0.8, lift=0.25)
    shade = mix(skin, (90, 40, 30), 0.45)
    for u in (-0.7, 0.6):
        canvas.stroke([at(u, 4.8), at(u * 0.9, 7.4)], shade, 0.28, 0.5)


def pocket_line(body: Body, index: int) -> Points:
    """The slit of the trouser pocket that a tucked hand goes into."""
    wrist = body.arms[index][2]
    side = -1 if index == 0 else 1
    return polygon([moved(wrist, -side * 5.0, -2.6), moved(wrist, side * 3.8, 1.0)])
