"""How well pictures are continued, beside plain diffusers: ``python -m benchmarks.outpainting``.

Held-out drawn figures are cut and extended again, at the sides or from the thighs down, and whole ones to a square.
Plain diffusers inpaints what is new on a canvas of repeated edge pixels; its output is measured as it is, where nothing
of the old picture stays the same, and with the old picture pasted back.
"""

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.progress import Progress

import igo
from benchmarks.findings import Findings, Row, Sample
from benchmarks.judge.verdicts import Judge, judge
from benchmarks.measures import share
from benchmarks.prompts import LEADS, describe
from benchmarks.report import sheet, table, write_json
from igo import wardrobe
from igo.embedded import NATIVE_SIZE
from igo.errors import IGOError, SettingsError
from igo.images.compositing import seam_score
from igo.painting.checkpoints import checkpoint as checkpoints
from igo.wardrobe import Figure, draw, sample
from igo_plugins import Outpainting

SEED = 106_000_000
"""The first seed of the figures; nothing here is trained on one that high."""
WIDTH = 110
"""Columns of the table where it goes to no terminal."""
Box = tuple[int, int, int, int]
Painter = Callable[[str, Image.Image, Image.Image, int], Image.Image]
"""Of a prompt, a canvas, a mask and a seed."""
WAYS: dict[str, tuple[Box, Outpainting]] = {
    "sides": ((28, 0, 100, 192), Outpainting(left=28, right=28)),
    "below": ((0, 0, 128, 128), Outpainting(bottom=64)),
    "to a square": ((0, 0, 128, 192), Outpainting(to="1:1")),
}
"""What stays of a drawing of 128×192, and how it is extended."""


@dataclass(frozen=True)
class Extension:
    """A figure whose picture is extended ``way``."""

    figure: Figure
    way: str
    prompt: str

    @property
    def drawing(self) -> Image.Image:
        """All of it."""
        return Image.fromarray(draw(self.figure, *NATIVE_SIZE).image)

    @property
    def picture(self) -> Image.Image:
        """What is extended."""
        return self.drawing.crop(WAYS[self.way][0])


@dataclass(frozen=True)
class Extended:
    """What became of it: by IGO, by plain diffusers, and the latter with the old picture pasted back."""

    extension: Extension
    igo: Image.Image
    plain: Image.Image
    pasted: Image.Image
    canvas: Image.Image
    new: Image.Image
    """A mask of what is new (L)."""
    reported: float
    """The worst seam score of IGO's passes."""


def extensions(count: int) -> list[Extension]:
    """``count`` of them, the ways in turn, tops equally often. Raises ``SettingsError`` for a count below 1."""
    if count < 1:
        raise SettingsError(f"pictures is {count}; it must be at least 1")
    figures = [sample(SEED + k, top=wardrobe.TOPS[k // len(WAYS) % (len(wardrobe.TOPS) - 1)]) for k in range(count)]
    ways = list(WAYS)
    return [
        Extension(figure, ways[k % len(ways)], describe(figure, LEADS[k % len(LEADS)]))
        for k, figure in enumerate(figures)
    ]


class Plain:
    """diffusers' inpainting pipeline as one would use it without IGO."""

    def __init__(self, checkpoint: str, inpainting: bool, settings: dict[str, Any]) -> None:
        """``checkpoint`` has 9 channels if ``inpainting``. Raises ``CheckpointError`` if it can't be loaded."""
        from diffusers import AutoPipelineForInpainting

        loaded = checkpoints.load(checkpoint, inpainting=inpainting, dtype=torch.float32)
        self.pipeline = AutoPipelineForInpainting.from_pipe(loaded.pipeline)
        self.pipeline.set_progress_bar_config(disable=True)
        self.guidance_scale = settings["guidance_scale"]
        if self.guidance_scale is None:
            self.guidance_scale = loaded.defaults.guidance_scale
        self.steps = settings["num_inference_steps"]

    def __call__(self, prompt: str, canvas: Image.Image, mask: Image.Image, seed: int) -> Image.Image:
        """``canvas`` with what is white in ``mask`` painted, of the same size (a multiple of 8)."""
        done = self.pipeline(
            prompt=prompt,
            image=canvas,
            mask_image=mask,
            width=canvas.width,
            height=canvas.height,
            num_inference_steps=self.steps,
            guidance_scale=self.guidance_scale,
            generator=torch.Generator("cpu").manual_seed(seed),
        )
        painted: Image.Image = done.images[0]
        return painted


def extend(
    tasks: Sequence[Extension], base: object, plain: Painter, settings: dict[str, Any], progress: Progress
) -> list[Extended]:
    """Extend all of them by IGO with ``base`` and by ``plain``, number k with the seed k."""
    done = []
    runtime = igo.Runtime("cpu")
    for seed, task in enumerate(progress.track(tasks, description="extending")):
        step, picture = WAYS[task.way][1], task.picture
        chain = igo.Chain(step, base, runtime=runtime)
        look = chain.run(task.prompt, image=picture, seed=seed, **settings)
        size, place = step.layout(picture.size)
        margins = ((place[1], size[1] - place[3]), (place[0], size[0] - place[2]), (0, 0))
        canvas = Image.fromarray(np.pad(np.asarray(picture), margins, mode="edge"))
        new = Image.new("L", size, 255)
        new.paste(0, place)
        painted = plain(task.prompt, canvas, new, seed)
        pasted = painted.copy()
        pasted.paste(picture, place[:2])
        report = look[0].history[-1].report
        done.append(Extended(task, look.image, painted, pasted, canvas, new, report["seam"]))
    return done


def rows(done: Sequence[Extended], looks: Judge) -> list[Row]:
    """Median seams where the old picture ends, and the worst at the border of what a pass painted, which IGO reports;
    and whether figures that lacked legs got two, seen by the judge, beside the drawings themselves."""
    found = [Row("seam of outpainting", median(one.reported for one in done))]
    for way in WAYS:
        some = [one for one in done if one.extension.way == way]
        seams = {
            "IGO": [seam_score(one.igo, one.new) for one in some],
            "IGO, worst of its passes": [one.reported for one in some],
            "plain, pasted": [seam_score(one.pasted, one.new) for one in some],
            "plain, nothing kept": [seam_score(one.plain, one.new) for one in some],
        }
        found += [Row(f"seam, {way}: {name}", median(values) if values else math.nan) for name, values in seams.items()]
    legless = [one for one in done if one.extension.way == "below"]
    ceiling = share(_legs(looks, [one.extension.drawing for one in legless]))
    for name, pictures in (("IGO", [one.igo for one in legless]), ("plain", [one.pasted for one in legless])):
        found.append(Row(f"two separate legs, below: {name}", share(_legs(looks, pictures)), ceiling))
    return found


def _legs(looks: Judge, pictures: Sequence[Image.Image]) -> list[bool]:
    return [verdict["legs"] == "yes" for verdict in looks.verdicts(pictures)]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.outpainting", description="Measure outpainting.")
    parser.add_argument("--pictures", type=int, default=30, help="how many (30)")
    parser.add_argument("--base", default="mini", help="mini, a folder, a file or a hub's name")
    parser.add_argument("--inpaint", metavar="CHECKPOINT", help="a checkpoint of 9 channels, for both")
    parser.add_argument("--steps", type=int, default=20, help="denoising steps (20)")
    parser.add_argument("--guidance-scale", type=float, help="default: the checkpoint's own")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="write a contact sheet: canvas, IGO, plain")
    chosen = parser.parse_args(arguments)
    settings = {"num_inference_steps": chosen.steps, "guidance_scale": chosen.guidance_scale}
    told = Console(stderr=True)
    try:
        tasks = extensions(chosen.pictures)
        plain = Plain(chosen.inpaint or chosen.base, chosen.inpaint is not None, settings)
        base = igo.TextToImage(chosen.base, inpaint_checkpoint=chosen.inpaint)
        with Progress(console=told, transient=True, disable=not told.is_terminal) as progress:
            done = extend(tasks, base, plain, settings, progress)
        about = {"checkpoint": chosen.inpaint or chosen.base, "pictures": len(done), "steps": chosen.steps}
        samples = [
            Sample((one.canvas, one.igo, one.pasted), f"{one.extension.way}: seam {one.reported:.2f}") for one in done
        ]
        found = Findings("outpainting", about, rows(done, judge()), samples, columns=3, height=288)
    except IGOError as error:
        raise SystemExit(f"error: {error}") from error
    terminal = Console()
    (terminal if terminal.is_terminal else Console(width=WIDTH)).print(table([found]))
    if chosen.json:
        write_json([found], chosen.json)
    if chosen.sheet:
        sheet(found, len(done)).save(chosen.sheet)


if __name__ == "__main__":
    main()
