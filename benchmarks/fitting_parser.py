"""How well a human parser finds what is worn, beside CLIPSeg, on held-out drawings."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.fitting_rows import Line
from benchmarks.masks import SEED, SIX, Masks, TextMasks, iou, is_empty
from benchmarks.parses import GROUPS, Parser
from igo import embedded
from igo.embedded import NATIVE_SIZE
from igo.mini.pictures import balanced_figures
from igo.wardrobe import PARSE, Figure, draw

SHOWN = {part: GROUPS.get(part, (part,)) for part in SIX}
"""What each of the six is in a drawing's parse."""
Find = Callable[[Image.Image, Figure], dict[str, Masks]]
"""From a picture to where each of the six is, H×W."""


def parsed(parser: Path, drawings: int) -> Iterator[Line]:
    """The IoU of each part, averaged over the drawings that show it; CLIPSeg, asked for each thing by its name, is the
    text's."""
    figures = balanced_figures(drawings, SEED)
    ours, theirs = (overlaps(find, figures) for find in (parser_of(parser), by_words(embedded.path("clipseg"))))
    yield Line("parser: mean IoU of six", _mean(ours.values()), 1, text=_mean(theirs.values()))
    for part in SIX:
        yield Line(f"  parser: {part}", ours.get(part, math.nan), 1, text=theirs.get(part, math.nan))


def overlaps(find: Find, figures: Sequence[Figure]) -> dict[str, float]:
    """By part, the mean IoU over the figures that show more than crumbs of it."""
    found = defaultdict(list)
    for figure in figures:
        drawing = draw(figure, *NATIVE_SIZE)
        masks = find(Image.fromarray(drawing.image), figure)
        for part, names in SHOWN.items():
            true = np.isin(drawing.parse, [PARSE.index(name) for name in names])
            if not is_empty(true):
                found[part].append(iou(masks[part], true))
    return {part: _mean(values) for part, values in found.items()}


def parser_of(folder: Path) -> Find:
    """A parser in a folder: the likeliest label of every pixel."""
    parse = Parser(folder)

    def find(picture: Image.Image, _figure: Figure) -> dict[str, Masks]:
        labels = parse(picture)
        return {part: np.isin(labels, [PARSE.index(name) for name in names]) for part, names in SHOWN.items()}

    return find


def by_words(folder: Path) -> Find:
    """CLIPSeg, asked for each thing by the word for it."""
    masks = TextMasks(folder)

    def find(picture: Image.Image, figure: Figure) -> dict[str, Masks]:
        words = {name: getattr(figure, name) if name in ("top", "bottom", "shoes", "bag") else name for name in SIX}
        there = {name: word for name, word in words.items() if word != "none"}
        return dict(zip(there, masks(picture, list(there.values())), strict=True))

    return find


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return float(np.mean(numbers)) if numbers else math.nan
