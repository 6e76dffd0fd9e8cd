"""Cloth that words can't name: any colours, woven or printed by chance, the same for the same number.

A caption can say "a striped red t-shirt"; it can't say which stripes. Who is to learn a garment from its picture needs
cloth that only the picture tells.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Color = tuple[int, int, int]
WEAVES = ("plain", "stripes", "blocks", "checks", "dots")
CELLS = 4
"""Rows and columns of a print's glyph."""


@dataclass(frozen=True)
class Glyph:
    """A print on the chest: ``cells`` (rows of 0 and 1) around (``x``, ``y``), in figure units from the middle line and
    from the crown; a cell is ``size`` units wide and high."""

    cells: tuple[tuple[int, ...], ...]
    color: Color
    x: float
    y: float
    size: float


@dataclass(frozen=True)
class Cloth:
    """What a garment is made of: ``colors``, the first of which is its ground, woven as one of ``WEAVES``.

    ``period`` is in figure units, ``share`` the second colour's part of it; ``angle`` in degrees, 0 for stripes across.
    """

    colors: tuple[Color, Color]
    weave: str
    period: float
    share: float
    angle: float
    glyph: Glyph | None = None

    def field(self, xs: NDArray[np.float64], ys: NDArray[np.float64]) -> NDArray[np.float32]:
        """Float32 RGB of shape (len(ys), len(xs), 3), 0 to 255; ``xs``, ``ys`` are columns and rows in figure units."""
        x, y = np.meshgrid(xs, ys)
        ground, other = (np.array(color, np.float32) for color in self.colors)
        share = self._share(x, y)[..., None]
        cloth = ground + (other - ground) * share
        if self.glyph is not None:
            cloth[self._printed(self.glyph, x, y)] = self.glyph.color
        return np.asarray(cloth, np.float32)

    def _share(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float32]:
        """How much of the second colour each place has, 0 to 1."""
        turn = np.deg2rad(self.angle)
        along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        period, wide = self.period, self.period * self.share
        if self.weave == "stripes":
            share = across % period < wide
        elif self.weave == "checks":
            share = 0.5 * ((across % period < wide) * 1.0 + (along % period < wide))
        elif self.weave == "dots":
            row = np.floor(across / period)
            u, v = (along + period / 2 * (row % 2)) % period - period / 2, across % period - period / 2
            share = u**2 + v**2 < (0.6 * wide) ** 2
        elif self.weave == "blocks":  # a seam at the height, or beside the middle line, that share and angle say
            share = across > (40 + 60 * self.share if abs(self.angle) < 45 else 12 * self.share - 6)
        else:
            share = np.zeros_like(x)
        return np.asarray(share, np.float32)

    @staticmethod
    def _printed(glyph: Glyph, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        column, row = np.floor((x - glyph.x) / glyph.size + CELLS / 2), np.floor((y - glyph.y) / glyph.size + CELLS / 2)
        inside = (column >= 0) & (column < CELLS) & (row >= 0) & (row < CELLS)
        cells = np.array(glyph.cells, bool)
        where = row.clip(0, CELLS - 1).astype(int), column.clip(0, CELLS - 1).astype(int)
        return np.asarray(inside & cells[where])


@lru_cache(maxsize=256)
def cloth(number: int) -> Cloth:
    """The cloth of a number, from 0 up."""
    rng = np.random.default_rng([number, 0xC107])
    weave = str(rng.choice(WEAVES, p=(0.34, 0.24, 0.16, 0.14, 0.12)))
    colors = _color(rng), _color(rng)
    while weave != "plain" and _apart(*colors) < 90:
        colors = colors[0], _color(rng)
    glyph = None
    if rng.random() < (0.55 if weave in ("plain", "blocks") else 0.15):
        glyph = _glyph(rng, colors[0])
    angle = float(rng.choice((0, 90, 45, -45, rng.uniform(-90, 90)), p=(0.4, 0.25, 0.1, 0.1, 0.15)))
    return Cloth(
        colors=colors,
        weave=weave,
        period=float(rng.uniform(5, 13)),
        share=float(rng.uniform(0.3, 0.6)),
        angle=0.0 if weave == "blocks" and abs(angle) < 80 else angle,
        glyph=glyph,
    )


def held_out(number: int) -> bool:
    """Whether the cloth of a number has a print or a pair of colours that is kept from training: one glyph in
    eight, and of all pairs of hues, told in twelfths of a circle, those that are five apart."""
    one = cloth(number)
    if one.glyph is not None and _code(one.glyph.cells) % 8 == 0:
        return True
    hues = [int(12 * colorsys.rgb_to_hsv(*(value / 255 for value in color))[0]) for color in one.colors]
    return one.weave != "plain" and (hues[0] - hues[1]) % 12 == 5


def _glyph(rng: np.random.Generator, ground: Color) -> Glyph:
    cells = rng.random((CELLS, CELLS)) < 0.5
    while not 5 <= cells.sum() <= 11:
        cells = rng.random((CELLS, CELLS)) < 0.5
    color = _color(rng)
    while _apart(color, ground) < 130:
        color = _color(rng)
    rows = tuple(tuple(int(cell) for cell in row) for row in cells)
    return Glyph(rows, color, float(rng.uniform(-3, 3)), float(rng.uniform(50, 58)), float(rng.uniform(3.4, 4.8)))


def _code(cells: tuple[tuple[int, ...], ...]) -> int:
    return int("".join(str(cell) for row in cells for cell in row), 2)


def _color(rng: np.random.Generator) -> Color:
    """Any colour; grays, black and white as often as people wear them."""
    hue, gray = rng.random(), rng.random() < 0.3
    saturation = rng.uniform(0, 0.1) if gray else rng.uniform(0.4, 0.95)
    value = rng.uniform(0.1, 1) if gray else rng.uniform(0.35, 1)
    r, g, b = (round(255 * part) for part in colorsys.hsv_to_rgb(float(hue), float(saturation), float(value)))
    return r, g, b


def _apart(first: Color, second: Color) -> float:
    return float(np.linalg.norm(np.subtract(first, second)))
