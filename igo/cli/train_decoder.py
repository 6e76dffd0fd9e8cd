"""``igo train decoder``: a small decoder for the latents of any checkpoint's VAE."""

from __future__ import annotations

from typing import Annotated

import typer

from igo.cli import options
from igo.cli.command import Commands
from igo.cli.train import (
    Accumulation,
    Base,
    BatchSize,
    Data,
    Drawn,
    Height,
    HeldOut,
    LearningRate,
    Minutes,
    Optimizer,
    Out,
    Precision,
    Seed,
    Steps,
    TensorBoard,
    Width,
    Work,
    beside,
    captioned_in,
    check_places,
    check_source,
    checked_held_out,
    effort_of,
    size_for,
    tell,
    train_app,
)
from igo.errors import SettingsError


def register(app: Commands) -> None:  # noqa: ARG001 (the command belongs to `igo train`)
    train_app.command()(decoder)


def decoder(
    out: Out,
    data: Data = None,
    drawn: Drawn = None,
    base: Base = "mini",
    width: Width = None,
    height: Height = None,
    channels: Annotated[
        int | None,
        typer.Option(help="Of all its layers [half of the VAE's narrowest, which is 64 for Stable Diffusion]."),
    ] = None,
    optimizer: Optimizer = "adamw",
    minutes: Minutes = 30.0,
    steps: Steps = None,
    batch_size: BatchSize = 8,
    learning_rate: LearningRate = 1e-3,
    accumulation: Accumulation = 1,
    precision: Precision = "auto",
    seed: Seed = 0,
    tensorboard: TensorBoard = False,
    held_out: HeldOut = None,
    work: Work = None,
    commercial: options.Commercial = False,
) -> None:
    """Train a small decoder for use with TinyDecoder: it learns to paint what the decoder of a checkpoint paints."""
    check_source(data, drawn)
    if channels is not None and channels < 1:
        raise SettingsError(f"--channels is {channels}; expected at least 1")
    check_places(out, work, base)
    from igo.training import finetune

    loaded, work = finetune.load_base(base, options.permit_of(commercial)), work or beside(out)
    captioned = captioned_in(data, drawn, size_for(loaded, width, height), work, seed)
    count = checked_held_out(len(captioned), held_out)
    wide = max(min(loaded.pipeline.vae.config.block_out_channels) // 2, 1) if channels is None else channels
    effort = effort_of(minutes, steps, batch_size, learning_rate, accumulation, precision, seed, tensorboard, optimizer)
    tell(finetune.train_decoder(loaded, captioned, out, work, effort, wide, count), out)
