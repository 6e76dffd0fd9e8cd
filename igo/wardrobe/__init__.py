"""The drawn world of `mini`: street-fashion figures with captions and part labels, made from a seed.

figure = sample(7, top="hoodie", top_color="red")
drawing = draw(figure, 128, 192)        # drawing.image, drawing.labels, drawing.parse
texts = captions(figure)
"""

from __future__ import annotations

from igo.wardrobe.canvas import NATIVE, Part
from igo.wardrobe.captions import captions, phrase, vocabulary, words
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
    "Drawing",
    "Figure",
    "Part",
    "captions",
    "draw",
    "phrase",
    "sample",
    "vocabulary",
    "words",
]
