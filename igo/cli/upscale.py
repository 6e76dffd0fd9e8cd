"""``igo upscale``: a picture with more pixels."""

from pathlib import Path
from typing import Annotated

import typer

from igo.chains.settings import given
from igo.cli import options
from igo.cli.command import Commands
from igo.cli.outputs import Outputs


def register(app: Commands) -> None:
    app.command()(upscale)


def upscale(
    image: Annotated[Path, typer.Argument(help="The picture to enlarge.")],
    scale: Annotated[
        float | None, typer.Argument(help="How many times larger, such as 2 or 1.5; 4 by default.", show_default=False)
    ] = None,
    to: Annotated[str | None, typer.Option(help="In place of SCALE: the size to fill, such as 2048x3072.")] = None,
    output: options.Output = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="mini, a model of Real-ESRGAN by name, or a file of weights.")
    ] = None,
    weights: Annotated[str | None, typer.Option(help="The folder that holds the official files.")] = None,
    strength: Annotated[float | None, typer.Option(help="How much of the result is the network's, 0 to 1.")] = None,
    denoise_strength: Annotated[float | None, typer.Option(help="For realesr-general-x4v3: 0 keeps grain.")] = None,
    keep_color: Annotated[
        bool | None, typer.Option("--keep-color", help="Hold the colours of plain areas where they were.")
    ] = None,
    tile: Annotated[int | None, typer.Option(help="The side of a tile in pixels of the picture; 0 for none.")] = None,
    pre_pad: Annotated[int | None, typer.Option(help="Pixels that are mirrored around the picture before.")] = None,
    backend: Annotated[str | None, typer.Option(help="torch, ncnn or realesrgan.")] = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
    commercial: options.Commercial = False,
    quiet: options.Quiet = False,
) -> None:
    """Enlarge a picture by Real-ESRGAN. Transparency is kept."""
    from igo.chains import registry
    from igo.chains.chain import Chain

    outputs = Outputs(output, f"{image.stem}-{to or f'x{scale or 4:g}'}", [image])
    outputs.check()
    step = registry.load("upscaling")(
        **given(
            scale=scale,
            to=to,
            model=model,
            weights=weights,
            strength=strength,
            denoise_strength=denoise_strength,
            keep_color=keep_color,
            tile=tile,
            pre_pad=pre_pad,
            backend=backend,
        )
    )
    chain = Chain(step, runtime=options.runtime_of(device, dtype, commercial))
    with options.progress(quiet) as observers:
        look = chain.run(image=image, seed=0, observers=observers)
    outputs.save([look])
