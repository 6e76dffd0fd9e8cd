"""What can be seen of a picture that has transparency. What lies under it may be anything, and decides nothing."""

from __future__ import annotations

import numpy as np
from PIL import Image


def on_white(image: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """An RGB picture as it looks on white paper; itself if ``alpha`` (mode L, of its size) is None or opaque."""
    if alpha is None or alpha.getextrema() == (255, 255):
        return image
    return Image.composite(image, Image.new("RGB", image.size, "white"), alpha)


def visible_part(mask: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """A mask (mode L) without what can't be seen: black wherever ``alpha`` (mode L, of its size) is 0."""
    if alpha is None or alpha.getextrema() == (255, 255):
        return mask
    return Image.composite(mask, Image.new("L", mask.size), alpha.point([0] + [255] * 255))


def kept_hidden(
    original: Image.Image, shown: Image.Image, painted: Image.Image, alpha: Image.Image | None
) -> Image.Image:
    """``painted``, which was made of ``shown`` (``original`` on white), with the pixels of ``original`` where none has
    changed or can be seen; all RGB of one size, ``alpha`` L."""
    if alpha is None or shown is original:
        return painted
    if painted is shown:
        return original
    before, after = np.asarray(original), np.asarray(painted)
    same = (after == np.asarray(shown)).all(axis=2) | (np.asarray(alpha) == 0)
    return Image.fromarray(np.where(same[..., None], before, after))
