"""How a checkpoint reads a prompt, for people: its tokens, chunk by chunk, with their weights."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from igo.errors import SettingsError

Run = tuple[float, str]
"""Neighbouring tokens of one weight, joined by spaces."""


@dataclass(frozen=True)
class Reading:
    """A prompt as it is read."""

    title: str
    """``"prompt"`` or ``"negative prompt"``."""
    text: str
    """With the template in it."""
    summary: str
    """How many tokens and chunks."""
    chunks: tuple[tuple[int, tuple[Run, ...]], ...]
    """Of each chunk how many tokens it has, and these."""
    notes: tuple[str, ...] = ()
    """What of it belongs to the syntax of other programs."""


def read(prompt: str, negative_prompt: str = "", checkpoint: str = "mini", preset: str = "auto") -> list[Reading]:
    """The prompts as ``checkpoint`` reads them with the template ``preset`` (a name, ``"auto"`` or ``"none"``).

    Empty ones are left out. Raises ``SettingsError`` for an empty prompt, ``CheckpointError`` where there is no
    tokenizer.
    """
    if not prompt.strip():
        raise SettingsError("the prompt is empty; expected words")
    from igo.painting.checkpoints.checkpoint import tokenizer
    from igo.painting.prompts.chunks import plan_chunks
    from igo.painting.prompts.clip import TextEncoder
    from igo.painting.prompts.foreign import foreign
    from igo.painting.prompts.presets import get_preset, preset_for
    from igo.painting.prompts.syntax import parse

    template = preset_for(checkpoint) if preset == "auto" else get_preset(preset)
    reader = TextEncoder(pipeline=None, tokenizer=tokenizer(checkpoint), model=None, penultimate=False)
    texts = (prompt, negative_prompt)
    if template is not None:
        texts = template.apply(*texts)
    found = []
    for title, whole in zip(("prompt", "negative prompt"), texts, strict=True):
        if not whole:
            continue
        plan = plan_chunks(parse(whole), reader.tokenize, comma_id=reader.comma_id)
        chunks = tuple(
            (len(chunk), _runs([(token.weight, reader.written(token.id)) for token in chunk])) for chunk in plan.chunks
        )
        found.append(Reading(title, whole, str(plan), chunks, tuple(foreign(whole))))
    return found


def _runs(tokens: list[Run]) -> tuple[Run, ...]:
    groups = groupby(tokens, key=lambda token: token[0])
    return tuple((weight, " ".join(word for _, word in group)) for weight, group in groups)
