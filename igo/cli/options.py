"""Options that several commands share, and what they have in common."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from igo.errors import SettingsError

if TYPE_CHECKING:
    from igo.images import Written
    from igo.look import Look

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="The file to write: .png (exact), .jpg or .webp."),
]
Image = Annotated[Path | None, typer.Option(help="The picture to start from.")]
Layer = Annotated[
    list[str] | None,
    typer.Option(help="A layer that you bring, NAME=FILE, such as mask=mask.png (white: change here). Repeatable."),
]
Seed = Annotated[int | None, typer.Option(help="The first picture's seed; by default a random one.")]
NumImages = Annotated[int | None, typer.Option("--num-images", "-n", help="How many pictures, in one batch.")]
NegativePrompt = Annotated[str | None, typer.Option(help="What shall not be in the picture.")]
Width = Annotated[int | None, typer.Option(help="Pixels; by default the checkpoint's own width.")]
Height = Annotated[int | None, typer.Option(help="Pixels; by default the checkpoint's own height.")]
Steps = Annotated[int | None, typer.Option("--num-inference-steps", "--steps", help="Denoising steps.")]
Guidance = Annotated[float | None, typer.Option(help="How closely to follow the prompt; 1 is not at all.")]
Strength = Annotated[float | None, typer.Option(help="How much of --image is replaced, 0 to 1.")]
Checkpoint = Annotated[
    str, typer.Option("--checkpoint", "-c", help="mini, a folder, a .safetensors file, or a hub's owner/name.")
]
Revision = Annotated[str | None, typer.Option(help="A hub's branch, tag or commit.")]
InpaintCheckpoint = Annotated[str | None, typer.Option(help="Another checkpoint for masks.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, mps …")]
Dtype = Annotated[str | None, typer.Option(help="auto, float32, float16 or bfloat16.")]
Adapters = Annotated[
    list[str] | None,
    typer.Option("--adapter", help="A LoRA, FILE or FILE:SCALE, such as jacket.safetensors:0.8. Repeatable."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]


def layers_from(given: list[str] | None) -> dict[str, Path]:
    """``NAME=FILE`` options as a table. Raises ``SettingsError``."""
    found = {}
    for item in given or []:
        name, equals, file = item.partition("=")
        if not (name and equals and file):
            raise SettingsError(f"--layer is {item!r}; expected NAME=FILE, such as mask=mask.png")
        found[name] = Path(file)
    return found


def adapters_from(given: list[str] | None) -> list[object]:
    """``FILE`` and ``FILE:SCALE`` options as steps of a chain. Raises ``SettingsError``."""
    from igo import registry

    steps: list[object] = []
    for item in given or []:
        file, colon, number = item.rpartition(":")
        try:
            scale = float(number) if colon else 1.0
        except ValueError:  # the colon is the file name's own, as in C:\adapters
            file, scale = item, 1.0
        steps.append(registry.load("adapter")(file if colon else item, scale))
    return steps


def without_advice() -> None:
    """Keep transformers from advising to install what nothing here uses ("requires torchvision"), unless asked to."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


@contextmanager
def progress(quiet: bool) -> Iterator[list[object]]:
    """The observers for a run: a progress bar on standard error, or none."""
    if quiet:
        yield []
        return
    from igo.progress import ProgressBar

    with ProgressBar() as bar:
        yield [bar]


def check_output(output: Path | None, count: int, inputs: Iterable[object]) -> None:
    """Refuse, before any work, to write over an input or in a format that can't be written. Raises ``IGOError``."""
    if output is None:
        return
    from igo.images import format_of
    from igo.look import numbered

    format_of(output)
    taken = {path.resolve() for path in inputs if isinstance(path, Path)}
    for path in numbered(output, count):
        if path.resolve() in taken:
            raise SettingsError(f"--output would write over the input {path}; choose another name")


def save(look: Look, output: Path | None, stem: str | None = None) -> None:
    """Write a look's pictures and say where they are."""
    saved([look], output, stem)


def saved(looks: Sequence[Look], output: Path | None, stem: str | None = None) -> list[Path]:
    """Write the pictures of all looks, without ``output`` as ``stem`` (default: ``igo-SEED``) under a name that is
    free, numbered if they are several; say where they are, and return that."""
    from igo.look import numbered

    stem, frames = stem or f"igo-{looks[0].seed}", [(look, index) for look in looks for index in range(len(look))]
    names = numbered(output or Path(f"{stem}.png"), len(frames))
    attempt = 1
    while output is None and any(path.exists() for path in names):
        attempt += 1
        names = numbered(Path(f"{stem}-take-{attempt}.png"), len(frames))
    for (look, index), name in zip(frames, names, strict=True):
        told(look.save_frame(index, name))
        if look.frames[index].nsfw_content_detected:
            typer.echo(
                f"igo: the checkpoint's safety checker flagged the picture of seed {look.frames[index].seed}", err=True
            )
    return names


def told(written: Written) -> None:
    """Say where a picture is, and what its format lost."""
    typer.echo(written.path)
    for note in written.notes:
        typer.echo(f"igo: {note}", err=True)


def printable(text: str) -> str:
    """Text of a file that may be anybody's, without what would steer the terminal."""
    return "".join(character if character.isprintable() or character == "\n" else "�" for character in text)
