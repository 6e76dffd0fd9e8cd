"""Phrases for the parts of drawn figures, and which parts they name on which figure."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from igo.wardrobe import (
    BACKGROUNDS,
    BAGS,
    BOTTOMS,
    COLORS,
    GENDERS,
    HAIR_COLORS,
    HATS,
    PATTERNS,
    SHOES,
    TOPS,
    Figure,
    Part,
)

LEGS = len(Part)
"""The label of bare legs, one more than those of the drawing, where legs are skin."""

WORDINGS = ("{}", "the {}", "a {}", "her {}", "his {}", "my {}")
"""The ways in which every phrase is put; the first one is measured."""

CALLED: dict[str, tuple[str, ...]] = {
    "t-shirt": ("t-shirt", "tee"),
    "sweater": ("sweater", "jumper", "pullover"),
    "coat": ("coat", "overcoat"),
    "jeans": ("jeans", "denim", "pants"),
    "trousers": ("trousers", "pants"),
    "sneakers": ("sneakers", "trainers", "shoes", "footwear"),
    "boots": ("boots", "shoes", "footwear"),
    "heels": ("heels", "high heels", "shoes", "footwear"),
    "loafers": ("loafers", "shoes", "footwear"),
    "cap": ("cap", "hat", "headwear"),
    "beanie": ("beanie", "hat", "headwear"),
    "hat": ("hat", "headwear"),
    "bag": ("bag", "handbag", "purse"),
    "tote": ("tote", "tote bag", "bag"),
    "backpack": ("backpack", "rucksack", "bag"),
}
"""All words for a thing, where there are others than its name."""

MAYBE: dict[str, tuple[str, ...]] = {
    "t-shirt": ("shirt",),
    "coat": ("jacket",),
    "dress": ("skirt", "top"),
    "jeans": ("trousers",),
    "shorts": ("pants", "trousers"),
    "tote": ("handbag", "purse"),
    "street": ("wall", "brick wall", "shop"),
    "shop": ("wall", "brick wall", "street"),
    "wall": ("street",),
}
"""Words that one person would use for a thing and another would not: they are never asked of it."""

ABSENT = ("dog", "cat", "scarf", "gloves", "guitar", "bicycle", "horse", "phone", "book", "sword", "wings")
"""What is never drawn."""

_KINDS = {"top": TOPS, "bottom": BOTTOMS, "shoes": SHOES, "hat": HATS[1:], "bag": BAGS[1:]}
_GENERAL = {"top": ("top", "upper body"), "bottom": ("bottoms",)}
_COLORED = {"top": ("top",), "bottom": ("pants",), "shoes": ("shoes",)}
_PLAIN = {
    "hair": ("hair", "hairstyle"),
    "face": ("face", "head"),
    "skin": ("skin", "bare skin"),
    "hands": ("hands", "hand"),
    "legs": ("legs", "bare legs"),
    "background": ("background", "backdrop", "brick wall", *BACKGROUNDS),
    "person": ("person", "human", *GENDERS),
    "clothes": ("clothes", "clothing", "outfit"),
    "absent": ABSENT,
}
GROUPS = (*_KINDS, *_PLAIN)
"""Phrases by what they are about. The last group is never there."""


@dataclass(frozen=True)
class Phrase:
    """``text`` is ``noun`` with the colour or the pattern that it asks for, if any."""

    text: str
    group: str
    noun: str
    color: str | None = None
    pattern: str | None = None


@dataclass(frozen=True)
class Item:
    """Something that a noun may mean: its labels as bits, and how it looks. ``near`` are colours that it might be said
    to have as well; ``sure`` is whether everybody would call it by that noun."""

    bits: int
    color: str = ""
    pattern: str = ""
    near: tuple[str, ...] = ()
    sure: bool = True


def phrases() -> tuple[Phrase, ...]:
    """All of them, about 430: nouns alone, with each colour, garments also with each pattern."""
    return tuple(dict.fromkeys(_phrases()))


def _phrases() -> Iterator[Phrase]:
    for group, kinds in _KINDS.items():
        for kind in (*kinds, *_GENERAL.get(group, ())):
            for noun in CALLED.get(kind, (kind,)):
                yield Phrase(noun, group, noun)
        for noun in (*kinds, *_COLORED.get(group, ())):
            for color in COLORS:
                yield Phrase(f"{color} {noun}", group, noun, color)
        if group in ("top", "bottom"):
            for noun in kinds:
                for pattern in PATTERNS[1:]:
                    yield Phrase(f"{pattern} {noun}", group, noun, pattern=pattern)
    for group, nouns in _PLAIN.items():
        for noun in nouns:
            yield Phrase(noun, group, noun)
    for noun, colors in (("hair", HAIR_COLORS), ("clothes", COLORS)):
        for color in colors:
            yield Phrase(f"{color} {noun}", noun, noun, color)


Things = dict[str, list[Item]]


def things(figure: Figure) -> Things:
    """What each noun may mean on ``figure``; a noun that is missing means nothing there."""
    found: Things = defaultdict(list)
    top = _cloth(Part.TOP, figure.top_color, figure.top_pattern)
    inner = _cloth(Part.INNER, figure.inner_color, "plain")
    bottom = _cloth(Part.BOTTOM, figure.bottom_color, figure.bottom_pattern)
    upper, below = [top], []
    _name(found, figure.top, top)
    if figure.top in ("jacket", "coat"):
        upper.append(inner)
        for noun in (*CALLED["t-shirt"], "shirt", *CALLED["sweater"]):
            found[noun].append(_unsure(inner))
    found["upper body"] += upper
    if figure.bottom != "none":
        _name(found, figure.bottom, bottom)
        found["top"] += upper
        below = [bottom]
        found["bottoms"] += below
    for noun in _PLAIN["clothes"]:
        found[noun] += [*upper, *below]
    _name(found, figure.shoes, _cloth(Part.SHOES, figure.shoes_color, "plain"))
    for kind, part, color in ((figure.hat, Part.HAT, figure.hat_color), (figure.bag, Part.BAG, figure.bag_color)):
        if kind != "none":
            _name(found, kind, _cloth(part, color, "plain"))
    _name(found, figure.background, Item(_bit(Part.BACKGROUND)))
    if figure.background == "wall":
        found["brick wall"].append(Item(_bit(Part.BACKGROUND)))
    _add_body(found, figure, below)
    return found


def _add_body(found: Things, figure: Figure, below: list[Item]) -> None:
    shades = tuple(HAIR_COLORS)
    place = shades.index(figure.hair_color)
    near = shades[max(place - 1, 0) : place] + shades[place + 1 : place + 2]
    hair = Item(_bit(Part.HAIR), figure.hair_color, near=near)
    skin = Item(_bit(Part.SKIN) | _bit(Part.FACE) | _bit(Part.HANDS) | 1 << LEGS)
    person = Item(((1 << (LEGS + 1)) - 1) ^ _bit(Part.BACKGROUND))
    head = Item(_bit(Part.FACE) | _bit(Part.HAIR), sure=figure.hat == "none")
    for nouns, item in (
        (("hair", "hairstyle"), hair),
        (("face",), Item(_bit(Part.FACE))),
        (("head",), head),
        (("skin", "bare skin"), skin),
        (("hands", "hand"), Item(_bit(Part.HANDS))),
        (("background", "backdrop"), Item(_bit(Part.BACKGROUND))),
        (("person", "human", figure.gender), person),
    ):
        for noun in nouns:
            found[noun].append(item)
    if figure.bottom in ("jeans", "trousers"):
        found["legs"] += [_unsure(item) for item in below]
    else:
        found["legs"].append(Item(1 << LEGS))
        found["bare legs"].append(Item(1 << LEGS))


def answer(phrase: Phrase, found: Things) -> int | None:
    """The labels, as bits, that ``phrase`` names among ``things``; 0 for nothing, None where people would disagree."""
    items = found.get(phrase.noun, ())
    matching = [item for item in items if phrase.color in (None, item.color) and phrase.pattern in (None, item.pattern)]
    if any(not item.sure for item in matching) or any(phrase.color in item.near for item in items):
        return None
    bits = 0
    for item in matching:
        bits |= item.bits
    return bits


def _bit(part: Part) -> int:
    return 1 << int(part)


def _cloth(part: Part, color: str, pattern: str) -> Item:
    near = {"blue": ("navy",), "navy": ("blue",)}
    return Item(_bit(part), color, pattern, near.get(color, ()))


def _unsure(item: Item) -> Item:
    return Item(item.bits, item.color, item.pattern, item.near, sure=False)


def _name(found: Things, kind: str, item: Item) -> None:
    for noun in CALLED.get(kind, (kind,)):
        found[noun].append(item)
    for noun in MAYBE.get(kind, ()):
        found[noun].append(_unsure(item))
