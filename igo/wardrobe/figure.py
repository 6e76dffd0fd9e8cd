"""What a drawn person looks like and wears: the attributes, their choices, and seeded sampling."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np

from igo.errors import SettingsError
from igo.wardrobe.cloth import Cloth, Color, cloth

COLORS: dict[str, Color] = {
    "black": (36, 36, 40),
    "white": (246, 245, 241),
    "gray": (142, 145, 150),
    "red": (206, 34, 42),
    "orange": (242, 126, 28),
    "yellow": (249, 211, 60),
    "green": (42, 140, 72),
    "blue": (52, 118, 220),
    "navy": (30, 42, 96),
    "purple": (130, 62, 172),
    "pink": (246, 152, 188),
    "brown": (122, 76, 42),
}
"""The named colours of clothes, as 8-bit RGB."""

SKINS: dict[str, Color] = {
    "porcelain": (250, 220, 200),
    "fair": (244, 208, 182),
    "beige": (232, 190, 158),
    "honey": (214, 166, 126),
    "tan": (188, 136, 96),
    "brown": (146, 98, 66),
    "deep": (102, 66, 46),
}
HAIR_COLORS: dict[str, Color] = {
    "black": (38, 33, 36),
    "brown": (84, 54, 38),
    "chestnut": (122, 76, 46),
    "auburn": (138, 52, 32),
    "ginger": (196, 98, 42),
    "blonde": (226, 186, 108),
    "gray": (168, 168, 172),
}

GENDERS = ("woman", "man")
TOPS = ("t-shirt", "shirt", "hoodie", "sweater", "jacket", "coat", "dress")
BOTTOMS = ("jeans", "trousers", "skirt", "shorts")
PATTERNS = ("plain", "striped", "dotted", "checked")
SHOES = ("sneakers", "boots", "heels", "loafers")
HATS = ("none", "cap", "beanie", "hat")
BAGS = ("none", "bag", "tote", "backpack")
HAIRS = ("short", "bob", "long", "ponytail", "bun", "curly")
POSES = ("relaxed", "hip", "open", "walking", "wave", "pockets")
BACKGROUNDS = ("studio", "street", "park", "wall", "shop", "beach")

_CHOICES: dict[str, tuple[str, ...]] = {
    "gender": GENDERS,
    "top": TOPS,
    "top_color": tuple(COLORS),
    "top_pattern": PATTERNS,
    "inner_color": tuple(COLORS),
    "bottom": (*BOTTOMS, "none"),
    "bottom_color": (*COLORS, "none"),
    "bottom_pattern": PATTERNS,
    "shoes": SHOES,
    "shoes_color": tuple(COLORS),
    "hat": HATS,
    "hat_color": tuple(COLORS),
    "bag": BAGS,
    "bag_color": tuple(COLORS),
    "hair": HAIRS,
    "hair_color": tuple(HAIR_COLORS),
    "skin": tuple(SKINS),
    "pose": POSES,
    "background": BACKGROUNDS,
}
_RANGES: dict[str, tuple[float, float]] = {
    "height": (0.0, 1.0),
    "build": (0.0, 1.0),
    "light": (-1.0, 1.0),
    "warmth": (-1.0, 1.0),
}
_TAILORED: dict[str, tuple[float, float]] = {
    "sleeve": (0.1, 1.0),
    "top_length": (0.0, 1.0),
    "bottom_length": (0.0, 1.0),
}
_CLOTHS = ("top_cloth", "bottom_cloth")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One person, fully described: two equal figures are drawn alike, whatever the size of the picture.

    Every field is a plain str, int, float or bool, so `asdict` gives JSON. `height` and `build` run from 0 to 1,
    `light` (-1: from the left, 1: from the right) and `warmth` (cold to warm) from -1 to 1. `seed` drives jitter,
    background details and grain. A dress has bottom "none" in colour "none". Raises SettingsError for a value that is
    not a choice.

    What is None is as the type of the garment and its colour and pattern have it. `top_cloth` and `bottom_cloth` are
    numbers of cloths in place of colour and pattern (see `igo.wardrobe.cloth`); `sleeve` is how far down the arm a
    sleeve reaches (0.1 to 1, the wrist); `top_length` and `bottom_length` run from 0, the shortest that the type can
    be, to 1. Jackets, hoodies, sweaters and jeans have one length only.
    """

    seed: int
    gender: str
    top: str
    top_color: str
    top_pattern: str
    inner_color: str
    bottom: str
    bottom_color: str
    bottom_pattern: str
    shoes: str
    shoes_color: str
    hat: str
    hat_color: str
    bag: str
    bag_color: str
    hair: str
    hair_color: str
    skin: str
    pose: str
    mirror: bool
    height: float
    build: float
    light: float
    warmth: float
    background: str
    top_cloth: int | None = None
    bottom_cloth: int | None = None
    sleeve: float | None = None
    top_length: float | None = None
    bottom_length: float | None = None

    def __post_init__(self) -> None:
        _check(vars(self))
        if (self.bottom == "none") != (self.top == "dress") or (self.bottom == "none") != (self.bottom_color == "none"):
            raise SettingsError(
                f"top {self.top!r} with bottom {self.bottom!r} in {self.bottom_color!r}: a dress, and only a dress, "
                "takes bottom 'none' and bottom_color 'none'"
            )

    @property
    def top_rgb(self) -> Color:
        """The top's colour, or its cloth's ground."""
        return COLORS[self.top_color] if self.top_cloth is None else cloth(self.top_cloth).colors[0]

    @property
    def bottom_rgb(self) -> Color:
        """The bottom's colour, or its cloth's ground."""
        return COLORS[self.bottom_color] if self.bottom_cloth is None else cloth(self.bottom_cloth).colors[0]

    @property
    def top_weave(self) -> str | Cloth:
        """The top's pattern, or its cloth."""
        return self.top_pattern if self.top_cloth is None else cloth(self.top_cloth)

    @property
    def bottom_weave(self) -> str | Cloth:
        """The bottom's pattern, or its cloth; a print is on a top alone."""
        return self.bottom_pattern if self.bottom_cloth is None else replace(cloth(self.bottom_cloth), glyph=None)

    def rng(self, purpose: str) -> np.random.Generator:
        """A fresh generator for one purpose, the same for every call with the same seed and purpose."""
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode())])


def _check(values: dict[str, Any]) -> None:
    known = Figure.__dataclass_fields__
    for name, value in values.items():
        if name not in known:
            raise SettingsError(f"a figure has no attribute {name!r}: choose from {', '.join(known)}")
        if name in _CHOICES and value not in _CHOICES[name]:
            raise SettingsError(f"{name} cannot be {value!r}: choose from {', '.join(_CHOICES[name])}")
        if name in _RANGES:
            low, high = _RANGES[name]
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise SettingsError(f"{name} cannot be {value!r}: give a number from {low:g} to {high:g}")
        if name in _TAILORED and value is not None:
            low, high = _TAILORED[name]
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise SettingsError(f"{name} cannot be {value!r}: give a number from {low:g} to {high:g}, or None")
        if name in _CLOTHS and (
            isinstance(value, bool) or not (value is None or (isinstance(value, int) and value >= 0))
        ):
            raise SettingsError(f"{name} cannot be {value!r}: give a whole number from 0 up, or None")
        if name == "mirror" and not isinstance(value, bool):
            raise SettingsError(f"mirror cannot be {value!r}: give True or False")
        if name == "seed" and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise SettingsError(f"seed cannot be {value!r}: give a whole number from 0 up")


def _pick(choices: Sequence[str], chance: float, weights: Sequence[float] | None = None) -> str:
    """The choice at position `chance` (0 up to 1) of the choices laid side by side, each as wide as its weight."""
    edges = list(accumulate(weights or [1.0] * len(choices)))
    return choices[min(bisect_right(edges, chance * edges[-1]), len(choices) - 1)]


def sample(seed: int, **fixed: Any) -> Figure:
    """The figure of a seed, with the attributes in `fixed` as given.

    Every attribute has its own draw, so that fixing one leaves the others as they were wherever they can stay. What is
    drawn suits the gender (no heels, skirts or dresses on men) but any such choice may be fixed. Raises SettingsError
    for an unknown attribute, a value that is not one of its choices, or a dress with a bottom.
    """
    _check({"seed": seed, **fixed})
    names = [name for name, item in Figure.__dataclass_fields__.items() if name != "seed" and item.default is MISSING]
    chance = dict(zip(names, np.random.default_rng([seed, 1]).random(len(names)).tolist(), strict=True))
    values: dict[str, Any] = {"seed": seed}

    def draw(name: str, choices: Sequence[str], weights: Sequence[float] | None = None) -> str:
        values[name] = fixed[name] if name in fixed else _pick(choices, chance[name], weights)
        return str(values[name])

    colors = tuple(COLORS)
    woman = draw("gender", GENDERS) == "woman"
    wants_dress = fixed.get("bottom") == "none" or fixed.get("bottom_color") == "none"
    has_bottom = not wants_dress and any(name in fixed for name in ("bottom", "bottom_color"))
    separates = TOPS[:-1]
    dress = draw("top", ("dress",) if wants_dress else separates if has_bottom or not woman else TOPS) == "dress"
    top_color = draw("top_color", colors)
    draw("top_pattern", PATTERNS, (0.76, 0.1, 0.06, 0.08))
    draw("inner_color", [c for c in ("white", "black", "gray", "yellow", "navy", "red") if c != top_color])
    if dress:
        draw("bottom", ("none",))
        draw("bottom_color", ("none",))
    else:
        if values["top"] == "coat":
            bottoms: tuple[str, ...] = ("jeans", "trousers")
        else:
            bottoms = BOTTOMS if woman else ("jeans", "trousers", "shorts")
        denim = draw("bottom", bottoms) == "jeans"
        usual = [3.0 if denim and c in ("blue", "navy", "black", "gray", "white") else 1.0 for c in colors]
        draw("bottom_color", colors, [0.3 * w if c == top_color else w for c, w in zip(colors, usual, strict=True)])
    draw("bottom_pattern", PATTERNS, (1,) if values["bottom"] in ("jeans", "none") else (0.86, 0.05, 0.03, 0.06))
    draw("shoes", SHOES if woman else ("sneakers", "boots", "loafers"), (4, 2, 2, 1) if woman else (4, 2, 2))
    draw("shoes_color", colors, [4.0 if c in ("black", "white", "brown") else 1.0 for c in colors])
    draw("hat", HATS, (0.68, 0.12, 0.1, 0.1))
    draw("hat_color", colors)
    draw("bag", BAGS, (0.6, 0.14, 0.14, 0.12))
    draw("bag_color", colors)
    draw("hair", HAIRS, (1, 2, 3, 2, 1.5, 1.5) if woman else (5, 0, 0.6, 0, 0.5, 1.5))
    draw("hair_color", tuple(HAIR_COLORS), (4, 3, 2, 1, 1, 1.5, 0.7))
    draw("skin", tuple(SKINS))
    draw("pose", POSES)
    draw("background", BACKGROUNDS)
    values["mirror"] = fixed.get("mirror", chance["mirror"] < 0.5)
    for name, (low, high) in _RANGES.items():
        values[name] = fixed.get(name, round(low + (high - low) * chance[name], 3))
    values |= {name: fixed[name] for name in (*_TAILORED, *_CLOTHS) if name in fixed}
    return Figure(**values)
