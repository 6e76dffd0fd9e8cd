"""What prompts carry that other tools act on and IGO reads as words, so that somebody says so."""

import re
from collections.abc import Callable

_NETWORK = re.compile(r"<(?:lora|lyco|hypernet):([^<>:]+)(?::([^<>]*))?>", re.IGNORECASE)
_FOREIGN: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (_NETWORK, lambda found: f"elsewhere it loads an adapter; here {_adapter(found)} does"),
    (
        re.compile(r"<?\bembedding:([^\s,:()<>]+)>?", re.IGNORECASE),
        lambda found: f"elsewhere it loads an embedding; here --embedding {found[1]} does, and its name in the prompt",
    ),
    (
        re.compile(r"\[[^\[\]]*:\s*\d*\.?\d+\s*\]"),
        lambda _: (
            "elsewhere it changes the prompt between steps, here the brackets are weights; write what you want most"
        ),
    ),
    (
        re.compile(r"\[[^\[\]|]*\|[^\[\]]*\]"),
        lambda _: "elsewhere the words take turns from step to step, here the brackets are weights; write one of them",
    ),
    (
        re.compile(r"\{[^{}]*\|[^{}]*\}"),
        lambda _: "elsewhere one of these is drawn at random; write one, or run the command once for each",
    ),
    (re.compile(r"\{[^{}|]+\}"), lambda found: f"elsewhere it weighs more; here ({found[0].strip('{}')}:1.05) does"),
    (
        re.compile(r"(?<!\w)__[\w/*-]*\w[\w/*-]*?__(?!\w)"),
        lambda _: "elsewhere it is a line of a file, drawn at random; write the words themselves",
    ),
    (
        re.compile(r"\w[\w-]*?(?:\+{2,}|-{2,})(?=[\s,.)]|$)"),
        lambda found: f"elsewhere it is a weight; here ({found[0].rstrip('+-')}:{_weight(found[0]):.3g}) is",
    ),
    (re.compile(r"\)\d*\.?\d+(?=[\s,)]|$)"), lambda _: "elsewhere the number is a weight; here (words:1.2) is"),
    (
        re.compile(r"(?<=\s)AND(?=\s)"),
        lambda _: "elsewhere it joins two prompts that are painted at once; here it is a word",
    ),
)
"""Patterns of other tools' syntax, and what each means there and how IGO does it."""
_ESCAPED = re.compile(r"\\.", re.DOTALL)
SHOWN = 60
"""Characters of the prompt that a note quotes."""


def foreign(prompt: str) -> tuple[str, ...]:
    """One line for each thing in ``prompt`` that other tools act on and IGO reads as words; none for most prompts.

    What is escaped is meant as words, and passed over.
    """
    text = _ESCAPED.sub(lambda found: " " * len(found[0]), prompt)
    notes: dict[str, None] = {}  # in order, each once
    for pattern, meaning in _FOREIGN:
        for found in pattern.finditer(text):
            quoted = found[0] if len(found[0]) <= SHOWN else f"{found[0][: SHOWN - 1]}…"
            notes[f"'{quoted}' is read as words: {meaning(found)}"] = None
    return tuple(notes)


def _adapter(found: re.Match[str]) -> str:
    """The option that loads what ``<lora:name:0.8>`` names."""
    scale = (found[2] or "").partition(":")[0].strip()
    return f"--adapter {found[1].strip()}.safetensors{f':{scale}' if scale else ''}"


def _weight(word: str) -> float:
    """What ``word++`` and ``word--`` stand for."""
    marks = len(word) - len(word.rstrip("+-"))
    return float(1.1**marks if word.endswith("+") else 0.9**marks)
