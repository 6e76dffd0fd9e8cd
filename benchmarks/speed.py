"""What makes `mini` paint quicker, beside plain painting in the same process: time, likeness, and what is painted.

    pip install 'igo[measures,benchmarks]'
    python -m benchmarks.speed [--ways "Caching(3)" fast turbo] [--few-steps turbo.safetensors] [--decoder tiny]
                               [--pairs 5] [--pictures 12] [--judged 0] [--threads 1] [--sheet sheet.png]

Baseline: ``igo.TextToImage("mini")`` alone, 20 steps at its own guidance. Times are CPU time of whole pictures, with
text and decoder, so that a busy machine harms both alike; the ratio is the median over alternating pairs. SSIM is to
the same seed's plain picture, mean and least. ``--judged N`` has N held-out prompts painted and read by the judge,
which knows colours and types of clothes (`benchmarks/judge`).
"""

import argparse
import platform
import statistics
import time
from pathlib import Path

import numpy as np
import torch

import igo
from benchmarks.judge.verdicts import Judge
from benchmarks.measures import share_right
from benchmarks.prompts import balanced_prompts, shown_outfits
from igo.images import write_image
from igo.images.sheet import contact_sheet
from igo.measures import ssim
from igo_plugins import Caching, FewSteps, TinyDecoder

JUDGED = {"colours": ("top colour", "bottom colour"), "types": ("top type", "bottom type")}


def ways(options):
    """Each way's steps, by its name."""
    turbo = [FewSteps(options.few_steps or "mini/turbo")]
    small = [] if options.decoder is None else [TinyDecoder(options.decoder)]
    every = {
        "Caching(2)": [Caching(2)],
        "Caching(3)": [Caching(3)],
        "fast": igo.speed("fast"),
        "turbo": turbo,
        "decoder": small,
        "fast, decoder": [*igo.speed("fast"), *small],
        "turbo, decoder": [*turbo, *small],
    }
    return {name: every[name] for name in options.ways}


def painted(chain, wanted):
    """One picture for each prompt."""
    return [chain.run(each.prompt, seed=1000 * number).image for number, each in enumerate(wanted)]


def seconds(chain, prompt, seed):
    """CPU seconds of all threads for one picture."""
    start = time.process_time()
    chain.run(prompt, seed=seed)
    return time.process_time() - start


def ratio(plain, other, wanted, pairs):
    """How many times quicker ``other`` is than ``plain``: median, least and most over pairs."""
    for chain in (plain, other):
        chain.run(wanted[0].prompt, seed=0)  # loads, and chooses kernels
    found = []
    for number in range(pairs):
        prompt = wanted[number % len(wanted)].prompt
        found.append(seconds(plain, prompt, number) / seconds(other, prompt, number))
    return statistics.median(found), min(found), max(found)


def judged(judge, chain, wanted):
    """The share of pictures in which the judge sees what was asked for, by kind of thing."""
    verdicts = judge.verdicts(np.stack([np.asarray(image) for image in painted(chain, wanted)]))
    figures = [each.figure for each in wanted]
    return {
        kind: statistics.mean(share_right(measure, verdicts, figures) for measure in measures)
        for kind, measures in JUDGED.items()
    }


def main():
    parser = argparse.ArgumentParser(prog="benchmarks.speed", description=__doc__.splitlines()[0])
    parser.add_argument("--ways", nargs="+", default=["Caching(3)", "fast"], help="which to measure")
    parser.add_argument("--few-steps", metavar="FILE", help="the adapter of turbo (mini/turbo)")
    parser.add_argument("--decoder", metavar="DIR", help="a small decoder of mini's")
    parser.add_argument("--pairs", type=int, default=5, help="how many pairs to time (5)")
    parser.add_argument("--pictures", type=int, default=12, help="pictures to compare (12)")
    parser.add_argument("--judged", type=int, default=0, help="prompts to judge (0)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="the first pictures of each way")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    chosen, runtime = ways(options), igo.Runtime("cpu")
    plain = igo.Chain(igo.TextToImage("mini"), runtime=runtime)
    wanted = balanced_prompts(max(options.pictures, options.judged), shown_outfits())
    few, exact = wanted[: options.pictures], painted(plain, wanted[: options.pictures])
    rows, judge = {"exact": exact[:8]}, Judge() if options.judged else None
    print(f"{platform.processor() or platform.machine()}, {options.threads} threads, torch {torch.__version__}")
    if judge is not None:
        print("exact: " + shown(judged(judge, plain, wanted[: options.judged])))
    for name, steps in chosen.items():
        chain = igo.Chain(igo.TextToImage("mini"), *steps, runtime=runtime)
        middle, least, most = ratio(plain, chain, few, options.pairs)
        made = painted(chain, few)
        likeness = [ssim(one, other) for one, other in zip(exact, made, strict=True)]
        told = f"{name}: {middle:.2f} times quicker ({least:.2f} to {most:.2f}), SSIM {statistics.mean(likeness):.3f}"
        told += f" (least {min(likeness):.3f})"
        if judge is not None:
            told += f", {shown(judged(judge, chain, wanted[: options.judged]))}"
        print(told, flush=True)
        rows[name] = made[:8]
    if options.sheet:
        write_image(contact_sheet(list(rows.values()), list(rows), columns=1, height=192), options.sheet)


def shown(shares):
    return ", ".join(f"{kind} {value:.3f}" for kind, value in shares.items())


if __name__ == "__main__":
    main()
