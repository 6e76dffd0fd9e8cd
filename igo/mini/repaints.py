"""What mini/inpaint learns from: drawings, and what is in which part of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from igo.mini.drawings import draw_once
from igo.training.data.masks import MaskSet, prompt_tokens
from igo.wardrobe import Figure, Part, captions, phrase

ENTRIES = 14
"""Texts of a figure at most: six captions of all of it, two for garments, and six phrases for parts."""

WHOLE, GARMENT, PHRASE, SMALL = 0.06, 0.16, 0.1, 0.03
Entry = tuple[str, int, float]


def drawn_repaints(
    folder: Path, figures: Sequence[Figure], tokenizer: Any, size: tuple[int, int], workers: int = 1
) -> MaskSet:
    """``figures`` drawn at ``size`` (width, height), kept in ``folder``, with what may be repainted in them.

    A third of the time any zone is asked for with a caption of the whole figure, a third of the time a garment with
    such a caption, and else a garment, shoes, hair, a hat or a bag by a phrase of their own.
    """
    pictures, labels = draw_once(folder, figures, size, workers)
    rows = [list(_entries(figure)) for figure in figures]
    texts = {text: index for index, text in enumerate(dict.fromkeys(text for row in rows for text, _, _ in row))}
    asks, members = (torch.zeros(len(figures), ENTRIES, dtype=torch.int64) for _ in range(2))
    weights = torch.zeros(len(figures), ENTRIES)
    for number, row in enumerate(rows):
        for column, (text, bits, weight) in enumerate(row):
            asks[number, column], members[number, column], weights[number, column] = texts[text], bits, weight
    return MaskSet(
        pictures=pictures,
        labels=labels,
        codes=1 << torch.arange(len(Part)),
        asks=asks,
        members=members,
        weights=weights,
        tokens=prompt_tokens(tokenizer, [[text] for text in texts]),
        groups=torch.zeros(len(texts), dtype=torch.long),
        names=("repaints",),
    )


def _entries(figure: Figure) -> Iterator[Entry]:
    """Texts, the parts that they describe as bits (0 for all of the picture), and how often they are asked."""
    told = captions(figure)
    top, bottom = _bits(Part.TOP, Part.INNER), _bits(Part.BOTTOM)
    dressed = figure.bottom != "none"
    for index, caption in enumerate(told):
        yield caption, 0, WHOLE
        if index < 2:
            yield caption, bottom if dressed and index else top, GARMENT
    yield phrase(figure.top, figure.top_color, figure.top_pattern), top, PHRASE
    if dressed:
        yield phrase(figure.bottom, figure.bottom_color, figure.bottom_pattern), bottom, PHRASE
    yield phrase(figure.shoes, figure.shoes_color), _bits(Part.SHOES), SMALL
    yield f"{figure.hair_color} hair", _bits(Part.HAIR), SMALL
    for kind, color, part in ((figure.hat, figure.hat_color, Part.HAT), (figure.bag, figure.bag_color, Part.BAG)):
        if kind != "none":
            yield phrase(kind, color), _bits(part), SMALL


def _bits(*parts: Part) -> int:
    return sum(1 << int(part) for part in parts)
