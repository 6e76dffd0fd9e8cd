"""Part ``styling``: the plugin that people use, on one garment and on two with an upscaling behind them."""

from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.progress import Progress

import igo
from benchmarks.findings import Findings, Row, Sample
from benchmarks.judge.verdicts import Judge
from benchmarks.masks import reddened
from benchmarks.measures import share
from benchmarks.outcomes import caption, garment_of, judged
from benchmarks.prompts import LEADS, describe
from benchmarks.recoloring import Recoloring, recolorings
from igo.embedded import NATIVE_SIZE
from igo.wardrobe import COLORS, Part, draw, phrase
from igo_plugins import Upscaling, VirtualStyling


def evaluate_styling(
    judge: Judge,
    progress: Progress,
    base: str = "mini",
    inpaint: str | None = None,
    clipseg: str = "mini",
    upscaler: str = "mini",
    garments: int = 100,
    steps: int = 20,
    guidance_scale: float | None = None,
) -> Findings:
    """Give ``garments`` held-out drawings a garment of another colour by ``VirtualStyling``, as a user would.

    Where the figure wears two garments both are changed too, one step after the other, and the picture is enlarged
    twice: both must have come out. A mask that can't be believed leaves the picture as it is, which fails.
    """
    tasks = recolorings(garments)
    chain_base = igo.TextToImage(base, inpaint_checkpoint=inpaint)
    runtime = igo.Runtime()
    settings: dict[str, Any] = {"num_inference_steps": steps, "guidance_scale": guidance_scale, "strength": 0}
    before, after, both, skipped, zones = [], [], [], [], []
    for index, task in enumerate(progress.track(tasks, description="styling")):
        picture = Image.fromarray(draw(task.figure, *NATIVE_SIZE).image)
        scene = describe(task.figure, LEADS[index % len(LEADS)])

        def styling(slot: str, color: str, task: Recoloring = task) -> VirtualStyling:
            kind = getattr(task.figure, slot)
            return VirtualStyling(kind, to=phrase(kind, color), mask_model=clipseg, on_doubt="skip")

        chain = igo.Chain(chain_base, styling(task.slot, task.color), runtime=runtime)
        frame = chain.run(scene, image=picture, seed=index, **settings).frames[0]
        before.append(picture)
        after.append(frame.image)
        skipped.append("zone" not in frame.layers)
        zones.append(frame.layers.get("zone", Image.new("L", picture.size)))
        if task.other:
            second = other_color(task)
            steps_of = [styling(task.slot, task.color), styling(task.other, second), Upscaling(2, model=upscaler)]
            image = igo.Chain(chain_base, *steps_of, runtime=runtime).run(scene, image=picture, seed=index, **settings)
            both.append((task, second, image.image))
    drawn = [draw(task.figure, *NATIVE_SIZE).labels for task in tasks]
    hair = [labels == Part.HAIR for labels in drawn]
    worn = [garment_of(*one) for one in zip(tasks, drawn, strict=True)]
    rows, found = judged(judge, tasks, before, after, hair, worn, failed=[False] * len(tasks))
    verdicts = judge.verdicts([image for _, _, image in both])
    kept = [
        said[f"{task.slot}_color"] == task.color and said[f"{task.other}_color"] == second
        for (task, second, _), said in zip(both, verdicts, strict=True)
    ]
    rows += [Row("two stylings, upscaled: both colours", share(kept)), Row("the mask is not believed", share(skipped))]
    about: dict[str, object] = {
        "checkpoint": inpaint or base,
        "mask model": clipseg,
        "garments": garments,
        "steps": steps,
        "guidance": "its own" if guidance_scale is None else guidance_scale,
        "device": runtime.device.type,
        "threads": torch.get_num_threads(),
    }
    samples = [
        Sample((first, reddened(first, np.asarray(zone) > 0), last), caption(task, one))
        for task, first, zone, last, one in zip(tasks, before, zones, after, found, strict=True)
    ]
    return Findings("styling", about, rows, samples, columns=5, height=288)


def other_color(task: Recoloring) -> str:
    """A colour for the other garment that neither of the two has or gets."""
    taken = (task.color, task.figure.top_color, task.figure.bottom_color)
    start = task.figure.seed % len(COLORS)
    return next(color for color in (*COLORS, *COLORS)[start:] if color not in taken)
