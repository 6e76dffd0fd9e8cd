"""What makes `mini` paint quicker, beside plain diffusers in the same process: time, likeness, and what is painted.

    pip install 'igo[measures,openvino]'
    python -m benchmarks.speed [--ways exact openvino fast turbo ...] [--few-steps turbo.safetensors] [--decoder tiny]
                               [--steps 20] [--rounds 5] [--judged 0] [--threads 2] [--sheet sheet.png] [--docs]

In each round every way paints the same prompt and seed in turn, plain ``StableDiffusionPipeline`` first, whole pictures
with text and decoder; ratios are medians over the rounds. What is done once (loading, converting, compiling) comes
before, and is timed apart. Pictures are compared with the same round's plain one. ``--docs`` makes the figure of
docs/speed.md; the rows of its table are printed in any case. ``--judged N`` has N held-out prompts painted and read by
the judge, which knows colours and types of clothes (`benchmarks/judge`).
"""

import argparse
import statistics
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline

import igo
from benchmarks.judge.verdicts import Judge
from benchmarks.measures import share_right
from benchmarks.prompts import balanced_prompts, shown_outfits
from benchmarks.scatter import scatter
from benchmarks.timing import HEADER, Row, Timed, machine, timed
from igo import embedded
from igo.images import write_image
from igo.images.sheet import contact_sheet
from igo_plugins import Acceleration, Caching, FewSteps, TinyDecoder

FIGURE = Path(__file__).parent.parent / "docs" / "images" / "speed.png"
JUDGED = {"colours": ("top colour", "bottom colour"), "types": ("top type", "bottom type")}
PLAIN = "plain diffusers"


def ways(options):
    """Each way's steps, by its name; what has a decoder of its own only where one is given."""
    fast, turbo = igo.speed("fast"), [FewSteps(options.few_steps or "mini/turbo")]
    every = {
        "exact": igo.speed("exact"),
        "compile": [Acceleration("compile")],
        "openvino": [Acceleration("openvino")],
        "Caching(3)": [Caching(3)],
        "fast": fast,
        "fast, openvino": [*fast, Acceleration("openvino")],
        "turbo": turbo,
        "turbo, openvino": [*turbo, Acceleration("openvino")],
    }
    if options.decoder is not None:
        small = [TinyDecoder(options.decoder)]
        every |= {"decoder": small, "fast, decoder": [*fast, *small], "turbo, decoder": [*turbo, *small]}
    if unknown := sorted(set(options.ways or ()) - every.keys()):
        raise SystemExit(f"--ways: {unknown[0]!r} is none of {', '.join(every)}")
    return {name: every[name] for name in options.ways or every}


@dataclass(frozen=True)
class Way:
    """Something that paints: ``paint(prompt, seed)``, and the seconds that its first picture took."""

    paint: object
    first: float


def of_chain(steps, asked):
    """What paints by `mini` and these steps, in as many steps as asked or as few as they take."""
    chain = igo.Chain(igo.TextToImage("mini"), *steps, runtime=igo.Runtime("cpu"))
    own = {} if any(isinstance(step, FewSteps) for step in steps) else {"num_inference_steps": asked}
    return lambda prompt, seed: chain.run(prompt, seed=seed, **own).image


def of_diffusers(asked):
    """What paints by the same weights, without IGO."""
    pipeline = StableDiffusionPipeline.from_pretrained(embedded.path("base"))
    pipeline.set_progress_bar_config(disable=True)
    own = {**embedded.DEFAULTS, "num_inference_steps": asked}
    return lambda prompt, seed: pipeline(prompt, generator=torch.Generator().manual_seed(seed), **own).images[0]


def measured(painting, wanted):
    """What each way took and made, by its name: in rounds, a prompt each."""
    found: dict[str, list[Timed]] = {name: [] for name in painting}
    for number, each in enumerate(wanted):
        for name, way in painting.items():
            found[name].append(timed(lambda way=way, each=each, number=number: way.paint(each.prompt, 1000 * number)))
    return found


def judged(judge, way, wanted):
    """The share of pictures in which the judge sees what was asked for, by kind of thing."""
    made = [np.asarray(way.paint(each.prompt, 1000 * number)) for number, each in enumerate(wanted)]
    verdicts, figures = judge.verdicts(np.stack(made)), [each.figure for each in wanted]
    shares = {
        kind: statistics.mean(share_right(measure, verdicts, figures) for measure in measures)
        for kind, measures in JUDGED.items()
    }
    return ", ".join(f"{kind} {share:.3f}" for kind, share in shares.items())


def main():
    parser = argparse.ArgumentParser(prog="benchmarks.speed", description=__doc__.split("\n\n")[0])
    parser.add_argument("--ways", nargs="+", help="which to measure (all)")
    parser.add_argument("--few-steps", metavar="FILE", help="the adapter of turbo (mini/turbo)")
    parser.add_argument("--decoder", metavar="DIR", help="a small decoder of mini's")
    parser.add_argument("--steps", type=int, default=20, help="denoising steps, but for turbo (20)")
    parser.add_argument("--rounds", type=int, default=5, help="pictures that each way paints (5)")
    parser.add_argument("--judged", type=int, default=0, help="prompts to judge (0)")
    parser.add_argument("--threads", type=int, help="(as many as torch takes)")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="the first pictures of each way")
    parser.add_argument("--docs", action="store_true", help=f"write {FIGURE.relative_to(FIGURE.parents[2])}")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    chosen = {PLAIN: of_diffusers(options.steps)}
    chosen |= {name: of_chain(steps, options.steps) for name, steps in ways(options).items()}
    wanted = balanced_prompts(max(options.rounds, options.judged), shown_outfits())
    painting = {}
    for name, paint in chosen.items():
        painting[name] = Way(paint, timed(lambda paint=paint: paint(wanted[0].prompt, 0)).clock)
        print(f"{name}: the first picture after {painting[name].first:.1f} s", flush=True)
    found = measured(painting, wanted[: options.rounds])
    plain = found[PLAIN]
    rows = {name: Row.of(plain, runs) for name, runs in found.items() if name != PLAIN}
    print(f"\nmini, {options.steps} steps, {options.rounds} rounds; {machine()}\n\n{HEADER}\n|{' --- |' * 6}")
    print(f"| {PLAIN} | | | | {statistics.median(run.clock for run in plain):.2f} | {painting[PLAIN].first:.0f} |")
    for name, row in rows.items():
        print(row.markdown(name, painting[name].first))
    if options.docs:
        threads = torch.get_num_threads()
        title = f"times as fast as plain diffusers: mini, {options.steps} steps, "
        title += f"{threads} threads" if threads > 1 else "one thread"
        figure = scatter([row.point(name) for name, row in rows.items()], title)
        figure.quantize(64).save(FIGURE, optimize=True)
    if options.sheet:
        pictures = [[run.made for run in runs[:8]] for runs in found.values()]
        write_image(contact_sheet(pictures, list(found), columns=1, height=192), options.sheet)
    if options.judged:
        judge = Judge()
        for name, way in painting.items():
            print(f"{name}: {judged(judge, way, wanted)}", flush=True)


if __name__ == "__main__":
    main()
