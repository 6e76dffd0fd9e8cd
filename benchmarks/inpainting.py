"""Part ``inpaint``: a garment recoloured within the mask that text finds; is it, and is nothing else changed?"""

from typing import Any, Literal

import cv2
import numpy as np
import torch
from PIL import Image
from rich.progress import Progress

import igo
from benchmarks.findings import Findings, Row, Sample
from benchmarks.judge.verdicts import Judge
from benchmarks.masks import Finder, Masks, is_empty, reddened
from benchmarks.measures import share
from benchmarks.outcomes import caption, garment_of, judged
from benchmarks.prompts import LEADS, describe
from benchmarks.recoloring import recolorings
from igo.embedded import NATIVE_SIZE
from igo.wardrobe import Part, draw

Source = Literal["drawings", "base"]


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
        worn.append(garment_of(task, drawing.labels))
    empty = [is_empty(mask) for mask in masks]
    rows, done = judged(judge, tasks, before, after, hair, worn if source == "drawings" else None, empty)
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


def _grown(mask: Masks, pixels: int) -> Masks:
    """The mask with all that lies no more than ``pixels`` beside it."""
    side = 2 * pixels + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)
