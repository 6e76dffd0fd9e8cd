"""``igo mini``: the drawn world that the embedded checkpoint learned from, and its training."""

from pathlib import Path
from typing import Annotated

import typer

mini_app = typer.Typer(
    help="Draw the world that `mini` learned from, or train `mini` anew.",
    rich_markup_mode=None,
    invoke_without_command=True,
)


def register(app: typer.Typer) -> None:
    mini_app.command()(draw)
    mini_app.command()(train)
    app.add_typer(mini_app, name="mini")


@mini_app.callback()
def _help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def draw(
    output: Annotated[Path, typer.Argument(help="The folder to write to.")],
    count: Annotated[int, typer.Option("--count", "-n", help="How many pictures.")] = 12,
    seed: Annotated[int, typer.Option(help="The first picture's seed.")] = 0,
    width: Annotated[int, typer.Option(help="Pixels.")] = 128,
    height: Annotated[int, typer.Option(help="Pixels.")] = 192,
    labels: Annotated[bool, typer.Option("--labels", help="Write a map of the parts beside each picture.")] = False,
) -> None:
    """Draw street-fashion figures with captions: PNGs and a metadata.jsonl, as trainers read them."""
    import json

    from PIL import Image

    from igo.errors import SettingsError
    from igo.images import write_image
    from igo.mini import wardrobe

    if count < 1 or seed < 0:
        raise SettingsError(f"--count is {count}, --seed is {seed}; expected at least 1 picture and a seed from 0")
    rows = []
    for number in range(seed, seed + count):
        drawing = wardrobe.draw(wardrobe.sample(number), width, height)
        name = f"figure-{number:06d}.png"
        write_image(Image.fromarray(drawing.image), output / name)
        row = {"file_name": name, "text": wardrobe.captions(drawing.figure)[0]}
        if labels:
            row["labels"] = f"labels/{name}"
            write_image(Image.fromarray(drawing.labels), output / row["labels"])
        rows.append(json.dumps(row, ensure_ascii=False))
    (output / "metadata.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    typer.echo(f"{count} pictures and their captions are in {output}")


def train(
    output: Annotated[Path, typer.Argument(help="The folder for the finished checkpoint.")],
    minutes: Annotated[float, typer.Option(help="Training time, without the drawing.")] = 90.0,
    work: Annotated[Path | None, typer.Option(help="Where drawings and checkpoints are kept.")] = None,
    pictures: Annotated[int, typer.Option(help="How many pictures to draw.")] = 14_000,
    seed: Annotated[int, typer.Option(help="Of the whole training.")] = 0,
) -> None:
    """Train mini/base from nothing: draw, then autoencoder, text encoder, denoiser. A killed run goes on."""
    from igo.mini.recipe import Recipe, make

    size = make(output, Recipe(minutes=minutes, pictures=pictures, seed=seed), work)
    typer.echo(f"{output}: {size / 1e6:.1f} MB")
