"""Parses of drawn figures, from the labels that they are drawn with."""

import numpy as np

from igo.wardrobe import draw, sample
from igo.wardrobe.parsing import PARSE
from igo_plugins.parsing.labels import part_of

NUMBERS = np.array([part_of(name) for name in PARSE], np.uint8)


def drawn(figure, width=128, height=192):
    """A figure's picture (H×W×3) and parse (H×W numbers of ``Part``)."""
    drawing = draw(sample(figure) if isinstance(figure, int) else figure, width, height)
    return drawing.image, NUMBERS[drawing.parse]
