"""``igo generate``: pictures from text."""

from typing import Annotated

import typer

from igo.chains.settings import given
from igo.cli import options
from igo.cli.command import Commands
from igo.cli.outputs import Outputs
from igo.cli.painting import Painting
from igo.errors import SettingsError


def register(app: Commands) -> None:
    app.command()(generate)


def generate(
    prompt: Annotated[str, typer.Argument(help='What to paint, such as "fashion photo of a woman in a red hoodie".')],
    painting: Painting,
    output: options.Output = None,
    negative_prompt: options.NegativePrompt = None,
    seed: options.Seed = None,
    num_images: options.NumImages = None,
    width: options.Width = None,
    height: options.Height = None,
    num_inference_steps: options.Steps = None,
    guidance_scale: options.Guidance = None,
    image: options.Image = None,
    layer: options.Layer = None,
    reference: options.Reference = None,
    strength: options.Strength = None,
    quiet: options.Quiet = False,
) -> None:
    """Paint pictures from text; with --image from that picture, with --layer mask=FILE only inside the mask."""
    layers, references = options.layers_from(layer), options.references_from(reference)
    if not prompt.strip() and (image is None or strength is None):
        raise SettingsError("PROMPT is empty; expected words that say what to paint")
    if image is None and (strength is not None or layer):
        what = "--layer" if layer else "--strength"
        raise SettingsError(f"{what} is for a picture to start from, and there is none; give it with --image")
    from igo.chains.chain import Chain, drawn_seed

    seed = drawn_seed() if seed is None else seed
    outputs = Outputs(output, f"igo-{seed}", [image, *layers.values(), *references.values()])
    outputs.check(num_images or 1)
    chain = Chain(*painting.steps, runtime=painting.runtime)
    with options.progress(quiet) as observers:
        look = chain.run(
            prompt,
            image=image,
            layers=layers,
            references=references,
            observers=observers,
            seed=seed,
            **given(
                negative_prompt=negative_prompt,
                num_images=num_images,
                width=width,
                height=height,
                num_inference_steps=num_inference_steps,
                guidance_scale=guidance_scale,
                strength=strength,
            ),
        )
    outputs.save([look])
