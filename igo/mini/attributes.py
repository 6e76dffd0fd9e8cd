"""The attributes of a figure as class numbers, for models that learn to tell them."""

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from igo.wardrobe import Figure

ATTRIBUTES = (
    "gender",
    "top",
    "top_color",
    "top_pattern",
    "bottom",
    "bottom_color",
    "shoes",
    "shoes_color",
    "hat",
    "hat_color",
    "bag",
    "bag_color",
    "hair",
    "hair_color",
    "background",
)
PRESENCE = {"hat_color": "hat", "bag_color": "bag", "bottom_color": "bottom"}
"""Attributes that mean nothing where the thing they belong to is "none"."""


class AttributeCoder:
    """Numbers the values that ``figures`` show, attribute by attribute, in alphabetical order."""

    def __init__(self, figures: Sequence[Figure]) -> None:
        rows = [dataclasses.asdict(figure) for figure in figures]
        self.values = {name: sorted({str(row[name]) for row in rows}) for name in ATTRIBUTES}
        self.classes = [len(values) for values in self.values.values()]

    def encode(self, figures: Sequence[Figure]) -> Tensor:
        """N×A integers, -1 where an attribute has no meaning (the colour of a hat that isn't worn)."""
        return torch.tensor([[self._number(figure, name) for name in ATTRIBUTES] for figure in figures])

    def _number(self, figure: Figure, name: str) -> int:
        if name in PRESENCE and getattr(figure, PRESENCE[name]) == "none":
            return -1
        return self.values[name].index(str(getattr(figure, name)))
