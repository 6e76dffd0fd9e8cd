"""Words of fashion: what covers what, and a prompt in which one garment has taken another's place."""

from __future__ import annotations

import re
from typing import Literal

from igo_plugins.styling.vocabulary import LONG_LEGS, LONG_SLEEVES, SHORT_LEGS, SHORT_SLEEVES

Limbs = Literal["arms", "legs"]


def bared(target: str, to: str) -> tuple[Limbs, ...]:
    """The limbs that ``to`` covers and ``target`` leaves bare: the zone has to reach over them.

    Only kinds that are known count; of two readings of a phrase the last known word decides ("denim shirt dress").
    """
    found: list[Limbs] = []
    if _kind(target, SHORT_SLEEVES, LONG_SLEEVES) == 0 and _kind(to, SHORT_SLEEVES, LONG_SLEEVES) == 1:
        found.append("arms")
    if _kind(target, SHORT_LEGS, LONG_LEGS) == 0 and _kind(to, SHORT_LEGS, LONG_LEGS) == 1:
        found.append("legs")
    return tuple(found)


def _kind(phrase: str, *kinds: tuple[str, ...]) -> int | None:
    """Which of ``kinds`` the last known word of ``phrase`` belongs to."""
    places = [
        (match.end(), len(word), number)
        for number, words in enumerate(kinds)
        for word in words
        for match in re.finditer(rf"(?<![\w-]){re.escape(word)}(?:e?s)?(?![\w-])", phrase.lower())
    ]
    return max(places)[2] if places else None


def phrases(text: str) -> tuple[str, ...]:
    """The phrases of a comma-separated list, without blanks around them."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def dressed(scene: str, target: str, to: str, weight: float) -> str:
    """``scene`` with ``to``, at ``weight``, where it says ``target``; where it doesn't, ``to`` is added. An empty scene
    becomes a photo of somebody who wears it.

    What goes is all that is said of the old garment (see ``mentions``), with the weights on it; all other words keep
    theirs. ``to`` has its own, whatever brackets stand around its place. Of several phrases in ``target``, and of a
    garment that is said twice, the first one is replaced and the others go.
    """
    from igo.painting.prompts.editing import read, weighted, write
    from igo_plugins.styling.mentions import mentions

    garment = weighted(to, weight)
    if not scene.strip(" ,"):
        return write([*read("fashion photo of a person in "), *garment])
    characters = read(scene)
    spans = mentions(characters, phrases(target))
    if not spans:
        while characters and characters[-1].text in " ,\n":
            del characters[-1]
        return write([*characters, *read(", wearing "), *garment])
    for start, end in reversed(spans[1:]):
        del characters[start:end]
    start, end = spans[0]
    return write([*characters[:start], *garment, *characters[end:]])
