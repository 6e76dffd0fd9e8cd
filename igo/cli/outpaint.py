"""``igo outpaint``: a picture continued beyond its sides."""

from pathlib import Path
from typing import Annotated

import typer

from igo.chains.settings import given
from igo.cli import options
from igo.cli.command import Commands
from igo.cli.outputs import Outputs
from igo.cli.painting import Painting


def register(app: Commands) -> None:
    app.command()(outpaint)


def outpaint(
    image: Annotated[Path, typer.Argument(help="The picture to extend.")],
    painting: Painting,
    prompt: Annotated[str, typer.Argument(help="What the whole picture shows; may be left out.")] = "",
    to: Annotated[str | None, typer.Option(help="A shape such as 3:4, or a size such as 1024x1536.")] = None,
    left: Annotated[int | None, typer.Option(help="In place of --to: pixels to add on the left.")] = None,
    right: Annotated[int | None, typer.Option(help="Pixels to add on the right.")] = None,
    top: Annotated[int | None, typer.Option(help="Pixels to add above.")] = None,
    bottom: Annotated[int | None, typer.Option(help="Pixels to add below.")] = None,
    anchor: Annotated[
        str | None, typer.Option(help="With --to, where the picture stands: center, top, bottom-left ...")
    ] = None,
    output: options.Output = None,
    reference: options.Reference = None,
    negative_prompt: options.NegativePrompt = None,
    seed: options.Seed = None,
    num_images: options.NumImages = None,
    num_inference_steps: options.Steps = None,
    guidance_scale: options.Guidance = None,
    strength: Annotated[
        float | None, typer.Option(help="How much of the continued edges is replaced, up to 1; by default all.")
    ] = None,
    overlap: Annotated[int | None, typer.Option(help="Pixels of the picture to paint anew beside what is new.")] = None,
    reach: Annotated[
        float | None, typer.Option(help="How much of what the base is shown may be new in one pass, up to 1.")
    ] = None,
    tile: Annotated[int | None, typer.Option(help="For large photos: the longest side to paint at once.")] = None,
    quiet: options.Quiet = False,
) -> None:
    """Extend a picture to a shape, to a size or by pixels. Its pixels stay, but for an overlap along what is new."""
    from igo.chains import registry
    from igo.chains.chain import Chain

    references = options.references_from(reference)
    outputs = Outputs(output, f"{image.stem}-outpainted", [image, *references.values()])
    outputs.check(num_images or 1)
    extend = registry.load("outpainting")(
        **given(
            left=left,
            right=right,
            top=top,
            bottom=bottom,
            to=to,
            anchor=anchor,
            strength=strength,
            overlap=overlap,
            reach=reach,
            tile=tile,
        )
    )
    chain = Chain(extend, *painting.steps, runtime=painting.runtime)
    with options.progress(quiet) as observers:
        look = chain.run(
            prompt,
            image=image,
            references=references,
            observers=observers,
            **given(
                negative_prompt=negative_prompt,
                seed=seed,
                num_images=num_images,
                num_inference_steps=num_inference_steps,
                guidance_scale=guidance_scale,
            ),
        )
    outputs.save([look])
