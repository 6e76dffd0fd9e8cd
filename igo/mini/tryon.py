"""How mini/tryon is made: of mini/inpaint, on drawn triplets."""

import os
from dataclasses import replace
from pathlib import Path

import torch
from diffusers import LCMScheduler

from igo.mini.architecture import build_tryon_unet
from igo.mini.fittings import drawn_fittings
from igo.training import fitting
from igo.training.loop.effort import Effort
from igo.training.loop.loop import TrainingReport

FIRST = 3
"""Of which million the seeds of the triplets are that it learns from."""
STEPS = 8
"""By LCM's scheduler, each of whose steps paints the whole and noises it anew, so that what one gets wrong the next can
mend. Over DDIM's twenty, a model that has learned for some hours only adds that up."""


def train_tryon(inpaint: Path, work: Path, out: Path, effort: Effort, held_out: int, triplets: int) -> TrainingReport:
    """Train all weights of ``inpaint``, widened to attention at its outermost level, and write the checkpoint to
    ``out``."""
    base = fitting.load_base(str(inpaint))
    torch.manual_seed(effort.seed)
    base.pipeline.unet = build_tryon_unet(base.pipeline.unet)
    base.pipeline.scheduler = LCMScheduler.from_config(base.pipeline.scheduler.config)
    base = replace(base, defaults=replace(base.defaults, num_inference_steps=STEPS))
    pairs = drawn_fittings(work / "triplets", triplets, FIRST, os.cpu_count() or 1)
    return fitting.train_tryon(base, *pairs.hold_out(held_out), out, work / "tryon", effort, learn="all")
