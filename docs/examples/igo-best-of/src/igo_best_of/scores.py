"""How good a picture is: the more, the better. ``mask`` (mode L) says what counts; ``None`` is all of it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

NEAREST = 0.05
"""The share of pixels by which a colour of the palette is looked for."""


def sharpness(image: Image.Image, mask: Image.Image | None = None) -> float:
    """The variance of the Laplacian of the luminance (Pech-Pacheco et al., Diatom autofocusing in brightfield
    microscopy: a comparative study, 2000)."""
    luminance = np.asarray(image.convert("L"), np.float64)
    return float(cv2.Laplacian(luminance, cv2.CV_64F)[_counting(image, mask)].var())


def palette_score(image: Image.Image, mask: Image.Image | None, palette: Sequence[Sequence[int]]) -> float:
    """How near the picture comes to having each of the colours: 0 is all of them, -100 is black for white.

    For each colour the mean CIELAB distance of the 5 % of pixels nearest to it, the mean of these, negative. So each
    colour must be somewhere, and none of them everywhere.
    """
    seen = _lab(np.asarray(image)[_counting(image, mask)])
    few = max(round(NEAREST * len(seen)), 1)
    distances = [np.linalg.norm(seen - wanted, axis=1) for wanted in _lab(np.array(palette, np.uint8))]
    return -float(np.mean([np.partition(distance, few - 1)[:few].mean() for distance in distances]))


def _counting(image: Image.Image, mask: Image.Image | None) -> npt.NDArray[np.bool_]:
    if mask is None or not mask.getbbox():
        return np.ones((image.height, image.width), bool)
    return np.asarray(mask.convert("L").resize(image.size)) > 0


def _lab(colors: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """N×3 in RGB to N×3 in CIELAB."""
    values = (colors.astype(np.float32) / np.float32(255))[:, None]
    return np.asarray(cv2.cvtColor(values, cv2.COLOR_RGB2LAB)[:, 0], np.float64)
