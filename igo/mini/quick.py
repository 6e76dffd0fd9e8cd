"""mini/turbo and mini/tiny, of mini/base: an adapter by which it paints in four steps, and a small decoder."""

import os
from pathlib import Path

from igo.embedded import NATIVE_SIZE
from igo.mini.drawings import drawn_captioned
from igo.mini.pictures import balanced_figures
from igo.mini.recipe import Recipe
from igo.training import finetune
from igo.training.adapters.lora import LoraSettings
from igo.training.adapters.turbo import train_turbo
from igo.training.data.folders import CaptionedSet
from igo.training.loop.effort import Effort
from igo.training.loop.loop import TrainingReport
from igo.training.tasks.turbo import TurboSettings

ADAPTER = "turbo.safetensors"
RANK = 16
"""Of the adapter, in all layers."""
CHANNELS = 16
"""Of the small decoder, in all layers: a fifth of what the autoencoder's own costs."""


def train_adapter(base: Path, work: Path, out: Path, effort: Effort, recipe: Recipe) -> TrainingReport:
    """Distil ``base`` into an adapter, which is written to the folder ``out``; as ``igo train turbo --mirror`` does."""
    loaded = finetune.load_base(str(base))
    guidance = loaded.defaults.guidance_scale
    settings = TurboSettings((guidance * 2 / 3, guidance * 4 / 3))
    out.mkdir(parents=True, exist_ok=True)
    lora = LoraSettings(RANK, None, "all")
    return train_turbo(loaded, _drawn(work, recipe), out / ADAPTER, work / "turbo", effort, settings, lora, mirror=True)


def train_tiny(base: Path, work: Path, out: Path, effort: Effort, recipe: Recipe, held_out: int) -> TrainingReport:
    """Train a small decoder for ``base``'s latents, and write it to ``out``; as ``igo train decoder`` does."""
    loaded = finetune.load_base(str(base))
    return finetune.train_decoder(loaded, _drawn(work, recipe), out, work / "tiny", effort, CHANNELS, held_out)


def _drawn(work: Path, recipe: Recipe) -> CaptionedSet:
    figures = balanced_figures(recipe.pictures, recipe.seed)
    return drawn_captioned(work / "drawings", figures, NATIVE_SIZE, os.cpu_count() or 1)
