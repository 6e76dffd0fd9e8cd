"""Part ``parser``: does a human parser tell who wears what, in any cloth, and what kind of garment lies flat?"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.progress import Progress
from transformers import AutoImageProcessor, SegformerForSemanticSegmentation

from benchmarks.findings import Findings, Row, Sample
from benchmarks.masks import SEED, SIX, constant_overlap, iou
from igo.embedded import NATIVE_SIZE
from igo.errors import CheckpointError
from igo.mini.parser import alone, tailored, worn
from igo.mini.pictures import balanced_figures
from igo.training.tasks.clipseg import EMPTY
from igo.training.tasks.parser import coloured
from igo.wardrobe import PARSE, Figure, draw

Labels = NDArray[np.uint8]
Parse = Callable[[Image.Image], Labels]
"""From a picture to the values of ``PARSE`` at its size."""
GROUPS = {"top": ("top", "dress"), "bottom": ("skirt", "pants")}
"""What text masks are asked for by one phrase; of other groups, the label has their name."""


class Parser:
    """A parser in a folder, run as anybody would run it: transformers' own classes, nothing of IGO's.

    Raises ``CheckpointError`` for a folder that transformers can't load, or whose labels aren't the drawn world's.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self.model = SegformerForSemanticSegmentation.from_pretrained(folder, local_files_only=True).eval()
            self.processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"the parser {folder} can't be loaded: {' '.join(str(error).split())}") from error
        names = [self.model.config.id2label[value] for value in range(self.model.config.num_labels)]
        if tuple(names) != PARSE:
            raise CheckpointError(f"the parser {folder} knows {', '.join(names)}; expected {', '.join(PARSE)}")

    @torch.no_grad()
    def __call__(self, picture: Image.Image) -> Labels:
        """H×W values, the logits enlarged to the picture's size first."""
        inputs = self.processor(images=picture, return_tensors="pt")
        size = [(picture.height, picture.width)]
        found = self.processor.post_process_semantic_segmentation(self.model(**inputs), size)[0]
        return np.asarray(found.numpy(), np.uint8)


def evaluate_parser(parse: Parse, progress: Progress, source: str, drawings: int = 200) -> Findings:
    """Parse ``drawings`` held-out drawings of 128×192, those that text masks are asked about; as many in cloth and cuts
    that words can't name; and as many garments by themselves.

    IoU is that of each label that shows, averaged over pictures, then over labels. ``source`` says where the model is.
    """
    figures = balanced_figures(drawings, SEED)
    odd = [tailored(figure) for figure in balanced_figures(drawings, SEED + 1)]
    plain, samples = _parsed(progress.track(figures, description="parsing figures"), parse, worn)
    cloth, more = _parsed(progress.track(odd, description="parsing any cloth"), parse, worn)
    flat, garments = _parsed(progress.track(odd, description="parsing garments"), parse, alone)
    six, chances = _six(plain)
    labels = _overlaps(plain, {name: (name,) for name in PARSE})
    kinds = [_kind(found) == _kind(truth) for found, truth in flat]
    rows = [
        Row("parser: IoU, mean of six", _mean(six), 1.0, float(np.mean([chances[group] for group in six]))),
        *(Row(f"parser: IoU: {group}", six[group], 1.0, chances[group]) for group in six),
        Row("parser: IoU, mean of all labels", _mean(labels), 1.0),
        *(Row(f"parser: IoU: {name}", labels[name], 1.0) for name in labels if name not in six),
        Row("any cloth, any length: IoU, mean of six", _mean(_six(cloth)[0]), 1.0),
        Row("garment alone: IoU", float(np.mean([iou(found > 0, truth > 0) for found, truth in flat])), 1.0),
        Row("garment alone: its kind told", float(np.mean(kinds)), 1.0),
        Row("one parse", _seconds(parse, figures[0]), unit="s"),
    ]
    settings: dict[str, object] = {"checkpoint": source, "drawings": drawings}
    shown = [sample for three in zip(samples, more, garments, strict=True) for sample in three]
    return Findings("parser", settings, rows, shown, columns=6, height=192)


Pairs = Sequence[tuple[Labels, Labels]]
"""What was found, and the truth."""


def _parsed(
    figures: Iterable[Figure], parse: Parse, drawn: Callable[[Figure, int, int], tuple[Labels, Labels]]
) -> tuple[Pairs, list[Sample]]:
    pairs, samples = [], []
    for figure in figures:
        pixels, truth = drawn(figure, *NATIVE_SIZE)
        picture = Image.fromarray(pixels)
        pairs.append((parse(picture), truth))
        tiles = (Image.fromarray(coloured(torch.from_numpy(labels)).numpy()) for labels in pairs[-1])
        samples.append(Sample((picture, *tiles), f"{figure.top}, {figure.bottom}: found, true"))
    return pairs, samples


def _overlaps(pairs: Pairs, groups: dict[str, tuple[str, ...]]) -> dict[str, float]:
    """The mean IoU of each group of labels, where it shows."""
    overlaps: dict[str, list[float]] = defaultdict(list)
    for found, truth in pairs:
        for group, names in groups.items():
            values = [PARSE.index(name) for name in names]
            there = np.isin(truth, values)
            if there.mean() > EMPTY:
                overlaps[group].append(iou(np.isin(found, values), there))
    return {group: float(np.mean(overlaps[group])) for group in groups if group in overlaps}


def _six(pairs: Pairs) -> tuple[dict[str, float], dict[str, float]]:
    """The IoU of each of ``SIX``, and that of the best mask that is the same for every picture."""
    groups = {group: GROUPS.get(group, (group,)) for group in SIX}
    chances = {}
    for group, names in groups.items():
        truths = [np.isin(truth, [PARSE.index(name) for name in names]) for _, truth in pairs]
        chances[group] = constant_overlap(np.stack([truth for truth in truths if truth.mean() > EMPTY] or truths))
    return _overlaps(pairs, groups), chances


def _kind(labels: Labels) -> int:
    """The garment that a map shows most of; 0 if none."""
    counts = np.bincount(labels.ravel(), minlength=len(PARSE))
    counts[0] = 0
    return int(counts.argmax()) if counts.any() else 0


def _mean(values: dict[str, float]) -> float:
    return float(np.mean(list(values.values()))) if values else float("nan")


def _seconds(parse: Parse, figure: Figure) -> float:
    """The shortest of three parses of one picture."""
    picture, taken = Image.fromarray(draw(figure, *NATIVE_SIZE).image), []
    for _ in range(3):
        began = time.monotonic()
        parse(picture)
        taken.append(time.monotonic() - began)
    return min(taken)
