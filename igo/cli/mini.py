"""``igo mini``: the drawn world that the embedded checkpoint learned from, and its training."""

from pathlib import Path
from typing import Annotated, Any

import typer

from igo.cli.command import Commands
from igo.cli.options import command_group, without_advice
from igo.cli.printing import echo
from igo.errors import SettingsError
from igo.files import check_folder, write_whole
from igo.notebooks import quantities

mini_app = command_group("Draw the world that `mini` learned from, or train the family of `mini` anew.")


def register(app: Commands) -> None:
    mini_app.command()(draw)
    mini_app.command()(train)
    app.add_typer(mini_app, name="mini")


def draw(
    output: Annotated[Path, typer.Argument(help="The folder to write to.")],
    count: Annotated[int, typer.Option("--count", "-n", help="How many pictures.")] = 12,
    seed: Annotated[int, typer.Option(help="The first picture's seed.")] = 0,
    width: Annotated[int, typer.Option(help="Pixels.")] = 128,
    height: Annotated[int, typer.Option(help="Pixels.")] = 192,
    labels: Annotated[
        bool, typer.Option("--labels", help="Write maps of the parts, as igo train parser reads them.")
    ] = False,
    triplets: Annotated[
        bool, typer.Option("--triplets", help="People before and after, in garments that lie beside: for try-on.")
    ] = False,
) -> None:
    """Draw street-fashion figures with captions: PNGs and a metadata.jsonl, as trainers read them."""
    import json

    from PIL import Image

    from igo import wardrobe
    from igo.images import write_image

    if count < 1 or seed < 0:
        raise SettingsError(f"--count is {count}, --seed is {seed}; expected at least 1 picture and a seed from 0")
    check_folder(output)
    if triplets:
        if labels or (width, height) != (128, 192):
            raise SettingsError(
                "--triplets have one size, and masks in place of --labels; give neither size nor --labels"
            )
        from igo.mini.fittings import write_triplets

        write_triplets(output, seed, count)
        echo(f"{count} triplets are in {output}; to learn from them, run: igo train tryon --data {output}")
        return
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
    if labels:
        write_whole(output / "labels.json", (json.dumps(wardrobe.PARTS) + "\n").encode())
    write_whole(output / "metadata.jsonl", ("\n".join(rows) + "\n").encode())
    echo(f"{count} pictures and their captions are in {output}")


def train(
    output: Annotated[Path, typer.Argument(help="The folder for the finished family.")],
    part: Annotated[
        list[str] | None,
        typer.Option(help="base, inpaint, clipseg, parser, body, tryon, turbo, tiny or upscaler [all]. Repeatable."),
    ] = None,
    minutes: Annotated[float, typer.Option(help="Training time of all parts, without the drawing.")] = 150.0,
    work: Annotated[
        Path | None, typer.Option(help="Where drawings and checkpoints are kept [OUTPUT-training].")
    ] = None,
    start: Annotated[Path | None, typer.Option(help="A base to learn on from; without it, from nothing.")] = None,
    pictures: Annotated[int, typer.Option(help="How many figures to draw.")] = 14_000,
    precision: Annotated[str, typer.Option(help="auto, no (32 bit) or bf16.")] = "auto",
    batch_scale: Annotated[int | None, typer.Option(help="Multiplies all batches [by the device's memory].")] = None,
    seed: Annotated[int, typer.Option(help="Of the whole training.")] = 0,
) -> None:
    """Train the family anew, each part after what it is made of. A killed run goes on."""
    check_folder(output)
    without_advice()
    from igo.mini.family import PARTS, make
    from igo.mini.recipe import Recipe

    chosen: dict[str, Any] = {"precision": precision, "batch_scale": batch_scale}
    recipe = Recipe(minutes=minutes, pictures=pictures, full_pictures=pictures, seed=seed, **chosen)
    size = make(output, recipe, work, part or PARTS, start)
    echo(f"{output}: {quantities.size(size)} of weights")
