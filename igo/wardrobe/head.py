"""Heads: face, ears and hair."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from igo.wardrobe.body import Body
from igo.wardrobe.canvas import Canvas, Part
from igo.wardrobe.figure import HAIR_COLORS, SKINS, Figure
from igo.wardrobe.shapes import Points, blob, curve, ellipse, limb
from igo.wardrobe.textiles import luma, mix

Place = Callable[[float, float], tuple[float, float]]


def head_frame(figure: Figure, body: Body) -> Place:
    """Maps head coordinates (x from the nose line, y from the middle of the face, both in figure units) to the figure.

    The face is about 9 wide to each side and reaches from -12 (crown) to 13 (chin); the tilt of the head is included.
    """
    turn = math.radians(body.tilt)
    x0, y0 = body.middle(20), 13.0
    size = 1.02 if figure.gender == "woman" else 1.0

    def at(x: float, y: float) -> tuple[float, float]:
        x, y = x * size, y * size
        pivot = y - 13.0
        return x0 + x * math.cos(turn) - pivot * math.sin(turn), y0 + 13.0 + x * math.sin(turn) + pivot * math.cos(turn)

    return at


def _map(at: Place, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [at(x, y) for x, y in points]


def _mirrored(half: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A closed outline from its right half, listed from the top middle to the bottom middle."""
    return half + [(-x, y) for x, y in reversed(half) if x]


def _jaw(figure: Figure) -> list[tuple[float, float]]:
    if figure.gender == "woman":
        return _mirrored([(0, -12), (6, -10.4), (9.0, -4.5), (9.0, 2.0), (7.4, 7.6), (3.6, 11.9), (0, 12.9)])
    return _mirrored([(0, -12), (6.2, -10.6), (9.3, -4.5), (9.3, 3.0), (8.4, 8.2), (4.6, 12.3), (0, 13.1)])


def draw_face(canvas: Canvas, figure: Figure, body: Body) -> None:
    """Head without hair: ears, face, and features."""
    at = head_frame(figure, body)
    skin = SKINS[figure.skin]
    for side in (-1, 1):
        ear = blob(_map(at, [(side * 8.4, -1.6), (side * 10.6, -2.0), (side * 10.4, 2.0), (side * 8.6, 3.6)]))
        canvas.paint([ear], mix(skin, (170, 70, 60), 0.12), Part.FACE, relief=0.4)
    patch = canvas.paint([blob(_map(at, _jaw(figure)))], skin, Part.FACE, relief=0.75, lift=0.35)
    woman = figure.gender == "woman"
    turn = body.turn
    dark = luma(skin) < 125
    shade = mix(skin, (96, 36, 30), 0.5)
    for side in (-1, 1):
        cheek = ellipse(*at(side * 5.4 + turn, 5.2), 2.2, 1.5)
        canvas.fill(cheek, (224, 92, 92), 0.2 if not dark else 0.14)
        x = side * 4.05 + turn
        white = blob(_map(at, [(x - 2.0, 1.0), (x, -0.6), (x + 2.0, 0.9), (x, 2.1)]))
        canvas.fill(white, (250, 247, 243))
        canvas.fill(ellipse(*at(x + turn * 0.2, 0.75), 1.15, 1.45), (48, 32, 28))
        canvas.fill(ellipse(*at(x + 0.45, 0.2), 0.4, 0.4, count=8), (255, 255, 255))
        lash = curve(_map(at, [(x - 2.1, 0.9), (x - 0.9, -0.5), (x + 0.9, -0.6), (x + 2.1, 0.7)]))
        canvas.stroke(lash, (56, 36, 36), 0.7 if woman else 0.6)
        if woman:
            canvas.stroke(_map(at, [(x + side * 2.0, 0.6), (x + side * 2.9, -0.3)]), (56, 36, 36), 0.4, 0.7)
        brow_color = mix(HAIR_COLORS[figure.hair_color], (40, 26, 22), 0.45)
        lift = 3.5 if woman else 3.1
        brow = curve(
            _map(at, [(x - side * 2.1, -lift + 0.5), (x + side * 0.4, -lift - 0.4), (x + side * 2.5, -lift + 0.5)])
        )
        canvas.stroke(brow, brow_color, 0.6 if woman else 1.0, 0.85)
    canvas.fold(patch, _map(at, [(turn * 1.2 + 0.9, 0.5), (turn * 1.3 + 1.1, 4.4)]), 0.9, 0.14)
    canvas.stroke(
        curve(_map(at, [(turn * 1.3 - 1.1, 5.0), (turn * 1.3, 5.6), (turn * 1.3 + 1.1, 5.0)])), shade, 0.55, 0.85
    )
    lip = (188, 58, 66) if woman else mix(skin, (140, 50, 50), 0.55)
    m = turn * 1.1
    canvas.fill(
        blob(
            _map(
                at,
                [(m - 2.6, 8.2), (m - 0.9, 7.8), (m, 8.0), (m + 0.9, 7.8), (m + 2.6, 8.2), (m, 9.8 if woman else 9.3)],
            )
        ),
        lip,
    )
    canvas.stroke(curve(_map(at, [(m - 2.7, 8.1), (m, 8.7), (m + 2.7, 8.1)])), mix(lip, (50, 10, 20), 0.55), 0.4, 0.8)


def draw_hair_behind(canvas: Canvas, figure: Figure, body: Body) -> None:
    """The hair behind head and neck."""
    at = head_frame(figure, body)
    color = mix(HAIR_COLORS[figure.hair_color], (20, 10, 16), 0.22)
    side = 1 if figure.mirror else -1
    if figure.hair == "long":
        shape = _mirrored([(0, -13), (8, -11), (12, -2), (12.8, 12), (13.4, 26), (9, 33), (0, 33)])
        canvas.paint([blob(_map(at, shape))], color, Part.HAIR)
    elif figure.hair == "bob":
        shape = _mirrored([(0, -13), (8.5, -11), (12.4, -2), (13.4, 8), (12.6, 15.6), (7, 16.4), (0, 15)])
        canvas.paint([blob(_map(at, shape))], color, Part.HAIR)
    elif figure.hair == "ponytail":
        tail = [
            (side * 4, -9),
            (side * 13, -8),
            (side * 16.4, 4),
            (side * 15.0, 18),
            (side * 12.6, 27),
            (side * 11.4, 16),
            (side * 11, 4),
        ]
        patch = canvas.paint([blob(_map(at, tail))], mix(color, (255, 220, 180), 0.08), Part.HAIR)
        canvas.fold(patch, _map(at, [(side * 12, -4), (side * 14, 6), (side * 13, 20)]), 0.8, 0.3)
    elif figure.hair == "bun" and figure.hat == "none":
        canvas.paint([ellipse(*at(0, -14.2), 5.4, 4.6)], color, Part.HAIR)
    elif figure.hair == "curly":
        canvas.paint(_curls(at, figure, 11.6, 4.4, -0.1), color, Part.HAIR)


def _curls(at: Place, figure: Figure, radius: float, size: float, start: float) -> list[Points]:
    woman = figure.gender == "woman"
    low = 0.3 if woman else 0.08
    angles = np.linspace(-math.pi * (1 + low), math.pi * low, 15 if woman else 12)
    return [
        ellipse(*at(radius * math.cos(a) * 0.98, radius * math.sin(a) - 1.6 + start), size, size, count=14)
        for a in angles
    ]


def _crown(figure: Figure) -> list[tuple[float, float]]:
    """The cap of hair on the skull, open over the face: head coordinates."""
    side = 1 if figure.mirror else -1
    if figure.hair == "short":
        points = [
            (-10, 1.5),
            (-10.6, -5),
            (-8, -12),
            (0, -15),
            (8, -12.4),
            (10.6, -5),
            (10, 1.5),
            (8.7, -2),
            (7.6, -6),
            (2.5, -6.6),
            (-3, -5.4),
            (-7.2, -8),
            (-8.8, -2),
        ]
    elif figure.hair == "bob":
        points = [
            (-12.2, 13),
            (-12.4, -3),
            (-8.6, -12),
            (0, -14.6),
            (8.6, -12),
            (12.4, -3),
            (12.2, 13),
            (8.6, 12.5),
            (9.0, 3),
            (8.4, -3.4),
            (4, -3.9),
            (0, -3.6),
            (-4, -3.9),
            (-8.4, -3.4),
            (-9.0, 3),
            (-8.6, 12.5),
        ]
    elif figure.hair == "long":
        points = [
            (-12, 12),
            (-11.8, -3),
            (-8.4, -12),
            (0, -14.8),
            (8.4, -12),
            (11.8, -3),
            (12, 12),
            (9.4, 9),
            (8.6, 0),
            (6.0, -5),
            (1, -9.2),
            (-5.6, -4.6),
            (-8.6, 0),
            (-9.4, 9),
        ]
    else:
        points = [
            (-9.9, 0.5),
            (-10.4, -5),
            (-7.8, -11.8),
            (0, -14.4),
            (7.8, -11.8),
            (10.4, -5),
            (9.9, 0.5),
            (8.8, -3),
            (6.6, -7),
            (1.0, -8.8),
            (-5.6, -7),
            (-8.8, -3),
        ]
    return [(-side * x, y) for x, y in points]


def draw_hair(canvas: Canvas, figure: Figure, body: Body) -> None:
    """The hair in front: crown and fringe, and long locks over the shoulders."""
    at = head_frame(figure, body)
    color = HAIR_COLORS[figure.hair_color]
    glow = mix(color, (255, 236, 206), 0.32)
    if figure.hair == "long":
        for side in (-1, 1):
            lock = [
                (side * 9, 2),
                (side * 11.6, 6),
                (side * 12.8, 18),
                (side * 12.4, 32),
                (side * 9.4, 40),
                (side * 8.0, 30),
                (side * 8.4, 16),
            ]
            patch = canvas.paint([blob(_map(at, lock))], color, Part.HAIR, lift=0.35)
            canvas.fold(patch, _map(at, [(side * 10.2, 8), (side * 10.8, 22), (side * 9.8, 36)]), 0.7, 0.3)
    if figure.hair == "curly":
        canvas.paint(
            [blob(_map(at, _crown(figure))), *_curls(at, figure, 10.6, 3.2, -1.0)[2:-2]], color, Part.HAIR, lift=0.3
        )
        for angle in np.linspace(-2.7, -0.45, 6):
            curl = ellipse(*at(8.6 * math.cos(angle), 8.6 * math.sin(angle) - 3.4), 1.8, 1.8, count=12)[:9]
            canvas.stroke(curl, glow, 0.6, 0.6)
        return
    patch = canvas.paint([blob(_map(at, _crown(figure)))], color, Part.HAIR, lift=0.3, relief=0.9)
    for offset in (-5.0, -1.5, 2.5, 6.0):
        line = curve(_map(at, [(offset * 0.4, -13.2), (offset * 1.1, -10.8), (offset * 1.45, -7.0)]))
        canvas.fold(patch, line, 0.6, 0.28 if luma(color) > 60 else -0.3)
    canvas.fold(patch, curve(_map(at, [(-7.4, -8.6), (-3.0, -11.4), (3.0, -11.6), (7.0, -9.0)])), 1.0, -0.6)
    if figure.hair == "ponytail":
        side = 1 if figure.mirror else -1
        canvas.paint(
            [limb(_map(at, [(side * 8.6, -10), (side * 10.2, -7)]), [2.2, 2.4])], (206, 60, 84), Part.HAIR, relief=0.4
        )
