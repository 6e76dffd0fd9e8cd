"""``igo demo``: generate, style, outpaint, upscale and try on, in a minute."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from igo.cli import options
from igo.cli.command import Commands
from igo.cli.printing import echo
from igo.files import check_folder

if TYPE_CHECKING:
    from PIL.Image import Image

LOOKS = (
    ("fashion photo of a korean woman in a white t-shirt and blue jeans, street background", "t-shirt", "a red hoodie"),
    ("fashion photo of a man in a yellow jacket and black trousers, park background", "trousers", "white shorts"),
    ("fashion photo of a woman in a green dress, beach background", "dress", "a purple dress"),
    ("fashion photo of a woman in a gray sweater and a navy skirt, wall background", "sweater", "an orange shirt"),
)
"""A prompt, what is replaced in its picture, and by what."""
GARMENTS = (8, 17, 29, 33)
"""Seeds of the garments of the drawn world that are tried on, one for each look."""
HEIGHT = 384
"""Pixels of a picture on the sheet."""


def flat_lay(seed: int, over_dress: bool) -> Image:
    """A garment that no words name, as nobody wears it."""
    from PIL.Image import fromarray

    from igo.embedded import NATIVE_SIZE
    from igo.wardrobe import lay_flat, sample

    fixed = {"gender": "woman", "top": "dress"} if over_dress else {"top": "t-shirt"}
    figure = sample(seed, top_cloth=seed, sleeve=0.35, **fixed)
    return fromarray(lay_flat(figure, "dress" if over_dress else "upper", *NATIVE_SIZE).image)


def detail(image: Image) -> Image:
    """What of a picture the sheet shows pixel by pixel: the middle of its upper part, of the shape of the whole."""
    height = min(HEIGHT, image.height)
    width, top = round(height * image.width / image.height), min(image.height // 20, image.height - height)
    left = (image.width - width) // 2
    return image.crop((left, top, left + width, top + height))


def register(app: Commands) -> None:
    app.command()(demo)


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write to.")] = Path("out/demo"),
    seed: Annotated[int, typer.Option(help="The first seed.")] = 9,
    speed: options.Speed = "exact",
    quiet: options.Quiet = False,
) -> None:
    """Paint looks with the embedded models, restyle, extend, enlarge and redress them, all stages on one sheet."""
    from igo.chains import registry
    from igo.chains.chain import Chain
    from igo.chains.speed import speed as quicker
    from igo.images import write_image
    from igo.images.sheet import contact_sheet
    from igo.painting.text_to_image import TextToImage
    from igo.runtime import Runtime

    check_folder(output)
    names = ("virtual-styling", "outpainting", "upscaling", "try-on")
    styling, outpainting, upscaling, try_on = map(registry.load, names)
    runtime, rows, fittings = Runtime(), [], []
    for number, (prompt, target, to) in enumerate(LOOKS, 1):
        # Guided by a prompt that names the clothes, `mini` hangs scraps of them beside the figure.
        extended = outpainting(to="3:4", prompt=prompt.rpartition(", ")[2], guidance_scale=1.5)
        steps = (TextToImage("mini"), *quicker(speed), styling(target, to=to), extended, upscaling(4))
        with options.progress(quiet) as observers:
            look = Chain(*steps, runtime=runtime).run(prompt, seed=seed + number - 1, observers=observers, stages=True)
        look.save(output / f"look-{number}.png")
        *before, enlarged = look.stages().values()
        rows.append([*before, detail(enlarged)])
        person, garment = before[0], flat_lay(GARMENTS[number - 1], over_dress=target == "dress")
        with options.progress(quiet) as observers:
            fitted = Chain(try_on(on_doubt="skip"), runtime=runtime).run(
                image=person, references={"garment": garment}, seed=seed, observers=observers
            )
        fitted.save(output / f"fitting-{number}.png")
        fittings.append([person, garment, fitted.image])
    captions = [f"generated · {target} to {to} · extended · enlarged 4 times, a part of it" for _, target, to in LOOKS]
    captions += ["generated · a garment that no words name · tried on"] * len(fittings)
    written = write_image(contact_sheet([*rows, *fittings], captions, columns=2, height=HEIGHT), output / "sheet.png")
    echo(f"{len(LOOKS)} looks and as many fittings are in {output}, all on one sheet: {written.path}; speed: {speed}")
    echo(f"how one of them was made: igo show {output / 'look-1.png'}")
