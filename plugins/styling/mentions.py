"""Where a prompt speaks of a garment: from its article to its last word, whatever brackets are around these."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from igo.painting.prompts.editing import Character, read
from igo_plugins.styling.vocabulary import (
    ADJECTIVES,
    DETERMINERS,
    GARMENTS,
    JOINTS,
    LEADS,
    PARTS,
    PEOPLE,
    STOPS,
    SYNONYMS,
)

Noun = tuple[str, ...]
"""Its words, in the singular."""
Span = tuple[int, int]
"""From one character up to another, which is exclusive."""
UNKNOWN = 3
"""How many words that are no known adjectives may belong to a garment without an article."""

_UNSEEN = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_LETTER = rf"(?:[^\W_]|[\u0300-\u036f{_UNSEEN}])"
_WORD = re.compile(
    rf"(?P<tag><[^<>]*:[^<>]*>)|[ldLD]['’](?={_LETTER})|{_LETTER}+(?:['’]{_LETTER}+)*(?:(?<=s)['’](?=\s))?"
)
_HYPHENS = frozenset("-‐‑")
_JOINED = _HYPHENS | {"", "_"}
"""What may stand between two words of one thing, beside white space."""
_PAIRS = (("(", ")"), ("[", "]"), ("{", "}"), ("<", ">"), ("“", "”"), ("«", "»"), ('"', '"'))
_AROUND = frozenset('()[]{}<>“”«»"')
_BETWEEN = frozenset("/&|")
_TELLING = frozenset(("in", "of", "from", "made", "that", "which", "is", "are", "was", "were"))
_HAVING = frozenset(("with", "without", "featuring"))
_ONE_OF_MANY = re.compile(r"\d+(?:girl|boy|man|woman|other)s?")


@dataclass(frozen=True)
class Word:
    """A word of a prompt, in lower case and with plain apostrophes; ``gap`` is what stands before it, but for white
    space. A ``BREAK`` or a tag (``<lora:name:1>``) is a word without letters."""

    text: str
    start: int
    end: int
    gap: str

    @property
    def one(self) -> str:
        """The singular."""
        text = self.text
        for ending, least, instead in (("ies", 5, "y"), ("rves", 5, "rf")):
            if text.endswith(ending) and len(text) >= least:
                return text.removesuffix(ending) + instead
        if re.search(r"(?:ch|sh|ss|x)es$", text):
            return text[:-2]
        return text[:-1] if text.endswith("s") and not text.endswith("ss") and len(text) > 2 else text

    @property
    def adjective(self) -> bool:
        return self.text in ADJECTIVES or (self.text.endswith("ish") and len(self.text) > 5)

    @property
    def joined(self) -> bool:
        """Whether nothing parts it from the word before, but quotes and escaped brackets around one of them."""
        return self.gap in _JOINED or set(self.gap) <= _AROUND

    @property
    def person(self) -> bool:
        """Somebody, or somebody's; a men's jacket is nobody's."""
        owner = self.text.removesuffix("'s")
        named = owner in PEOPLE and (owner == self.text or owner not in ("men", "women", "people"))
        return named or bool(_ONE_OF_MANY.fullmatch(self.text))

    @property
    def ends(self) -> bool:
        """Whether no garment's own words reach over it."""
        return not self.text or self.text in STOPS or self.person


@dataclass(frozen=True)
class Mention:
    """A garment in a prompt: the places of its first word, of its noun, and of its last word."""

    first: int
    noun: int
    last: int


def mentions(characters: Sequence[Character], targets: Sequence[str]) -> list[Span]:
    """The stretches of a prompt that speak of ``targets``, in order.

    A stretch has the article, all adjectives, and what comes after the noun and says how it looks ("in dark green"). A
    target is found by a synonym too, and with other adjectives than its own, if it isn't said more exactly. The first
    stretch is the place for another garment; the others reach over the "and" or the comma that they hung on.
    """
    words = list(_words(characters))
    found = {mention.noun: mention for target in targets for mention in _said(words, target)}
    spans: list[Span] = []
    taken = -1
    for _, mention in sorted(found.items()):
        if mention.noun > taken:
            first = max(mention.first, taken + 1)
            spans.append(_span(words, characters, first, mention.last, alone=not spans))
            taken = mention.last
    return spans


def plain(phrase: str) -> str:
    """A thing's name as it can be looked up: its words in lower case and in the singular, without article and hyphens
    ("the T-Shirts": "t shirt")."""
    return " ".join(_noun(_named([word for word in _words(read(phrase)) if word.text])))


def _words(characters: Sequence[Character]) -> Iterator[Word]:
    """The words of a prompt. Brackets end a word, as they do where it is encoded."""
    start, behind = 0, 0
    for _, run in groupby(characters, key=lambda character: character.inside):
        part = list(run)
        text = "".join(character.text for character in part)
        for match in _WORD.finditer(text):
            first, last = start + match.start(), start + match.end()
            gap = "".join(character.text for character in characters[behind:first])
            broken = match[0] == "BREAK" and not any(character.literal for character in characters[first:last])
            yield Word("" if broken or match["tag"] else _folded(match[0]), first, last, "".join(gap.split()))
            behind = last
        start += len(part)


def _folded(text: str) -> str:
    plain = text.replace("’", "'").translate(dict.fromkeys(map(ord, _UNSEEN)))
    return unicodedata.normalize("NFC", plain).casefold()


def _said(words: Sequence[Word], target: str) -> list[Mention]:
    """Where ``words`` speak of one target, by its own name if they do."""
    for adjectives, noun in _readings([word for word in _words(read(target)) if word.text]):
        found = [
            Mention(_first(words, place), place, _last(words, place + len(noun) - 1)) for place in _places(words, noun)
        ]
        wanted = {word.one for word in adjectives}
        exact = [one for one in found if wanted <= {word.one for word in words[one.first : one.noun]}]
        if exact or (found and all(word.adjective for word in adjectives)):
            return exact or found
    return []


def _readings(target: list[Word]) -> Iterator[tuple[list[Word], Noun]]:
    """Adjectives and a noun, then the same with each synonym."""
    target = _named(target)
    start = max(len(target) - 1, 0)
    while start > 0 and target[start].gap in _HYPHENS:
        start -= 1
    if target:
        yield target[:start], _noun(target[start:])
    for place in (0, start):  # the whole as one name, the noun alone
        for names in _SYNONYMS:
            if _noun(target[place:]) in names:
                yield from ((target[:place], other) for other in names)


def _named(words: list[Word]) -> list[Word]:
    """What is named, without "a pair of"."""
    while words and words[0].text in DETERMINERS | {"pair", "pairs", "of"}:
        words = words[1:]
    return words


def _noun(words: Iterable[Word]) -> Noun:
    return tuple(word.one for word in words)


_SYNONYMS = [[_noun(_words(read(name))) for name in names] for names in SYNONYMS]


def _places(words: Sequence[Word], noun: Noun) -> Iterator[int]:
    """Where a noun begins that is no part of another one ("t-shirt", "shirt dress")."""
    for place in range(len(words) - len(noun) + 1):
        part, behind = words[place : place + len(noun)], words[place + len(noun) : place + len(noun) + 1]
        goes_on = any(word.gap in _HYPHENS or (not word.gap and word.text in GARMENTS) for word in behind)
        whole = all(word.gap in _JOINED for word in part[1:]) and part[0].gap not in _HYPHENS
        if _noun(part) == noun and whole and not goes_on:
            yield place


def _first(words: Sequence[Word], noun: int) -> int:
    """The first word that belongs to a noun: its article, else the first of its adjectives."""
    first, article = _back(words, noun, _BETWEEN | {","})
    if not article:  # then it is less sure what belongs to it
        first, _ = _back(words, noun, _BETWEEN)
        unknown = [place for place in range(first, noun) if not words[place].adjective]
        first = first if len(unknown) <= UNKNOWN else unknown[-UNKNOWN]
    if first > 1 and words[first - 1].text == "of" and words[first - 2].one == "pair":
        first -= 2
        first -= first > 0 and words[first - 1].text in DETERMINERS
    return first


def _back(words: Sequence[Word], noun: int, between: frozenset[str]) -> tuple[int, bool]:
    """How far back a noun's adjectives reach, and whether there is an article. ``between`` two adjectives such signs
    may stand, or an "and"."""
    place = noun
    while place > 0:
        word, before = words[place], words[place - 1]
        listed = place < noun and word.adjective
        if not word.joined and not (listed and before.adjective and word.gap in between):
            return place, False
        if before.text in DETERMINERS:
            return place - 1, True
        if listed and place > 1 and before.text in JOINTS and words[place - 2].adjective:
            place -= 2
        elif before.ends:
            return place, False
        else:
            place -= 1
    return 0, False


def _last(words: Sequence[Word], last: int) -> int:
    """The last word that says how a garment looks."""
    while True:
        behind = max(_described(words, last), _parted(words, last))
        if behind == last:
            return last
        last = behind


def _described(words: Sequence[Word], last: int) -> int:
    """The last word of "in dark green", "which is red", "of black wool", or of adjectives that nothing else has."""
    place = last + 1
    while place < len(words) and words[place].gap in _JOINED and words[place].text in _TELLING:
        place += 1
    end, found = place, last
    while end < len(words) and (words[end].joined or (end > place and words[end].gap in _BETWEEN | {","})):
        if words[end].adjective:
            following = words[end + 1] if end + 1 < len(words) else None
            if following is None or not following.joined or following.ends:
                found = end
        elif end == place or words[end].text not in JOINTS:
            break
        end += 1
    return found


def _parted(words: Sequence[Word], last: int) -> int:
    """The last word of "with gold buttons and long sleeves"."""
    place, found = last + 2, last
    if place >= len(words) or words[last + 1].gap not in _JOINED or words[last + 1].text not in _HAVING:
        return last
    while place < len(words):
        word = words[place]
        if word.gap not in _JOINED and (word.gap != "," or found != place - 1):
            break
        if word.one in PARTS:
            found = place
        elif word.text in JOINTS:
            if found != place - 1:
                break
        elif word.ends:
            break
        place += 1
    return found


def _span(words: Sequence[Word], characters: Sequence[Character], first: int, last: int, alone: bool) -> Span:
    """The characters of a mention; unless it stands ``alone``, with what joins it to what is before it."""
    start, end = words[first].start, words[last].end
    text = "".join(character.text for character in characters)
    for opening, closing in _PAIRS:
        part = text[start:end]
        more = part.count(opening) % 2 if opening == closing else part.count(opening) - part.count(closing)
        if more > 0 and text[end : end + 1] == closing:
            end += 1
        elif more and text[:start].endswith(opening):
            start -= 1
    if alone:
        return start, end
    while first > 0 and words[first - 1].text in LEADS and words[first].gap in _JOINED:
        first -= 1
        start = words[first].start
    if first == 0 or not words[first - 1].text:  # nothing before: then with the comma behind it
        behind = words[last + 1] if last + 1 < len(words) else None
        return start, behind.start if behind is not None and behind.gap in ("", ",") else end
    return (words[first - 1].end if words[first].gap in ("", ",") else start), end
