"""``igo generate``: pictures from text."""

from typing import Annotated

import typer

from igo.cli import options
from igo.cli.options import given


def register(app: typer.Typer) -> None:
    app.command()(generate)


def generate(
    prompt: Annotated[str, typer.Argument(help='What to paint, such as "fashion photo of a woman in a red hoodie".')],
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
    strength: options.Strength = None,
    checkpoint: options.Checkpoint = "mini",
    revision: options.Revision = None,
    inpaint_checkpoint: options.InpaintCheckpoint = None,
    scheduler: Annotated[str | None, typer.Option(help="A scheduler class of diffusers.")] = None,
    preset: Annotated[str | None, typer.Option(help="A prompt template: auto, none, or its name.")] = None,
    emphasis: Annotated[str | None, typer.Option(help="What weights in the prompt do: mean, plain or off.")] = None,
    clip_skip: Annotated[int | None, typer.Option(help="How many of the text encoder's last layers to skip.")] = None,
    variant: Annotated[str | None, typer.Option(help="Which files of a checkpoint to load, such as fp16.")] = None,
    config: Annotated[str | None, typer.Option(help="For a .safetensors file: a checkpoint of the same shape.")] = None,
    safety: Annotated[str | None, typer.Option(help="What becomes of flagged pictures: blur, keep or refuse.")] = None,
    memory: Annotated[str | None, typer.Option(help="auto, full, slicing, offload, tiling or sequential.")] = None,
    adapter: options.Adapters = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
    quiet: options.Quiet = False,
) -> None:
    """Paint pictures from text; with --image from that picture, with --layer mask=FILE only inside the mask."""
    from igo.chains.chain import Chain
    from igo.painting.text_to_image import TextToImage
    from igo.runtime import Runtime

    layers = options.layers_from(layer)
    options.check_output(output, num_images or 1, [image, *layers.values()])
    base = TextToImage(
        checkpoint,
        **given(
            revision=revision,
            inpaint_checkpoint=inpaint_checkpoint,
            scheduler=scheduler,
            preset=preset,
            emphasis=emphasis,
            clip_skip=clip_skip,
            variant=variant,
            config=config,
            safety=safety,
            memory=memory,
        ),
    )
    chain = Chain(base, *options.adapters_from(adapter), runtime=Runtime(**given(device=device, dtype=dtype)))
    with options.progress(quiet) as observers:
        look = chain.run(
            prompt,
            image=image,
            layers=layers,
            observers=observers,
            **given(
                negative_prompt=negative_prompt,
                seed=seed,
                num_images=num_images,
                width=width,
                height=height,
                num_inference_steps=num_inference_steps,
                guidance_scale=guidance_scale,
                strength=strength,
            ),
        )
    options.save(look, output)
