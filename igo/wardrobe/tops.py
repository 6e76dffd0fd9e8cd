"""Clothes of the upper body: the trunk, and what tells each type from the others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from igo.wardrobe.body import WAIST, Body
from igo.wardrobe.canvas import Canvas, Part, Patch
from igo.wardrobe.cloth import Color
from igo.wardrobe.figure import COLORS, Figure
from igo.wardrobe.shapes import Points, between, blob, curve, ellipse, limb, polygon
from igo.wardrobe.textiles import contrast, ink, luma, mix

_HEMS = {
    "t-shirt": (82.0, 70.0, 106.0),
    "shirt": (87.0, 74.0, 110.0),
    "coat": (130.0, 96.0, 150.0),
    "dress": (121.0, 98.0, 150.0),
}
"""Heights of hems: as usual, the shortest, and the longest."""


def _hem(figure: Figure) -> float:
    usual, shortest, longest = _HEMS[figure.top]
    return usual if figure.top_length is None else shortest + (longest - shortest) * figure.top_length


def _rows(body: Body, ease: float, hem: float, flare: float) -> list[tuple[float, float]]:
    """(y, half width) from the neck to `hem` of a top that stands off the body by `ease` and by `flare` at the hem."""
    rows = [
        (32.0, 5.6),
        (34.4, body.shoulder * 0.66 + ease * 0.4),
        (38.5, body.shoulder + ease * 0.6),
        (48.0, body.chest + 1.6 + ease),
        (WAIST, body.waist + 1.0 + ease * 1.3),
    ]
    rows = [row for row in rows if row[0] < hem - 4]
    width = float(np.interp(hem, [WAIST, 80, 130], [body.waist + 1.4, body.hip + 0.8, body.hip + 4.0]))
    return [*rows, (hem, width + ease + flare)]


def _creases(canvas: Canvas, body: Body, patch: Patch, hem: float) -> None:
    x = body.middle(60)
    for side in (-1, 1):
        edge = x + side * body.chest
        canvas.fold(patch, [(edge, 49), (edge - side * 4, 53), (edge - side * 8, 55)], 1.1, 0.2)
        canvas.fold(patch, [(x + side * body.waist, 63), (x + side * body.waist * 0.5, 66.5)], 1.2, 0.17)
        if hem > 74:
            canvas.fold(patch, [(x + side * body.hip * 0.7, 66), (x + side * body.hip * 0.62, hem - 2)], 1.3, 0.13)


def _scoop(canvas: Canvas, body: Body, skin: Color, half: float, depth: float) -> None:
    x = body.middle(33)
    shape = np.concatenate(
        [
            curve(
                [
                    (x - half, 31.4),
                    (x - half * 0.72, 32 + depth * 0.72),
                    (x, 32 + depth),
                    (x + half * 0.72, 32 + depth * 0.72),
                    (x + half, 31.4),
                ]
            )
        ]
    )
    canvas.fill(shape, mix(skin, (90, 40, 40), 0.12), label=Part.SKIN)


def _collar_band(canvas: Canvas, body: Body, color: Color, half: float, depth: float, width: float) -> None:
    x = body.middle(33)
    arc = [
        (x - half, 31.2),
        (x - half * 0.74, 32 + depth * 0.7),
        (x, 32 + depth),
        (x + half * 0.74, 32 + depth * 0.7),
        (x + half, 31.2),
    ]
    canvas.paint([limb(arc, [width * 0.8, width, width, width, width * 0.8])], color, Part.TOP, relief=0.5, outline=0.5)


def _ribs(canvas: Canvas, color: Color, band: Points, count: int) -> None:
    """Short strokes across a band given as its outline half (upper edge), for ribbed knitwear."""
    for x, y in between(band, 0.03, 0.97, count):
        canvas.stroke([(x, y), (x, y + 3.0)], ink(color), 0.4, 0.5)


def _tee(canvas: Canvas, figure: Figure, body: Body, color: Color, skin: Color) -> None:
    hem = _hem(figure)
    patch = canvas.paint([body.trunk(_rows(body, 1.6, hem, 0.8))], color, Part.TOP, pattern=figure.top_weave, lift=0.3)
    _creases(canvas, body, patch, hem)
    _scoop(canvas, body, skin, 6.4, 5.2)
    _collar_band(canvas, body, color, 6.4, 5.6, 0.8)


def _shirt(canvas: Canvas, figure: Figure, body: Body, color: Color, skin: Color) -> None:
    hem = _hem(figure)
    patch = canvas.paint(
        [body.trunk(_rows(body, 0.9, hem, 0.2), hem=4.5)], color, Part.TOP, pattern=figure.top_weave, lift=0.3
    )
    _creases(canvas, body, patch, hem)
    x, low = body.middle(36), body.middle(hem - 2)
    canvas.fill([(x - 4.6, 31), (x + 4.6, 31), (x, 40)], mix(skin, (90, 40, 40), 0.16), label=Part.SKIN)
    seam = ink(color)
    canvas.stroke([(x + 1.7, 40), (low + 1.7, hem + 2.5)], seam, 0.5, 0.75)
    canvas.stroke([(x - 1.7, 40), (low - 1.7, hem + 2.5)], seam, 0.4, 0.35)
    button = contrast(color)
    for y in (y for y in (44.5, 53, 61.5, 70, 78.5) if y < hem - 5):
        canvas.fill(ellipse(body.middle(y), y, 1.05, 1.05, count=10), button)
    pocket = [(x + 5.2, 49), (x + 11, 49), (x + 11, 55), (x + 8.1, 57), (x + 5.2, 55)]
    canvas.stroke(pocket, seam, 0.5, 0.7, closed=True)
    bright = mix(color, (255, 255, 255), 0.2) if luma(color) < 200 else color
    for side in (-1, 1):
        flap = polygon([(x + side * 5.6, 29.4), (x + side * 0.2, 39.6), (x + side * 5.4, 42.6), (x + side * 8.6, 34.0)])
        canvas.paint([flap], bright, Part.TOP, relief=0.5, outline=0.9, lift=0.3)


def _hoodie(canvas: Canvas, figure: Figure, body: Body, color: Color, skin: Color) -> None:
    patch = canvas.paint(
        [body.trunk(_rows(body, 3.2, 81, 0.6), hem=1)], color, Part.TOP, pattern=figure.top_weave, lift=0.3
    )
    _creases(canvas, body, patch, 74)
    low = body.middle(80)
    hip = body.hip + 3.4
    canvas.paint([body.trunk([(79.5, hip + 0.6), (84.5, hip - 1.2)], hem=1)], mix(color, (20, 16, 30), 0.12), Part.TOP)
    _ribs(canvas, color, polygon([(low - hip + 2, 81), (low + hip - 2, 81)]), 11)
    x = body.middle(70)
    pocket = polygon([(x - 6.4, 62.5), (x + 6.4, 62.5), (x + 11.4, 71), (x + 10.6, 78), (x - 10.6, 78), (x - 11.4, 71)])
    canvas.paint(
        [pocket],
        mix(color, (255, 255, 255), 0.06),
        Part.TOP,
        pattern=figure.top_weave,
        relief=0.55,
        outline=0.95,
        lift=0.28,
    )
    x = body.middle(36)
    canvas.fill(blob([(x - 6, 31), (x + 6, 31), (x, 41.5)]), mix(color, (16, 12, 24), 0.5), label=Part.TOP)
    canvas.fill(blob([(x - 4.6, 29), (x + 4.6, 29), (x, 37.5)]), mix(skin, (90, 40, 40), 0.2), label=Part.SKIN)
    for side in (-1, 1):
        lobe = blob(
            [
                (x + side * 7.0, 26.5),
                (x + side * 13.2, 29.5),
                (x + side * 12.5, 36.0),
                (x + side * 5.5, 42.5),
                (x - side * 0.4, 43.6),
                (x + side * 3.6, 37.0),
            ]
        )
        canvas.paint([lobe], color, Part.TOP, pattern=figure.top_weave, relief=0.9, outline=0.7, lift=0.3)
    cord = contrast(color)
    for side, length in ((-1, 57.5), (1, 55.0)):
        line = curve([(x + side * 2.6, 42.5), (x + side * 3.4, 49), (x + side * 3.0, length)])
        canvas.stroke(line, cord, 0.9)
        canvas.stroke(line[-4:], mix(cord, (90, 90, 90), 0.4), 1.3)


def _sweater(canvas: Canvas, figure: Figure, body: Body, color: Color, _skin: Color) -> None:
    patch = canvas.paint(
        [body.trunk(_rows(body, 2.9, 80, 1.2), hem=1)],
        color,
        Part.TOP,
        pattern=figure.top_weave,
        relief=1.2,
        lift=0.3,
    )
    for u in (-0.72, -0.36, 0.0, 0.36, 0.72):
        width = body.chest * u
        line = [(body.middle(y) + width, y) for y in np.arange(41.0, 78.0, 2.6)]
        if figure.top_weave == "plain":
            cable = [(x + (1.5 if i % 2 else -1.5), y) for i, (x, y) in enumerate(line)]
            canvas.fold(patch, cable, 0.75, 0.34 if luma(color) > 70 else -0.8)
    low, hip = body.middle(80), body.hip + 3.6
    dark = mix(color, (20, 16, 30), 0.16)
    canvas.paint([body.trunk([(78.5, hip + 0.4), (84.5, hip - 1.0)], hem=1)], dark, Part.TOP)
    _ribs(canvas, color, polygon([(low - hip + 1.6, 80.3), (low + hip - 1.6, 80.3)]), 15)
    x = body.middle(33)
    roll = blob(
        [
            (x - 7.0, 27.6),
            (x, 29.6),
            (x + 7.0, 27.6),
            (x + 8.2, 32.5),
            (x + 6.0, 37.0),
            (x, 38.6),
            (x - 6.0, 37.0),
            (x - 8.2, 32.5),
        ]
    )
    canvas.paint([roll], dark, Part.TOP, relief=1.0, outline=0.7, lift=0.35)
    for u in (-4.5, -1.5, 1.5, 4.5):
        canvas.stroke([(x + u, 31.2), (x + u, 37)], ink(color), 0.4, 0.45)


def _inner(canvas: Canvas, figure: Figure, body: Body, skin: Color, hem: float) -> None:
    color = COLORS[figure.inner_color]
    canvas.paint([body.trunk(_rows(body, 0.2, hem, 0.0))], color, Part.INNER, outline=0.4, lift=0.3)
    _scoop(canvas, body, skin, 5.6, 5.0)
    _collar_band(canvas, body, color, 5.6, 5.2, 0.6)


def _panel(body: Body, side: int, rows: list[tuple[float, float]], gap: list[tuple[float, float]]) -> Points:
    """Half of an open front: outer edge through `rows`, inner edge through `gap`, both as (y, half width)."""
    outer = curve([(body.middle(y) + side * half, y) for y, half in rows])
    inner = curve([(body.middle(y) + side * open_, y) for y, open_ in gap])
    return np.concatenate([outer, inner[::-1]])


def _lapels(canvas: Canvas, body: Body, color: Color, notch: float, tip: float, gap: float) -> None:
    x = body.middle(38)
    for side in (-1, 1):
        lapel = polygon(
            [
                (x + side * 5.0, 29.6),
                (x + side * 9.2, 33.4),
                (x + side * 12.0, notch),
                (x + side * 8.4, notch + 1.4),
                (x + side * 9.6, notch + 4.2),
                (x + side * gap, tip),
                (x + side * (gap - 0.6), 42),
            ]
        )
        canvas.paint([lapel], mix(color, (255, 255, 255), 0.1), Part.TOP, relief=0.6, outline=0.95, lift=0.3)


def _jacket(canvas: Canvas, figure: Figure, body: Body, color: Color, skin: Color) -> None:
    _inner(canvas, figure, body, skin, 79)
    rows = _rows(body, 2.6, 72, 0.4)
    for side in (-1, 1):
        gap = [(32.0, 5.0), (45, 5.0), (60, 5.6), (72.8, 7.6)]
        patch = canvas.paint([_panel(body, side, rows, gap)], color, Part.TOP, pattern=figure.top_weave, lift=0.42)
        edge = body.middle(60) + side * body.chest
        canvas.fold(patch, [(edge, 50), (edge - side * 6, 55)], 1.1, 0.2)
        x = body.middle(64)
        canvas.stroke([(x + side * 8.2, 62.5), (x + side * (body.waist + 1.6), 60.5)], ink(color), 0.8, 0.9)
        x = body.middle(70)
        canvas.stroke([(x + side * 7.6, 69.3), (x + side * (body.waist + 4), 68.5)], ink(color), 0.5, 0.8)
        for y in (56.0, 64.5):
            canvas.fill(ellipse(body.middle(y) + side * 7.6, y, 0.8, 0.8, count=10), contrast(color))
    _lapels(canvas, body, color, 40.5, 53, 5.2)


def _coat(canvas: Canvas, figure: Figure, body: Body, color: Color, skin: Color) -> None:
    _inner(canvas, figure, body, skin, 70)
    hem = _hem(figure)
    rows = [*_rows(body, 2.6, 72, 0.8), (min(100.0, hem - 10), body.hip + 5.6), (hem, body.hip + 8.6)]
    gap = [(32.0, 5.0), (44, 4.0), (54, -1.6), (74, -1.8), (min(90, hem - 10), 0.6), (hem + 1.2, 5.4)]
    for side in (1, -1):
        patch = canvas.paint([_panel(body, side, rows, gap)], color, Part.TOP, pattern=figure.top_weave, lift=0.4)
        x = body.middle(90)
        for start, end in ((8.0, 10.5), (12.5, 17.5)):
            canvas.fold(
                patch,
                [(x + side * start * 0.8, 80), (x + side * start, (80 + hem - 1) / 2 - 4.5), (x + side * end, hem - 1)],
                1.5,
                0.2,
            )
        slit = polygon([(x + side * 7.4, 84), (x + side * 13.4, 80.5), (x + side * 14, 82.6), (x + side * 8, 86.2)])
        canvas.paint([slit], mix(color, (255, 255, 255), 0.08), Part.TOP, relief=0.4, outline=0.9)
    x = body.middle(66)
    belt = body.trunk([(64.0, body.waist + 4.6), (68.2, body.waist + 4.8)], hem=0.8)
    canvas.paint([belt], mix(color, (20, 16, 30), 0.18), Part.TOP, relief=0.6, outline=0.9, lift=0.25)
    canvas.stroke(
        polygon([(x - 2.4, 64), (x + 2.4, 64), (x + 2.4, 69.2), (x - 2.4, 69.2)]), contrast(color), 0.8, closed=True
    )
    for y in (58.0, 74.5, 82.5):
        for side in (-1, 1):
            canvas.fill(ellipse(body.middle(y) + side * 4.0, y, 1.15, 1.15, count=12), contrast(color))
    _lapels(canvas, body, color, 41.5, 55, 2.6)


def _dress(canvas: Canvas, figure: Figure, body: Body, color: Color, skin: Color) -> None:
    waist = body.waist + 0.9
    hem = _hem(figure)
    flare = 13.5 + 0.12 * (hem - 121)
    rows = [(62.0, waist), (70, body.hip * 0.93), (min(92, hem - 8), body.hip + 7.0), (hem, body.hip + flare)]
    skirt = body.trunk(rows, hem=3.0)
    patch = canvas.paint([skirt], color, Part.TOP, pattern=figure.top_weave, lift=0.35)
    x = body.middle(80)
    for u in (-0.8, -0.42, -0.06, 0.36, 0.76):
        line = [(x + u * waist, 66), (x + u * (body.hip + 4), min(92, hem - 5)), (x + u * (body.hip + 12), hem + 1)]
        canvas.fold(patch, line, 1.7, 0.25)
        canvas.fold(patch, [(a + 2.6, b) for a, b in line], 1.1, -0.16)
    rows = [(33.0, 8.6), (34.6, body.shoulder * 0.66), (38.5, body.shoulder), (48, body.chest + 0.8), (63.5, waist)]
    patch = canvas.paint([body.trunk(rows, hem=0.8)], color, Part.TOP, pattern=figure.top_weave)
    _creases(canvas, body, patch, 60)
    _scoop(canvas, body, skin, 8.6, 9.0)
    neck = body.middle(33)
    canvas.stroke(
        curve([(neck - 8.6, 31.6), (neck - 6.3, 38.4), (neck, 41.2), (neck + 6.3, 38.4), (neck + 8.6, 31.6)]),
        ink(color),
        0.6,
        0.8,
    )
    belt = body.trunk([(61.6, waist + 0.4), (65.6, waist + 0.5)], hem=0.8)
    canvas.paint([belt], mix(color, (20, 16, 30), 0.28), Part.TOP, relief=0.5)


_DRAW: dict[str, Callable[[Canvas, Figure, Body, Color, Color], None]] = {
    "t-shirt": _tee,
    "shirt": _shirt,
    "hoodie": _hoodie,
    "sweater": _sweater,
    "jacket": _jacket,
    "coat": _coat,
    "dress": _dress,
}


def draw_hood(canvas: Canvas, figure: Figure, body: Body) -> None:
    """The back of a hoodie's hood, which lies behind the neck; nothing for other tops."""
    if figure.top == "hoodie":
        x = body.middle(28)
        canvas.paint([ellipse(x, 29.0, 14.0, 9.5)], mix(figure.top_rgb, (20, 16, 30), 0.22), Part.TOP)


def draw_top(canvas: Canvas, figure: Figure, body: Body, skin: Color) -> None:
    """The trunk of the top, and the inner layer of an open one. `skin` shows in the neckline."""
    _DRAW[figure.top](canvas, figure, body, figure.top_rgb, skin)
