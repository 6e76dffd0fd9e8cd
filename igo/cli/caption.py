"""``igo caption``: captions for a folder of pictures, by BLIP-2 or by any plugin that captions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from igo.chains.settings import given
from igo.cli import options
from igo.cli.command import Commands
from igo.cli.printing import echo
from igo.errors import SettingsError
from igo.files import check_file


def register(app: Commands) -> None:
    app.command()(caption)


def caption(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of pictures, with folders in it or not.")],
    use: Annotated[
        str, typer.Option("--with", help="The plugin that captions: a name, or module:Class.")
    ] = "captioning",
    settings: options.Settings = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Short for --set model=MODEL.")] = None,
    prompt: Annotated[
        str, typer.Option("--prompt", "-p", help='How answers begin, such as "a photo of", or a question.')
    ] = "",
    template: Annotated[
        str | None, typer.Option(help="The caption's wording; {} is the answer [fashion photo of {}].")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Pictures that the captioner gets at once.")] = 4,
    device: options.Device = None,
    dtype: options.Dtype = None,
    commercial: options.Commercial = False,
    quiet: options.Quiet = False,
) -> None:
    """Write DIR/metadata.jsonl: a caption for each picture that has none. What is there stays; a killed run goes on."""
    if not folder.is_dir():
        raise SettingsError(f"{folder} is not a folder; expected one with pictures")
    from igo.training.data.metadata import METADATA

    check_file(folder / METADATA)
    chosen = {**options.settings_from(settings), **given(model=model)}
    if use == "captioning" and "model" in chosen:
        options.check_model(chosen["model"], "--model", own="")
    options.without_advice()
    from igo.training.data.labelling import caption_folder

    chain = options.chain_of(use, chosen, device, dtype, commercial)
    step = chain.steps[0]
    if not step.implements("caption"):
        raise SettingsError(f"--with {use} doesn't caption pictures; choose a plugin that does, such as captioning")
    with options.progress(quiet) as observers:
        done = caption_folder(
            folder,
            lambda images: chain.caption(images, prompt),
            batch_size=batch_size,
            progress=options.telling(observers, step.name, "caption"),
            **given(template=template),
        )
    for line in done.skipped:
        echo(f"igo: skipped: {line}", err=True)
    echo(
        f"{folder / METADATA}: {done.written} captions written, {done.kept} pictures had theirs, "
        f"{len(done.skipped)} skipped"
    )
