"""One vocabulary for who wears what: the labels of published parsers, and the words of users, as parts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from igo_plugins.styling.mentions import plain
from igo_plugins.styling.vocabulary import LONG_LEGS, LONG_SLEEVES, SHORT_LEGS, SHORT_SLEEVES, SYNONYMS


class Part(IntEnum):
    """What a pixel of the layer ``"parse"`` shows, whatever the model's own numbers are."""

    BACKGROUND = 0
    FACE = 1
    HAIR = 2
    HAT = 3
    GLASSES = 4
    SCARF = 5
    TOP = 6
    COAT = 7
    DRESS = 8
    JUMPSUIT = 9
    SKIRT = 10
    PANTS = 11
    BELT = 12
    SOCKS = 13
    SHOES = 14
    GLOVES = 15
    BAG = 16
    JEWELRY = 17
    ARMS = 18
    HANDS = 19
    LEGS = 20
    FEET = 21
    TORSO = 22
    OTHER = 23
    """A label that isn't known."""


Parts = tuple[Part, ...]

PARTS: tuple[str, ...] = tuple(part.name.lower() for part in Part)
"""Names of the numbers in a parse, in order: ``PARTS[number]``."""

GARMENTS: Parts = (Part.TOP, Part.COAT, Part.DRESS, Part.JUMPSUIT, Part.SKIRT, Part.PANTS)

LABELS: dict[Part, tuple[str, ...]] = {
    Part.BACKGROUND: ("background", "unlabelled", "unlabeled"),
    Part.FACE: ("face",),
    Part.HAIR: ("hair",),
    Part.HAT: ("hat", "headwear"),
    Part.GLASSES: ("glasses", "sunglasses", "eyewear"),
    Part.SCARF: ("scarf",),
    Part.TOP: ("top", "upper clothes", "upper"),
    Part.COAT: ("coat", "outer", "outerwear"),
    Part.DRESS: ("dress",),
    Part.JUMPSUIT: ("jumpsuit",),
    Part.SKIRT: ("skirt",),
    Part.PANTS: ("pants", "trousers"),
    Part.BELT: ("belt",),
    Part.SOCKS: ("socks",),
    Part.SHOES: ("shoes", "footwear"),
    Part.GLOVES: ("gloves",),
    Part.BAG: ("bag",),
    Part.JEWELRY: ("jewelry", "jewellery"),
    Part.ARMS: ("arms",),
    Part.HANDS: ("hands",),
    Part.LEGS: ("legs",),
    Part.FEET: ("feet", "foot"),
    Part.TORSO: ("torso", "torso skin"),
}
"""What label sets call each part, in singular or plural and any spelling, left and right alike: ATR's (18 labels),
LIP's (20) and CIHP's, fashn-human-parser's (18), and mini/parser's."""

_OUTER = ("coat", "jacket", "blazer", "parka", "cardigan", "suit")
_UPPER = ("pyjama top", "tunic", "turtleneck", "jersey", "knitwear", "waistcoat", "gilet", "bodysuit", "henley")
_LOWER = ("bottom", "lower body", "lower clothes", "lower")
_WORDS: dict[Parts, tuple[str, ...]] = {
    (Part.TOP,): (*LONG_SLEEVES, *SHORT_SLEEVES, *_UPPER),
    (Part.TOP, Part.COAT): ("upper body", "upper clothes", "upper"),
    (Part.COAT,): (*_OUTER, "trench coat", "raincoat", "bomber jacket", "denim jacket", "leather jacket", "anorak",
                   "cape", "poncho", "outerwear", "windbreaker"),
    (Part.PANTS,): (*LONG_LEGS, *SHORT_LEGS, "denim", "culottes", "sweatpants", "tights", "cargo pants"),
    (Part.PANTS, Part.SKIRT): _LOWER,
    (Part.SKIRT,): ("skirt", "miniskirt", "maxi skirt", "mini skirt", "midi skirt", "pencil skirt", "kilt"),
    (Part.DRESS,): ("dress", "gown", "sundress", "maxi dress", "mini dress", "shirt dress", "evening dress", "frock"),
    (Part.JUMPSUIT,): ("jumpsuit", "romper", "playsuit", "dungarees", "onesie"),
    (Part.SHOES,): ("sneakers", "trainers", "boots", "heels", "high heels", "loafers", "sandals", "pumps", "flats",
                    "slippers", "footwear"),
    (Part.HAT,): ("cap", "beanie", "beret", "headwear", "bucket hat", "baseball cap"),
    (Part.BAG,): ("handbag", "purse", "tote", "tote bag", "backpack", "rucksack", "shoulder bag", "clutch"),
    (Part.HAIR,): ("hairstyle", "ponytail"),
    (Part.SCARF,): ("shawl",),
    (Part.JEWELRY,): ("necklace", "bracelet", "earrings"),
    (Part.ARMS, Part.TORSO): ("bare skin", "bare arms"),
    (Part.LEGS,): ("bare legs",),
    (Part.FACE, Part.ARMS, Part.HANDS, Part.LEGS, Part.FEET, Part.TORSO): ("skin", "body"),
    (Part.FACE, Part.GLASSES, Part.HAIR, Part.HAT): ("head",),
    (*GARMENTS, Part.BELT, Part.SCARF, Part.SOCKS): ("clothes", "clothing", "outfit"),
    tuple(part for part in Part if part not in (Part.BACKGROUND, Part.OTHER)): ("person", "human", "figure"),
    (Part.BACKGROUND,): ("backdrop",),
}  # fmt: skip
"""Words of users for parts; of two lines that have the same word, the later one is right."""

INSTEAD: dict[Part, Part] = {
    Part.COAT: Part.TOP,
    Part.JUMPSUIT: Part.DRESS,
    Part.SHOES: Part.FEET,
    Part.FEET: Part.SHOES,
}
"""Where a label set hasn't a part: what its pixels are labelled there."""


def _words() -> dict[str, Parts]:
    """All words that name parts; a synonym names what the others do."""
    found: dict[str, Parts] = {plain(name): (part,) for part, names in LABELS.items() for name in names}
    found |= {plain(word): parts for parts, words in _WORDS.items() for word in words}
    for names in (tuple(map(plain, names)) for names in SYNONYMS):
        found |= {name: found[other] for name in names for other in names if name not in found and other in found}
    return found


_PART_OF_LABEL = {plain(name): part for part, names in LABELS.items() for name in names}
_PARTS_OF_WORD = _words()


def shows(parse: npt.NDArray[np.uint8], parts: Sequence[Part]) -> npt.NDArray[np.bool_]:
    """Where a parse shows one of ``parts``."""
    table = np.zeros(256, bool)
    table[list(parts)] = True
    return table[parse]


def part_of(label: str) -> Part:
    """The part that a model's label names; ``Part.OTHER`` for one that isn't known."""
    name = plain(label).removeprefix("left ").removeprefix("right ")
    return _PART_OF_LABEL.get(name, Part.OTHER)


def labels_of(phrase: str, labels: Sequence[str]) -> tuple[int, ...] | None:
    """The numbers of a model's ``labels`` that show what ``phrase`` names: one of these labels, a part, or a garment.

    No numbers for a part that this set of labels hasn't; ``None`` for what is no part's name: other words, or such as
    say how it looks ("the striped shirt").
    """
    wanted = plain(phrase)
    own = tuple(number for number, label in enumerate(labels) if plain(label) == wanted)
    if own and wanted:
        return own
    named = _PARTS_OF_WORD.get(wanted)
    if named is None:
        return None
    parts = [part_of(label) for label in labels]
    chosen = {_there(part, parts) for part in named}
    return tuple(number for number, part in enumerate(parts) if part in chosen)


def is_kind(phrase: str) -> bool:
    """Whether a word that names a part says more than that: a hoodie is one kind of top."""
    wanted = plain(phrase)
    return wanted not in _PART_OF_LABEL and len(_PARTS_OF_WORD.get(wanted, ())) == 1


def labels_in(text: str, labels: Sequence[str]) -> tuple[int, ...]:
    """The same for the garment in a longer text ("a red hoodie"): its last known words. No numbers if there are
    none."""
    words = plain(text).split()
    spans = [(end, start) for end in range(len(words), 0, -1) for start in range(end)]
    found = (labels_of(" ".join(words[start:end]), labels) for end, start in spans)
    return next((numbers for numbers in found if numbers), ())


def _there(part: Part, parts: Collection[Part]) -> Part:
    return INSTEAD.get(part, part) if part not in parts else part
