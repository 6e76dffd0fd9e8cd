"""Straps of bags, told by their colours from the garments that they lie over.

A parser sees in cells that are wider than a strap: of what it takes for one some is cloth, and of the cloth beside it
some is strap. Both have a colour of their own all around, and along their border each pixel is what it is nearer to.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from igo_plugins.parsing.labels import GARMENTS, Part, shows
from igo_plugins.parsing.parser import Parse

REACH, AROUND = 0.01, 0.02
"""How far from their border pixels may change sides, and by which deviation colours around them are averaged, as shares
of the picture's height."""
NEARER, SAME = 1.5, 3.0
"""How many times as near another colour must be for that, and by how many levels of all channels."""
ROUNDS = 2
LARGEST = 512
"""Pixels of a side beyond which this is done smaller."""
Mask = npt.NDArray[np.bool_]


def told_apart(parse: Parse, image: Image.Image) -> Parse:
    """A parse (H×W) of an RGB picture, in which bags and garments are parted where their colours are."""
    bag, cloth = parse == Part.BAG, shows(parse, GARMENTS)
    if not bag.any():
        return parse
    reach, around = max(1, round(REACH * len(parse))), max(1.0, AROUND * len(parse))
    border = _grown(bag, reach) & _grown(cloth, reach) & (bag | cloth)
    if not border.any():
        return parse
    edge = 3 * round(around)
    rows, columns = (slice(max(0, at.min() - edge), at.max() + edge + 1) for at in np.nonzero(border))
    here = rows, columns
    size = parse[here].shape[::-1]
    scale = min(1.0, LARGEST / max(size))
    small = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    colors = cv2.resize(np.asarray(image)[here], small, interpolation=cv2.INTER_AREA).astype(np.float32)
    own = cv2.resize(parse[here], small, interpolation=cv2.INTER_NEAREST)
    may = cv2.resize(border[here].astype(np.uint8), small, interpolation=cv2.INTER_NEAREST) > 0
    strap, both = own == Part.BAG, shows(own, (Part.BAG, *GARMENTS))
    for _ in range(ROUNDS):
        off = [np.abs(colors - _mean(colors, part, around * scale)).sum(axis=2) for part in (strap, both & ~strap)]
        stays, comes = off[0] <= NEARER * off[1] + SAME, NEARER * off[0] + SAME < off[1]
        strap = np.where(may, np.where(strap, stays, comes), strap)
    there = [part for part in GARMENTS if (own == part).any()]
    near = [cv2.GaussianBlur((own == part).astype(np.float32), (0, 0), around * scale) for part in there]
    told = np.where(strap, np.uint8(Part.BAG), np.array(there, np.uint8)[np.argmax(near, axis=0)])
    told = cv2.resize(np.where(may & (strap != (own == Part.BAG)), told, own), size, interpolation=cv2.INTER_NEAREST)
    found = parse.copy()
    found[here] = np.where(border[here], told, parse[here])
    return found


def _grown(mask: Mask, pixels: int) -> Mask:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((2 * pixels + 1,) * 2, np.uint8)) > 0)


def _mean(colors: npt.NDArray[np.float32], where: Mask, around: float) -> npt.NDArray[np.float32]:
    """The colour around each pixel of what is ``where``."""
    weight = where.astype(np.float32)[..., None]
    total = cv2.GaussianBlur(weight, (0, 0), around)[..., None]
    return np.asarray(cv2.GaussianBlur(colors * weight, (0, 0), around) / np.maximum(total, 1e-4))
