"""Prompts whose words can be taken out and put in, while all others keep their weights.

A prompt is read into characters, each with the brackets around it; words are cut from that list and put into it, and
what is written from it is the prompt as it was but for them: brackets around nothing go, and a bracket that somebody's
text is put into is closed before it and opened again behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from igo.painting.prompts.syntax import lexemes

_LIKE_A_NUMBER = re.compile(r":\s*[+-]?[.\d]+\s*\Z")


@dataclass(eq=False)
class Bracket:
    """An opening bracket and, where it has one, its partner; equal to itself alone."""

    opening: str
    closing: str
    """As it is written, a number included: ``)``, ``:1.3)``, ``]``."""
    closed: bool = False
    """Or does it reach to the end?"""


@dataclass(frozen=True)
class Character:
    """A character as it is read (``text``) and as it is written (``source``), and the brackets around it, outermost
    first."""

    text: str
    source: str
    inside: tuple[Bracket, ...] = ()
    literal: bool = False
    """Whether it was escaped or has no meaning here, so that it is no part of a ``BREAK``."""


def read(prompt: str) -> list[Character]:
    """The prompt's characters. ``write`` gives it back as it was, but for brackets around nothing."""
    characters: list[Character] = []
    inside: list[Bracket] = []
    rest = prompt
    for lexeme in lexemes(prompt):
        skipped, _, rest = rest.partition(lexeme.source)  # nothing, or a lone backslash
        if lexeme.kind in ("(", "["):
            inside.append(Bracket(lexeme.kind, ")" if lexeme.kind == "(" else "]"))
        elif lexeme.kind in (")", "]"):
            opening = "(" if lexeme.kind == ")" else "["
            partner = next(bracket for bracket in reversed(inside) if bracket.opening == opening)
            partner.closing, partner.closed = lexeme.source, True
            inside.remove(partner)
        elif lexeme.kind == "literal" and len(lexeme.text) == 1:
            characters.append(Character(lexeme.text, skipped + lexeme.source, tuple(inside), True))
        else:
            literal = lexeme.kind == "literal"
            for number, text in enumerate(lexeme.text):
                characters.append(Character(text, text if number else skipped + text, tuple(inside), literal))
    return characters


def write(characters: Iterable[Character]) -> str:
    """The prompt that is read as ``characters``."""
    prompt = ""
    around: tuple[Bracket, ...] = ()
    for character in _without_hollow(list(characters)):
        closing, opening = _steps(around, character.inside)
        prompt = _closed(prompt, closing) + "".join(bracket.opening for bracket in opening) + character.source
        around = character.inside
    return _closed(prompt, [bracket for bracket in reversed(around) if bracket.closed])


def weighted(text: str, weight: float) -> list[Character]:
    """The characters of ``text``, a prompt of its own, at ``weight`` (1: as it is). No bracket in it reaches beyond."""
    characters = read(text)
    for bracket in {bracket for character in characters for bracket in character.inside}:
        bracket.closed = True
    if weight == 1:
        return characters
    around = Bracket("(", f":{weight:g})", closed=True)
    return [replace(character, inside=(around, *character.inside)) for character in characters]


def _without_hollow(characters: list[Character]) -> list[Character]:
    """Without brackets around nothing but white space."""
    filled = {bracket for character in characters if character.text.strip() for bracket in character.inside}
    return [
        replace(character, inside=tuple(bracket for bracket in character.inside if bracket in filled))
        for character in characters
    ]


def _steps(before: Sequence[Bracket], after: Sequence[Bracket]) -> tuple[list[Bracket], list[Bracket]]:
    """Which brackets are closed and which are opened between two characters. Round and square ones are matched apart
    from each other, and need not be nested."""
    kept = set()
    for kind in "([":
        one, other = ([bracket for bracket in some if bracket.opening == kind] for some in (before, after))
        for first, second in zip(one, other, strict=False):
            if first is not second:
                break
            kept.add(first)
    return [one for one in reversed(before) if one not in kept], [one for one in after if one not in kept]


def _closed(prompt: str, brackets: Iterable[Bracket]) -> str:
    for bracket in brackets:
        number = _LIKE_A_NUMBER.search(prompt) if bracket.closing == ")" else None
        if number:  # text that would be read as the bracket's weight: a lone backslash, which is dropped, says it isn't
            place = number.start() + len(number[0].rstrip()) - 1
            prompt = f"{prompt[:place]}\\{prompt[place:]}"
        prompt += bracket.closing
    return prompt
