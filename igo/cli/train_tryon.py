"""``igo train tryon``: a checkpoint that repaints learns to try garments on, from pairs of people and garments."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from igo.cli.command import Commands
from igo.cli.options import Commercial, permit_of, without_advice
from igo.cli.train import (
    Accumulation,
    BatchSize,
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
    size_for,
    tell,
    train_app,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image

    from igo.chains.chain import Chain
    from igo.training.data.tryon import TryOnSet

FIRST_DRAWN = 7
"""Of which million the seeds of drawn pairs are."""


def register(app: Commands) -> None:  # noqa: ARG001 (the command belongs to `igo train`)
    train_app.command()(tryon)


def tryon(
    out: Out,
    data: Annotated[
        Path | None, typer.Option(help='A folder whose metadata.jsonl has "file_name" (a person), "garment", "mask".')
    ] = None,
    drawn: Annotated[int | None, typer.Option(help="In place of --data: this many drawn people and garments.")] = None,
    base: Annotated[str, typer.Option(help="A checkpoint that repaints (9 channels).")] = "mini/tryon",
    learn: Annotated[
        Literal["attention", "all"], typer.Option(help="The self-attentions alone, for use with --base, or all.")
    ] = "attention",
    rollout: Annotated[
        bool, typer.Option("--rollout", help="With all: learn from own estimates too, to paint in few steps of LCM.")
    ] = False,
    bodies: Annotated[
        str | None,
        typer.Option(
            help="By what says where bodies are, garments are laid over people: mini/body, a folder, a hub's, or none "
            "[as the base has learned]."
        ),
    ] = None,
    parser: Annotated[
        str, typer.Option(help="The human parser that finds garments on people without a mask.")
    ] = "mini",
    width: Annotated[int | None, typer.Option(help="Pixels [the checkpoint's own width].")] = None,
    height: Annotated[int | None, typer.Option(help="Pixels [the checkpoint's own height].")] = None,
    minutes: Minutes = 30.0,
    steps: Steps = None,
    batch_size: BatchSize = 4,
    learning_rate: Annotated[
        float, typer.Option(help="At its highest; it warms up, and falls to 0 along a cosine.")
    ] = 1e-5,
    accumulation: Accumulation = 1,
    precision: Precision = "auto",
    optimizer: Optimizer = "adamw",
    seed: Seed = 0,
    tensorboard: TensorBoard = False,
    held_out: HeldOut = None,
    commercial: Commercial = False,
    work: Work = None,
) -> None:
    """Teach a checkpoint to try garments on: many people may wear one garment; "before" is the person in others."""
    check_source(data, drawn)
    check_places(out, work, base)
    without_advice()
    from igo.training import fitting
    from igo.training.data.fittings import load_fittings

    permit = permit_of(commercial)
    loaded, work = fitting.load_base(base, permit), work or beside(out)
    name = loaded.bodies if bodies is None else bodies
    placed = None if name in (None, "none") else fitting.load_bodies_of(str(name), permit)
    if data is not None:
        size = size_for(loaded, width, height)
        pairs: TryOnSet = load_fittings(data, size, _finder(parser), seed)
    else:
        from igo.mini.fittings import drawn_fittings

        pairs = drawn_fittings(work / "drawings", drawn or 0, seed + FIRST_DRAWN, processes())
    parts = pairs.hold_out(checked_held_out(len(pairs), held_out))
    effort = effort_of(minutes, steps, batch_size, learning_rate, accumulation, precision, seed, tensorboard, optimizer)
    tell(fitting.train_tryon(loaded, *parts, out, work, effort, learn, rollout, placed), out)


def _finder(parser: str) -> Callable[[Image, Image], Image]:
    """From a person and a garment to where on the person such a garment is worn."""

    @cache
    def chain() -> Chain:
        from igo.chains import registry
        from igo.chains.chain import Chain

        return Chain(registry.load("try-on")(mask="tight", parser=parser))

    return lambda person, garment: chain().layer("mask", person, {"garment": garment})
