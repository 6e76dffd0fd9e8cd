"""Words of fashion: what covers what, and a prompt in which one garment has taken another's place."""

from __future__ import annotations

import re
from typing import Literal

LONG_SLEEVES = ("hoodie", "sweater", "jumper", "pullover", "sweatshirt", "cardigan", "jacket", "blazer", "coat",
                "parka", "suit", "blouse", "shirt", "longsleeve")  # fmt: skip
SHORT_SLEEVES = ("t-shirt", "tshirt", "tee", "tank top", "vest", "camisole", "polo", "crop top", "dress", "top")
LONG_LEGS = ("jeans", "trousers", "pants", "leggings", "slacks", "chinos", "joggers", "overalls")
SHORT_LEGS = ("shorts", "skirt", "miniskirt", "dress")
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
        for match in re.finditer(rf"(?<![\w-]){re.escape(word)}(?![\w-])", phrase.lower())
    ]
    return max(places)[2] if places else None


def phrases(text: str) -> tuple[str, ...]:
    """The phrases of a comma-separated list, without blanks around them."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


_ARTICLE = r"(?:(?:an?|the|his|her|their)\s+)?"
_ADJECTIVES = r"(?:(?!(?:an?|the|his|her|their|in|and|with|wearing|wears|of|on|over|at|is)\b)[\w-]+\s+){0,3}?"


def dressed(scene: str, target: str, to: str, weight: float) -> str:
    """``scene`` with ``to``, at ``weight``, where it says ``target``, its article and up to three words before it;
    where it doesn't, ``to`` is added. An empty scene becomes a photo of somebody who wears it.

    Of several phrases in ``target`` the first that is said is replaced and the others go. Weighted phrases of the
    scene, such as ``(a navy coat:1.2)``, are taken as a whole.
    """
    garment = to if weight == 1 else f"({to}:{weight:g})"
    if not scene.strip():
        return f"fashion photo of a person in {garment}"
    worn, place = False, "\0"  # not the garment itself yet, in which the next phrase may be said
    for phrase in phrases(target):
        noun = rf"{re.escape(phrase)}(?![\w-])"
        said = rf"(?:\({_ARTICLE}{_ADJECTIVES}{noun}:[\d.]+\)|(?<![\w-]){_ARTICLE}{_ADJECTIVES}{noun})"
        if worn:
            scene = re.sub(rf"\s*(?:,|\band|\bwith|\bover)?\s+{said}", "", scene, flags=re.IGNORECASE)
        else:
            scene, count = re.subn(said, lambda _: place, scene, count=1, flags=re.IGNORECASE)
            worn = count > 0
    return scene.replace(place, garment) if worn else f"{scene}, wearing {garment}"
