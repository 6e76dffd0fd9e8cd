"""The cut itself, on PIL pictures."""

from __future__ import annotations

import cv2
import numpy as np
from igo.errors import LayerError
from PIL import Image

Box = tuple[int, int, int, int]
BLACK, WHITE = 64, 192
"""A scribble says "not this" below, "this" from there on, and nothing in between."""


def cut(
    image: Image.Image, box: Box | None, scribble: Image.Image | None, iterations: int, working_size: int, margin: float
) -> Image.Image:
    """A mask (L, 255 or 0) in the size of ``image`` (RGB), at most ``working_size`` of which is looked at a side.

    ``box`` is in pixels, ``scribble`` of mode L and the image's size; one of them must be there. Raises ``LayerError``
    if they leave nothing to tell apart.
    """
    scale = min(1.0, working_size / max(image.size))
    size = max(round(image.width * scale), 1), max(round(image.height * scale), 1)
    small = np.asarray(image.resize(size, Image.Resampling.BOX))
    marks = np.full(small.shape[:2], cv2.GC_PR_BGD if box is None else cv2.GC_BGD, np.uint8)
    if box is not None:
        left, top = (int(edge * scale) for edge in box[:2])
        right, bottom = max(round(box[2] * scale), left + 1), max(round(box[3] * scale), top + 1)
        marks[top:bottom, left:right] = cv2.GC_PR_FGD
    if scribble is not None:
        said = np.asarray(scribble.convert("L").resize(size, Image.Resampling.NEAREST))
        marks[said < BLACK] = cv2.GC_BGD
        marks[said >= WHITE] = cv2.GC_FGD
    meant = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if meant.all() or not meant.any():
        what = "all of the picture" if meant.all() else "nothing"
        raise LayerError(f"box and scribble mean {what}; leave some of it out, and mark some with white")
    cv2.setRNGSeed(0)  # of this thread; without it a mask would depend on those that were cut before
    cv2.grabCut(small[..., ::-1].copy(), marks, None, np.zeros((1, 65)), np.zeros((1, 65)), iterations)
    found = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    mask = (cv2.resize(found, image.size, interpolation=cv2.INTER_LINEAR) > 0.5).astype(np.uint8)
    grown = round(margin * image.height)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grown + 1, 2 * grown + 1))
    return Image.fromarray(np.asarray(cv2.dilate(mask, kernel) * 255, np.uint8))
