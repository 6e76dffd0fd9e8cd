"""``igo train turbo``: a checkpoint learns to paint in a few steps what it paints in many."""

from __future__ import annotations

from pathlib import Path
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
    LearningRate,
    Minutes,
    Optimizer,
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
    effort_of,
    size_for,
    tell,
    train_app,
)
from igo.cli.train_lora import Alpha, Checkpointing, Mirror, Targets
from igo.errors import SettingsError


def register(app: Commands) -> None:  # noqa: ARG001 (the command belongs to `igo train`)
    train_app.command()(turbo)


def turbo(
    out: Annotated[Path, typer.Option(help="The .safetensors file for the adapter; with --whole a folder.")],
    data: Data = None,
    drawn: Drawn = None,
    base: Base = "mini",
    width: Width = None,
    height: Height = None,
    whole: Annotated[bool, typer.Option("--whole", help="Train all of the UNet, to a checkpoint.")] = False,
    rank: Annotated[int, typer.Option(help="Of each change of an adapter.")] = 16,
    alpha: Alpha = None,
    targets: Targets = "all",
    guidance_low: Annotated[
        float | None, typer.Option(help="The least guidance of the teacher [two thirds of the checkpoint's own].")
    ] = None,
    guidance_high: Annotated[float | None, typer.Option(help="The most [four thirds].")] = None,
    solver_steps: Annotated[int, typer.Option(help="DDIM's steps that the teacher's way is cut into.")] = 50,
    target_decay: Annotated[float, typer.Option(help="Of the averaged weights that give the target; 0: none.")] = 0.95,
    mirror: Mirror = False,
    gradient_checkpointing: Checkpointing = False,
    optimizer: Optimizer = "adamw",
    minutes: Minutes = 30.0,
    steps: Steps = None,
    batch_size: BatchSize = 4,
    learning_rate: LearningRate = 1e-4,
    accumulation: Accumulation = 1,
    precision: Precision = "auto",
    seed: Seed = 0,
    tensorboard: TensorBoard = False,
    work: Work = None,
    commercial: options.Commercial = False,
) -> None:
    """Distil a checkpoint to paint in 4 steps without guidance (latent consistency), for use with FewSteps."""
    check_source(data, drawn)
    check_places(out, work, base, file=not whole)
    if whole and out.suffix == ".safetensors":
        raise SettingsError(f"--out is {out}; expected a folder, for --whole makes a checkpoint")
    from igo.training import finetune
    from igo.training.adapters.lora import LoraSettings
    from igo.training.adapters.turbo import check_distillable, train_turbo
    from igo.training.tasks.turbo import TurboSettings

    lora = None if whole else LoraSettings(rank, alpha, targets)
    loaded, work = finetune.load_base(base, options.permit_of(commercial)), work or beside(out)
    check_distillable(loaded)
    own = max(loaded.defaults.guidance_scale, 1.0)
    low = max(own * 2 / 3, 1.0) if guidance_low is None else guidance_low
    high = max(own * 4 / 3, low) if guidance_high is None else guidance_high
    settings = TurboSettings((low, high), solver_steps, target_decay)
    captioned = captioned_in(data, drawn, size_for(loaded, width, height), work, seed)
    effort = effort_of(minutes, steps, batch_size, learning_rate, accumulation, precision, seed, tensorboard, optimizer)
    given = {"mirror": mirror, "gradient_checkpointing": gradient_checkpointing}
    tell(train_turbo(loaded, captioned, out, work, effort, settings, lora, **given), out)
