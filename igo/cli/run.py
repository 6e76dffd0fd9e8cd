"""``igo run``: a chain from a file."""

from pathlib import Path
from typing import Annotated

import typer

from igo.chains.settings import given
from igo.cli import options
from igo.cli.command import Commands
from igo.cli.outputs import Outputs


def register(app: Commands) -> None:
    app.command()(run)


def run(
    chain_file: Annotated[Path, typer.Argument(metavar="CHAIN.toml", help="The chain, as Chain.to_toml writes it.")],
    prompt: Annotated[str | None, typer.Option("--prompt", "-p", help="What to paint.")] = None,
    output: options.Output = None,
    image: options.Image = None,
    layer: options.Layer = None,
    reference: options.Reference = None,
    negative_prompt: options.NegativePrompt = None,
    seed: options.Seed = None,
    num_images: options.NumImages = None,
    width: options.Width = None,
    height: options.Height = None,
    num_inference_steps: options.Steps = None,
    guidance_scale: options.Guidance = None,
    strength: options.Strength = None,
    speed: options.Speed = "exact",
    few_steps: options.FewSteps = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
    commercial: options.Commercial = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the chain of a TOML file. Options win over the file's [request] and [runtime]."""
    from igo.chains.chain import Chain, drawn_seed
    from igo.chains.config import read_chain_file
    from igo.chains.speed import speed as quicker
    from igo.painting.text_to_image import TextToImage

    file = read_chain_file(chain_file)
    runtime = {**file.chain.runtime.describe().get("runtime", {}), **given(device=device, dtype=dtype)}
    plugins = [step.plugin for step in file.chain.steps]
    checkpoint = next((plugin.checkpoint for plugin in plugins if isinstance(plugin, TextToImage)), "this chain")
    chain = Chain(
        *plugins,
        *quicker(speed, checkpoint, few_steps),
        runtime=options.runtime_of(
            runtime.get("device"), runtime.get("dtype"), commercial or runtime.get("commercial", False)
        ),
    )
    layers, references = options.layers_from(layer), options.references_from(reference)
    asked = given(
        prompt=prompt,
        negative_prompt=negative_prompt,
        seed=seed,
        num_images=num_images,
        width=width,
        height=height,
        num_inference_steps=num_inference_steps,
        guidance_scale=guidance_scale,
        strength=strength,
    )
    settings = {**file.request, **asked}
    settings.setdefault("seed", drawn_seed())
    outputs = Outputs(output, f"igo-{settings['seed']}", [image, *layers.values(), *references.values(), chain_file])
    outputs.check(settings.get("num_images", 1))
    with options.progress(quiet) as observers:
        look = chain.run(**settings, image=image, layers=layers, references=references, observers=observers)
    outputs.save([look])
