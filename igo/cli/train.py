"""``igo train``: learning on from finished checkpoints, on a folder of pictures or on `mini`'s drawn world."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from igo.chains.settings import given
from igo.cli import options
from igo.cli.command import Commands
from igo.cli.options import check_model, command_group, without_advice
from igo.cli.outputs import not_over
from igo.cli.printing import echo
from igo.errors import SettingsError
from igo.files import at_home, check_file, check_folder
from igo.licensing import stated

if TYPE_CHECKING:
    from igo.painting.checkpoints.checkpoint import Loaded
    from igo.training.data.folders import CaptionedSet
    from igo.training.data.masks import MaskSet
    from igo.training.loop.effort import Effort
    from igo.training.loop.loop import TrainingReport
    from igo.wardrobe import Figure

train_app = command_group(
    "Train on from a finished checkpoint, on a folder of pictures or on drawings. A killed run goes on."
)

Out = Annotated[Path, typer.Option(help="The folder for the trained weights.")]
Data = Annotated[Path | None, typer.Option(help="A folder of pictures with a metadata.jsonl, or texts beside them.")]
Drawn = Annotated[int | None, typer.Option(help="In place of --data: this many figures of mini's drawn world.")]
Work = Annotated[Path | None, typer.Option(help="Where checkpoints, logs and samples are kept [OUT-training].")]
Base = Annotated[str, typer.Option(help="What to train on: mini, a folder, a .safetensors file or a hub's name.")]
Width = Annotated[int | None, typer.Option(help="Pixels [the checkpoint's own width].")]
Height = Annotated[int | None, typer.Option(help="Pixels [the checkpoint's own height].")]
Minutes = Annotated[float, typer.Option(help="How long to train, about.")]
Steps = Annotated[int | None, typer.Option(help="How many steps to train, in place of --minutes.")]
BatchSize = Annotated[int, typer.Option(help="Samples of a step, of one process and one micro-batch.")]
LearningRate = Annotated[float, typer.Option(help="At its highest; it warms up, and falls to 0 along a cosine.")]
Accumulation = Annotated[int, typer.Option(help="Micro-batches of a step.")]
Precision = Annotated[Literal["auto", "no", "fp16", "bf16"], typer.Option(help="auto, no (32 bit), fp16 or bf16.")]
Optimizer = Annotated[
    Literal["adamw", "adamw8bit", "muon"], typer.Option(help="adamw, adamw8bit (with bitsandbytes) or muon.")
]
Seed = Annotated[int, typer.Option(help="Of the whole training.")]
TensorBoard = Annotated[bool, typer.Option("--tensorboard", help="Log to TensorBoard too, in the --work folder.")]
HeldOut = Annotated[int | None, typer.Option(help="Pictures kept for measuring [a tenth, at most 48].")]


def register(app: Commands) -> None:
    for command in (base, inpaint, clipseg, upscaler):
        train_app.command()(command)
    app.add_typer(train_app, name="train")


def base(
    out: Out,
    data: Data = None,
    drawn: Drawn = None,
    base: Base = "mini",
    width: Width = None,
    height: Height = None,
    text_rate: Annotated[float, typer.Option(help="The text encoder's share of the learning rate; 0: frozen.")] = 0.3,
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
    """Train a checkpoint's denoiser and text encoder: lines of metadata.jsonl have "file_name" and "text"."""
    check_source(data, drawn)
    check_places(out, work, base)
    from igo.training import finetune

    loaded, work = finetune.load_base(base, options.permit_of(commercial)), work or beside(out)
    captioned = captioned_in(data, drawn, size_for(loaded, width, height), work, seed)
    effort = effort_of(minutes, steps, batch_size, learning_rate, accumulation, precision, seed, tensorboard)
    tell(finetune.train_base(loaded, captioned, out, work, effort, text_rate), out)


def inpaint(
    out: Out,
    data: Data = None,
    drawn: Drawn = None,
    base: Base = "mini",
    width: Width = None,
    height: Height = None,
    minutes: Minutes = 30.0,
    steps: Steps = None,
    batch_size: BatchSize = 4,
    learning_rate: LearningRate = 1e-4,
    accumulation: Accumulation = 1,
    precision: Precision = "auto",
    seed: Seed = 0,
    tensorboard: TensorBoard = False,
    held_out: HeldOut = None,
    rank: Annotated[int | None, typer.Option(help="Train an adapter (LoRA) of this rank; --out is a file.")] = None,
    work: Work = None,
    commercial: options.Commercial = False,
) -> None:
    """Make a checkpoint that repaints in masks (9 channels): lines of metadata.jsonl may have a "mask"."""
    check_source(data, drawn)
    check_places(out, work, base, file=rank is not None)
    from igo.training import finetune
    from igo.training.data.folders import load_repaints

    loaded, work = finetune.load_base(base, options.permit_of(commercial)), work or beside(out)
    size, tokenizer = size_for(loaded, width, height), loaded.pipeline.tokenizer
    if data is not None:
        masks = load_repaints(data, tokenizer, size)
    else:
        from igo.mini.repaints import drawn_repaints

        masks = drawn_repaints(work / "drawings", drawn_figures(drawn, seed), tokenizer, size, processes())
    effort = effort_of(minutes, steps, batch_size, learning_rate, accumulation, precision, seed, tensorboard)
    parts = parted(masks, held_out)
    if rank is None:
        report = finetune.train_inpaint(loaded, *parts, out, work, effort)
    else:
        from igo.training.adapters.adapt import train_inpaint_lora
        from igo.training.adapters.lora import LoraSettings

        report = train_inpaint_lora(loaded, *parts, out, work, effort, LoraSettings(rank))
    tell(report, out)


def clipseg(
    out: Out,
    data: Data = None,
    drawn: Drawn = None,
    base: Annotated[str, typer.Option(help="mini, a folder, or a hub's name.")] = "mini",
    decoder_only: Annotated[bool, typer.Option(help="Leave CLIP as it is; or train all of it.")] = True,
    minutes: Minutes = 30.0,
    steps: Steps = None,
    batch_size: BatchSize = 4,
    learning_rate: LearningRate = 1e-4,
    accumulation: Accumulation = 1,
    precision: Precision = "auto",
    seed: Seed = 0,
    tensorboard: TensorBoard = False,
    held_out: HeldOut = None,
    work: Work = None,
    commercial: options.Commercial = False,
) -> None:
    """Train text masks: lines of metadata.jsonl have "file_name", "text" and "mask", null for what is not there."""
    check_source(data, drawn)
    check_places(out, work, base)
    from igo.training import finetune
    from igo.training.data.folders import load_masks
    from igo.training.tasks.preprocessing import Preprocessing

    (model, processor), work = finetune.load_clipseg(base, options.permit_of(commercial)), work or beside(out)
    preprocessing, tokenizer = Preprocessing.of(processor.image_processor), processor.tokenizer
    if data is not None:
        masks = load_masks(data, tokenizer, preprocessing.size[0])
    else:
        from igo.mini.clipseg import drawn_masks

        masks = drawn_masks(work / "drawings", drawn_figures(drawn, seed), tokenizer, processes())
    effort = effort_of(minutes, steps, batch_size, learning_rate, accumulation, precision, seed, tensorboard)
    learned = parted(masks, held_out)
    tell(finetune.train_clipseg(model, tokenizer, preprocessing, *learned, out, work, effort, decoder_only), out)


def upscaler(
    out: Annotated[Path, typer.Option(help="The .safetensors file for the trained weights.")],
    data: Annotated[Path | None, typer.Option(help="A folder of pictures, with folders in it or not.")] = None,
    drawn: Drawn = None,
    start: Annotated[Path | None, typer.Option(help="SRVGGNetCompact weights to learn on from [none].")] = None,
    scale: Annotated[int | None, typer.Option(help="2, 3 or 4 [that of --start, else 4].")] = None,
    degradation: Annotated[float, typer.Option(help="1: as bad as Real-ESRGAN's training pictures; 0: clean.")] = 1.0,
    minutes: Minutes = 30.0,
    steps: Steps = None,
    batch_size: BatchSize = 16,
    learning_rate: LearningRate = 1e-3,
    accumulation: Accumulation = 1,
    precision: Precision = "auto",
    seed: Seed = 0,
    tensorboard: TensorBoard = False,
    held_out: HeldOut = None,
    work: Work = None,
    commercial: options.Commercial = False,
) -> None:
    """Train a small Real-ESRGAN network (SRVGGNetCompact) on pictures that are shrunk and spoilt on the fly."""
    check_source(data, drawn)
    check_places(out, work, file=True)
    if start is not None:
        not_over(out, [start], "--out")
        options.permit_of(commercial)(str(start), stated(start))
    if scale not in (None, 2, 3, 4):
        raise SettingsError(f"--scale is {scale}; choose 2, 3 or 4")
    import torch

    from igo.networks.files import load_srvgg
    from igo.networks.srvgg import SRVGGNetCompact
    from igo.training import finetune
    from igo.training.data.degradations import PUBLISHED
    from igo.training.data.tiles import load_tiles

    work = work or beside(out)
    first = load_srvgg(start) if start is not None else None
    torch.manual_seed(seed)
    network = SRVGGNetCompact(scale or (first.scale if first else 4))
    if first is not None:
        network.take_over(first)
    if data is not None:
        tiles = load_tiles(data, seed=seed)
    else:
        from igo.mini.drawings import draw_once
        from igo.mini.upscaler import SIZE

        tiles, _ = draw_once(work / "drawings", drawn_figures(drawn, seed), SIZE, processes())
    count = checked_held_out(len(tiles), held_out)
    effort = effort_of(minutes, steps, batch_size, learning_rate, accumulation, precision, seed, tensorboard)
    spoilt = PUBLISHED.softened(1 - degradation)
    tell(finetune.train_upscaler(network, tiles[:-count], tiles[-count:], out, work, effort, spoilt), out)


def check_source(data: Path | None, drawn: int | None) -> None:
    """Exactly one of the two, before anything heavy is imported. Raises ``SettingsError``."""
    without_advice()
    if (data is None) == (drawn is None):
        raise SettingsError("give either --data FOLDER, your pictures, or --drawn N, figures of mini's drawn world")
    if data is not None and not data.is_dir():
        raise SettingsError(f"--data {data} is not a folder; expected one with pictures and their captions")
    if drawn is not None and drawn < 2:
        raise SettingsError(f"--drawn is {drawn}; expected at least 2 figures, one of them to measure with")


def check_places(out: Path, work: Path | None, base: str = "mini", file: bool = False) -> None:
    """Refuse places that can't be written to, and a base that isn't there, before anything heavy is imported.

    ``file`` is whether ``out`` is one, of weights. Raises ``SettingsError``.
    """
    if file and out.suffix != ".safetensors":
        raise SettingsError(f"--out is {out}; expected the name of a .safetensors file")
    (check_file if file else check_folder)(out)
    check_folder(work or beside(out))
    check_model(base, "--base")
    not_over(out, [at_home(base)], "--out")


def size_for(loaded: Loaded, width: int | None, height: int | None) -> tuple[int, int]:
    """The pictures' size, the checkpoint's own unless told otherwise. Raises ``SettingsError``."""
    size = width or loaded.defaults.width, height or loaded.defaults.height
    if any(side < 8 or side % 8 for side in size):
        raise SettingsError(f"{size[0]}×{size[1]} can't be trained on; --width and --height must be multiples of 8")
    return size


def effort_of(
    minutes: float,
    steps: int | None,
    batch_size: int,
    learning_rate: float,
    accumulation: int,
    precision: str,
    seed: int,
    tensorboard: bool,
    optimizer: str = "adamw",
) -> Effort:
    """The options that every training has. Raises ``SettingsError``."""
    from igo.training.loop.effort import Effort

    chosen: dict[str, Any] = {"precision": precision, "optimizer": optimizer, **given(steps=steps)}
    return Effort(
        minutes=minutes,
        batch_size=batch_size,
        learning_rate=learning_rate,
        accumulation=accumulation,
        seed=seed,
        tensorboard=tensorboard,
        **chosen,
    )


def drawn_figures(drawn: int | None, seed: int) -> list[Figure]:
    from igo.mini.pictures import balanced_figures

    return balanced_figures(drawn or 0, seed)


def captioned_in(data: Path | None, drawn: int | None, size: tuple[int, int], work: Path, seed: int) -> CaptionedSet:
    """What ``--data`` or ``--drawn`` ask to learn from, in ``size`` (width, height); drawings are kept in ``work``."""
    if data is not None:
        from igo.training.data.folders import load_captioned

        return load_captioned(data, size)
    from igo.mini.drawings import drawn_captioned

    return drawn_captioned(work / "drawings", drawn_figures(drawn, seed), size, processes())


def parted(masks: MaskSet, held_out: int | None) -> tuple[MaskSet, MaskSet]:
    """What to learn, and what to measure with."""
    return masks.hold_out(checked_held_out(len(masks), held_out))


def checked_held_out(count: int, held_out: int | None) -> int:
    """How many of ``count`` pictures to keep for measuring. Raises ``SettingsError``."""
    wanted = max(1, min(48, count // 10)) if held_out is None else held_out
    if not 0 < wanted < count:
        raise SettingsError(f"can't hold {wanted} of {count} pictures back for measuring; give more pictures")
    return wanted


def processes() -> int:
    import os

    return os.cpu_count() or 1


def beside(out: Path) -> Path:
    """Where a training is kept unless told otherwise."""
    return out.with_name(f"{out.stem}-training")


def tell(report: TrainingReport, out: Path) -> None:
    """Say where the weights are and how good; once, whatever the number of processes."""
    from igo.training.loop import hardware

    if not hardware.processes().is_main_process:
        return
    measured = "".join(f", {name} {value:.4g}" for name, value in report.measures.items())
    echo(f"{out}: {report.step} steps{measured}")
