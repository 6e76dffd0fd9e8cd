"""What engines save, and how far their pictures lie from plain diffusers', in one process.

    python -m benchmarks.engines [--size mini] [--steps 20] [--pairs 5] [--rows openvino]

Each row is a chain, timed in alternating pairs with plain ``StableDiffusionPipeline`` of the same weights, prompt,
size, steps, guidance and seed, so that a machine whose speed drifts slows both; the ratio is the median over the pairs,
by the clock and by the seconds of all threads, which a busy machine changes less.
What an engine does once (converting, compiling) is timed apart, by the first picture. ``--size sd15`` builds a
checkpoint of Stable Diffusion 1.5's real size with random weights (859.5 M in its UNet), in a folder that is removed
again.
"""

import argparse
import statistics
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import igo
from benchmarks.timing import Ratio, machine, timed
from igo import embedded
from igo_plugins import Acceleration

PROMPT = "fashion photo of a korean woman in a red hoodie and blue jeans, street background"
SIZES = {"mini": {"width": 128, "height": 192}, "sd15": {"width": 512, "height": 512}}
ROWS = {name: (Acceleration(name),) for name in ("none", "openvino", "compile")}
"""By name, the steps that stand after the base."""


@contextmanager
def checkpoint(size):
    """A folder in diffusers' layout: `mini`'s, or one of the real size for as long as it lasts."""
    if size == "mini":
        yield embedded.path("base")
        return
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        tokenizer = CLIPTokenizer.from_pretrained(embedded.path("base") / "tokenizer")
        text = CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=768,
            intermediate_size=3072,
            num_hidden_layers=12,
            num_attention_heads=12,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
        channels = (128, 256, 512, 512)
        StableDiffusionPipeline(
            vae=AutoencoderKL(
                block_out_channels=channels,
                down_block_types=("DownEncoderBlock2D",) * 4,
                up_block_types=("UpDecoderBlock2D",) * 4,
                layers_per_block=2,
            ),
            text_encoder=CLIPTextModel(text),
            tokenizer=tokenizer,
            unet=UNet2DConditionModel(sample_size=64, cross_attention_dim=768),
            scheduler=PNDMScheduler(
                beta_start=0.00085,
                beta_end=0.012,
                beta_schedule="scaled_linear",
                skip_prk_steps=True,
                steps_offset=1,
            ),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        ).save_pretrained(folder)
        yield Path(folder)


def main():
    parser = argparse.ArgumentParser(prog="benchmarks.engines", description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="mini", help="mini, or sd15 with random weights (mini)")
    parser.add_argument("--steps", type=int, default=20, help="denoising steps, with guidance (20)")
    parser.add_argument("--pairs", type=int, default=5, help="how many pairs to time (5)")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), help="which (all)")
    chosen = parser.parse_args()
    call = {"num_inference_steps": chosen.steps, "guidance_scale": 5.0, **SIZES[chosen.size]}
    with checkpoint(chosen.size) as folder:
        pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
        pipeline.set_progress_bar_config(disable=True)

        def bare():
            return pipeline(PROMPT, generator=torch.Generator("cpu").manual_seed(7), **call).images[0]

        base = igo.TextToImage("mini" if chosen.size == "mini" else str(folder), preset="none")
        print(f"{machine()}; {chosen.size}, {chosen.steps} steps")
        print("row        first s   plain s  row s   clock                 threads               levels apart")
        for name in chosen.rows:
            chain = igo.Chain(base, *ROWS[name], runtime=igo.Runtime("cpu"))

            def chained(chain=chain):
                return chain.run(PROMPT, seed=7, **call).image

            first = timed(chained)
            apart = np.abs(np.asarray(first.made).astype(int) - np.asarray(bare())).max()
            plain, row = zip(*[(timed(bare), timed(chained)) for _ in range(chosen.pairs)], strict=True)
            middle = [statistics.median(run.clock for run in runs) for runs in (plain, row)]
            print(
                f"{name:10} {first.clock:7.1f}   {middle[0]:7.2f} {middle[1]:6.2f}  "
                f"{Ratio.of(plain, row, 'clock')!s:21} {Ratio.of(plain, row, 'threads')!s:21} {apart:6}",
                flush=True,
            )


if __name__ == "__main__":
    main()
