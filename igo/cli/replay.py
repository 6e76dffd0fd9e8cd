"""``igo replay``: a picture made again from its record."""

from pathlib import Path
from typing import Annotated

import typer

from igo.chains.settings import given
from igo.cli import options
from igo.cli.command import Commands
from igo.cli.outputs import Outputs, told
from igo.cli.printing import echo, one_line
from igo.errors import SettingsError


def register(app: Commands) -> None:
    app.command()(replay)


def replay(
    picture: Annotated[Path, typer.Argument(help="A picture that IGO saved.")],
    output: options.Output = None,
    image: options.Image = None,
    layer: options.Layer = None,
    reference: options.Reference = None,
    file: Annotated[
        list[str] | None,
        typer.Option(help="Where a checkpoint, adapter or other file of the record is, NAME=PATH. Repeatable."),
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Import and fetch what the record names, however much it asks for.")
    ] = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a picture again from its record, and say whether it is the same. Exit code 1 if it is not."""
    from igo.chains.replaying import plan

    output = output or picture.with_stem(f"{picture.stem}-replay")
    files = options.pairs(file, "file", "NAME=PATH, such as jacket.safetensors=~/models/jacket.safetensors")
    layers, references = options.layers_from(layer), options.references_from(reference)
    if twice := layers.keys() & references.keys():
        raise SettingsError(f"--layer and --reference both give {min(twice)!r}; give it once")
    planned = plan(picture, {**layers, **references, **given(image=image)}, trust, files)
    Outputs(output, output.stem, [picture, *planned.inputs.values(), *planned.files.values()]).check()
    with options.progress(quiet) as observers:
        made = planned.run(observers)
    told(made.look.save_frame(made.index, output))
    if made.identical:
        same = output.read_bytes() == picture.read_bytes()
        echo("identical: the same bytes" if same else "identical: the same pixels, in another file")
    else:
        echo(f"different: {made.distance or 'the pixels are not the same'}")
    for difference in made.differences:
        echo(f"  {one_line(difference)}")
    if not made.identical and not made.differences:
        echo("  the stack is the same; a plugin of this chain may not be deterministic")
    if not made.identical:
        raise typer.Exit(1)
