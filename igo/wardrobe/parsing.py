"""Who wears what: label maps in the terms of human parsers, which tell garments by their kind and skin by its place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from igo.wardrobe.canvas import Limb, Part

PARSE = (
    "background",
    "face",
    "hair",
    "top",
    "dress",
    "skirt",
    "pants",
    "shoes",
    "bag",
    "hat",
    "arms",
    "legs",
    "hands",
    "torso",
)
"""Names of the values of a parse, in order: PARSE[value]."""

_NAMES = {
    Part.FACE: "face",
    Part.HAIR: "hair",
    Part.SHOES: "shoes",
    Part.HAT: "hat",
    Part.BAG: "bag",
    Part.HANDS: "hands",
    Part.SKIN: "torso",
    Limb.ARMS: "arms",
    Limb.LEGS: "legs",
}


def parsed(labels: NDArray[np.uint8], top: str, bottom: str) -> NDArray[np.uint8]:
    """A parse of the labels of the drawing surface (`Part` and `Limb`) where such a top and bottom are worn.

    What is worn under an open top belongs to it.
    """
    upper = "dress" if top == "dress" else "top"
    lower = "skirt" if bottom == "skirt" else "pants"
    table = np.zeros(256, np.uint8)
    for value, name in {**_NAMES, Part.TOP: upper, Part.INNER: upper, Part.BOTTOM: lower}.items():
        table[value] = PARSE.index(name)
    return table[labels]
