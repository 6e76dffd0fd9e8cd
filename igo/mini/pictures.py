"""Which figures `mini` learns from, and what else decides how they look."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from igo import wardrobe
from igo.wardrobe import Figure
from igo.wardrobe.backgrounds import draw_background
from igo.wardrobe.canvas import Canvas


def balanced_figures(count: int, seed: int) -> list[Figure]:
    """``count`` figures of consecutive seeds, every garment for the upper body equally often.

    Left to chance, dresses and skirts would be rare, since only women are drawn in them.
    """
    return [_balanced(seed * 1_000_000 + i, wardrobe.TOPS[i % len(wardrobe.TOPS)]) for i in range(count)]


def _balanced(seed: int, top: str) -> Figure:
    return wardrobe.sample(seed, top=top, gender="woman") if top == "dress" else wardrobe.sample(seed, top=top)


def wardrobe_digest() -> str:
    """A digest of the code that draws: pictures drawn by other code aren't the same training set. Captions are read
    off the figures whenever they are needed, so that their code doesn't count."""
    digest = hashlib.sha256()
    for source in sorted(Path(str(wardrobe.__file__)).parent.glob("*.py")):
        if source.stem != "captions":
            digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()


def scene(seed: int, width: int, height: int) -> NDArray[np.uint8]:
    """A place that nobody stands in, (height, width, 3) uint8 RGB."""
    canvas = Canvas(width, height, 0)
    draw_background(canvas, wardrobe.sample(seed))
    return np.asarray(cv2.resize(canvas.image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
