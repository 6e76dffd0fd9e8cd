"""How mini/tryon is made: of mini/inpaint, on drawn triplets, whose garments mini/body lays over people."""

import os
from pathlib import Path

import torch

from igo.mini.architecture import build_tryon_unet
from igo.mini.fittings import drawn_fittings
from igo.networks.bodies import MINI, load_bodies
from igo.training import fitting
from igo.training.loop.effort import Effort
from igo.training.loop.hardware import processes
from igo.training.loop.loop import TrainingReport

FIRST = 3
"""Of which million the seeds of the triplets are that it learns from."""


def train_tryon(
    inpaint: Path, body: Path, work: Path, out: Path, effort: Effort, held_out: int, triplets: int
) -> TrainingReport:
    """Train all weights of ``inpaint``, widened to attention at its outermost level, and write the checkpoint to
    ``out``."""
    base = fitting.load_base(str(inpaint))
    torch.manual_seed(effort.seed)
    base.pipeline.unet = build_tryon_unet(base.pipeline.unet)
    pairs = drawn_fittings(work / "triplets", triplets, FIRST, os.cpu_count() or 1)
    parts = pairs.hold_out(held_out)
    bodies = load_bodies(MINI, body, processes().device, torch.float32)
    return fitting.train_tryon(base, *parts, out, work / "tryon", effort, learn="all", rollout=True, bodies=bodies)
