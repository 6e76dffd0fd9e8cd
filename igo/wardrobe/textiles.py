"""Colours of cloth: contours, contrasts and woven or printed patterns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from igo.wardrobe.cloth import Cloth, Color


def luma(color: Color) -> float:
    """Perceived brightness of an 8-bit RGB colour, 0 to 255 (Rec. 601)."""
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]


def mix(first: Color, second: Color, share: float) -> Color:
    """`first` with `share` (0 to 1) of `second` in it."""
    r, g, b = (round(a + (c - a) * share) for a, c in zip(first, second, strict=True))
    return r, g, b


def ink(color: Color) -> Color:
    """The colour of seams and contours on cloth of `color`: darker, or lighter on nearly black cloth."""
    return mix(color, (120, 120, 132), 0.42) if luma(color) < 55 else mix(color, (30, 20, 44), 0.48)


def contrast(color: Color) -> Color:
    """A print colour that shows on `color`: off-white on dark and middling cloth, deep blue on light cloth."""
    return (44, 52, 96) if luma(color) > 165 else (247, 245, 238)


def weave(color: Color, pattern: str | Cloth, xs: NDArray[np.float64], ys: NDArray[np.float64]) -> NDArray[np.float32]:
    """Patterned cloth as a float32 RGB field of shape (len(ys), len(xs), 3), values 0 to 255.

    xs, ys: coordinates of the columns and rows in figure units; pattern: "striped", "dotted" or "checked", of which
    the named colour always covers the larger part, or a cloth with colours of its own.
    """
    if isinstance(pattern, Cloth):
        return pattern.field(xs, ys)
    base = np.array(color, np.float32)
    other = np.array(contrast(color), np.float32)
    if pattern == "striped":
        share = np.broadcast_to((ys % 6.6 < 2.3)[:, None], (len(ys), len(xs))).astype(np.float32)
    elif pattern == "dotted":
        row = np.floor(ys / 6.0)
        u = (xs[None, :] + 3.4 * (row[:, None] % 2)) % 6.8 - 3.4
        v = (ys % 6.0 - 3.0)[:, None]
        share = (u**2 + v**2 < 1.6**2).astype(np.float32)
    else:
        across = (xs % 8.4 < 2.6).astype(np.float32)[None, :]
        down = (ys % 8.4 < 2.6).astype(np.float32)[:, None]
        share = np.float32(0.42) * (across + down)
    return np.asarray(base + (other - base) * share[..., None], dtype=np.float32)
