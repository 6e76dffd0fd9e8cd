"""How much a record may ask for that comes from anybody. Everything is checked before anything is built or painted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from igo.errors import ProvenanceError

BYTES = 16 * 2**20
"""Of a record's text; a picture file takes no more."""
DEPTH = 64
"""Tables and lists within each other."""
VALUES = 100_000
"""In all."""
NAME = 1000
"""Characters of a name: a setting, a layer, a file."""
DIGITS = 20
"""Of a whole number."""

CHAIN_STEPS = 64
CHARACTERS = 20_000
"""Of a prompt, or any other text that a step is given."""
AT_MOST = {
    "num_inference_steps": 1000,
    "num_images": 64,
    "width": 8192,
    "height": 8192,
}
"""Of a request, and of a step's setting that is called so."""
PIXELS = 2**26
"""Of all pictures of a request, where it says how large they are."""
INPUTS = 64
"""Pictures that went in: the one to start from, layers, references."""
INPUT_PIXELS = 2**28
"""Of all of them."""

THREADS = 256
"""That a replay computes with, because its record says so."""


def parse(text: str) -> Any:
    """JSON that is nothing else: no NaN, no key twice, nothing so large or deep that it would be a burden by itself.

    Raises ``ValueError``.
    """
    if len(text) > BYTES:
        raise ValueError(f"{len(text)} characters; expected at most {BYTES}")
    try:
        found = json.loads(text, parse_int=_whole, parse_constant=_constant, object_pairs_hook=_table)
        _check_plain(found)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return found


def check_asked(request: Mapping[str, Any], steps: list[Any], inputs: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise ``ProvenanceError`` for a run that would take more time or memory than somebody else may have.

    ``request`` and ``steps`` are a record's, not yet read as settings: what is of a wrong type is left to who reads it.
    ``inputs`` are the origins of its pictures, whose sizes hold for whatever is found for them.
    """
    if len(steps) > CHAIN_STEPS:
        raise ProvenanceError(f"it has {len(steps)} steps; expected at most {CHAIN_STEPS}")
    for table in (request, *(step for step in steps if isinstance(step, dict))):
        for name, most in AT_MOST.items():
            if _number(table.get(name)) > most:
                raise ProvenanceError(f"{name} is {table[name]}; expected at most {most}")
        for text in _texts(table):
            if len(text) > CHARACTERS:
                raise ProvenanceError(f"it has a text of {len(text)} characters; expected at most {CHARACTERS}")
    if len(inputs) > INPUTS:
        raise ProvenanceError(f"{len(inputs)} pictures went in; expected at most {INPUTS}")
    pixels = sum(max(origin["width"], 0) * max(origin["height"], 0) for origin in inputs.values())
    if pixels > INPUT_PIXELS:
        raise ProvenanceError(f"pictures of {pixels / 1e6:.0f} MP went in; expected at most {INPUT_PIXELS / 1e6:.0f}")
    width, height, count = (_number(request.get(name)) or 1 for name in ("width", "height", "num_images"))
    if width * height * count > PIXELS:
        raise ProvenanceError(f"it asks for {width * height * count / 1e6:.0f} MP; expected at most {PIXELS / 1e6:.0f}")


def _check_plain(found: Any) -> None:
    """Raise ``ValueError`` for what no record of ours has."""
    left, values = [(found, 1)], 0
    while left:
        value, depth = left.pop()
        values += 1
        if depth > DEPTH:
            raise ValueError("nested too deeply")
        if values > VALUES:
            raise ValueError(f"more than {VALUES} values")
        if isinstance(value, dict):
            for key in value:
                _check_text(key)
                if len(key) > NAME:
                    raise ValueError(f"a name of {len(key)} characters; expected at most {NAME}")
            left += [(inner, depth + 1) for inner in value.values()]
        elif isinstance(value, list):
            left += [(inner, depth + 1) for inner in value]
        elif isinstance(value, str):
            _check_text(value)
        elif isinstance(value, float) and not isfinite(value):
            raise ValueError("a number that is too large")


def _check_text(text: str) -> None:
    if "\0" in text:
        raise ValueError("a text with a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a text with half a surrogate pair") from None


def _texts(value: Any) -> Iterator[str]:
    """All texts in plain data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) else 0


def _whole(digits: str) -> int:
    if len(digits) > DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _constant(name: str) -> Any:
    raise ValueError(f"{name}, which is no number")


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("a name twice in one table")
    return table


def threads(stack: Mapping[str, str]) -> int | None:
    """How many threads a picture was computed with, where that is on record and no number to do harm with."""
    told = stack.get("threads", "")
    return int(told) if re.fullmatch("[1-9][0-9]{0,2}", told) and int(told) <= THREADS else None
