"""How well a checkpoint paints what it is asked for, judged: ``python -m benchmarks.evaluate mini``."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import Progress

import igo
from benchmarks.judge.spoiling import FACES, LEGS, UNSEEN_FACES, UNSEEN_LEGS, spoil
from benchmarks.judge.verdicts import Judge, Verdict
from benchmarks.measures import ATTRIBUTES, MEASURES, Row, majority, share_right
from benchmarks.prompts import Wanted, balanced_prompts, shown_outfits
from benchmarks.report import contact_sheet_of, table, write_json
from igo import checkpoint as checkpoints
from igo.errors import IGOError, SettingsError
from igo.mini import NATIVE_SIZE
from igo.mini.recipe import Recipe
from igo.mini.wardrobe import Drawing, draw
from igo.training.data import to_model, to_pictures

SPOILT = 40
"""How many figures are spoilt, each once in the face and once in the legs, to see whether the judge notices."""


@dataclass(frozen=True)
class Evaluation:
    """What came of it. ``pictures`` are the generated ones, ``seeds`` for each prompt in turn, with ``verdicts``.

    ``relative`` is the judge's accuracy on decoded drawings divided by that on the drawings, over all attributes;
    ``psnr`` of the round trip is in dB; ``seconds`` is for one picture, in batches of ``seeds``.
    """

    checkpoint: str
    wanted: list[Wanted]
    seeds: int
    steps: int
    rows: list[Row]
    relative: float
    psnr: float
    seconds: float
    threads: int
    pictures: list[Image.Image]
    verdicts: list[Verdict]


def evaluate(
    checkpoint: str = "mini",
    prompts: int = 200,
    seeds: int = 3,
    steps: int = 20,
    guidance_scale: float | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Paint ``prompts`` balanced, held-out prompts with ``seeds`` seeds each at 128×192, and judge the pictures.

    ``checkpoint`` is whatever ``igo.TextToImage`` takes, ``guidance_scale`` None the checkpoint's own. The first n
    prompts and seeds are the same in every evaluation. Raises ``SettingsError`` for numbers below 1, and
    ``CheckpointError`` for checkpoints that can't be loaded.
    """
    for name, value in (("seeds", seeds), ("steps", steps)):
        if value < 1:
            raise SettingsError(f"{name} is {value}; it must be at least 1")
    judge = Judge()
    wanted = balanced_prompts(prompts, shown_outfits(Recipe.pictures, Recipe.seed))
    loaded = checkpoints.load(checkpoint, dtype=torch.float32).pipeline
    pictures, seconds = _painted(checkpoint, wanted, seeds, steps, guidance_scale, progress)
    verdicts = judge.verdicts(pictures)

    figures = [each.figure for each in wanted]
    drawings = [draw(figure, *NATIVE_SIZE) for figure in figures]
    originals = np.stack([drawing.image for drawing in drawings])
    decoded = round_trip(loaded.vae, originals)
    on_drawings, on_decoded = judge.verdicts(originals), judge.verdicts(decoded)
    passed = _spoilt_that_pass(judge, drawings[:SPOILT])
    repeated = [figure for figure in figures for _ in range(seeds)]
    rows = [
        Row(
            measure,
            made=share_right(measure, verdicts, repeated),
            decoded=share_right(measure, on_decoded, figures),
            ceiling=share_right(measure, on_drawings, figures),
            chance=passed[measure] if measure in passed else majority(measure, figures),
        )
        for measure in MEASURES
    ]
    told = [row for row in rows if row.measure in ATTRIBUTES and row.ceiling > 0]
    return Evaluation(
        checkpoint=checkpoint,
        wanted=wanted,
        seeds=seeds,
        steps=steps,
        rows=rows,
        relative=sum(row.decoded for row in told) / sum(row.ceiling for row in told),
        psnr=psnr(originals, decoded),
        seconds=seconds,
        threads=torch.get_num_threads(),
        pictures=pictures,
        verdicts=verdicts,
    )


def _painted(
    checkpoint: str,
    wanted: Sequence[Wanted],
    seeds: int,
    steps: int,
    guidance_scale: float | None,
    progress: Progress | None,
) -> tuple[list[Image.Image], float]:
    """All pictures, prompt by prompt, and the seconds that one took; loading and a first step are not counted."""
    chain = igo.Chain(igo.TextToImage(checkpoint))
    width, height = NATIVE_SIZE
    request: dict[str, Any] = {"width": width, "height": height, "guidance_scale": guidance_scale}
    chain.run(wanted[0].prompt, seed=0, num_inference_steps=1, **request)
    task = progress.add_task("painting", total=len(wanted) * seeds) if progress else None
    pictures: list[Image.Image] = []
    began = time.perf_counter()
    for index, each in enumerate(wanted):
        look = chain.run(each.prompt, seed=1000 * index, num_images=seeds, num_inference_steps=steps, **request)
        pictures += [frame.image for frame in look]
        if progress and task is not None:
            progress.update(task, completed=len(pictures))
    return pictures, (time.perf_counter() - began) / len(pictures)


@torch.no_grad()
def round_trip(vae: Any, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """N×H×W×3 uint8 pictures, encoded to the posterior's mean and decoded again."""
    decoded = [
        to_pictures(vae.decode(vae.encode(to_model(part)).latent_dist.mean).sample)
        for part in torch.split(torch.from_numpy(pictures), 16)
    ]
    return torch.cat(decoded).numpy()


def psnr(originals: NDArray[np.uint8], others: NDArray[np.uint8]) -> float:
    """The mean over N×H×W×3 uint8 pictures of their peak signal-to-noise ratio, in dB."""
    error = np.square(originals.astype(np.float64) - others).mean((1, 2, 3))
    return float((10 * np.log10(255**2 / np.maximum(error, 1e-3))).mean())


def _spoilt_that_pass(judge: Judge, drawings: Sequence[Drawing]) -> dict[str, float]:
    """The share of spoilt faces, and of spoilt legs, that the judge takes for whole ones."""
    passed = {}
    for measure, kinds in (("a face", FACES + UNSEEN_FACES), ("two separate legs", LEGS + UNSEEN_LEGS)):
        spoilt = [
            spoil(drawing, kinds[index % len(kinds)], drawing.figure.rng("evaluate"))
            for index, drawing in enumerate(drawings)
        ]
        images = np.stack([drawing.image for drawing in spoilt if drawing is not None])
        passed[measure] = float(np.mean([said[MEASURES[measure]] == "yes" for said in judge.verdicts(images)]))
    return passed


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.evaluate", description="Judge what a checkpoint paints.")
    parser.add_argument("checkpoint", nargs="?", default="mini", help="mini, a folder, a file or a hub's name")
    parser.add_argument("--prompts", type=int, default=200, help="how many prompts; 24 for a quick look")
    parser.add_argument("--seeds", type=int, default=3, help="pictures for each prompt")
    parser.add_argument("--steps", type=int, default=20, help="denoising steps")
    parser.add_argument("--guidance-scale", type=float, help="default: the checkpoint's own")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE too")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="write a contact sheet of samples to FILE")
    parser.add_argument("--samples", type=int, default=50, help="how many pictures the contact sheet shows")
    chosen = parser.parse_args(arguments)
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            result = evaluate(
                chosen.checkpoint, chosen.prompts, chosen.seeds, chosen.steps, chosen.guidance_scale, progress
            )
        Console().print(table(result))
        if chosen.json:
            write_json(result, chosen.json)
        if chosen.sheet:
            contact_sheet_of(result, chosen.samples).save(chosen.sheet)
    except (IGOError, OSError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
