r"""The attention syntax that the Stable Diffusion community writes: ``(word)``, ``[word]``, ``(word:1.3)``, ``BREAK``.

The behaviour is that of AUTOMATIC1111's web UI, since nearly all prompts that are passed around were written for it:

- ``(x)`` weighs ×1.1, ``[x]`` ÷1.1, ``(x:1.3)`` ×1.3; nested brackets multiply. ``( )`` and ``[ ]`` are matched apart
  from each other. A bracket that is never closed reaches to the end, one that was never opened is text.
- The number is ``[+-]?[.\d]+`` between ``:`` and ``)``, with or without white space around it. What looks like one and
  is none (``1.2.3``) is text.
- ``\( \) \[ \] \\`` stand for the character itself; a lone backslash is dropped.
- ``BREAK`` as a word of its own ends a chunk, and takes the white space around it along.

What else is written elsewhere (``<lora:name:0.8>``, ``[a:b:0.5]``, ``{a|b}``) is text here, its brackets brackets;
``igo.painting.prompts.foreign`` says so.
"""

import math
import re
from dataclasses import dataclass

STEP = 1.1
"""What one plain ``( )`` multiplies by, and one ``[ ]`` divides by."""


@dataclass(frozen=True)
class Fragment:
    """A stretch of text with one weight (1 = as written), or, where ``is_break`` is set, the end of a chunk."""

    text: str
    weight: float = 1.0
    is_break: bool = False


BREAK = Fragment("", is_break=True)

_LEXEME = re.compile(
    r"""
      \\ (?P<escaped> [\\()\[\]] )?         # without its character: a lone backslash
    | (?P<bracket> [()\[\]] )
    | : (?P<number> \s* [+-]? [.\d]+ \s* ) \)
    | (?P<text> [^\\()\[\]:]+ | : )
    """,
    re.VERBOSE,
)
_BREAK_WORD = re.compile(r"\s*\bBREAK\b\s*")
_SPECIAL = re.compile(r"[\\()\[\]]|\bBREAK\b")


@dataclass
class Lexeme:
    """A piece of the prompt: text, or a bracket that has a partner or reaches to the end."""

    text: str
    kind: str  # "text", "literal" (text in which BREAK is no word), "(", ")", "[", "]"
    source: str  # as it is written; a lone backslash is no lexeme
    factor: float | None = None  # of a "(": the number at its end


def parse(prompt: str) -> tuple[Fragment, ...]:
    """The prompt as weighted fragments in order; empty ones are left out, equal neighbours are one.

    Takes any text: what is no valid syntax is text. A weight may be 0, negative, or, with absurd nesting, infinite
    (``igo.painting.prompts.chunks`` refuses that).
    """
    fragments: list[Fragment] = []
    rounds = [(0, 1.0)]  # per open round bracket, outermost first: how many plain ones up to it, the product of numbers
    squares = 0
    for lexeme in lexemes(prompt):
        match lexeme.kind:
            case "(":
                steps, factor = rounds[-1]
                rounds.append((steps + 1, factor) if lexeme.factor is None else (steps, factor * lexeme.factor))
            case ")":
                rounds.pop()
            case "[":
                squares += 1
            case "]":
                squares -= 1
            case "text":
                for number, part in enumerate(_BREAK_WORD.split(lexeme.text)):
                    if number:
                        fragments.append(BREAK)
                    _append(fragments, part, _weight(*rounds[-1], squares))
            case _:
                _append(fragments, lexeme.text, _weight(*rounds[-1], squares))
    return tuple(fragments)


def escape(text: str) -> str:
    """Text that ``parse`` gives back as it was, with weight 1.

    A ``BREAK`` in it is split by a lone backslash, which is dropped in reading.
    """
    return _SPECIAL.sub(lambda found: r"B\REAK" if found[0] == "BREAK" else "\\" + found[0], text)


def lexemes(prompt: str) -> list[Lexeme]:
    """The prompt's lexemes; each closing bracket that is left has an opening one, which knows its number."""
    found: list[Lexeme] = []
    opened: dict[str, list[Lexeme]] = {"(": [], "[": []}
    for match in _LEXEME.finditer(prompt):
        source, bracket, number = match[0], match["bracket"], match["number"]
        if bracket in ("(", "["):
            found.append(Lexeme(bracket, bracket, source))
            opened[bracket].append(found[-1])
        elif bracket is not None:
            found.append(_closing(bracket, opened["(" if bracket == ")" else "["], None, source))
        elif number is not None:
            factor = _number(number)
            if factor is None or not opened["("]:
                found.append(Lexeme(source[:-1], "literal", source[:-1]))
                source = ")"
            found.append(_closing(")", opened["("], factor, source))
        elif match["escaped"]:
            found.append(Lexeme(match["escaped"], "literal", source))
        elif match["text"]:
            found.append(Lexeme(source, "text", source))
    return found


def _closing(bracket: str, opened: list[Lexeme], factor: float | None, source: str) -> Lexeme:
    """A closing bracket, which gives its number to its partner; text where there is none."""
    if not opened:
        return Lexeme(bracket, "literal", source)
    opened.pop().factor = factor
    return Lexeme(bracket, bracket, source)


def _number(text: str) -> float | None:
    """The number, or None where the text is none (``1.2.3``, ``.``) or has more digits than a float can hold."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _weight(steps: int, factor: float, squares: int) -> float:
    """The product of all brackets around a place.

    Plain brackets are counted and not multiplied one by one, so that ``([a])`` is exactly 1 and merges with its
    neighbours.
    """
    try:
        return float(STEP ** (steps - squares)) * factor
    except OverflowError:
        return math.inf


def _append(fragments: list[Fragment], text: str, weight: float) -> None:
    if not text:
        return
    last = fragments[-1] if fragments else BREAK
    if not last.is_break and last.weight == weight:
        fragments[-1] = Fragment(last.text + text, weight)
    else:
        fragments.append(Fragment(text, weight))
