"""``igo dataset``: a folder of pictures before it is trained on: a look at it, and masks for it."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from igo.chains.settings import given
from igo.cli import options
from igo.cli.command import Commands
from igo.cli.outputs import told
from igo.cli.printing import echo
from igo.cli.style import PHOTOGRAPHS
from igo.errors import SettingsError
from igo.files import check_file

if TYPE_CHECKING:
    from igo.training.data.inspection import Inspection

TOLD = 20
"""Remarks of a kind that are printed."""

dataset_app = options.command_group("A folder of pictures before it is trained on: look at it, make masks for it.")
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of pictures.")]


def register(app: Commands) -> None:
    dataset_app.command()(look)
    dataset_app.command()(mask)
    app.add_typer(dataset_app, name="dataset")


def look(
    folder: Folder,
    width: Annotated[int, typer.Option(help="Pixels; what is trained in has about this area.")] = 512,
    height: Annotated[int, typer.Option(help="Pixels.")] = 768,
    multiple: Annotated[int | None, typer.Option(help="Of what buckets' sides are multiples [64; 8 if small].")] = None,
    count: Annotated[int, typer.Option("--count", "-n", help="Pictures on the sheet, evenly picked.")] = 60,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The sheet's file [DIR-look.png].")] = None,
    quiet: options.Quiet = False,
) -> None:
    """See what a trainer will see: a contact sheet of crops, captions and masks; counts, and what is wrong."""
    if width < 1 or height < 1 or count < 1:
        raise SettingsError(f"{width}×{height} and --count {count} can't be; expected numbers of at least 1")
    if not folder.is_dir():
        raise SettingsError(f"{folder} is not a folder; expected one with pictures")
    from igo.images import format_of, write_image

    output = output or folder.resolve().with_name(f"{folder.resolve().name}-look.png")
    format_of(output)
    if Path(os.path.realpath(output)).is_relative_to(os.path.realpath(folder)):
        raise SettingsError(f"--output {output} would be one of the pictures of {folder}; choose another folder")
    check_file(output)
    from igo.training.data.inspection import inspect_folder

    with options.progress(quiet) as observers:
        progress = options.telling(observers, "look", "dataset")
        found = inspect_folder(folder, (width, height), multiple, count, progress)
    _tell(found, folder)
    if found.tiles:
        told(write_image(found.sheet(), output))


def _tell(found: Inspection, folder: Path) -> None:
    missing = found.pictures - found.captioned
    absent = f" and {found.absent} things that are not there" if found.absent else ""
    echo(f"{folder}: {found.pictures} pictures, {found.captioned} with captions; {found.masks} masks{absent}")
    shapes = ", ".join(f"{width}×{height} ({count})" for (width, height), count in sorted(found.buckets.items()))
    echo(f"buckets: {shapes or 'none'}")
    if found.columns:
        echo(f"columns: {', '.join(f'{name} on {count} lines' for name, count in sorted(found.columns.items()))}")
    for kind, lines in found.remarks.items():
        for line in lines[:TOLD]:
            echo(f"{kind}: {line}")
        if len(lines) > TOLD:
            echo(f"{kind}: and {len(lines) - TOLD} more")
    if missing:
        echo(f"to write captions, run: igo caption {folder}")


def mask(
    folder: Folder,
    text: Annotated[list[str], typer.Argument(metavar="TEXT...", help='What to find, such as "the red hoodie".')],
    mask_model: Annotated[
        str | None, typer.Option(help=f'{PHOTOGRAPHS}, another CLIPSeg or human parser, or "mini" for its pictures.')
    ] = None,
    use: Annotated[str, typer.Option("--with", help="Another plugin that provides masks of a target.")] = "text-mask",
    settings: options.Settings = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
    commercial: options.Commercial = False,
    quiet: options.Quiet = False,
) -> None:
    """Find things by their names: mask files, and lines in DIR/metadata.jsonl, for pictures that have none of TEXT."""
    if not folder.is_dir():
        raise SettingsError(f"{folder} is not a folder; expected one with pictures")
    if use == "text-mask":
        mask_model = mask_model or PHOTOGRAPHS
        options.check_model(mask_model, "--mask-model")
    from igo.training.data.metadata import METADATA

    check_file(folder / METADATA)
    options.without_advice()
    from igo.chains import registry
    from igo.chains.chain import Chain
    from igo.chains.settings import settings_of
    from igo.training.data.labelling import mask_folder

    chosen: dict[str, Any] = {**given(mask_model=mask_model), **options.settings_from(settings)}
    bound = "target" in {setting.name for setting in settings_of(registry.load(use))}  # else it is told when asked
    chains = [
        options.chain_of(use, chosen | ({"target": one} if bound else {}), device, dtype, commercial) for one in text
    ]
    if "mask" not in chains[0].steps[0].provides:
        raise SettingsError(f"--with {use} provides no masks; choose a plugin that does, such as text-mask")
    for one, chain in zip(text, chains, strict=True):
        sharing = Chain(chain.steps[0].plugin, runtime=chains[0].runtime)  # loads the model once
        with options.progress(quiet) as observers:
            progress = options.telling(observers, one, "dataset")
            done = mask_folder(folder, one, partial(sharing.layer, "mask", target=one), progress)
        for line in done.skipped:
            echo(f"igo: skipped: {line}", err=True)
        echo(f"{folder}: {done.written} masks of {one}, {done.kept} were there, {len(done.skipped)} skipped")
