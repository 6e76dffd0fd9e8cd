"""``igo prompt``: how a prompt is read."""

from typing import Annotated

import typer

from igo.cli import options
from igo.cli.command import Commands
from igo.cli.printing import echo
from igo.errors import SettingsError


def register(app: Commands) -> None:
    app.command()(prompt)


def prompt(
    text: Annotated[str, typer.Argument(help="A prompt, with weights as in (red hoodie:1.3).")],
    negative_prompt: options.NegativePrompt = None,
    checkpoint: Annotated[
        str, typer.Option("--checkpoint", "-c", help="Whose tokenizer and template to use.")
    ] = "mini",
    preset: Annotated[str, typer.Option(help="A prompt template: auto, none, or its name.")] = "auto",
) -> None:
    """Print the tokens, chunks and weights of a prompt, as the checkpoint reads it."""
    if not text.strip():
        raise SettingsError("TEXT is empty; expected a prompt")
    from igo.painting.prompts.reading import read

    for reading in read(text, negative_prompt or "", checkpoint, preset):
        echo(f"{reading.title}: {reading.summary}\n  {reading.text}")
        for number, (count, runs) in enumerate(reading.chunks, 1):
            echo(f"  chunk {number}, {count} tokens:")
            for weight, words in runs:
                echo(f"    ×{weight:<6.4g} {words}")
        for note in reading.notes:
            echo(f"igo: {note}", err=True)
