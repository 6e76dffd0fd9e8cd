"""Two new subjects in one adapter: ``python -m benchmarks.dreambooth --work DIR``.

Eight drawings of each (see ``benchmarks.subjects``) are taught by what ``igo train dreambooth`` runs. Pictures painted
before, after, and with two adapters that were trained apart and then mixed, are judged by a judge of these subjects
and, for the other garments, by the one that `mini` is measured with.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

import igo
from benchmarks.judge.verdicts import Judge
from benchmarks.prompts import balanced_prompts
from benchmarks.subject_judge import SubjectJudge
from benchmarks.subjects import BAG, JACKET, caption, dressed, picture, zone
from igo.embedded import NATIVE_SIZE
from igo.mini.pictures import balanced_figures
from igo.training.adapters.adapt import Adaptation, load_adaptable
from igo.training.adapters.dreambooth import Prior, train_dreambooth
from igo.training.adapters.lora import LoraSettings
from igo.training.adapters.subjects import Subject
from igo.training.loop.effort import Effort
from igo.wardrobe import COLORS
from igo_plugins import Adapter

SHOWN = 8
SHOWN_SEED, ASKED_SEED = 203, 204
PRIOR_SEED, PRIOR = 205, Prior(count=24, weight=0.7)
EFFORT = Effort(minutes=13, batch_size=6, learning_rate=3e-3)
"""With the prior pictures, which are painted first, a quarter of an hour."""
ADAPTATION = Adaptation(LoraSettings(rank=16, targets="all"), text_rate=0.5)


def shown(work: Path) -> list[Subject]:
    """The subjects, with folders of eight captioned drawings each."""
    subjects = []
    figures = balanced_figures(2 * SHOWN, SHOWN_SEED)
    for number, (thing, name) in enumerate({"jacket": JACKET, "bag": BAG}.items()):
        jacket, bag = number == 0, number == 1
        token, kind = name.split(" ", 1)
        folder = work / thing
        folder.mkdir(parents=True, exist_ok=True)
        lines = []
        for index, figure in enumerate(figures[number * SHOWN : (number + 1) * SHOWN]):
            worn = dressed(figure, jacket, bag)
            Image.fromarray(picture(worn, jacket, bag)).save(folder / f"{index}.png")
            Image.fromarray(zone(worn, jacket, bag)).save(folder / f"{index}-mask.png")
            file = {"file_name": f"{index}.png"}
            lines.append(json.dumps(file | {"text": caption(worn, jacket, bag)}))
            lines.append(json.dumps(file | {"text": name, "mask": f"{index}-mask.png"}))
        (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n")
        values = {"token": token, "class": kind, "folder": folder, "prior": prior(thing)}
        subjects.append(Subject.model_validate(values))
    return subjects


def prior(thing: str) -> tuple[str, ...]:
    """Prompts for other people: each in another jacket; or one with a bag, one without, who must not get one."""
    prompts = []
    for number, figure in enumerate(balanced_figures(PRIOR.count, PRIOR_SEED)):
        color = list(COLORS)[number % len(COLORS)]
        if thing == "jacket":
            prompts.append(caption(replace(dressed(figure, True, False), top_color=color), False, False))
        else:
            place = f", {figure.background} background"
            carried = f", with a {color} bag" if number % 2 else ""
            prompts.append(caption(figure, False, False).replace(place, carried + place))
    return tuple(prompts)


def measured(
    adapters: list[Adapter], subjects: SubjectJudge, judge: Judge, count: int, sheet: Path
) -> dict[str, float]:
    """Paint ``count`` prompts for the jacket, for the bag, for both and for ordinary clothes, and judge them."""
    chain = igo.Chain(igo.TextToImage("mini"), *adapters)
    figures = [figure for figure in balanced_figures(2 * count, ASKED_SEED) if figure.bottom != "none"][:count]
    found: dict[str, float] = {}
    rows = []
    for name, jacket, bag in ((JACKET, True, False), (BAG, False, True), ("both", True, True)):
        prompts = [caption(dressed(figure, jacket, bag), jacket, bag) for figure in figures]
        pictures = _painted(chain, prompts, name)
        right = subjects.verdicts(pictures)
        wanted = right[:, [index for index, asked in enumerate((jacket, bag)) if asked]]
        found[name] = float(wanted.all(1).mean())
        bottoms = [verdict["bottom_color"] for verdict in judge.verdicts(pictures)]
        found[f"bottom colour, {name}"] = _share(bottoms, [figure.bottom_color for figure in figures])
        rows.append(np.concatenate(pictures[:10], 1))
    ordinary = balanced_prompts(count)
    pictures = _painted(chain, [one.prompt for one in ordinary], "ordinary clothes")
    verdicts = judge.verdicts(pictures)
    found["top colour"] = _share([v["top_color"] for v in verdicts], [one.figure.top_color for one in ordinary])
    lower = [(v["bottom_color"], one.figure) for v, one in zip(verdicts, ordinary, strict=True)]
    found["bottom colour"] = float(
        np.mean([color == figure.bottom_color for color, figure in lower if figure.bottom != "none"])
    )
    found["subjects where not asked for"] = float(subjects.verdicts(pictures).any(1).mean())
    rows.append(np.concatenate(pictures[:10], 1))
    Image.fromarray(np.concatenate(rows)).resize((1600, 960), Image.Resampling.LANCZOS).save(sheet)
    return found


def _painted(chain: igo.Chain, prompts: list[str], name: str) -> NDArray[np.uint8]:
    width, height = NATIVE_SIZE
    painted = [
        np.asarray(chain.run(prompt, seed=1000 + index, width=width, height=height, num_inference_steps=20).image)
        for index, prompt in enumerate(track(prompts, f"painting {name}"))
    ]
    return np.stack(painted)


def _share(seen: list[str], wanted: list[str]) -> float:
    return float(np.mean([one == other for one, other in zip(seen, wanted, strict=True)]))


def _trained(subjects: list[Subject], out: Path, effort: Effort, prior: Prior) -> float:
    """Train one adapter for ``subjects``; the seconds that it took, prior pictures among them."""
    began = time.monotonic()
    work = out.with_suffix("")
    train_dreambooth(load_adaptable("mini"), subjects, NATIVE_SIZE, out, work, effort, ADAPTATION, prior)
    return time.monotonic() - began


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.dreambooth", description="Teach mini two subjects, and measure.")
    parser.add_argument("--work", type=Path, required=True, help="folder for drawings, checkpoints and sheets")
    parser.add_argument("--steps", type=int, help="steps of 6 pictures, in place of 13 minutes")
    parser.add_argument("--pictures", type=int, default=50, help="pictures of each kind that are judged")
    parser.add_argument("--apart", action="store_true", help="train two adapters too, half as long each, and mix them")
    arguments = parser.parse_args()
    work: Path = arguments.work
    subjects = shown(work)
    effort = replace(EFFORT, steps=arguments.steps)
    eye, judge = SubjectJudge.trained(work), Judge()
    ceilings = eye.ceilings(work)
    columns = {"before": measured([], eye, judge, arguments.pictures, work / "before.png")}
    seconds = _trained(subjects, work / "both.safetensors", effort, PRIOR)
    both = [Adapter(str(work / "both.safetensors"))]
    columns["together"] = measured(both, eye, judge, arguments.pictures, work / "together.png")
    if arguments.apart:
        half = replace(effort, minutes=effort.minutes / 2, steps=effort.steps and effort.steps // 2)
        files = [work / f"{subject.token}.safetensors" for subject in subjects]
        for subject, file in zip(subjects, files, strict=True):
            _trained([subject], file, half, PRIOR)
        mixed = [Adapter(str(file)) for file in files]
        columns["apart, mixed"] = measured(mixed, eye, judge, arguments.pictures, work / "apart.png")
    table = Table(title=f"two subjects, {arguments.pictures} pictures of each kind; trained in {seconds:.0f} s")
    for name in ("measure", *columns):
        table.add_column(name)
    for measure in columns["before"]:
        table.add_row(measure, *(f"{column[measure]:.3f}" for column in columns.values()))
    console = Console()
    console.print(table)
    for name, (jacket, bag) in ceilings.items():
        console.print(f"the judge's ceiling on {name} pictures: {JACKET} {jacket:.3f}, {BAG} {bag:.3f}")
    console.print(f"{torch.get_num_threads()} threads")
    (work / "measured.json").write_text(json.dumps({"seconds": seconds, **columns}, indent=2) + "\n")


if __name__ == "__main__":
    main()
