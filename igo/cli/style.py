"""``igo style``: a garment in a photo becomes another one, or each of many."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from igo.chains.settings import given
from igo.cli import options
from igo.cli.command import Commands
from igo.cli.outputs import Outputs
from igo.cli.painting import Painting
from igo.errors import SettingsError
from igo.files import text_of

if TYPE_CHECKING:
    from PIL.Image import Image

    from igo.records.look import Look

PHOTOGRAPHS = "CIDAS/clipseg-rd64-refined"
"""What finds garments for all checkpoints but mini's own."""


def register(app: Commands) -> None:
    app.command()(style)


def style(
    image: Annotated[Path, typer.Argument(help="The picture.")],
    target: Annotated[str, typer.Argument(help='What to replace, such as "t-shirt" or "jacket, shirt".')],
    painting: Painting,
    to: Annotated[str | None, typer.Argument(help='What it becomes, such as "a red hoodie".')] = None,
    each: Annotated[Path | None, typer.Option(help="In place of TO: a text file with a garment on each line.")] = None,
    output: options.Output = None,
    sheet: Annotated[bool, typer.Option("--sheet", help="Write a contact sheet too: before, mask, after.")] = False,
    zone: Annotated[bool, typer.Option("--zone", help="Write the zone that TARGET names, and paint nothing.")] = False,
    mask: Annotated[
        Path | None, typer.Option(help="Your own mask, white where to paint, in place of TARGET's.")
    ] = None,
    prompt: Annotated[
        str, typer.Option(help="What the picture shows; the new garment takes the old one's place.")
    ] = "",
    protect: Annotated[str | None, typer.Option(help="What is never repainted [face, hair, hands].")] = None,
    margin: Annotated[float | None, typer.Option(help="What the mask grows by, as a share of the height.")] = None,
    threshold: Annotated[float | None, typer.Option(help="How sure the mask must be of a pixel, 0 to 1.")] = None,
    on_doubt: Annotated[str | None, typer.Option(help="If the mask can't be believed: raise, skip or paint.")] = None,
    candidates: Annotated[int | None, typer.Option(help="How many to paint; the best one is taken.")] = None,
    batch_size: Annotated[int, typer.Option(help="How many garments a GPU paints at once.")] = 4,
    reference: options.Reference = None,
    negative_prompt: options.NegativePrompt = None,
    seed: options.Seed = None,
    num_inference_steps: options.Steps = None,
    guidance_scale: options.Guidance = None,
    strength: Annotated[float | None, typer.Option(help="How much of the zone is new, 0 to 1.")] = None,
    mask_model: Annotated[
        str | None, typer.Option(help=f"What finds TARGET: mini with mini, else {PHOTOGRAPHS}; or a human parser.")
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Change what somebody in a picture wears: `igo style me.png "t-shirt" "a red hoodie"`."""
    if to is not None and each is None:
        garments = [to]
    elif each is not None and to is None:
        garments = _garments(each)
    else:
        raise SettingsError("give either what the target becomes, such as 'a red hoodie', or --each FILE with many")
    if zone and mask is not None:
        raise SettingsError("--zone shows what TARGET names, in whose place --mask stands; give one of them")
    from igo.chains import registry
    from igo.chains.chain import Chain, drawn_seed
    from igo.chains.gathering import together
    from igo.images import read_image, read_mask

    files = options.references_from(reference)
    inputs, stem = [image, mask, each, *files.values()], f"{image.stem}-{'zone' if zone else 'styled'}"
    outputs = Outputs(output, stem, inputs, sheet and not zone)
    outputs.check(1 if zone else len(garments))
    mask_model = mask_model or ("mini" if painting.checkpoint == "mini" else PHOTOGRAPHS)
    options.check_model(mask_model, "--mask-model")
    styling = registry.load("virtual-styling")
    settings = given(
        protect=protect,
        margin=margin,
        threshold=threshold,
        on_doubt=on_doubt,
        candidates=candidates,
        strength=strength,
        mask_model=mask_model,
    )
    chains = [
        Chain(*painting.steps, styling(target, garment, **settings), runtime=painting.runtime) for garment in garments
    ]
    photo = read_image(image)  # once for all garments, whose chains also share the models and what these remember
    references = {name: read_image(file) for name, file in files.items()}
    if zone:
        outputs.write(chains[0].layer("mask", photo, references))
        return
    layers = {} if mask is None else {"mask": read_mask(mask)}
    asked: dict[str, Any] = given(
        negative_prompt=negative_prompt,
        seed=seed,
        num_inference_steps=num_inference_steps,
        guidance_scale=guidance_scale,
    )
    asked.setdefault("seed", drawn_seed())  # the same for all garments
    with options.progress(quiet) as observers:
        pictures = {"image": photo, "layers": layers, "references": references}
        wanted = {**pictures, "strength": 0, "observers": observers, **asked}
        looks = together([partial(chain.run, prompt, **wanted) for chain in chains], batch_size)
    outputs.save(looks, _sheet(looks, garments) if sheet else None)


def _garments(path: Path) -> list[str]:
    """The lines of a text file. Raises ``SettingsError`` if there are none."""
    lines = map(str.strip, text_of(path, "a garment on each line").split("\n"))
    garments = [line for line in lines if line and not line.startswith("#")]
    if not garments:
        raise SettingsError(f"--each {path} names no garment; expected one on each line, such as 'a red hoodie'")
    return garments


def _sheet(looks: list[Look], garments: list[str]) -> Image:
    """Before, mask, after; for several garments one before, one mask, and every after."""
    from igo.images.sheet import contact_sheet

    frame, before = looks[0].frames[0], looks[0].request.image
    zone = frame.layers.get("zone")
    named = [(name, picture) for name, picture in (("before", before), ("mask", zone)) if picture is not None]
    if len(looks) == 1:
        return contact_sheet([[*(picture for _, picture in named), frame.image]], garments)
    named += [(garment, look.image) for garment, look in zip(garments, looks, strict=True)]
    return contact_sheet([[picture] for _, picture in named], [name for name, _ in named], columns=4)
