"""mini/parser: a small SegFormer that tells who wears what, on drawn figures and on garments by themselves."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn
from transformers import SegformerConfig, SegformerForSemanticSegmentation

from igo.embedded import NATIVE_SIZE
from igo.mini.drawings import Drawn, draw_once
from igo.mini.pictures import balanced_figures, scene
from igo.training import finetune
from igo.training.data.parses import ParseSet
from igo.training.loop.effort import Effort, digest
from igo.training.loop.loop import TrainingReport
from igo.training.tasks.parser import ParserTask
from igo.training.tasks.preprocessing import Preprocessing
from igo.wardrobe import PARSE, Category, Figure, draw, lay_flat

PREPROCESSING = Preprocessing((256, 384))
"""Twice the native size: logits are a quarter of the input, and at the native size too coarse for shoes and bags."""
LARGE = (192, 288)
"""Pictures that were not made by `mini` are larger, and sharper when they are brought to its size."""
PLAIN, TAILORED, ALONE = 0.45, 0.3, 0.25
FIRST = 0.4
"""Of the training, on pictures of half the size, where a sample costs a quarter."""
"""Shares of a batch: figures as all of `mini` knows them, in cloth and cuts that words can't name, garments alone."""
CUT_OUT, SCENES = 0.25, 0.3
"""Of garments alone: how many are cut out of a picture in which they are worn, and how many lie in a scene."""


def build_parser(labels: Sequence[str] = PARSE) -> SegformerForSemanticSegmentation:
    """1.1 M parameters, random weights: the published layout, narrower and less deep than its smallest, b0."""
    names = dict(enumerate(labels))
    model = SegformerForSemanticSegmentation(
        SegformerConfig(
            id2label=names,
            label2id={name: value for value, name in names.items()},
            depths=[1, 2, 2, 2],
            hidden_sizes=[24, 48, 96, 128],
            num_attention_heads=[1, 2, 4, 8],
            mlp_ratios=[2, 4, 4, 4],
            decoder_hidden_size=64,
        )
    )
    _begin(model)
    return model


def _begin(model: SegformerForSemanticSegmentation) -> None:
    """Give the layers a start to learn from, by how many values each sums up: transformers draws all of them with a
    deviation of 0.02, at which what layers this narrow add to the picture, neighbours above all, is next to nothing."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(module.weight, 0, module.weight[0].numel() ** -0.5)


def worn(figure: Figure, width: int, height: int) -> Drawn:
    """A figure, and who wears what."""
    drawing = draw(figure, width, height)
    return drawing.image, drawing.parse


def alone(figure: Figure, width: int, height: int) -> Drawn:
    """One of the figure's garments by itself: laid flat on some ground, or cut out on a light one."""
    rng = figure.rng("alone")
    categories: tuple[Category, ...] = ("dress",) if figure.top == "dress" else ("upper", "lower")
    category = categories[int(rng.integers(len(categories)))]
    name = category if category == "dress" else "top" if category == "upper" else _lower(figure)
    level, tint = rng.uniform(120, 255), rng.uniform(-25, 25, 3)
    ground = tuple(int(value) for value in np.clip(level + tint, 0, 255))
    if rng.random() < CUT_OUT and (category != "lower" or figure.top != "coat"):  # which hides what is below
        return _cut_out(figure, name, (width, height), rng)
    picture: Any = ground if rng.random() < 0.75 else (255, 255, 255)
    if rng.random() < SCENES:
        picture = scene(int(rng.integers(2**31)), width, height)
    tilt = float(np.clip(rng.normal(0, 5), -12, 12))
    laid = lay_flat(figure, category, width, height, picture, float(rng.uniform(0.55, 0.97)), tilt)
    return laid.image, np.where(laid.shape > 0.5, np.uint8(PARSE.index(name)), np.uint8(0))


def _lower(figure: Figure) -> str:
    return "skirt" if figure.bottom == "skirt" else "pants"


def _cut_out(figure: Figure, name: str, size: tuple[int, int], rng: np.random.Generator) -> Drawn:
    """What of a garment shows on its wearer, on a light ground, as large as it fits."""
    (width, height), (large, high) = size, LARGE
    drawing = draw(figure, large, high)
    shape = (drawing.parse == PARSE.index(name)).astype(np.float32)
    soft, light = cv2.GaussianBlur(shape, (0, 0), 0.8)[..., None], float(rng.uniform(225, 255))
    image = drawing.image * soft + light * (1 - soft)
    left, top, across, down = cv2.boundingRect(shape.astype(np.uint8))
    scale = float(rng.uniform(0.55, 0.97)) * min(width / max(across, 1), height / max(down, 1))
    move = np.array(
        [
            [scale, 0, width / 2 - scale * (left + across / 2)],
            [0, scale, height / 2 - scale * (top + down / 2)],
        ]
    )
    image = cv2.warpAffine(image, move, size, flags=cv2.INTER_LINEAR, borderValue=(light,) * 3)
    there = cv2.warpAffine(shape, move, size, flags=cv2.INTER_LINEAR) > 0.5
    return np.clip(image + 0.5, 0, 255).astype(np.uint8), there * np.uint8(PARSE.index(name))


def tailored(figure: Figure) -> Figure:
    """The figure in cloth, sleeves and hems that words can't name, each more often than not."""
    rng = figure.rng("tailored")
    changes: dict[str, Any] = {}
    for part in ("top", "bottom"):
        if part == "bottom" and figure.bottom == "none":
            continue
        if rng.random() < 0.75:
            changes[f"{part}_cloth"] = int(rng.integers(2**31))
        if rng.random() < 0.6:
            changes[f"{part}_length"] = round(float(rng.uniform()), 3)
    if rng.random() < 0.6:
        changes["sleeve"] = round(float(rng.uniform(0.1, 1)), 3)
    return replace(figure, **changes)


def drawn_parses(folder: Path, count: int, seed: int, workers: int = 1) -> tuple[list[ParseSet], list[float]]:
    """About ``count`` drawings, kept in ``folder``, as three sets, and the share of each."""
    shares = [PLAIN, TAILORED, ALONE]
    kinds = (("plain", NATIVE_SIZE, worn), ("tailored", LARGE, worn), ("alone", NATIVE_SIZE, alone))
    sets, first = [], 0
    every = balanced_figures(count + len(kinds), seed)
    for (name, size, drawn), share in zip(kinds, shares, strict=True):
        figures: Sequence[Figure] = every[first : first + max(2, round(count * share))]
        first += len(figures)
        if name != "plain":
            figures = [tailored(figure) for figure in figures]
        sets.append(ParseSet(*draw_once(folder / name, figures, size, workers, drawn), PARSE))
    return sets, shares


def train_parser(
    work: Path, out: Path, effort: Effort, *, pictures: int, held_out: int = 48, workers: int | None = None
) -> TrainingReport:
    """Draw ``pictures``, train on all but about ``held_out`` of them and write a transformers folder to ``out``.

    ``work`` keeps drawings and checkpoints; a run that was killed goes on from there. ``workers`` is how many processes
    draw (default: one a core).
    """
    torch.manual_seed(effort.seed)
    sets, shares = drawn_parses(work / "parses", pictures, effort.seed, workers or os.cpu_count() or 1)
    learned, measured = held_out_of(sets, held_out, shares)
    model = build_parser()
    first = replace(
        effort,
        minutes=FIRST * effort.minutes,
        steps=effort.steps and max(1, int(FIRST * effort.steps)),
        batch_size=2 * effort.batch_size,
    )
    small = ParserTask(model, Preprocessing(NATIVE_SIZE), learned, measured, shares=shares)
    first.train(small, work / "parser-small", digest(shares, *learned))
    effort = replace(effort, minutes=(1 - FIRST) * effort.minutes)
    return finetune.train_parser(model, PREPROCESSING, learned, measured, out, work / "parser", effort, shares)


def held_out_of(sets: Sequence[ParseSet], count: int, shares: Sequence[float]) -> tuple[list[ParseSet], list[ParseSet]]:
    """What to learn from each set, and what to measure with: about ``count`` pictures, at least one of each."""
    parts = [one.hold_out(max(1, round(count * share))) for one, share in zip(sets, shares, strict=True)]
    return [learned for learned, _ in parts], [measured for _, measured in parts]
