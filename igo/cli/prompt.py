"""``igo prompt``: how a prompt is read."""

from collections.abc import Iterable, Iterator
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
    from igo.painting.checkpoints.checkpoint import tokenizer
    from igo.painting.prompts.chunks import plan_chunks
    from igo.painting.prompts.clip import TextEncoder
    from igo.painting.prompts.foreign import foreign
    from igo.painting.prompts.presets import get_preset, preset_for
    from igo.painting.prompts.syntax import parse

    template = preset_for(checkpoint) if preset == "auto" else get_preset(preset)
    reader = TextEncoder(pipeline=None, tokenizer=tokenizer(checkpoint), model=None, penultimate=False)
    texts = (text, negative_prompt or "")
    if template is not None:
        texts = template.apply(*texts)
    for title, whole in zip(("prompt", "negative prompt"), texts, strict=True):
        if not whole:
            continue
        plan = plan_chunks(parse(whole), reader.tokenize, comma_id=reader.comma_id)
        echo(f"{title}: {plan}\n  {whole}")
        for number, chunk in enumerate(plan.chunks, 1):
            echo(f"  chunk {number}, {len(chunk)} tokens:")
            for weight, words in _runs((token.weight, reader.written(token.id)) for token in chunk):
                echo(f"    ×{weight:<6.4g} {words}")
        for note in foreign(whole):
            echo(f"igo: {note}", err=True)


def _runs(tokens: Iterable[tuple[float, str]]) -> Iterator[tuple[float, str]]:
    """Neighbours of one weight, joined by spaces."""
    from itertools import groupby

    for weight, group in groupby(tokens, key=lambda token: token[0]):
        yield weight, " ".join(word for _, word in group)
