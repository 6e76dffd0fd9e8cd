"""Captions for figures, in a small closed vocabulary."""

from __future__ import annotations

import re
from itertools import chain

import numpy as np

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
    SHOES,
    TOPS,
    Figure,
)

_PLACES: dict[str, tuple[str, ...]] = {
    "studio": ("in a studio", "studio background", "studio"),
    "street": ("on the street", "street background", "street"),
    "park": ("in a park", "park background", "park"),
    "wall": ("in front of a brick wall", "wall background", "brick wall"),
    "shop": ("in front of a shop", "shop background", "shop"),
    "beach": ("at the beach", "beach background", "beach"),
}
_LEADS = (
    "fashion photo of {who}",
    "full body photo of {who}",
    "street style photo of {who}",
    "a photo of {who}",
    "a picture of {who}",
    "fashion picture of {who}",
    "portrait of {who}",
    "{who}",
)
_WORN = ("in", "wearing", "dressed in")
_EXTRA_WORDS = (
    "korean person people model girl boy young full body street style fashion photo photograph picture portrait image "
    "of a an the and with in on at front wearing wears dressed standing walking long short hair hat cap bag shoes "
    "clothes outfit look background plain color colors colored new same no not is are to from by for her his"
)


def _article(words: str) -> str:
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def _garment(kind: str, color: str, pattern: str = "plain") -> str:
    return f"{color} {kind}" if pattern == "plain" else f"{pattern} {color} {kind}"


def _counted(kind: str, words: str) -> str:
    """With its article where the garment is singular: "a red skirt", but "red jeans"."""
    return words if kind.endswith("s") and kind != "dress" else _article(words)


def phrase(kind: str, color: str, pattern: str = "plain") -> str:
    """What a garment or another thing is called in captions: "a striped red skirt", "blue jeans"."""
    return _counted(kind, _garment(kind, color, pattern))


def _extras(figure: Figure, rng: np.random.Generator, plenty: float) -> list[str]:
    """Some of what else is on: bags more often than not, hats, shoes and hair now and then."""
    found = []
    if figure.hat != "none" and rng.random() < 0.5 + plenty:
        found.append(_article(f"{figure.hat_color} {figure.hat}"))
    if figure.bag != "none" and rng.random() < 0.65 + plenty:
        found.append(_article(f"{figure.bag_color} {figure.bag}"))
    if rng.random() < 0.15 + plenty:
        found.append(f"{figure.shoes_color} {figure.shoes}")
    if rng.random() < 0.12 + plenty and not (figure.hair == "bun" and figure.hat != "none"):
        style = {"bun": f"{figure.hair_color} hair in a bun", "ponytail": f"a {figure.hair_color} ponytail"}
        found.append(style.get(figure.hair, f"{figure.hair} {figure.hair_color} hair"))
    return found


def captions(figure: Figure) -> tuple[str, ...]:
    """Six descriptions of a figure, from a full sentence to a list of tags; the same for the same figure.

    All name colour and type of the top; all but the shortest name the bottom (if there is one) and most the background.
    Every word is in `vocabulary`.
    """
    rng = figure.rng("captions")
    top = _garment(figure.top, figure.top_color, figure.top_pattern)
    has_bottom = figure.bottom != "none"
    bottom = _garment(figure.bottom, figure.bottom_color, figure.bottom_pattern) if has_bottom else ""
    clothes = [_counted(figure.top, top), *([_counted(figure.bottom, bottom)] if has_bottom else [])]
    sentence, label, tag = _PLACES[figure.background]

    def who() -> str:
        noun = figure.gender if rng.random() < 0.85 else "person"
        return f"a {'korean ' if rng.random() < 0.3 else ''}{noun}"

    def worn() -> str:
        return f"{_WORN[int(rng.integers(len(_WORN)))]} {' and '.join(clothes)}"

    def lead() -> str:
        return _LEADS[int(rng.integers(len(_LEADS)))].format(who=who())

    def with_extras(plenty: float) -> str:
        extras = _extras(figure, rng, plenty)
        return f" with {' and '.join(extras)}" if extras else ""

    tags = [
        top,
        *([bottom] if has_bottom else []),
        *[e.removeprefix("a ").removeprefix("an ") for e in _extras(figure, rng, 0)],
    ]
    return (
        f"fashion photo of {who()} {worn()}{with_extras(0)}, {label}",
        f"{who()} wearing {' and '.join(clothes)}{with_extras(0)} {sentence}",
        f"{lead()} {worn()}{with_extras(0)}, {label if rng.random() < 0.5 else sentence}",
        f"full body photo of {who()} {worn()}{with_extras(0.35)} {sentence}",
        ", ".join([*tags, tag]),
        f"{lead()} {worn()}",
    )


def words(text: str) -> list[str]:
    """The lower-case words of a text, as the vocabulary counts them: "t-shirt" is the two words t and shirt."""
    return re.findall(r"[a-z]+", text.lower())


def vocabulary() -> tuple[str, ...]:
    """Every word that captions can hold, and some that prompts will, sorted: about 110."""
    names = chain(COLORS, HAIR_COLORS, GENDERS, TOPS, BOTTOMS, PATTERNS, SHOES, HATS, BAGS, HAIRS, BACKGROUNDS)
    texts = [*names, *chain.from_iterable(_PLACES.values()), *_LEADS, *_WORN, _EXTRA_WORDS]
    return tuple(sorted(set(words(" ".join(texts))) - {"who", "none"}))
