"""Part ``inpaint``: a garment recoloured within the mask that text finds; is it, and is nothing else changed?"""

import math
from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np
import torch
from PIL import Image
from rich.progress import Progress

import igo
from benchmarks.findings import Findings, Row, Sample
from benchmarks.judge.verdicts import Judge, Verdict
from benchmarks.masks import Finder, Masks, is_empty, reddened
from benchmarks.measures import most_common, share
from benchmarks.prompts import LEADS, describe
from benchmarks.recoloring import Recoloring, recolorings
from igo.mini import NATIVE_SIZE
from igo.mini.wardrobe import Part, draw

Source = Literal["drawings", "base"]
HAIR_SEEN = 40
"""Pixels of hair from which on its colour is asked about."""
HAIR_MOVED = 22.0
"""By how many levels the colour of hair may move: half the way between the two nearest of the drawn world's."""
Outcome = dict[str, bool | None]
"""Whether each measure is right; None where it asks for nothing."""


def evaluate_inpainting(
    judge: Judge,
    find: Finder,
    progress: Progress,
    base: str = "mini",
    inpaint: str | None = None,
    garments: int = 100,
    steps: int = 20,
    guidance_scale: float | None = None,
    source: Source = "drawings",
    grow: int = 0,
) -> Findings:
    """Give ``garments`` figures a garment of another colour: found by its name, repainted by a prompt that says it all.

    The pictures are held-out drawings, or painted by ``base``, for ``source="base"``. ``inpaint`` is a checkpoint for
    masks, None lets ``base`` do it. The mask is widened by ``grow`` pixels. An empty mask fails every measure. The
    ceiling is the judge on drawings in the new colour; painted pictures have none. Raises ``SettingsError`` for
    numbers that can't be, and ``CheckpointError`` for checkpoints that can't be loaded.
    """
    tasks = recolorings(garments)
    chain = igo.Chain(igo.TextToImage(base, inpaint_checkpoint=inpaint))
    settings: dict[str, Any] = {"num_inference_steps": steps, "guidance_scale": guidance_scale}
    before: list[Image.Image] = []
    after: list[Image.Image] = []
    masks: list[Masks] = []
    hair: list[Masks] = []
    worn: list[Masks] = []
    for index, task in enumerate(progress.track(tasks, description="recolouring")):
        drawing = draw(task.figure, *NATIVE_SIZE)
        picture, where = Image.fromarray(drawing.image), drawing.labels == Part.HAIR
        if source == "base":
            width, height = NATIVE_SIZE
            asked = describe(task.figure, LEADS[index % len(LEADS)])
            picture = chain.run(asked, seed=index, width=width, height=height, **settings).image
            where = (judge.parts([picture])[0] == Part.HAIR).repeat(2, 0).repeat(2, 1)
        mask = _grown(find(picture, [task.garment])[0], grow)
        painted = picture
        if not is_empty(mask):
            layers = {"mask": Image.fromarray(mask.astype(np.uint8) * 255)}
            painted = chain.run(task.prompt, image=picture, layers=layers, seed=index, **settings).image
        before.append(picture)
        after.append(painted)
        masks.append(mask)
        hair.append(where)
        worn.append(drawing.labels == (Part.TOP if task.slot == "top" else Part.BOTTOM))
    ideal = [Image.fromarray(draw(task.goal, *NATIVE_SIZE).image) for task in tasks]
    empty = [is_empty(mask) for mask in masks]
    old = judge.verdicts(before)

    def outcomes(pictures: Sequence[Image.Image]) -> list[Outcome]:
        moved = map(hair_moved, before, pictures, hair)
        return [outcome(*one) for one in zip(tasks, old, judge.verdicts(pictures), moved, strict=True)]

    done = [
        {name: value and not failed for name, value in found.items()}
        for found, failed in zip(outcomes(after), empty, strict=True)
    ]
    rows = outcome_rows(tasks, old, done, outcomes(ideal) if source == "drawings" else None, outcomes(before))
    if source == "drawings":
        rows += pixel_rows(before, after, ideal, worn)
    rows.append(Row("the mask is empty", share(empty)))
    about: dict[str, object] = {
        "checkpoint": inpaint or base,
        "pictures": source,
        "garments": garments,
        "steps": steps,
        "guidance": "its own" if guidance_scale is None else guidance_scale,
        "grow": grow,
        "device": chain.runtime.device.type,
        "threads": torch.get_num_threads(),
    }
    samples = [
        Sample((first, reddened(first, mask), last), caption(task, found))
        for task, first, mask, last, found in zip(tasks, before, masks, after, done, strict=True)
    ]
    return Findings("inpaint", about, rows, samples, columns=5, height=288)


def outcome(task: Recoloring, before: Verdict, after: Verdict, hair: float) -> Outcome:
    """What a picture with the verdict ``after`` has become, of one with the verdict ``before``. ``hair`` is by how many
    levels its colour has moved, nan where none is to be seen."""
    right = after[f"{task.slot}_color"] == task.color
    other = f"{task.other}_color"
    found: Outcome = {
        "garment in the asked colour": right,
        "top in the asked colour": right if task.slot == "top" else None,
        "bottom in the asked colour": right if task.slot == "bottom" else None,
        "type kept": after[task.slot] == before[task.slot],
        "other garment's colour kept": None if task.other is None else after[other] == before[other],
        "hair colour kept": None if np.isnan(hair) else hair <= HAIR_MOVED,
        "background kept": after["background"] == before["background"],
    }
    return found | {"all of these at once": all(value is not False for value in found.values())}


def hair_moved(before: Image.Image, after: Image.Image, hair: Masks) -> float:
    """How far the median colour under ``hair`` (H×W) has moved, in levels of 255; nan if there are too few pixels."""
    if hair.sum() < HAIR_SEEN:
        return float("nan")
    first, second = (np.median(np.asarray(picture)[hair], axis=0) for picture in (before, after))
    return float(np.linalg.norm(first - second))


def outcome_rows(
    tasks: Sequence[Recoloring],
    before: Sequence[Verdict],
    done: Sequence[Outcome],
    ideal: Sequence[Outcome] | None,
    untouched: Sequence[Outcome],
) -> list[Row]:
    """Chance is the larger of what the untouched pictures get and what the best constant answer gets, for colours; the
    latter alone for what is to be kept, where an untouched picture is right."""
    answers: dict[str, list[str | None]] = {
        "type kept": [old[task.slot] for task, old in zip(tasks, before, strict=True)],
        "other garment's colour kept": [
            old[f"{task.other}_color"] if task.other else None for task, old in zip(tasks, before, strict=True)
        ],
        "hair colour kept": [],
        "background kept": [old["background"] for old in before],
    }
    rows = []
    for name in done[0]:
        result, chance = (share(one[name] for one in ones) for ones in (done, untouched))
        ceiling = share(one[name] for one in ideal) if ideal else math.nan
        if name in answers:
            chance = most_common(answers[name])
        elif name != "all of these at once":
            asked = [task.color if one[name] is not None else None for task, one in zip(tasks, done, strict=True)]
            chance = max(chance, most_common(asked))
        rows.append(Row(name, result, ceiling, chance))
    return rows


def pixels_recolored(before: Image.Image, after: Image.Image, ideal: Image.Image, garment: Masks) -> float:
    """The share of the pixels of ``garment`` (H×W) that are now nearer to ``ideal`` than to what they were; those that
    are to stay as they are, such as buttons, don't count."""
    old, new, goal = (np.asarray(picture)[garment].astype(np.float32) for picture in (before, after, ideal))
    to_change = (old != goal).any(1)
    nearer = np.linalg.norm(new - goal, axis=1) < np.linalg.norm(new - old, axis=1)
    return float(nearer[to_change].mean())


def pixels_left_alone(before: Image.Image, after: Image.Image, garment: Masks) -> float:
    """The share of all other pixels that are the same, byte for byte."""
    same = (np.asarray(before) == np.asarray(after)).all(2)
    return float(same[~garment].mean())


def pixel_rows(
    before: Sequence[Image.Image], after: Sequence[Image.Image], ideal: Sequence[Image.Image], worn: Sequence[Masks]
) -> list[Row]:
    """What the judge, who looks at a garment as a whole, is lenient on: old colour along its border, and damage beside
    it. Drawings alone tell where a garment is."""
    recolored = np.mean(list(map(pixels_recolored, before, after, ideal, worn)))
    alone = np.mean(list(map(pixels_left_alone, before, after, worn)))
    return [
        Row("garment's pixels recoloured", float(recolored), 1.0, 0.0),
        Row("other pixels left alone", float(alone), 1.0),
    ]


def _grown(mask: Masks, pixels: int) -> Masks:
    """The mask with all that lies no more than ``pixels`` beside it."""
    side = 2 * pixels + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)


def caption(task: Recoloring, found: Outcome) -> str:
    """What was asked, and what came of it."""
    wrong = [name for name, value in found.items() if value is False]
    what = f"{getattr(task.figure, f'{task.slot}_color')} {task.garment} to {task.color}"
    return f"{what}: {'not ' + ', '.join(wrong[:-1]) if wrong else 'ok'}"
