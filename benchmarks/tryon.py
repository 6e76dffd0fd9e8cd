"""How good try-on is: ``python -m benchmarks.tryon``.

200 held-out drawn pairs, each with its exact truth: somebody in X, a picture of Y, the same person in Y
(fitting_pairs.py). How it is measured is in fitting_measures.py, the rows are in fitting_rows.py and fitting_parser.py,
painting is in fitting_painters.py. Colours and types are read by the judge of drawn figures (judge/).

Nothing is pasted back from the truth: the zone that is scored is where X and Y differ, whatever was painted there.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from PIL import Image
from rich.console import Console

from benchmarks import fitting_rows as rows
from benchmarks.fitting_measures import changed, error
from benchmarks.fitting_painters import Painter, place, timed
from benchmarks.fitting_pairs import Pair, drawn_pairs, fine_weaves, hands_in_front, turned_prints
from benchmarks.fitting_parser import parsed
from benchmarks.fitting_rows import Line, Study
from benchmarks.judge.verdicts import judge
from benchmarks.masks import reddened
from benchmarks.report import VERDICTS
from igo.errors import CheckpointError, IGOError, SettingsError
from igo.images.sheet import contact_sheet
from igo.networks.quiet import quietly

ROWS = ("judged", "swap", "error", "leak", "free", "kept", "bytes", "fails", "parser", "speed")
WORST, SHOWN, FAILS = 20, 50, 8
COLUMNS = ("result", "text-only", "after VAE", "truth", "untouched", "floor", "aim")
DIGITS = {"": 3, "s": 2, "×": 2, "ΔE": 2}


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line. Each row is printed as soon as it is known, and written with those before it."""
    chosen = _parser().parse_args(arguments)
    try:
        for name in ("count", "steps", "drawings"):
            if (value := getattr(chosen, name)) is not None and value < 1:
                raise SettingsError(f"--{name} is {value}; it must be at least 1")
        lines = measure(chosen, Console(width=None if Console().is_terminal else 150, highlight=False))
    except IGOError as error:
        raise SystemExit(f"error: {error}") from error
    missed = [line.measure for line in lines if line.verdict == "missed"]
    print(f"below the floor: {'; '.join(missed)}" if missed else "no row is below its floor")


def measure(chosen: argparse.Namespace, console: Console) -> list[Line]:
    """All rows that are asked for."""
    painter = Painter(chosen.model, chosen.parser, chosen.steps)
    study = Study(drawn_pairs(chosen.count), judge(), _vae(chosen.model), painter.ways(chosen.work))
    sections: dict[str, Callable[[], Iterator[Line]]] = {
        "judged": lambda: rows.judged(study),
        "swap": lambda: rows.swap(study),
        "error": lambda: rows.errors(study),
        "leak": lambda: rows.cuts(study),
        "free": lambda: rows.free(study),
        "kept": lambda: rows.unchanged(study),
        "bytes": lambda: rows.outside(study),
        "fails": lambda: fails(study, chosen.out),
        "parser": lambda: parsed(place(chosen.parser, "parser"), chosen.drawings),
        "speed": lambda: timed(painter),
    }
    console.print(
        f"{chosen.count} held-out pairs, {chosen.steps or 'their own'} steps, {chosen.model}, {chosen.parser} parser, "
        f"{painter.runtime.device.type}, {torch.get_num_threads()} threads"
    )
    console.print(f"[bold]{'':46}" + "".join(f"{name:>11}" for name in COLUMNS))
    lines: list[Line] = []
    for name in ROWS:
        if name not in chosen.only:
            continue
        began = time.perf_counter()
        for line in sections[name]():
            lines.append(line)
            console.print(_text(line))
            if chosen.json:
                _write(lines, chosen.json)
        console.print(f"[dim]{name}: {time.perf_counter() - began:.0f} s")
    if chosen.out:
        _sheets(study, chosen.out)
    return lines


def fails(study: Study, out: Path | None) -> Iterator[Line]:
    """What is hard: how far off it is on average, with pictures of it."""
    groups = turned_prints(FAILS), hands_in_front(FAILS), fine_weaves(FAILS)
    for group in groups:
        found = [_error(study, pair) for pair in group]
        yield Line(f"  hard: {group[0].kind}", sum(found) / len(found), 0, unit="ΔE")
        if out:
            _save(study, group, out / f"{group[0].kind.replace(' ', '-')}.png")


def _sheets(study: Study, out: Path) -> None:
    """Some of all results, and the worst."""
    done = [pair for pair in study.pairs if ("masked", pair.index) in study.done]
    if done:
        step = max(1, len(done) // SHOWN)
        _save(study, done[::step][:SHOWN], out / "results.png")
        _save(study, sorted(done, key=lambda pair: -_error(study, pair))[:WORST], out / "worst.png")
    freed = [pair for pair in study.pairs if ("free", pair.index) in study.done]
    if freed:
        _save(study, freed[:WORST], out / "mask-free.png", "free")


def _save(study: Study, some: Sequence[Pair], path: Path, way: str = "masked") -> None:
    """A sheet: the person, the garment, the zone, what was painted, the truth."""
    groups, captions = [], []
    for pair in some:
        fitted = study.fitted(way, pair)
        zone = reddened(pair.picture, fitted.zone)
        groups.append((pair.picture, pair.reference, zone, fitted.image, Image.fromarray(pair.truth.image)))
        what = pair.caption if pair.told else f"a print on a {pair.after.top}"
        captions.append(f"{pair.index} {pair.kind}: {what}, off by {_error(study, pair, way):.1f} {fitted.refused}")
    path.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(groups, captions, columns=3, height=240).save(path)


def _error(study: Study, pair: Pair, way: str = "masked") -> float:
    return error(study.fitted(way, pair).pixels, pair.truth.image, changed(pair))


def _text(line: Line) -> str:
    """One row: figures, goals, whether they are met."""
    digits = DIGITS.get(line.unit, 0)
    values = [line.result, line.text, line.autoencoder, line.ceiling, line.chance]
    shown = ["" if math.isnan(value) else f"{value:.{digits}f}" for value in values]
    sign = "≤" if line.goal.at_most else "≥"
    shown += ["" if goal is None else f"{sign} {goal:g}" for goal in (line.goal.floor, line.goal.aim)]
    name = f"{line.measure}, {line.unit}" if line.unit else line.measure
    return f"{name:46}" + "".join(f"{text:>11}" for text in shown) + f"  {VERDICTS[line.verdict]}"


def _write(lines: Sequence[Line], path: Path) -> None:
    """The rows as JSON; whoever reads it meanwhile sees the old file or the new one."""
    names = ("result", "text", "autoencoder", "ceiling", "chance")
    plain = {}
    for line in lines:
        numbers = {name: getattr(line, name) for name in names}
        told: dict[str, object] = {name: None if math.isnan(value) else value for name, value in numbers.items()}
        goal = {"floor": line.goal.floor, "aim": line.goal.aim, "met": line.verdict}
        plain[line.measure.strip()] = told | {"unit": line.unit} | goal
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def _vae(model: str) -> AutoencoderKL:
    """The autoencoder that a model paints through."""
    folder = place(model, "tryon")
    with quietly():
        try:
            return AutoencoderKL.from_pretrained(folder / "vae", local_files_only=True).eval()
        except (OSError, ValueError) as error:
            raise CheckpointError(f"the autoencoder of {model} can't be loaded: {error}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.tryon", description="Measure try-on on held-out drawn pairs.")
    parser.add_argument("--count", type=int, default=200, help="pairs (200)")
    parser.add_argument("--model", default="mini/tryon", metavar="FOLDER", help="as diffusers saves it (mini/tryon)")
    parser.add_argument("--parser", default="mini", metavar="FOLDER", help="as transformers saves it (mini)")
    parser.add_argument("--steps", type=int, help="denoising steps (each checkpoint's own)")
    parser.add_argument("--drawings", type=int, default=60, help="for the parser (60)")
    parser.add_argument("--only", nargs="+", choices=ROWS, default=ROWS, help="rows of these kinds alone")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write sheets of results, worst cases, and what is hard"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures, after each row")
    parser.add_argument("--work", type=Path, metavar="DIR", help="keep what is painted there; a later run goes on")
    return parser


if __name__ == "__main__":
    main()
