"""What the page says, as HTML: how far a painting is, how a prompt is read, what a picture's record says."""

from __future__ import annotations

import base64
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

import igo
from igo.notebooks.quantities import duration

if TYPE_CHECKING:
    from PIL.Image import Image

    from igo.page.painting import Progress
    from igo.painting.prompts.reading import Reading


def told(progress: Progress) -> str:
    """How far a painting is, with a preview where there is one."""
    words = "Painting" if progress.step else "Getting ready"
    bar = "<progress aria-label='progress'></progress>"
    if progress.total:
        words = f"{escape(progress.step)}: {progress.done} of {progress.total}"
        if progress.left is not None:
            words += f", about {duration(progress.left)} left"
        bar = f"<progress aria-label='progress' value='{progress.done}' max='{progress.total}'></progress>"
    words += f" ({duration(progress.elapsed)} so far)"
    shown = "" if progress.preview is None else f"<img alt='preview' src='{_inline(progress.preview)}'>"
    return f"<p role='status'>{words}</p>{bar}{shown}"


def finished(look: igo.Look, seconds: float, note: str = "") -> str:
    """That a painting is done: how long it took, its seed, and the notes for people on its record."""
    notes = [note] if note else []
    for frame in look:
        notes += [f"{entry.step}: {entry.report['note']}" for entry in frame.history if "note" in entry.report]
        notes += [f"{entry.step}: {entry.report['skipped']}" for entry in frame.history if "skipped" in entry.report]
    lines = "".join(f"<p>{escape(line)}</p>" for line in dict.fromkeys(notes))
    return f"<p role='status'>Painted in {duration(seconds)}, seed {look.seed}.</p>{lines}"


def said(words: str) -> str:
    """One line."""
    return f"<p role='status'>{escape(words)}</p>"


def read_aloud(readings: list[Reading]) -> str:
    """The tokens of a prompt with their weights, chunk by chunk."""
    parts = []
    for reading in readings:
        parts.append(f"<p><strong>{escape(reading.title.capitalize())}</strong>: {escape(reading.summary)}</p>")
        for number, (count, runs) in enumerate(reading.chunks, 1):
            words = " ".join(_weighed(weight, text) for weight, text in runs)
            parts.append(f"<p>Chunk {number}, {count} tokens: {words}</p>")
        parts += [f"<p>{escape(note)}</p>" for note in reading.notes]
    return f"<div class='igo-tokens'>{''.join(parts)}</div>"


def _weighed(weight: float, text: str) -> str:
    if weight == 1:
        return escape(text)
    side = "up" if weight > 1 else "down"
    return f"<span class='{side}'>{escape(text)} <sub>×{weight:.4g}</sub></span>"


def _inline(image: Image) -> str:
    buffer = BytesIO()
    image.save(buffer, "WEBP", quality=70, method=0)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
