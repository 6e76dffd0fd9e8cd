"""What ``igo.together`` saves: garments painted in batches beside garments painted one by one, on `mini`.

    python -m benchmarks.gathering [--device auto] [--garments 8] [--batch-size 4] [--rounds 3]

Baseline: the same calls, one after the other in the same process, on chains that have read, masked and encoded the
photo already. The two run in turn; times are of the clock, the ratio is the median over rounds. The saving is a GPU's,
which paints one small picture no faster than several; on a CPU there is none to be had.
"""

import argparse
import statistics
import time
from functools import partial

import numpy as np

import igo
from benchmarks.lookbook import garments
from igo.runtime import Runtime
from igo_plugins import VirtualStyling

PROMPT = "fashion photo of a woman in a white t-shirt and blue jeans, street background"
SEED = 7


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.gathering", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, ... (auto)")
    parser.add_argument("--garments", type=int, default=8, help="how many (8)")
    parser.add_argument("--batch-size", type=int, default=4, help="how many are under way at a time (4)")
    parser.add_argument("--rounds", type=int, default=3, help="how many pairs to time (3)")
    chosen = parser.parse_args()
    runtime, base = Runtime(chosen.device, "float32"), igo.TextToImage("mini")
    photo = igo.Chain(base, runtime=runtime).run(PROMPT, seed=SEED).image
    chains = [
        igo.Chain(base, VirtualStyling("t-shirt", to=garment), runtime=runtime) for garment in garments(chosen.garments)
    ]
    calls = [partial(chain.run, image=photo, seed=SEED) for chain in chains]
    times: list[tuple[float, float]] = []
    for _ in range(chosen.rounds + 1):  # the first warms up
        began = time.monotonic()
        gathered = igo.together(calls, chosen.batch_size)
        between = time.monotonic()
        alone = [call() for call in calls]
        times.append((between - began, time.monotonic() - between))
    apart = [
        np.abs(np.asarray(one.image).astype(int) - np.asarray(other.image)).mean()
        for one, other in zip(gathered, alone, strict=True)
    ]
    print(f"{len(calls)} garments, at most {chosen.batch_size} at once, on {runtime.device}")
    print(f"one by one  {statistics.median(alone for _, alone in times[1:]):.2f} s")
    print(f"together    {statistics.median(together for together, _ in times[1:]):.2f} s")
    ratios = [alone / together for together, alone in times[1:]]
    print(f"one by one/together  {statistics.median(ratios):.2f} (median; {min(ratios):.2f} to {max(ratios):.2f})")
    print(f"pictures differ by {max(apart):.4f} of 255 levels at most, on the mean of their pixels")


if __name__ == "__main__":
    main()
