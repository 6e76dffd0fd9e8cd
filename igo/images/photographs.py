"""Telling photographs from drawings, for models that know one of them alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

Levels = npt.NDArray[np.float32]
DARK, VIVID = 96, 96
"""Levels below which a place is dark; between the largest and the smallest channel, above which it is vivid."""
FLAT = 0.97
"""Where more neighbours than this share are nearly equal, there is nothing that a camera has seen."""


def is_photograph(image: Image.Image) -> bool:
    """Whether an RGB picture looks like a photograph and not like a drawing.

    A linear rule on seven statistics of the picture at 192 and at 96 pixels a side: how much is dark or vivid, how many
    colours there are, how alike neighbours are. It is fitted on drawings and pictures of `mini`, as they are, as JPEGs
    and at half to four times their size, and on the photographs of ``benchmarks.photographs``, which says how often it
    is wrong. Of plain surfaces it thinks that they are drawn.
    """
    fine, coarse = _at(image, 192), _at(image, 96)
    light, dim = fine.mean(2), coarse.mean(2)
    alike = _alike(light, 8)
    if alike > FLAT:
        return False
    spread = coarse.max(2) - coarse.min(2)
    score = (
        4.53
        + 2.54 * float((dim < DARK).mean())
        + 1.16 * float((spread > VIVID).mean())
        - 1.19 * alike
        - 3.11 * _alike(dim, 8)
        - 0.50 * float((np.abs(np.diff(np.diff(fine, axis=2), axis=1)) < 1.5).mean())
        - 0.28 * _quiet(dim)
        - 0.245 * _colors(coarse)
    )
    return score > 0


def _at(image: Image.Image, side: int) -> Levels:
    """H×W×3 with a longer side of ``side`` pixels, whatever the picture has."""
    scale = side / max(image.size)
    size = max(16, round(image.width * scale)), max(16, round(image.height * scale))
    way = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    return np.asarray(image.resize(size, way), np.float32)


def _alike(light: Levels, levels: float) -> float:
    """The share of neighbours that differ by less than ``levels``."""
    steps = [np.abs(np.diff(light, axis=axis)).ravel() for axis in (0, 1)]
    return float((np.concatenate(steps) < levels).mean())


def _quiet(light: Levels) -> float:
    """How much the quieter places vary: of the deviations in blocks of 4×4, the lower quartile's logarithm."""
    height, width = (side // 4 for side in light.shape)
    blocks = light[: height * 4, : width * 4].reshape(height, 4, width, 4).std(axis=(1, 3))
    return float(np.log1p(np.percentile(blocks, 25)))


def _colors(pixels: Levels) -> float:
    """The entropy, in bits, of the colours in 16 levels a channel."""
    bins = pixels.astype(np.int64) >> 4
    shares = np.bincount((bins[..., 0] << 8 | bins[..., 1] << 4 | bins[..., 2]).ravel()) / bins[..., 0].size
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())
