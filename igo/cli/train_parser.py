"""``igo train parser``: who wears what, from pictures and maps of their labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from igo.cli import options
from igo.cli.command import Commands
from igo.cli.train import (
    Accumulation,
    BatchSize,
    Drawn,
    HeldOut,
    Minutes,
    Optimizer,
    Out,
    Precision,
    Seed,
    Steps,
    TensorBoard,
    Work,
    beside,
    check_places,
    check_source,
    checked_held_out,
    effort_of,
    processes,
    tell,
    train_app,
)

Data = Annotated[Path | None, typer.Option(help="A folder of pictures, a map of labels for each, and a labels.json.")]
Base = Annotated[
    str | None, typer.Option(help="What to train on: mini, a folder or a hub's name [none: from nothing].")
]
Rate = Annotated[float | None, typer.Option(help="At its highest; then it falls to 0 [1e-3, with --base 1e-4].")]


def register(app: Commands) -> None:  # noqa: ARG001 (the command belongs to `igo train`)
    train_app.command()(parser)


def parser(
    out: Out,
    data: Data = None,
    drawn: Drawn = None,
    base: Base = None,
    minutes: Minutes = 30.0,
    steps: Steps = None,
    batch_size: BatchSize = 8,
    learning_rate: Rate = None,
    accumulation: Accumulation = 1,
    precision: Precision = "auto",
    optimizer: Optimizer = "adamw",
    seed: Seed = 0,
    tensorboard: TensorBoard = False,
    held_out: HeldOut = None,
    work: Work = None,
    commercial: options.Commercial = False,
) -> None:
    """Train a human parser (SegFormer): the map of a.jpg is labels/a.png, its values are named in labels.json."""
    check_source(data, drawn)
    check_places(out, work, base or "mini")
    import torch

    from igo.mini.parser import PREPROCESSING, build_parser, drawn_parses, held_out_of
    from igo.training import finetune
    from igo.training.data.parses import NAMES, load_parses, read_names
    from igo.wardrobe import PARSE

    work = work or beside(out)
    names = PARSE if data is None else read_names(data / NAMES)
    torch.manual_seed(seed)
    if base is None:
        model, preprocessing = build_parser(names), PREPROCESSING
    else:
        model, preprocessing = finetune.load_parser(base, names, options.permit_of(commercial))
    if data is None:
        sets, shares = drawn_parses(work / "drawings", drawn or 0, seed, processes())
    else:
        sets, shares = [load_parses(data, preprocessing.size)], [1.0]
    count = checked_held_out(sum(map(len, sets)), held_out)
    rate = learning_rate or (1e-3 if base is None else 1e-4)
    effort = effort_of(minutes, steps, batch_size, rate, accumulation, precision, seed, tensorboard, optimizer)
    learned, measured = held_out_of(sets, count, shares)
    tell(finetune.train_parser(model, preprocessing, learned, measured, out, work, effort, shares), out)
