"""Part ``base``: does a checkpoint paint what it is asked for, and how fast?"""

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.progress import Progress

import igo
from benchmarks.autoencoder import autoencoder_rows
from benchmarks.findings import Findings, Row, Sample
from benchmarks.judge.spoiling import FACES, LEGS, UNSEEN_FACES, UNSEEN_LEGS, spoil
from benchmarks.judge.verdicts import Judge
from benchmarks.measures import MEASURES, all_right, faults, majority, share, share_right
from benchmarks.prompts import Wanted, balanced_prompts, shown_outfits
from igo.embedded import NATIVE_SIZE
from igo.painting.checkpoints import checkpoint as checkpoints
from igo.wardrobe import Drawing, Figure, draw

SPOILT = 40
"""How many figures are spoilt, each once in the face and once in the legs, to see whether the judge notices."""
TIMED = 5
"""How many single pictures are timed, of which the median counts: other work on the machine slows some of them."""


def evaluate_base(
    judge: Judge,
    progress: Progress,
    base: str = "mini",
    prompts: int = 200,
    seeds: int = 3,
    steps: int = 20,
    guidance_scale: float | None = None,
) -> Findings:
    """Paint ``prompts`` balanced, held-out prompts with ``seeds`` seeds each at 128×192, and judge the pictures.

    ``base`` is whatever ``igo.TextToImage`` takes, ``guidance_scale`` None the checkpoint's own. The first n prompts
    and seeds are the same in every evaluation. Raises ``SettingsError`` for numbers that can't be, and
    ``CheckpointError`` for checkpoints that can't be loaded.
    """
    loaded = checkpoints.load(base, dtype=torch.float32)
    chain = igo.Chain(igo.TextToImage(base))
    request = {
        "width": NATIVE_SIZE[0],
        "height": NATIVE_SIZE[1],
        "num_inference_steps": steps,
        "guidance_scale": guidance_scale,
    }
    wanted = balanced_prompts(prompts, shown_outfits())
    seconds = _seconds_for_one(chain, wanted[0].prompt, request)
    pictures = _painted(chain, wanted, seeds, request, progress)

    figures = [each.figure for each in wanted]
    drawings = [draw(figure, *NATIVE_SIZE) for figure in progress.track(figures, description="drawing for the judge")]
    repeated = [figure for figure in figures for _ in range(seeds)]
    verdicts, on_drawings = judge.verdicts(pictures), judge.verdicts(np.stack([each.image for each in drawings]))
    passed = _spoilt_that_pass(judge, drawings[:SPOILT])
    rows = [
        Row(
            measure,
            share_right(measure, verdicts, repeated),
            share_right(measure, on_drawings, figures),
            passed[measure] if measure in passed else majority(measure, figures),
        )
        for measure in MEASURES
    ]
    made, ideal = share(map(all_right, verdicts, repeated)), share(map(all_right, on_drawings, figures))
    rows.append(Row("all of these at once", made, ideal))
    rows += autoencoder_rows(judge, loaded.pipeline.vae, drawings)
    rows.append(Row("one 128×192 picture", seconds, unit="s"))
    settings: dict[str, object] = {
        "checkpoint": base,
        "prompts": prompts,
        "seeds": seeds,
        "steps": steps,
        "guidance": loaded.defaults.guidance_scale if guidance_scale is None else guidance_scale,
        "device": chain.runtime.device.type,
        "threads": torch.get_num_threads(),
    }
    samples = [
        Sample((picture,), faults(verdict, figure) or f"ok: {_clothes(figure)}")
        for picture, verdict, figure in zip(pictures, verdicts, repeated, strict=True)
    ]
    return Findings("base", settings, rows, samples, columns=10, height=288)


def _seconds_for_one(chain: igo.Chain, prompt: str, request: dict[str, Any]) -> float:
    """What one picture takes; loading and a first picture are not counted."""
    taken = []
    for _ in range(TIMED + 1):
        began = time.perf_counter()
        chain.run(prompt, seed=0, **request)
        taken.append(time.perf_counter() - began)
    return median(taken[1:])


def _painted(
    chain: igo.Chain, wanted: Sequence[Wanted], seeds: int, request: dict[str, Any], progress: Progress
) -> list[Image.Image]:
    """All pictures, prompt by prompt."""
    pictures = []
    for index, each in enumerate(progress.track(wanted, description="painting")):
        look = chain.run(each.prompt, seed=1000 * index, num_images=seeds, **request)
        pictures += [frame.image for frame in look]
    return pictures


def _spoilt_that_pass(judge: Judge, drawings: Sequence[Drawing]) -> dict[str, float]:
    """The share of spoilt faces, and of spoilt legs, that the judge takes for whole ones."""
    passed = {}
    for measure, kinds in (("a face", FACES + UNSEEN_FACES), ("two separate legs", LEGS + UNSEEN_LEGS)):
        spoilt = [
            spoil(drawing, kinds[index % len(kinds)], drawing.figure.rng("evaluate"))
            for index, drawing in enumerate(drawings)
        ]
        images = np.stack([drawing.image for drawing in spoilt if drawing is not None])
        passed[measure] = share(said[MEASURES[measure]] == "yes" for said in judge.verdicts(images))
    return passed


def _clothes(figure: Figure) -> str:
    below = "" if figure.bottom == "none" else f"{figure.bottom_color} {figure.bottom}, "
    return f"{figure.top_color} {figure.top}, {below}{figure.background}"
