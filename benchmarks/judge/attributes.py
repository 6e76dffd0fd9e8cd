"""What the judge tells about a picture, and how that is numbered."""

from collections.abc import Sequence

import torch
from torch import Tensor

from igo import wardrobe
from igo.wardrobe import Figure

YES_NO = ("no", "yes")
VALUES: dict[str, tuple[str, ...]] = {
    "top": wardrobe.TOPS,
    "top_color": tuple(wardrobe.COLORS),
    "bottom": (*wardrobe.BOTTOMS, "none"),
    "bottom_color": tuple(wardrobe.COLORS),
    "background": wardrobe.BACKGROUNDS,
    "gender": wardrobe.GENDERS,
    "face": YES_NO,
    "legs": YES_NO,
}
"""What each attribute can be, in the order of the judge's outputs.

``face``: a head with eyes and a mouth; ``legs``: two of them, down to the ground, apart from each other."""
CLASSES = [len(values) for values in VALUES.values()]


def encode(figures: Sequence[Figure], face: bool = True, legs: bool = True) -> Tensor:
    """N×A class numbers, -1 where there is nothing to be told: the colour of a bottom that isn't worn, a garment on
    legs that are spoilt, the gender of a spoilt face."""
    return torch.tensor([[_number(figure, name, face, legs) for name in VALUES] for figure in figures])


def _number(figure: Figure, name: str, face: bool, legs: bool) -> int:
    if name in ("face", "legs"):
        return int(face if name == "face" else legs)
    value = getattr(figure, name)
    hidden = (name == "gender" and not face) or (name == "bottom" and not legs)
    return -1 if hidden or value not in VALUES[name] else VALUES[name].index(value)
