"""What a chain costs over the bare diffusers call, on `mini` at 20 steps, and what steps that do nothing cost.

    python benchmarks/overhead.py [--pairs 15]

Baseline: plain ``StableDiffusionPipeline`` with the same weights, prompt, size, steps, guidance and seed, in the same
process. The two run in turn, so that a machine whose speed drifts slows both; the ratio is the median over pairs. The
pictures are checked to be equal first.
"""

import argparse
import statistics
import time
from dataclasses import dataclass

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

import igo
from igo import embedded

PROMPT = "fashion photo of a korean woman in a red hoodie and blue jeans, street background"
SIZE = {"width": 128, "height": 192}
CALL = {"num_inference_steps": 20, "guidance_scale": 5.0, **SIZE}


@dataclass(frozen=True)
class Nothing:
    """A step that is asked and changes nothing."""

    @igo.hookimpl
    def preprocess(self, request):
        return request

    @igo.hookimpl
    def generate(self, request, inner):
        return inner(request)

    @igo.hookimpl
    def postprocess(self, frame):
        return frame


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=15, help="how many pairs to time")
    pairs = parser.parse_args().pairs

    pipeline = StableDiffusionPipeline.from_pretrained(embedded.path("base"))
    pipeline.set_progress_bar_config(disable=True)
    chain = igo.Chain(igo.TextToImage("mini"))

    def bare():
        return pipeline(PROMPT, generator=torch.Generator("cpu").manual_seed(7), **CALL).images[0]

    def chained():
        return chain.run(PROMPT, seed=7, **CALL).image

    assert bare() == chained(), "the two paint different pictures"
    times = [(timed(chained), timed(bare)) for _ in range(pairs)]
    ratios = [ours / theirs for ours, theirs in times]
    print(f"bare diffusers call  {statistics.median(theirs for _, theirs in times):.3f} s (median of {pairs})")
    print(f"chain / bare         {statistics.median(ratios):.4f} (median; {min(ratios):.3f} to {max(ratios):.3f})")

    image = Image.new("RGB", (128, 192))
    empty, three = igo.Chain(), igo.Chain(Nothing(), Nothing(), Nothing())
    costs = [timed(lambda: three.run(image=image)) - timed(lambda: empty.run(image=image)) for _ in range(200)]
    print(f"three no-op steps    {statistics.median(costs) * 1000:.3f} ms (median of 200)")


if __name__ == "__main__":
    main()
