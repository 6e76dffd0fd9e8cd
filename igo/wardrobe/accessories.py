"""Shoes, hats and bags."""

from __future__ import annotations

import numpy as np

from igo.wardrobe.body import ANKLE, SOLE, Body
from igo.wardrobe.canvas import Canvas, Part
from igo.wardrobe.figure import COLORS, Figure
from igo.wardrobe.head import head_frame
from igo.wardrobe.shapes import Points, blob, curve, ellipse, limb, moved, polygon
from igo.wardrobe.textiles import contrast, ink, luma, mix

SHAFT = 143.0
"""Height of the upper edge of boots."""


def draw_shoe(canvas: Canvas, figure: Figure, body: Body, index: int) -> None:
    """One shoe, toes turned outwards; boots reach up the shin."""
    color = COLORS[figure.shoes_color]
    side = -1 if index == 0 else 1
    _, knee, ankle = body.legs[index]
    drop = SOLE - ANKLE

    def at(x: float, y: float) -> tuple[float, float]:
        return float(ankle[0] + side * x), float(ankle[1] + y)

    sole_color = (236, 234, 228) if luma(color) < 215 else (176, 178, 184)
    if figure.shoes == "heels":
        pump = blob(
            [
                at(-2.6, 0.8),
                at(-3.0, 4.2),
                at(0.0, 5.6),
                at(4.0, drop - 0.2),
                at(8.2, drop + 0.3),
                at(7.8, drop - 2.2),
                at(3.6, 3.4),
                at(2.4, 2.6),
                at(-0.2, 4.0),
                at(-1.8, 0.8),
            ]
        )
        heel = polygon([at(-3.0, 3.2), at(-0.8, 4.6), at(-1.6, drop + 0.3), at(-2.9, drop + 0.3)])
        canvas.paint([pump, heel], color, Part.SHOES, relief=0.8, outline=0.7)
        canvas.stroke([at(-2.6, 0.0), at(2.6, 0.0)], color, 1.0)
        return
    if figure.shoes == "boots":
        shin = ankle + (knee - ankle) * ((ANKLE - SHAFT) / (ANKLE - knee[1]))
        shaft = limb([shin, (shin + ankle) / 2, moved(ankle, 0, 4)], [5.3, 4.7, 4.3])
        foot = blob(
            [at(-4.2, 0), at(-4.4, drop - 0.6), at(2, drop), at(8.6, drop - 0.2), at(8.4, drop - 4.4), at(4.2, 0.2)]
        )
        patch = canvas.paint([shaft, foot], color, Part.SHOES, relief=1.1, outline=0.75)
        canvas.fold(patch, [at(-4, -2), at(0, -0.4), at(4.4, -2)], 0.9, 0.26)
        canvas.stroke([moved(shin, -5.0, 1.6), moved(shin, 5.0, 1.6)], ink(color), 0.5, 0.8)
        canvas.fill(
            [at(-4.6, drop - 1.0), at(8.8, drop - 1.0), at(8.4, drop + 0.8), at(-4.4, drop + 0.8)],
            (46, 38, 38),
            label=Part.SHOES,
        )
        return
    if figure.shoes == "loafers":
        foot = blob(
            [
                at(-3.4, 3.0),
                at(-4.0, drop - 0.8),
                at(2, drop),
                at(8.6, drop - 0.2),
                at(8.2, drop - 3.2),
                at(4.0, 2.6),
                at(0, 4.2),
            ]
        )
        canvas.paint([foot], color, Part.SHOES, relief=0.9, outline=0.75)
        canvas.stroke([at(1.0, 4.0), at(5.4, 4.2)], contrast(color), 0.8, 0.9)
        canvas.fill(
            [at(-4.2, drop - 0.9), at(8.8, drop - 0.9), at(8.4, drop + 0.6), at(-4.0, drop + 0.6)],
            (52, 40, 36),
            label=Part.SHOES,
        )
        return
    foot = blob(
        [
            at(-3.6, 0.2),
            at(-4.2, drop - 1.4),
            at(2, drop - 0.4),
            at(9.0, drop - 0.6),
            at(8.6, drop - 3.8),
            at(4.6, 1.4),
            at(2.8, -0.6),
        ]
    )
    canvas.paint([foot], color, Part.SHOES, relief=0.8, outline=0.7)
    for x, y in ((1.4, 2.2), (3.0, 3.3), (4.5, 4.4)):
        canvas.stroke([at(x - 1.2, y + 0.6), at(x + 1.2, y - 0.6)], contrast(color), 0.6)
    sole = blob(
        [
            at(-4.6, drop - 1.8),
            at(2, drop - 1.5),
            at(9.3, drop - 1.7),
            at(9.0, drop + 0.5),
            at(2, drop + 0.7),
            at(-4.3, drop + 0.5),
        ]
    )
    canvas.paint([sole], sole_color, Part.SHOES, relief=0.5, outline=0.6)


def draw_hat(canvas: Canvas, figure: Figure, body: Body) -> None:
    """The hat on the finished hair."""
    if figure.hat == "none":
        return
    at = head_frame(figure, body)
    color = COLORS[figure.hat_color]
    side = 1 if figure.mirror else -1
    if figure.hat == "cap":
        dome = [
            at(x, y)
            for x, y in (
                (-10.6, -5.0),
                (-10.2, -11),
                (-6, -15.6),
                (0, -16.8),
                (6, -15.6),
                (10.2, -11),
                (10.6, -5.0),
                (0, -6.6),
            )
        ]
        canvas.paint([blob(dome)], color, Part.HAT, relief=1.0, outline=0.7, lift=0.35)
        for x in (-3.6, 3.6):
            canvas.stroke(curve([at(x * 0.2, -16.4), at(x, -12), at(x * 1.1, -6.6)]), ink(color), 0.4, 0.6)
        visor = [
            at(side * x, y)
            for x, y in (
                (-9.6, -6.6),
                (0, -7.8),
                (10, -6.6),
                (17.0, -3.4),
                (15.6, -1.8),
                (8, -3.8),
                (-2, -3.8),
                (-9.4, -4.4),
            )
        ]
        canvas.paint([blob(visor)], mix(color, (20, 16, 30), 0.18), Part.HAT, relief=0.7, outline=0.8, lift=0.5)
    elif figure.hat == "beanie":
        dome = [
            at(x, y)
            for x, y in (
                (-11.0, -5.5),
                (-10.6, -12),
                (-6, -17.2),
                (0, -18.6),
                (6, -17.2),
                (10.6, -12),
                (11.0, -5.5),
                (0, -7),
            )
        ]
        patch = canvas.paint([blob(dome)], color, Part.HAT, relief=1.1, outline=0.7, lift=0.35)
        for x in (-7.2, -4.4, -1.5, 1.5, 4.4, 7.2):
            canvas.fold(patch, [at(x * 0.5, -17.5), at(x, -12), at(x * 1.08, -7)], 0.5, 0.3)
        band = blob([at(-11.6, -8.6), at(0, -10.2), at(11.6, -8.6), at(11.5, -3.8), at(0, -5.2), at(-11.5, -3.8)])
        canvas.paint([band], mix(color, (255, 255, 255), 0.12), Part.HAT, relief=0.8, outline=0.8, lift=0.3)
        for x in np.linspace(-9.6, 9.6, 9):
            canvas.stroke([at(x, -8.4), at(x, -4.9)], ink(color), 0.4, 0.5)
    else:
        brim = ellipse(*at(0, -6.2), 21.0, 4.6, body.tilt)
        canvas.paint([brim], color, Part.HAT, relief=0.8, outline=0.75, lift=0.5)
        crown = [
            at(x, y)
            for x, y in (
                (-10.4, -6.0),
                (-10.0, -12),
                (-7.4, -17.4),
                (-2, -17.0),
                (2, -17.0),
                (7.4, -17.4),
                (10.0, -12),
                (10.4, -6.0),
                (0, -4.6),
            )
        ]
        canvas.paint([blob(crown)], color, Part.HAT, relief=1.0, outline=0.7)
        band = blob([at(-10.5, -9.4), at(0, -7.8), at(10.5, -9.4), at(10.6, -6.4), at(0, -4.6), at(-10.6, -6.4)])
        canvas.paint([band], contrast(color), Part.HAT, relief=0.4, outline=0.6)


def draw_backpack(canvas: Canvas, figure: Figure, body: Body) -> None:
    """The pack itself, behind the trunk; its straps come with `draw_straps`."""
    if figure.bag != "backpack":
        return
    color = COLORS[figure.bag_color]
    x, half = body.middle(50), body.shoulder + 4.5
    pack = blob(
        [
            (x - half * 0.7, 29.5),
            (x, 28),
            (x + half * 0.7, 29.5),
            (x + half, 38),
            (x + half + 1, 70),
            (x, 76),
            (x - half - 1, 70),
            (x - half, 38),
        ]
    )
    canvas.paint([pack], color, Part.BAG, outline=0.75)


def draw_straps(canvas: Canvas, figure: Figure, body: Body) -> None:
    """What of a bag lies on the trunk: shoulder straps or a strap across, in the bag's colour."""
    color = COLORS[figure.bag_color]
    side = -1 if body.carrying == 0 else 1
    if figure.bag == "backpack":
        for end in (-1, 1):
            x = body.middle(45)
            line = [
                (x + end * 9.2, 32.6),
                (x + end * 10.2, 42),
                (x + end * (body.chest - 1.6), 53),
                (x + end * (body.chest + 1.4), 60),
            ]
            canvas.paint([limb(line, [1.9, 1.9, 1.8, 1.4])], color, Part.BAG, relief=0.7, outline=0.8, lift=0.3)
            canvas.stroke([(x + end * 8.4, 46.4), (x + end * 12.2, 46.4)], contrast(color), 0.7)
    elif figure.bag == "bag":
        x = body.middle(45)
        across = curve(
            [(x - side * 9.5, 33.2), (x - side * 3, 45), (x + side * body.waist, 66), (x + side * (body.hip + 1.5), 78)]
        )
        canvas.paint([limb(across, [1.15] * len(across), 1)], color, Part.BAG, relief=0.3, outline=0.7, lift=0.3)


def draw_bag(canvas: Canvas, figure: Figure, body: Body) -> None:
    """The body of a shoulder bag at the hip, or a tote in the hand or on the shoulder."""
    color = COLORS[figure.bag_color]
    side = -1 if body.carrying == 0 else 1
    if figure.bag == "bag":
        x, y = body.middle(80) + side * (body.hip + 2.5), 76.0
        pouch = polygon(
            [
                (x - 8.5, y + 1.6),
                (x - 7.5, y),
                (x + 7.5, y),
                (x + 8.5, y + 1.6),
                (x + 9, y + 13),
                (x + 7, y + 15),
                (x - 7, y + 15),
                (x - 9, y + 13),
            ]
        )
        canvas.paint([pouch], color, Part.BAG, outline=0.85, lift=0.45)
        flap = blob([(x - 8.6, y), (x, y - 0.8), (x + 8.6, y), (x + 8.6, y + 6), (x, y + 9.4), (x - 8.6, y + 6)])
        canvas.paint([flap], mix(color, (255, 255, 255), 0.1), Part.BAG, relief=0.7, outline=0.85)
        canvas.fill(ellipse(x, y + 8.0, 1.3, 1.3, count=12), (232, 196, 96), label=Part.BAG)
    elif figure.bag == "tote":
        handles, x, y = _tote_place(figure, body, side)
        for handle in handles:
            canvas.stroke(handle, mix(color, (20, 16, 30), 0.25), 1.3)
        sack = polygon(
            [(x - 9.0, y), (x + 9.0, y), (x + 10.4, y + 22), (x + 9, y + 23.4), (x - 9, y + 23.4), (x - 10.4, y + 22)]
        )
        patch = canvas.paint([sack], color, Part.BAG, outline=0.85, lift=0.4)
        canvas.stroke([(x - 9.2, y + 2.2), (x + 9.2, y + 2.2)], ink(color), 0.5, 0.7)
        canvas.fold(patch, [(x - 4, y + 4), (x - 5.5, y + 20)], 1.4, 0.16)
        canvas.stroke(ellipse(x, y + 12.5, 3.6, 3.6), contrast(color), 0.9, closed=True)


def _tote_place(figure: Figure, body: Body, side: int) -> tuple[list[Points], float, float]:
    """The two handles, and the middle of the upper edge, of a tote."""
    wrist = body.arms[body.carrying][2]
    if figure.pose in ("pockets",):
        x, y = body.middle(60) + side * (body.shoulder + 1.5), 66.0
        top = (body.middle(34) + side * (body.shoulder - 4.0), 34.4)
        return [curve([(x - 4.5, y), (top[0] - 1, 50), top]), curve([(x + 4.5, y), (top[0] + 3, 50), top])], x, y
    x, y = float(wrist[0]) + side * 1.5, float(wrist[1]) + 15.0
    return [curve([(x - 4.5, y), (x - 3.4, y - 6), (x - side * 1, y - 10), (x + 3.4, y - 6), (x + 4.5, y)])], x, y
