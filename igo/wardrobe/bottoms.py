"""Clothes of the lower body: jeans, trousers, skirt and shorts."""

from __future__ import annotations

import numpy as np

from igo.wardrobe.body import ANKLE, CROTCH, Body, pocket_line
from igo.wardrobe.canvas import Canvas, Part, Patch
from igo.wardrobe.cloth import Color
from igo.wardrobe.figure import Figure
from igo.wardrobe.shapes import Points, blob, curve, limb, moved, polygon
from igo.wardrobe.textiles import ink, luma, mix

_HEMS = {"trousers": (ANKLE + 3.5, 130.0, ANKLE + 3.5), "skirt": (114.0, 94.0, 152.0), "shorts": (107.0, 103.0, 121.0)}
"""Heights of hems: as usual, the shortest, and the longest."""


def _hem(figure: Figure) -> float:
    usual, shortest, longest = _HEMS[figure.bottom]
    return usual if figure.bottom_length is None else shortest + (longest - shortest) * figure.bottom_length


def _leg(body: Body, index: int, widths: tuple[float, float, float, float], end: float) -> Points:
    """One trouser leg down to height `end`: half widths at hip, thigh, knee and end."""
    hip, knee, ankle = body.legs[index]
    side = -1 if index == 0 else 1
    top = moved(hip, side * 0.2, -3.0)
    thigh = hip + (knee - hip) * 0.32
    if end < knee[1]:
        share = (end - hip[1]) / (knee[1] - hip[1])
        out = np.array([side * 2.6, 0.0])
        return limb([top, thigh + out * 0.7, hip + (knee - hip) * share + out], [widths[0], widths[1], widths[3]])
    last = moved(ankle, 0.0, end - ANKLE)
    return limb([top, thigh, knee, last], list(widths))


def _seat(body: Body, ease: float) -> Points:
    """The piece from the waistband to the crotch."""
    return np.concatenate(
        [
            curve(
                [
                    (body.middle(y) + w, y)
                    for y, w in ((63, body.waist + 0.6), (72, body.hip * 0.94 + ease), (82, body.hip + ease))
                ]
            ),
            polygon(
                [
                    (body.middle(86) + body.hip * 0.5, 92),
                    (body.middle(86), CROTCH + 1.5),
                    (body.middle(86) - body.hip * 0.5, 92),
                ]
            ),
            curve(
                [
                    (body.middle(y) - w, y)
                    for y, w in ((82, body.hip + ease), (72, body.hip * 0.94 + ease), (63, body.waist + 0.6))
                ]
            ),
        ]
    )


def _pair(
    canvas: Canvas,
    figure: Figure,
    body: Body,
    color: Color,
    widths: tuple[float, float, float, float],
    end: float,
    ease: float,
) -> Patch:
    shapes = [_leg(body, 0, widths, end), _leg(body, 1, widths, end), _seat(body, ease)]
    patch = canvas.paint(shapes, color, Part.BOTTOM, pattern=figure.bottom_weave, relief=1.15, outline=0.7, lift=0.3)
    x = body.middle(CROTCH)
    canvas.fold(patch, [(x, CROTCH - 5), (x, CROTCH + 6)], 1.5, 0.4)
    canvas.stroke([(x, 72), (x + 0.4, CROTCH + 1)], ink(color), 0.5, 0.7)
    for side in (-1, 1):
        canvas.fold(patch, [(x + side * 2, CROTCH - 3), (x + side * 8, CROTCH - 5.5)], 1.1, 0.2)
    return patch


def _jeans(canvas: Canvas, figure: Figure, body: Body, color: Color) -> None:
    wide = 1.0 if figure.gender == "woman" else 1.08
    patch = _pair(canvas, figure, body, color, (7.0 * wide, 6.9 * wide, 5.1 * wide, 4.1 * wide), ANKLE - 2.5, 0.3)
    stitch = (226, 178, 104) if luma(color) < 190 else (176, 132, 70)
    faded = mix(color, (255, 255, 255), 0.42)
    for index, side in enumerate((-1, 1)):
        hip, knee, ankle = body.legs[index]
        thigh = hip + (knee - hip) * 0.5
        canvas.fold(patch, [moved(hip, 0, 8), thigh, moved(knee, 0, -4)], 2.6, -0.24 if luma(color) < 190 else 0.08)
        canvas.fold(patch, [moved(knee, -4, 1), moved(knee, 0, 2.2), moved(knee, 4, 0.6)], 0.9, 0.24)
        outer = [
            moved(hip, side * 5.9, 2),
            moved(thigh, side * 5.6, 0),
            moved(knee, side * 4.2, 0),
            moved(ankle, side * 3.2, -5),
        ]
        canvas.stroke(curve(outer), stitch, 0.4, 0.75)
        hem = moved(ankle, 0, -4.2)
        cuff = polygon(
            [
                moved(hem, -4.7 * wide, -2.4),
                moved(hem, 4.7 * wide, -2.4),
                moved(hem, 4.9 * wide, 2.4),
                moved(hem, -4.9 * wide, 2.4),
            ]
        )
        canvas.paint([cuff], faded, Part.BOTTOM, relief=0.7, outline=0.8)
        x = body.middle(74)
        pocket = curve(
            [(x + side * body.hip * 0.45, 68), (x + side * body.hip * 0.6, 75), (x + side * body.hip * 0.97, 77.5)]
        )
        canvas.stroke(pocket, stitch, 0.6, 0.85)
    x = body.middle(70)
    canvas.stroke(curve([(x + 2.6, 68), (x + 2.6, 79), (x + 0.2, 84)]), stitch, 0.4, 0.7)


def _trousers(canvas: Canvas, figure: Figure, body: Body, color: Color) -> None:
    wide, hem = 1.0 if figure.gender == "woman" else 1.06, _hem(figure)
    patch = _pair(canvas, figure, body, color, (7.6 * wide, 8.0 * wide, 7.4 * wide, 7.8 * wide), hem, 1.0)
    for index, side in enumerate((-1, 1)):
        hip, knee, ankle = body.legs[index]
        crease = [moved(hip, side * 0.5, 2), knee, moved(ankle, 0, hem - ANKLE - 0.5)]
        canvas.stroke(curve(crease), ink(color), 0.55, 0.7)
        canvas.fold(patch, [moved(p, 1.6, 0) for p in crease], 1.3, -0.22)
        canvas.fold(
            patch,
            [moved(knee, -side * 4.6, -22), moved(knee, -side * 4.2, 10), moved(ankle, -side * 4.0, 2)],
            1.6,
            0.26,
        )
        x = body.middle(74)
        canvas.stroke([(x + side * body.hip * 0.62, 68), (x + side * (body.hip + 0.6), 80)], ink(color), 0.5, 0.8)


def _skirt(canvas: Canvas, figure: Figure, body: Body, color: Color) -> None:
    hem = _hem(figure)
    rows = [
        (63.0, body.waist + 0.7),
        (72, body.hip * 0.96),
        (84, body.hip + 2.6),
        (hem, body.hip + 9.5 + 0.08 * (hem - 114)),
    ]
    patch = canvas.paint(
        [body.trunk(rows, hem=2.6)], color, Part.BOTTOM, pattern=figure.bottom_weave, relief=1.1, lift=0.4
    )
    x = body.middle(80)
    for u in (-0.78, -0.38, 0.02, 0.4, 0.8):
        line = [
            (x + u * body.hip * 0.9, 80),
            (x + u * (body.hip + 4), min(98, (80 + hem) / 2 + 1)),
            (x + u * (body.hip + 9), hem + 2),
        ]
        canvas.fold(patch, line, 1.5, 0.28)
        canvas.fold(patch, [(a + 2.4, b) for a, b in line], 1.0, -0.18)


def _shorts(canvas: Canvas, figure: Figure, body: Body, color: Color) -> None:
    wide, hem = 1.0 if figure.gender == "woman" else 1.1, _hem(figure)
    patch = _pair(canvas, figure, body, color, (7.0 * wide, 7.4 * wide, 7.4 * wide, 7.6 * wide), hem, 0.9)
    for index, side in enumerate((-1, 1)):
        hip, knee, _ = body.legs[index]
        end = hip + (knee - hip) * (hem - 2.4 - hip[1]) / (knee[1] - hip[1]) + (side * 2.5, 0)
        canvas.stroke([moved(end, -7.4 * wide, 0.2), moved(end, 7.4 * wide, 0.2)], ink(color), 0.5, 0.7)
        canvas.fold(patch, [moved(hip, side * 3.5, 4), moved(end, side * 3, 0)], 1.4, 0.2)
        x = body.middle(74)
        canvas.stroke([(x + side * body.hip * 0.6, 68), (x + side * (body.hip + 0.6), 80)], ink(color), 0.5, 0.8)


def draw_bottom(canvas: Canvas, figure: Figure, body: Body) -> None:
    """The garment on the legs, waistband included; nothing below a dress."""
    if figure.bottom == "none":
        return
    color = figure.bottom_rgb
    {"jeans": _jeans, "trousers": _trousers, "skirt": _skirt, "shorts": _shorts}[figure.bottom](
        canvas, figure, body, color
    )
    band = body.trunk([(63.0, body.waist + 0.8), (67.5, body.waist + 1.9)], hem=0.8)
    canvas.paint([band], mix(color, (20, 16, 30), 0.14), Part.BOTTOM, relief=0.6)


def draw_pocket(canvas: Canvas, figure: Figure, body: Body, index: int) -> None:
    """The mouth of the pocket over a tucked hand."""
    if not body.hidden[index]:
        return
    wrist = body.arms[index][2]
    worn_below = figure.bottom in ("none", "skirt") or figure.top == "coat"
    color = figure.top_rgb if worn_below and figure.bottom != "skirt" else figure.bottom_rgb
    label = Part.TOP if worn_below and figure.bottom != "skirt" else Part.BOTTOM
    side = -1 if index == 0 else 1
    mouth = blob(
        [
            moved(wrist, -3.4, -1.6),
            moved(wrist, 3.4, -1.6),
            moved(wrist, 2.9, 4.5),
            moved(wrist, -side * 1.0, 7.0),
            moved(wrist, -2.9, 4.5),
        ]
    )
    canvas.paint([mouth], color, label, relief=0.35, outline=0.0)
    canvas.stroke(pocket_line(body, index), ink(color), 0.8, 0.9)
