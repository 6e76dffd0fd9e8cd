"""What became of recoloured garments: whether each is in the new colour, and all else as it was."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.findings import Row
from benchmarks.judge.verdicts import Judge, Verdict
from benchmarks.masks import Masks
from benchmarks.measures import most_common, share
from benchmarks.recoloring import Recoloring
from igo.embedded import NATIVE_SIZE
from igo.wardrobe import Part, draw

HAIR_SEEN = 40
"""Pixels of hair from which on its colour is asked about."""
HAIR_MOVED = 22.0
"""By how many levels the colour of hair may move: half the way between the two nearest of the drawn world's."""
Outcome = dict[str, bool | None]
"""Whether each measure is right; None where it asks for nothing."""


def judged(
    judge: Judge,
    tasks: Sequence[Recoloring],
    before: Sequence[Image.Image],
    after: Sequence[Image.Image],
    hair: Sequence[Masks],
    worn: Sequence[Masks] | None,
    failed: Sequence[bool],
) -> tuple[list[Row], list[Outcome]]:
    """The rows for pictures ``before`` and ``after``, and the outcome of each.

    ``hair`` says where that is in each picture, ``worn`` where the garment is, for drawings: for others it is None, and
    there is no ceiling either, which is the judge on drawings in the new colour. What has ``failed`` is right in
    nothing.
    """
    old = judge.verdicts(before)

    def outcomes(pictures: Sequence[Image.Image]) -> list[Outcome]:
        moved = map(hair_moved, before, pictures, hair)
        return [outcome(*one) for one in zip(tasks, old, judge.verdicts(pictures), moved, strict=True)]

    done = [
        {name: value and not bad for name, value in found.items()}
        for found, bad in zip(outcomes(after), failed, strict=True)
    ]
    if worn is None:
        return outcome_rows(tasks, old, done, None, outcomes(before)), done
    ideal = [Image.fromarray(draw(task.goal, *NATIVE_SIZE).image) for task in tasks]
    rows = outcome_rows(tasks, old, done, outcomes(ideal), outcomes(before))
    return rows + pixel_rows(before, after, ideal, worn), done


def garment_of(task: Recoloring, labels: NDArray[np.uint8]) -> Masks:
    """Where the garment is in a drawing with these labels (H×W)."""
    return np.asarray(labels == (Part.TOP if task.slot == "top" else Part.BOTTOM))


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


def caption(task: Recoloring, found: Outcome) -> str:
    """What was asked, and what came of it."""
    wrong = [name for name, value in found.items() if value is False]
    what = f"{getattr(task.figure, f'{task.slot}_color')} {task.garment} to {task.color}"
    return f"{what}: {'not ' + ', '.join(wrong[:-1]) if wrong else 'ok'}"
