"""Part ``clipseg``: does a text-mask model find what a phrase names, and nothing where there is no such thing?"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.progress import Progress
from torch.nn import functional
from transformers import CLIPSegForImageSegmentation, CLIPSegProcessor

from benchmarks.findings import Findings, Row, Sample
from benchmarks.measures import share
from igo.errors import CheckpointError
from igo.images.sheet import tinted
from igo.mini.clipseg import drawn_masks
from igo.mini.phrases import phrases
from igo.mini.pictures import balanced_figures
from igo.training.tasks.clipseg import EMPTY

Masks = NDArray[np.bool_]
Finder = Callable[[Image.Image, Sequence[str]], Masks]
"""From a picture and K phrases to K×H×W booleans at the picture's size."""

SEED = 104
"""Of the drawings that are asked about, in millions: apart from those that anything here is trained on."""
SIX = ("top", "bottom", "hair", "shoes", "bag", "background")
"""The groups of phrases whose mean counts."""
BATCH = 12
"""Phrases at a time."""
SHOWN_PHRASES = 4
CONSTANT_LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


class TextMasks:
    """A text-mask model in a folder, run as anybody would run it: transformers' own classes, nothing of IGO's.

    Raises ``CheckpointError`` for a folder that transformers can't load.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self.model = CLIPSegForImageSegmentation.from_pretrained(folder, local_files_only=True).eval()
            self.processor = CLIPSegProcessor.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"the text masks {folder} can't be loaded: {' '.join(str(error).split())}") from error

    @torch.no_grad()
    def __call__(self, picture: Image.Image, texts: Sequence[str]) -> Masks:
        """K phrases to K×H×W booleans: the logits, interpolated to the picture's size, above a probability of 0.5."""
        found = []
        for start in range(0, len(texts), BATCH):
            some = list(texts[start : start + BATCH])
            inputs = self.processor(text=some, images=[picture] * len(some), padding=True, return_tensors="pt")
            logits = self.model(**inputs).logits
            logits = logits.reshape(
                len(some), 1, *logits.shape[-2:]
            )  # of one phrase, transformers drops the first axis
            size = (picture.height, picture.width)
            found.append(functional.interpolate(logits.float(), size=size, mode="bilinear")[:, 0] > 0)
        return torch.cat(found).numpy()


def is_empty(mask: Masks) -> bool:
    """Whether an H×W mask covers so little that it says "nothing there"."""
    return float(mask.mean()) <= EMPTY


def evaluate_masks(find: Finder, tokenizer: Any, progress: Progress, source: str, drawings: int = 200) -> Findings:
    """Ask about ``drawings`` held-out drawings of 128×192: of each group of phrases one that is there, one that isn't.

    IoU is that of each mask, averaged over a group. A thing that is there but hardly shows, such as hair under a hat,
    isn't asked about. ``tokenizer`` is the model's; ``source`` says where that lies.
    """
    every = phrases()
    with TemporaryDirectory() as folder:
        progress.stop()  # drawing shows a bar of its own
        asked = drawn_masks(Path(folder), balanced_figures(drawings, SEED), tokenizer)
        progress.start()
        overlaps, truths, silent, missed, samples = defaultdict(list), defaultdict(list), [], [], []
        for row, columns in enumerate(progress.track(asked.questions(), description="finding masks")):
            picture = Image.fromarray(asked.pictures[row].numpy())
            texts = [every[column].text for column in columns]
            found = find(picture, texts)
            truth = asked.masks(asked.labels[row][None], asked.members[row, columns][None])[0].numpy()
            shown = []
            for column, text, mask, true in zip(columns, texts, found, truth, strict=True):
                if not asked.members[row, column]:
                    silent.append(is_empty(mask))
                elif not is_empty(true):
                    group = every[column].group
                    overlaps[group].append(iou(mask, true))
                    truths[group].append(true)
                    missed.append(is_empty(mask))
                    shown.append((text, mask) if group in SIX else None)
            samples.append(_sample(picture, [one for one in shown if one is not None]))
    means = {group: float(np.mean(values)) for group, values in overlaps.items()}
    chances = {group: constant_overlap(np.stack(masks)) for group, masks in truths.items()}
    six = [group for group in SIX if group in means]
    rows = [
        Row("IoU, mean of six", _mean(means, six), 1.0, _mean(chances, six)),
        *(Row(f"IoU: {group}", means[group], 1.0, chances[group]) for group in dict.fromkeys((*six, *means))),
        Row("absent thing: empty mask", share(silent), 1.0),
        Row("present thing: found", 1 - share(missed), 1.0),
    ]
    settings: dict[str, object] = {"checkpoint": source, "drawings": drawings, "phrases": len(silent) + len(missed)}
    return Findings("clipseg", settings, rows, samples, columns=4, height=192)


def iou(first: Masks, second: Masks) -> float:
    """Intersection over union; 1 if both are empty."""
    union = int((first | second).sum())
    return int((first & second).sum()) / union if union else 1.0


def constant_overlap(truths: Masks) -> float:
    """The mean IoU of the best mask that is the same for every picture: where more than a share of ``truths`` (N×H×W)
    is, for the best such share."""
    usual = truths.mean(0)
    return max(float(np.mean([iou(usual > level, truth) for truth in truths])) for level in CONSTANT_LEVELS)


def reddened(picture: Image.Image, mask: Masks) -> Image.Image:
    """The picture with the mask in red over it, and the rest paler."""
    return tinted(picture.convert("RGB"), Image.fromarray(mask))


def _mean(values: dict[str, float], names: Sequence[str]) -> float:
    return float(np.mean([values[name] for name in names])) if names else float("nan")


def _sample(picture: Image.Image, found: Sequence[tuple[str, Masks]]) -> Sample:
    """A picture and the masks of some things that are there."""
    some = found[:SHOWN_PHRASES]
    blank = Image.new("RGB", picture.size, "white")
    tiles = [reddened(picture, mask) for _, mask in some] + [blank] * (SHOWN_PHRASES - len(some))
    return Sample((picture, *tiles), " · ".join(text for text, _ in some))
