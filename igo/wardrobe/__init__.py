"""The drawn world of `mini`: street-fashion figures with captions and part labels, made from a seed.

figure = sample(7, top="hoodie", top_color="red")
drawing = draw(figure, 128, 192)        # drawing.image, drawing.labels, drawing.parse
texts = captions(figure)
other = wearing(figure, sample(8, top_cloth=5, sleeve=0.4), "upper")
flat = lay_flat(other, "upper", 128, 192)  # flat.image, flat.shape
"""

from __future__ import annotations

from igo.wardrobe.canvas import NATIVE, Part
from igo.wardrobe.captions import captions, phrase, vocabulary, words
from igo.wardrobe.cloth import Cloth, cloth, held_out
from igo.wardrobe.figure import (
    BACKGROUNDS,
    BAGS,
    BOTTOMS,
    COLORS,
    GENDERS,
    HAIR_COLORS,
    HAIRS,
    HATS,
    PATTERNS,
    POSES,
    SHOES,
    SKINS,
    TOPS,
    Figure,
    sample,
)
from igo.wardrobe.garments import Category, FlatLay, category, lay_flat, wearing
from igo.wardrobe.parsing import PARSE
from igo.wardrobe.render import Drawing, draw

PARTS: tuple[str, ...] = tuple(part.name.lower() for part in Part)
"""Names of the label values, in order: PARTS[label]."""

__all__ = [
    "BACKGROUNDS",
    "BAGS",
    "BOTTOMS",
    "COLORS",
    "GENDERS",
    "HAIRS",
    "HAIR_COLORS",
    "HATS",
    "NATIVE",
    "PARSE",
    "PARTS",
    "PATTERNS",
    "POSES",
    "SHOES",
    "SKINS",
    "TOPS",
    "Category",
    "Cloth",
    "Drawing",
    "Figure",
    "FlatLay",
    "Part",
    "captions",
    "category",
    "cloth",
    "draw",
    "held_out",
    "lay_flat",
    "phrase",
    "sample",
    "vocabulary",
    "wearing",
    "words",
]
