"""``igo tryon``: the garment in this picture on the person in that one, or every garment on everybody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from igo.chains.settings import given
from igo.cli import options
from igo.cli.command import Commands
from igo.cli.outputs import Outputs
from igo.errors import SettingsError

if TYPE_CHECKING:
    from PIL.Image import Image

    from igo.chains.chain import Chain
    from igo.records.look import Look

MINI = "mini/tryon"
PHOTOGRAPHS = "mattmdjaga/segformer_b2_clothes"
"""The parser for all models but mini's own."""


def register(app: Commands) -> None:
    app.command()(tryon)


def tryon(
    person: Annotated[Path | None, typer.Argument(help="The picture of somebody.")] = None,
    garment: Annotated[
        list[Path] | None,
        typer.Argument(help="The garment's picture, laid flat or worn by another; several are put on in order."),
    ] = None,
    people: Annotated[
        Path | None, typer.Option(metavar="DIR", help="In place of PERSON: a folder of pictures, with --garments.")
    ] = None,
    garments: Annotated[
        Path | None, typer.Option(metavar="DIR", help="In place of GARMENT: a folder, each of which all people get.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file to write: .png (exact), .jpg or .webp; with --people a folder."),
    ] = None,
    sheet: Annotated[bool, typer.Option("--sheet", help="Write a contact sheet too: before, garments, after.")] = False,
    part: Annotated[
        list[str] | None,
        typer.Option(help="What the garment takes the place of: auto, upper, lower or dress. One, or one for each."),
    ] = None,
    mask: Annotated[str | None, typer.Option(help="How the zone is made: hull, tight, box or none.")] = None,
    layer: options.Layer = None,
    model: Annotated[
        str, typer.Option("--model", "-m", help=f"{MINI}, a folder, or a hub's owner/name such as zhengchong/CatVTON.")
    ] = MINI,
    variant: Annotated[
        str | None, typer.Option(help="Of several sets of weights the one, such as mix-48k-1024.")
    ] = None,
    base: Annotated[str | None, typer.Option(help="The inpainting checkpoint that CatVTON's weights go into.")] = None,
    vae: Annotated[str | None, typer.Option(help="Another VAE, such as stabilityai/sd-vae-ft-mse.")] = None,
    parser: Annotated[
        str | None, typer.Option(help=f"Who wears what: mini's own with {MINI}, else {PHOTOGRAPHS} or another.")
    ] = None,
    candidates: Annotated[int | None, typer.Option(help="How many to paint; the best one is taken.")] = None,
    on_doubt: Annotated[
        str | None, typer.Option(help="If parse or garment can't be believed: raise, skip, paint.")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="How many pictures a GPU paints at once.")] = 4,
    seed: options.Seed = None,
    num_inference_steps: options.Steps = None,
    guidance_scale: Annotated[
        float | None, typer.Option(help="How closely to follow the garment [the model's own].")
    ] = None,
    speed: Annotated[
        Literal["exact", "fast"],
        typer.Option(help="exact, or fast: about twice as quick, nearly the same (mini/tryon is quick as it is)."),
    ] = "exact",
    device: options.Device = None,
    dtype: options.Dtype = None,
    commercial: options.Commercial = False,
    quiet: options.Quiet = False,
) -> None:
    """Put garments on somebody: `igo tryon me.png shirt.png`; or each of many on everybody, with --people DIR."""
    from igo.chains import registry
    from igo.chains.chain import Chain, drawn_seed
    from igo.chains.speed import speed as quicker

    whole = people is not None or garments is not None
    if whole and (person is not None or people is None or garments is None):
        raise SettingsError("--people and --garments go together, in place of PERSON and GARMENT; give both folders")
    if not whole and (person is None or not garment):
        raise SettingsError("give the picture of somebody and that of a garment, or --people DIR and --garments DIR")
    count = len(garment or [])
    parts = part or ["auto"]
    if len(parts) not in (1, max(count, 1)):
        raise SettingsError(
            f"--part is given {len(parts)} times, and there are {max(count, 1)} garments; give one for each"
        )
    step = registry.load("try-on")
    settings = given(
        model=model,
        variant=variant,
        base=base,
        vae=vae,
        parser=parser or ("mini" if model == MINI else PHOTOGRAPHS),
        mask=mask,
        candidates=candidates,
        on_doubt=on_doubt,
        num_inference_steps=num_inference_steps,
        guidance_scale=guidance_scale,
    )
    names = ["garment", *(f"garment-{number}" for number in range(2, count + 1))]
    steps = [
        step(reference=name, part=parts[min(number, len(parts) - 1)], **settings) for number, name in enumerate(names)
    ]
    chain = Chain(*steps, *quicker(speed, model), runtime=options.runtime_of(device, dtype, commercial))
    seed = drawn_seed() if seed is None else seed  # the same for all
    if people is not None and garments is not None:
        from igo.cli.fittings import everybody

        if layer or sheet:
            raise SettingsError("--people writes a sheet of its own, and takes no --layer; leave them out")
        everybody(chain, people, garments, output, seed, batch_size, quiet)
    elif person is not None and garment is not None:
        _one(
            chain,
            person,
            dict(zip(names, garment, strict=True)),
            options.layers_from(layer),
            output,
            sheet,
            seed,
            quiet,
        )


def _one(
    chain: Chain,
    person: Path,
    garments: dict[str, Path],
    layers: dict[str, Path],
    output: Path | None,
    sheet: bool,
    seed: int,
    quiet: bool,
) -> None:
    """Garments on one person, in order."""
    outputs = Outputs(output, f"{person.stem}-dressed", [person, *garments.values(), *layers.values()], sheet)
    outputs.check()
    with options.progress(quiet) as observers:
        look = chain.run(image=person, references=garments, layers=layers, seed=seed, observers=observers)
    outputs.save([look], _sheet(look, garments) if sheet else None)


def _sheet(look: Look, garments: dict[str, Path]) -> Image:
    from igo.images.sheet import contact_sheet

    before = [look.request.image] if look.request.image is not None else []
    shown: list[Any] = [*before, *(look.request.references[name] for name in garments), look.image]
    names = ["before"] * len(before) + [path.stem for path in garments.values()] + ["after"]
    return contact_sheet([[picture] for picture in shown], names, columns=len(shown))
