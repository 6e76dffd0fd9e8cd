"""``igo train lora`` and ``igo train dreambooth``: adapters, from a folder of pictures to one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from igo.cli import options
from igo.cli.command import Commands
from igo.cli.options import without_advice
from igo.cli.train import (
    Accumulation,
    Base,
    BatchSize,
    Data,
    Drawn,
    Height,
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
from igo.errors import SettingsError

if TYPE_CHECKING:
    from igo.training.adapters.adapt import Adaptation

File = Annotated[Path, typer.Option(help="The .safetensors file for the adapter.")]
Rank = Annotated[int, typer.Option(help="Of each change; more can learn more, and less well from few pictures.")]
Alpha = Annotated[float | None, typer.Option(help="Changes are scaled by alpha / rank [the rank].")]
Targets = Annotated[str, typer.Option(help="attention, transformer, all, or names of the UNet's layers, with commas.")]
Dora = Annotated[bool, typer.Option("--dora", help="Learn the length of each column by itself (DoRA).")]
TextRate = Annotated[float, typer.Option(help="The text encoders' share of the learning rate; 0: left as they are.")]
Dropout = Annotated[float, typer.Option(help="Share of pictures seen without their caption.")]
Mirror = Annotated[bool, typer.Option("--mirror", help="Flip half of the pictures; never with prints or one strap.")]
OffsetNoise = Annotated[float, typer.Option(help="Noise that is equal all over, for darker or brighter pictures.")]
SnrGamma = Annotated[float, typer.Option(help="Limit of min-SNR weights, such as 5; 0: all timesteps count alike.")]
Checkpointing = Annotated[bool, typer.Option("--gradient-checkpointing", help="Less memory, more time.")]
Format = Annotated[Literal["diffusers", "kohya"], typer.Option("--format", help="diffusers or kohya.")]
Prompts = Annotated[list[str] | None, typer.Option("--validation-prompt", help="Painted as it goes. Repeatable.")]
Rate = Annotated[float, typer.Option(help="At its highest; it warms up, and falls to 0 along a cosine.")]


def register(app: Commands) -> None:  # noqa: ARG001 (the commands belong to `igo train`)
    train_app.command()(lora)
    train_app.command()(dreambooth)


def lora(
    out: File,
    data: Data = None,
    drawn: Drawn = None,
    base: Base = "mini",
    width: Width = None,
    height: Height = None,
    buckets: Annotated[bool, typer.Option(help="Keep the pictures' shapes, nearly; or crop all to one.")] = True,
    rank: Rank = 8,
    alpha: Alpha = None,
    targets: Targets = "attention",
    dora: Dora = False,
    text_rate: TextRate = 0.0,
    caption_dropout: Dropout = 0.05,
    mirror: Mirror = False,
    offset_noise: OffsetNoise = 0.0,
    snr_gamma: SnrGamma = 0.0,
    gradient_checkpointing: Checkpointing = False,
    optimizer: Optimizer = "adamw",
    format_: Format = "diffusers",
    validation_prompt: Prompts = None,
    minutes: Minutes = 15.0,
    steps: Steps = None,
    batch_size: BatchSize = 4,
    learning_rate: Rate = 1e-3,
    accumulation: Accumulation = 1,
    precision: Precision = "auto",
    seed: Seed = 0,
    tensorboard: TensorBoard = False,
    work: Work = None,
    commercial: options.Commercial = False,
) -> None:
    """Train an adapter (LoRA) on pictures with captions: lines of metadata.jsonl have "file_name" and "text"."""
    check_source(data, drawn)
    check_places(out, work, base, file=True)
    from igo.training.adapters import adapt

    adaptation = adaptation_of(
        rank, alpha, targets, dora, text_rate, caption_dropout, mirror, offset_noise, snr_gamma,
        gradient_checkpointing, format_,
    )  # fmt: skip
    effort = effort_of(minutes, steps, batch_size, learning_rate, accumulation, precision, seed, tensorboard, optimizer)
    loaded, work = adapt.load_adaptable(base, options.permit_of(commercial)), work or beside(out)
    size = size_for(loaded, width, height)
    if data is not None and buckets:
        from igo.training.data.folders import load_buckets

        sets = load_buckets(data, size)
    else:
        sets = [captioned_in(data, drawn, size, work, seed)]
    prompts = validation_prompt or ()
    tell(adapt.train_lora(loaded, sets, out, work, effort, adaptation, validation_prompts=prompts), out)


def dreambooth(
    subjects: Annotated[Path, typer.Argument(help="A TOML file: [[subject]] tables with token, class and folder.")],
    out: File,
    base: Base = "mini",
    width: Width = None,
    height: Height = None,
    class_images: Annotated[int, typer.Option(help="Pictures of each class that the base paints first; 0: none.")] = 24,
    prior_weight: Annotated[float, typer.Option(help="How often these are drawn, against the subjects' own.")] = 1.0,
    together: Annotated[
        float,
        typer.Option(help="How often subjects pasted into other pictures are drawn; needs masks (igo dataset mask)."),
    ] = 1.0,
    rank: Rank = 16,
    alpha: Alpha = None,
    targets: Targets = "transformer",
    dora: Dora = False,
    text_rate: TextRate = 0.5,
    caption_dropout: Dropout = 0.05,
    mirror: Mirror = False,
    offset_noise: OffsetNoise = 0.0,
    snr_gamma: SnrGamma = 0.0,
    gradient_checkpointing: Checkpointing = False,
    optimizer: Optimizer = "adamw",
    format_: Format = "diffusers",
    validation_prompt: Prompts = None,
    minutes: Minutes = 15.0,
    steps: Steps = None,
    batch_size: BatchSize = 4,
    learning_rate: Rate = 1e-3,
    accumulation: Accumulation = 1,
    precision: Precision = "auto",
    seed: Seed = 0,
    tensorboard: TensorBoard = False,
    work: Work = None,
    commercial: options.Commercial = False,
) -> None:
    """Teach one adapter several new things, from a few pictures of each, so that they are told apart."""
    without_advice()
    check_places(out, work, base, file=True)
    from igo.training.adapters.subjects import read_subjects

    found = read_subjects(subjects)
    from igo.training.adapters import adapt
    from igo.training.adapters.dreambooth import Prior, train_dreambooth

    prior = Prior(class_images, prior_weight)
    adaptation = adaptation_of(
        rank, alpha, targets, dora, text_rate, caption_dropout, mirror, offset_noise, snr_gamma,
        gradient_checkpointing, format_,
    )  # fmt: skip
    effort = effort_of(minutes, steps, batch_size, learning_rate, accumulation, precision, seed, tensorboard, optimizer)
    loaded, work = adapt.load_adaptable(base, options.permit_of(commercial)), work or beside(out)
    size, prompts = size_for(loaded, width, height), validation_prompt or ()
    tell(train_dreambooth(loaded, found, size, out, work, effort, adaptation, prior, prompts, together), out)


def adaptation_of(
    rank: int,
    alpha: float | None,
    targets: str,
    dora: bool,
    text_rate: float,
    caption_dropout: float,
    mirror: bool,
    offset_noise: float,
    snr_gamma: float,
    gradient_checkpointing: bool,
    layout: str,
) -> Adaptation:
    """The options that both have. Raises ``SettingsError``."""
    from igo.training.adapters.adapt import Adaptation
    from igo.training.adapters.lora import LoraSettings

    if snr_gamma < 0:
        raise SettingsError(f"--snr-gamma is {snr_gamma:g}; it must be at least 0")
    checked: Any = layout  # by Adaptation
    return Adaptation(
        lora=LoraSettings(rank, alpha, targets, dora),
        text_rate=text_rate,
        caption_dropout=caption_dropout,
        mirror=mirror,
        offset_noise=offset_noise,
        snr_gamma=snr_gamma or None,
        gradient_checkpointing=gradient_checkpointing,
        layout=checked,
    )
