"""Whom try-on is measured on: drawn people and garments that nothing has seen, and how they look in them, exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Literal

import numpy as np
from PIL import Image

from benchmarks.prompts import LEADS, describe
from benchmarks.recoloring import GARMENTS
from igo import wardrobe
from igo.embedded import NATIVE_SIZE
from igo.errors import SettingsError
from igo.mini.triplets import SHORT, SIZE, flat, worn
from igo.wardrobe import Category, Drawing, Figure, cloth, draw, held_out, lay_flat, phrase, sample, wearing

SEED = 108_000_000
"""The first seed of the figures; nothing here is trained on one that high."""
Kind = Literal["words", "print", "shorter", "longer"]
TURNS: tuple[Kind, ...] = (
    "words",
    "print",
    "words",
    "shorter",
    "words",
    "longer",
    "words",
    "print",
    "words",
    "shorter",
)
"""What the pairs are of: garments that words can tell, held-out prints, and garments of another length than the old."""
LONG_TOPS, LONG_BOTTOMS = ("shirt", "hoodie", "sweater", "jacket", "coat"), ("jeans", "trousers", "skirt")
PRINTED = ("t-shirt", "sweater", "hoodie", "dress")
"""Tops that are closed in front, where prints are."""
PRINTS = 160
"""Held-out prints to choose among."""
LAID = 3
"""Of so many references all but one are laid flat; the last is worn by somebody else."""


@dataclass(frozen=True)
class Pair:
    """``before`` in X, who is to wear what ``after`` has; all else of the two is the same. ``tilt``: a reference that
    lies turned by so many degrees, flat on plain ground; None leaves that to chance."""

    index: int
    kind: str
    before: Figure
    after: Figure
    category: Category
    tilt: float | None = None

    @property
    def slot(self) -> str:
        """Where the judge reads the garment."""
        return "bottom" if self.category == "lower" else "top"

    @property
    def other(self) -> str:
        """The slot of the other garment."""
        return "top" if self.slot == "bottom" else "bottom"

    @property
    def told(self) -> bool:
        """Whether words can tell the garment: its type, colour and pattern have names."""
        return getattr(self.after, f"{self.slot}_cloth") is None

    @property
    def flat(self) -> bool:
        """Whether the reference lies flat."""
        return self.tilt is not None or self.index % LAID < LAID - 1

    @cached_property
    def person(self) -> Drawing:
        """The person in X, of mini's native size."""
        return draw(self.before, *NATIVE_SIZE)

    @cached_property
    def truth(self) -> Drawing:
        """The same person in Y."""
        return draw(self.after, *NATIVE_SIZE)

    @cached_property
    def picture(self) -> Image.Image:
        """The person in X, as a picture."""
        return Image.fromarray(self.person.image)

    @cached_property
    def reference(self) -> Image.Image:
        """The garment by itself."""
        rng = np.random.default_rng([SEED, self.index])
        if self.tilt is not None:
            return Image.fromarray(lay_flat(self.after, self.category, *SIZE, fill=0.7, tilt=self.tilt).image)
        return Image.fromarray((flat if self.flat else worn)(self.after, self.category, rng)[0])

    @property
    def prompt(self) -> str:
        """What the person in X wears, in words."""
        return describe(self.before, LEADS[self.index % len(LEADS)])

    @property
    def target(self) -> str:
        """What X wears where Y is to be, in words."""
        if self.category == "dress" and self.before.bottom != "none":
            return f"{self.before.top}, {self.before.bottom}"
        return str(getattr(self.before, self.slot))

    @property
    def caption(self) -> str:
        """The garment in words, as truly as they can: "a striped red skirt"."""
        figure, slot = self.after, self.slot
        return phrase(*(getattr(figure, name) for name in (slot, f"{slot}_color", f"{slot}_pattern")))

    def dressed(self, other: Figure) -> Figure:
        """The person in the garment of ``other``."""
        return wearing(self.before, other, self.category)


def drawn_pairs(count: int) -> list[Pair]:
    """``count`` of them; the first n are the same for every count from n up. Types, colours and patterns come equally
    often among garments that words can tell, to within a few. Raises ``SettingsError`` for a count below 1."""
    if count < 1:
        raise SettingsError(f"count is {count}; it must be at least 1")
    return [_pair(index) for index in range(count)]


def turned_prints(count: int) -> list[Pair]:
    """Prints whose reference lies turned by 15 to 40 degrees, to one side and the other."""
    found = [_pair(10 * number + 1) for number in range(count)]
    return [
        replace(
            pair, index=1000 + number, kind="turned print", tilt=(15 + 25 * number / max(1, count - 1)) * (-1) ** number
        )
        for number, pair in enumerate(found)
    ]


def hands_in_front(count: int) -> list[Pair]:
    """Hands before the new garment: on the hip, with a bag."""
    made = []
    for number in range(count):
        fixed = {"pose": "hip", "bag": "tote", "bottom": "trousers", "top": SHORT[number % len(SHORT)]}
        before = sample(SEED + 200_000 + number, **fixed)
        other = sample(SEED + 300_000 + number, top="coat", bottom="trousers", top_color=_color(5 * number))
        made.append(Pair(2000 + number, "hands in front", before, wearing(before, other, "upper"), "upper"))
    return made


def fine_weaves(count: int) -> list[Pair]:
    """Checks and dots on garments that hang in folds: skirts and dresses."""
    made = []
    for number in range(count):
        top = number % 2 == 0
        slot: dict[str, Any] = {"top": "dress"} if top else {"bottom": "skirt"}
        name = "top" if top else "bottom"
        slot |= {f"{name}_pattern": ("checked", "dotted")[number // 2 % 2], f"{name}_color": _color(7 * number + 2)}
        other = sample(SEED + 500_000 + number, gender="woman", **slot)
        before = sample(SEED + 400_000 + number, gender="woman", top="dress" if top else "t-shirt", pose="walking")
        category: Category = "dress" if top else "lower"
        made.append(Pair(3000 + number, "weaves in folds", before, wearing(before, other, category), category))
    return made


@cache
def prints() -> tuple[int, ...]:
    """Numbers of plain cloths, each with a glyph that training never shows."""
    rng, found = np.random.default_rng(SEED), list[int]()
    while len(found) < PRINTS:
        number = int(rng.integers(2**31))
        one = cloth(number)
        if one.weave == "plain" and one.glyph is not None and held_out(number):  # so the glyph is, not a pair of hues
            found.append(number)
    return tuple(found)


def _pair(index: int) -> Pair:
    turn, place = divmod(index, len(TURNS))
    kind = TURNS[place]
    number = TURNS[:place].count(kind) + TURNS.count(kind) * turn  # how many of its kind come before it
    before, other, category = {"words": _words, "print": _print, "shorter": _cut, "longer": _cut}[kind](
        index, number, kind
    )
    return Pair(index, kind, before, wearing(before, other, category), category)


def _words(index: int, number: int, _kind: str) -> tuple[Figure, Figure, Category]:
    """A garment of every type, colour and pattern; jeans are plain."""
    garment = GARMENTS[number % len(GARMENTS)]
    slot = "top" if garment in wardrobe.TOPS else "bottom"
    pattern = "plain" if garment == "jeans" else wardrobe.PATTERNS[number % len(wardrobe.PATTERNS)]
    category: Category = "dress" if garment == "dress" else "upper" if slot == "top" else "lower"
    return _both(index, category, {slot: garment, f"{slot}_pattern": pattern}, {}, number)


def _print(index: int, number: int, _kind: str) -> tuple[Figure, Figure, Category]:
    garment = PRINTED[number % len(PRINTED)]
    category: Category = "dress" if garment == "dress" else "upper"
    before, other, category = _both(index, category, {"top": garment}, {}, number)
    return before, replace(other, top_cloth=prints()[number % PRINTS]), category


def _cut(index: int, number: int, kind: str) -> tuple[Figure, Figure, Category]:
    """Long sleeves or hems under short ones, or the other way round; three times in five sleeves."""
    share = np.random.default_rng([SEED, index]).uniform(0.15, 0.42)
    if number % 5 < 3:
        long = {"top": LONG_TOPS[number % len(LONG_TOPS)]}
        short = {"top": "t-shirt", "sleeve": round(float(share), 3)}
        category: Category = "upper"
    else:
        bottom = LONG_BOTTOMS[number % len(LONG_BOTTOMS)]
        long = {"bottom": bottom} | ({"bottom_length": 1.0} if bottom == "skirt" else {})
        short = {"bottom": "shorts", "bottom_length": round(float(share), 3)}
        category = "lower"
    new, old = (short, long) if kind == "shorter" else (long, short)
    slot = "top" if category == "upper" else "bottom"
    pattern = "plain" if new.get("bottom") == "jeans" else wardrobe.PATTERNS[(number + 1) % len(wardrobe.PATTERNS)]
    return _both(index, category, {f"{slot}_pattern": pattern} | new, old, number)


def _both(
    index: int, category: Category, new: dict[str, Any], old: dict[str, Any], number: int
) -> tuple[Figure, Figure, Category]:
    """Somebody in X, which has what ``old`` says, and somebody in Y, which has what ``new`` says."""
    skirts = {"dress", "skirt"} & {new.get("top"), new.get("bottom"), old.get("bottom")}
    gender = "woman" if skirts else wardrobe.GENDERS[index % 2]
    if category == "dress":
        around: dict[str, Any] = (
            {"top": "dress"} if index % 2 else {"top": SHORT[index % len(SHORT)], "bottom": "skirt"}
        )
    elif category == "lower":
        around = {"top": SHORT[index % len(SHORT)]}
    else:
        around = {"bottom": ("jeans", "trousers", "shorts")[index % 3]}
    before = sample(SEED + index, gender=gender, **{**around, **old})
    color = _color(5 * number + number // 12)
    taken = (before.top_color, before.bottom_color)
    slot = "bottom" if category == "lower" else "top"
    free = [name for name in wardrobe.COLORS if name not in taken]
    color = color if color in free else free[number % len(free)]
    beside = {"bottom": "jeans"} if slot == "top" and new.get("top") != "dress" else {}
    other = sample(SEED + 100_000 + index, gender=gender, **{**beside, f"{slot}_color": color, **new})
    return before, other, category


def _color(number: int) -> str:
    return tuple(wardrobe.COLORS)[number % len(wardrobe.COLORS)]
