"""``igo demo``: real pictures in a minute."""

from pathlib import Path
from typing import Annotated

import typer

from igo.cli import options

PROMPTS = (
    "fashion photo of a korean woman in a red hoodie and blue jeans, street background",
    "fashion photo of a man in a yellow jacket and black trousers, park background",
    "fashion photo of a woman in a green dress, beach background",
    "fashion photo of a man in a white shirt and brown shorts, shop background",
    "fashion photo of a woman in a purple sweater and gray skirt, studio background",
    "fashion photo of a man in a navy coat and gray jeans, wall background",
)


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write to.")] = Path("out/demo"),
    seed: Annotated[int, typer.Option(help="The first seed.")] = 7,
    quiet: options.Quiet = False,
) -> None:
    """Paint some looks with the embedded checkpoint `mini`, and put them on one sheet."""
    from igo.chain import Chain
    from igo.images import write_image
    from igo.sheet import contact_sheet
    from igo.text_to_image import TextToImage

    chain = Chain(TextToImage("mini"))
    looks = []
    with options.progress(quiet) as observers:
        for prompt in PROMPTS:
            looks.append(chain.run(prompt, seed=seed, num_images=2, observers=observers))
            looks[-1].save(output / f"look-{len(looks)}.png")
    captions = [prompt.removeprefix("fashion photo of a ").split(",")[0] for prompt in PROMPTS]
    sheet = contact_sheet([look.images for look in looks], captions, columns=3)
    written = write_image(sheet, output / "sheet.png")
    typer.echo(f"{2 * len(looks)} pictures are in {output}, all of them on one sheet: {written.path}")
    typer.echo(f"how one of them was made: igo show {output / 'look-1-1.png'}")
