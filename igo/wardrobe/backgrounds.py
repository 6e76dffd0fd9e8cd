"""The places people stand in. Each is drawn small, then enlarged, so that it lies softly out of focus."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from igo.wardrobe.canvas import Canvas
from igo.wardrobe.cloth import Color
from igo.wardrobe.figure import Figure
from igo.wardrobe.shapes import PointsLike, blob, curve, ellipse
from igo.wardrobe.textiles import mix

GROUND = 148.0
"""Height, in picture units, where walls meet the floor."""

_FOCUS = 2.0
"""Working pixels of a background per picture unit; its fine detail is lost on purpose."""


class Scene:
    """A flat RGB surface in picture units, spanning (left, top) to (right, bottom)."""

    def __init__(self, left: float, top: float, width: float, height: float) -> None:
        self.left, self.top, self.right, self.bottom = left, top, left + width, top + height
        self.image: NDArray[np.uint8] = np.zeros((round(height * _FOCUS), round(width * _FOCUS), 3), np.uint8)

    def fill(self, points: PointsLike, color: Color) -> None:
        """A flat polygon."""
        p = (np.asarray(points, dtype=np.float64) - (self.left, self.top)) * _FOCUS - 0.5
        cv2.fillPoly(self.image, [np.round(p * 16).astype(np.int32)], color, cv2.LINE_AA, 4)

    def box(self, left: float, top: float, right: float, bottom: float, color: Color) -> None:
        """An upright rectangle."""
        low = (round((left - self.left) * _FOCUS), round((top - self.top) * _FOCUS))
        high = (
            max(low[0], round((right - self.left) * _FOCUS) - 1),
            max(low[1], round((bottom - self.top) * _FOCUS) - 1),
        )
        cv2.rectangle(self.image, low, high, color, cv2.FILLED)

    def band(self, top: float, bottom: float, upper: Color, lower: Color) -> None:
        """A vertical blend over the whole width from height `top` to `bottom`."""
        first = max(0, round((top - self.top) * _FOCUS))
        last = min(len(self.image), max(first, round((bottom - self.top) * _FOCUS)))
        if last <= first:
            return
        share = np.linspace(0, 1, last - first)[:, None]
        shades = (np.array(upper) * (1 - share) + np.array(lower) * share).astype(np.uint8)[:, None]
        self.image[first:last] = cv2.resize(
            shades, (self.image.shape[1], last - first), interpolation=cv2.INTER_NEAREST
        )


def _studio(scene: Scene, rng: np.random.Generator) -> None:
    papers: tuple[Color, ...] = ((226, 226, 230), (234, 224, 212), (212, 222, 232), (236, 216, 218), (214, 226, 214))
    paper = papers[int(rng.integers(len(papers)))]
    scene.band(scene.top, GROUND + 6, mix(paper, (255, 255, 255), 0.1), mix(paper, (255, 255, 255), 0.35))
    scene.band(GROUND + 6, scene.bottom, mix(paper, (255, 255, 255), 0.15), mix(paper, (90, 80, 90), 0.16))
    x = 64 + rng.uniform(-14, 14)
    for size, share in ((62, 0.18), (46, 0.34), (32, 0.5)):
        scene.fill(ellipse(x, 76, size, size * 1.35), mix(paper, (255, 255, 255), share + 0.2))
    scene.image = np.asarray(cv2.blur(scene.image, (61, 61)), dtype=np.uint8)


def _street(scene: Scene, rng: np.random.Generator) -> None:
    scene.band(scene.top, 100, (150, 194, 232), (222, 234, 240))
    tones: tuple[Color, ...] = ((158, 164, 182), (184, 172, 164), (140, 156, 168), (196, 184, 172), (170, 160, 176))
    x = scene.left - rng.uniform(0, 20)
    while x < scene.right:
        width, roof = rng.uniform(26, 42), rng.uniform(6, 62)
        tone = tones[int(rng.integers(len(tones)))]
        scene.box(x, roof, x + width, GROUND, tone)
        scene.box(x, roof, x + width, roof + 2.5, mix(tone, (40, 40, 60), 0.3))
        lit = mix(tone, (255, 240, 200), 0.62)
        glass = mix(tone, (70, 92, 128), 0.55)
        for row in np.arange(roof + 8, GROUND - 24, 15.0):
            for column in np.arange(x + 4, x + width - 7, 9.5):
                scene.box(column, row, column + 5.6, row + 8.6, lit if rng.random() < 0.2 else glass)
        scene.box(x + width - 1, roof, x + width, GROUND, mix(tone, (40, 40, 60), 0.35))
        x += width
    scene.box(scene.left, GROUND - 3, scene.right, GROUND, (126, 126, 134))
    scene.band(GROUND, 178, (196, 194, 192), (178, 177, 178))
    scene.band(178, scene.bottom, (88, 90, 98), (72, 74, 84))
    scene.box(scene.left, 176.6, scene.right, 178.6, (222, 220, 214))
    for dash in np.arange(scene.left + rng.uniform(0, 20), scene.right, 30.0):
        scene.box(dash, 186, dash + 15, 188, (232, 226, 196))
    lamp = 12.0 if rng.random() < 0.5 else 114.0
    scene.box(lamp - 1, 34, lamp + 1, 168, (62, 66, 78))
    scene.fill(ellipse(lamp, 32, 4.6, 4.6), (255, 240, 190))


def _park(scene: Scene, rng: np.random.Generator) -> None:
    scene.band(scene.top, 112, (158, 208, 240), (226, 242, 238))
    for x in np.arange(scene.left - 8, scene.right + 16, 15.0):
        scene.fill(ellipse(x + rng.uniform(-4, 4), 108 + rng.uniform(-4, 4), 17, 22), (138, 184, 126))
    for x in (scene.left + rng.uniform(0, 14), scene.right - rng.uniform(0, 14)):
        scene.box(x - 3, 66, x + 3, GROUND + 4, (126, 94, 68))
        y = rng.uniform(34, 52)
        for dx, dy, r in ((0, 0, 25), (-14, 13, 18), (14, 13, 18), (5, -15, 16)):
            scene.fill(ellipse(x + dx, y + dy, r, r), (92, 152, 84))
        for dx, dy, r in ((-5, -6, 12), (8, 3, 9), (-12, 9, 7)):
            scene.fill(ellipse(x + dx, y + dy, r, r), (122, 178, 102))
    scene.band(124, scene.bottom, (150, 196, 106), (112, 166, 80))
    scene.fill(
        curve([(52, 124), (40, 150), (10, scene.bottom)]).tolist()
        + curve([(122, scene.bottom), (88, 150), (70, 124)]).tolist(),
        (226, 208, 170),
    )
    for _ in range(26):
        x, y = rng.uniform(scene.left, scene.right), rng.uniform(GROUND - 14, scene.bottom)
        if abs(x - 64) > 26 + (y - 124) * 0.5:
            petal = ((250, 240, 150), (250, 250, 250), (244, 170, 190))[int(rng.integers(3))]
            scene.fill(ellipse(x, y, 1.3, 1.0, count=8), petal)


def _wall(scene: Scene, rng: np.random.Generator) -> None:
    brick = ((176, 98, 78), (190, 116, 90), (164, 88, 76))[int(rng.integers(3))]
    scene.box(scene.left, scene.top, scene.right, scene.bottom, mix(brick, (240, 225, 210), 0.62))
    for row, y in enumerate(np.arange(scene.top - 2, GROUND, 9.0)):
        for x in np.arange(scene.left - 18 + 9 * (row % 2), scene.right, 18.0):
            shade = mix(brick, (240, 190, 160) if rng.random() < 0.5 else (110, 50, 44), float(rng.uniform(0, 0.28)))
            scene.box(x, y, x + 16.6, y + 7.6, shade)
    scene.box(scene.left, GROUND, scene.right, GROUND + 5, (150, 142, 138))
    scene.band(GROUND + 5, scene.bottom, (190, 184, 180), (164, 158, 156))
    for x in np.arange(scene.left + rng.uniform(0, 30), scene.right, 34.0):
        scene.fill(
            [
                (x, GROUND + 5),
                (x + 1, GROUND + 5),
                (x + (x - 64) * 0.4 + 1, scene.bottom),
                (x + (x - 64) * 0.4, scene.bottom),
            ],
            (142, 136, 134),
        )


def _shop(scene: Scene, rng: np.random.Generator) -> None:
    accents: tuple[Color, ...] = ((72, 142, 132), (206, 96, 92), (84, 112, 172), (222, 166, 74), (150, 108, 160))
    accent = accents[int(rng.integers(len(accents)))]
    scene.box(scene.left, scene.top, scene.right, scene.bottom, (238, 228, 212))
    scene.box(scene.left, 6, scene.right, 24, mix(accent, (30, 30, 40), 0.35))
    for x in np.arange(scene.left + 22, scene.right - 20, 9.0):
        scene.box(x, 11, x + 5.6, 19, (250, 240, 214))
    for i, x in enumerate(np.arange(scene.left - 4, scene.right, 10.0)):
        color = accent if i % 2 else (250, 246, 238)
        scene.fill(blob([(x, 24), (x + 10, 24), (x + 10, 38), (x + 5, 43), (x, 38)]), color)
        scene.box(x, 24, x + 10, 36, color)
    for left, right in ((scene.left + 4, 58), (70, scene.right - 4)):
        scene.box(left - 2, 46, right + 2, 136, (110, 84, 66))
        scene.box(left, 48, right, 134, (255, 238, 196))
        scene.box(left, 62, right, 63.6, (120, 96, 78))
        for x in np.arange(left + 3, right - 6, 8.5):
            cloth = ((220, 128, 120), (126, 164, 196), (150, 184, 148), (222, 186, 120), (178, 146, 190))[
                int(rng.integers(5))
            ]
            scene.fill(
                [
                    (x, 66),
                    (x + 3, 63),
                    (x + 6.5, 66),
                    (x + 7, 66 + rng.uniform(20, 34)),
                    (x - 0.5, 66 + rng.uniform(20, 34)),
                ],
                cloth,
            )
        scene.box(left, 112, right, 134, (226, 200, 156))
        scene.box(left, 110, right, 112, (150, 116, 88))
        scene.fill([(left + 6, 48), (left + 14, 48), (left + 2, 90), (left, 90), (left, 66)], (255, 246, 220))
    scene.box(scene.left, 136, scene.right, GROUND, mix(accent, (60, 50, 50), 0.3))
    scene.band(GROUND, scene.bottom, (206, 196, 188), (178, 168, 162))
    for y in (GROUND + 12, GROUND + 28):
        scene.box(scene.left, y, scene.right, y + 0.9, (164, 154, 148))


def _beach(scene: Scene, rng: np.random.Generator) -> None:
    scene.band(scene.top, 84, (96, 186, 240), (202, 234, 246))
    scene.fill(ellipse(rng.uniform(14, 114), rng.uniform(14, 30), 9, 9), (255, 244, 178))
    for _ in range(3):
        x, y = rng.uniform(scene.left, scene.right), rng.uniform(14, 62)
        for dx, r in ((-9, 5), (0, 7), (9, 5)):
            scene.fill(ellipse(x + dx, y, r * 1.5, r * 0.7), (244, 250, 252))
    scene.band(84, 128, (30, 128, 186), (92, 200, 208))
    for y in (93, 102, 112):
        x = rng.uniform(scene.left, scene.right - 30)
        scene.box(x, y, x + 28, y + 1.2, (168, 222, 232))
    scene.band(126, scene.bottom, (246, 224, 172), (226, 194, 136))
    edge = [(x, 127 + 2.4 * np.sin(x / 9 + 1)) for x in np.arange(scene.left - 4, scene.right + 6, 4.0)]
    scene.fill([*edge, *[(x, y + 4) for x, y in reversed(edge)]], (250, 252, 250))
    x = 14.0 if rng.random() < 0.5 else 114.0
    scene.box(x - 0.8, 98, x + 0.8, 154, (250, 246, 240))
    top = ((232, 84, 76), (248, 196, 70), (72, 160, 170))[int(rng.integers(3))]
    for i in range(4):
        a, b = x - 24 + 12 * i, x - 12 + 12 * i
        scene.fill([(x, 86), (a, 106), (b, 106)], top if i % 2 else (252, 248, 240))


_DRAW: dict[str, Callable[[Scene, np.random.Generator], None]] = {
    "studio": _studio,
    "street": _street,
    "park": _park,
    "wall": _wall,
    "shop": _shop,
    "beach": _beach,
}


def draw_background(canvas: Canvas, figure: Figure) -> None:
    """Fill the whole canvas, which must still be in picture units, with the figure's background."""
    scene = Scene(float(canvas.origin[0]), float(canvas.origin[1]), *canvas.span)
    _DRAW[figure.background](scene, figure.rng("background"))
    small = cv2.addWeighted(scene.image, 0.84, np.full_like(scene.image, 232), 0.16, 0)
    small = cv2.blur(small, (3, 3))
    height, width = canvas.labels.shape
    canvas.image[:] = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
