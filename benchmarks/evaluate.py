"""How good `mini` is, part by part: ``python -m benchmarks.evaluate``.

The parts are ``base`` (benchmarks/painting.py), ``inpaint`` (inpainting.py), ``clipseg`` (masks.py), ``parser``
(parses.py), ``upscaler`` (upscaling.py) and ``styling`` (styling.py), in which they work together; a judge of drawn
figures (judge/) looks at what is painted.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from benchmarks.findings import Findings
from benchmarks.report import sheet, table, write_json
from igo import embedded
from igo.errors import CheckpointError, IGOError, SettingsError

PARTS = ("base", "inpaint", "clipseg", "parser", "upscaler", "styling")
NEEDS = {
    "base": ("base",),
    "inpaint": ("inpaint", "clipseg"),
    "clipseg": ("clipseg",),
    "parser": ("parser",),
    "upscaler": ("upscaler",),
    "styling": ("inpaint", "clipseg", "upscaler"),
}
"""The weights that each part looks at."""
LEAST = {"prompts": 1, "seeds": 1, "steps": 1, "garments": 1, "drawings": 1, "renders": 1, "samples": 1, "grow": 0}
"""The smallest numbers that can be chosen."""
WIDTH = 110
"""Columns of the table where it goes to no terminal."""


def evaluate(part: str, chosen: argparse.Namespace, progress: Progress) -> Findings:
    """Evaluate one part as the command line says. Raises ``IGOError`` for what can't be evaluated.

    What is heavy is imported here, so that wrong options are told at once.
    """
    if part == "upscaler":
        from benchmarks.upscaling import Upscaler, evaluate_upscaling

        upscaler = Upscaler(folder_of("upscaler", chosen))
        source = _name_of("upscaler", chosen)
        return evaluate_upscaling(upscaler, list(upscaler.networks), progress, source, chosen.renders)
    if part == "parser":
        from benchmarks.parses import Parser, evaluate_parser

        parser = Parser(folder_of("parser", chosen))
        return evaluate_parser(parser, progress, _name_of("parser", chosen), chosen.drawings)
    from benchmarks.judge.verdicts import judge

    if part == "base":
        from benchmarks.painting import evaluate_base

        numbers = chosen.prompts, chosen.seeds, chosen.steps, chosen.guidance_scale
        return evaluate_base(judge(), progress, chosen.base, *numbers)
    if part == "styling":
        from benchmarks.styling import evaluate_styling

        scaler = "mini" if chosen.upscaler is None else str(Path(chosen.upscaler) / "x2.safetensors")
        models = chosen.base, chosen.inpaint, _name_of("clipseg", chosen), scaler
        return evaluate_styling(judge(), progress, *models, chosen.garments, chosen.steps, chosen.guidance_scale)
    from benchmarks.masks import TextMasks, evaluate_masks

    masks = TextMasks(folder_of("clipseg", chosen))
    if part == "clipseg":
        source = _name_of("clipseg", chosen)
        return evaluate_masks(masks, masks.processor.tokenizer, progress, source, chosen.drawings)
    from benchmarks.inpainting import evaluate_inpainting

    inpaint = chosen.inpaint or "mini/inpaint"
    sizes = chosen.garments, chosen.steps, chosen.guidance_scale
    return evaluate_inpainting(judge(), masks, progress, chosen.base, inpaint, *sizes, chosen.source, chosen.grow)


def folder_of(weights: str, chosen: argparse.Namespace) -> Path:
    """The folder that was named for ``weights``, else the embedded one. Raises ``CheckpointError`` if there is none."""
    named = getattr(chosen, weights)
    if named is None:
        return embedded.path(weights)
    if not Path(named).is_dir():
        raise CheckpointError(f"--{weights} {named} is no folder")
    return Path(named)


def carried(part: str, chosen: argparse.Namespace) -> bool:
    """Whether all weights that ``part`` needs are named or embedded."""
    with suppress(CheckpointError):
        return all(getattr(chosen, weights) or embedded.path(weights) for weights in NEEDS[part])
    return False


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line. What was found is shown and written also if a part fails, or is interrupted, later on."""
    chosen = _parser().parse_args(arguments)
    findings: list[Findings] = []
    errors: list[str] = []
    try:
        parts = _parts(chosen)
        told = Console(stderr=True)
        with _quietly(), Progress(console=told, transient=True, disable=not told.is_terminal) as progress:
            for number, part in enumerate(parts, 1):
                progress.add_task(f"{part} ({number} of {len(parts)})", total=None)
                try:
                    findings.append(evaluate(part, chosen, progress))
                    _write(findings, chosen)
                except (IGOError, OSError) as error:
                    errors.append(f"{part}: {error}")
                for task in progress.task_ids:
                    progress.remove_task(task)
    except IGOError as error:
        raise SystemExit(f"error: {error}") from error
    except KeyboardInterrupt:
        errors.append("interrupted")
    finally:
        if findings:
            terminal = Console()
            (terminal if terminal.is_terminal else Console(width=WIDTH)).print(table(findings))
    if errors:
        raise SystemExit(f"error: {'; '.join(errors)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.evaluate", description="Measure the parts of mini.")
    parser.add_argument("--parts", nargs="+", choices=PARTS, help="default: all whose weights are there")
    checkpoints = parser.add_argument_group("weights, embedded ones by default")
    checkpoints.add_argument("--base", "--checkpoint", default="mini", help="mini, a folder, a file or a hub's name")
    checkpoints.add_argument("--inpaint", metavar="CHECKPOINT", help="a checkpoint of 9 or 4 channels")
    checkpoints.add_argument("--clipseg", metavar="DIR", help="a folder as transformers saves CLIPSeg")
    checkpoints.add_argument("--parser", metavar="DIR", help="a folder as transformers saves SegFormer")
    checkpoints.add_argument("--upscaler", metavar="DIR", help="a folder with x4.safetensors, x2.safetensors or both")
    sizes = parser.add_argument_group("how much")
    sizes.add_argument("--prompts", type=int, default=200, help="for base (200); 24 for a quick look")
    sizes.add_argument("--seeds", type=int, default=3, help="pictures for each prompt (3)")
    sizes.add_argument("--garments", type=int, default=100, help="for inpaint (100)")
    sizes.add_argument("--drawings", type=int, default=200, help="for clipseg and parser (200)")
    sizes.add_argument("--renders", type=int, default=24, help="drawings for each scale of the upscaler (24)")
    sizes.add_argument("--steps", type=int, default=20, help="denoising steps (20)")
    sizes.add_argument("--guidance-scale", type=float, help="default: the checkpoint's own")
    sizes.add_argument("--source", choices=("drawings", "base"), default="drawings", help="the pictures to inpaint")
    sizes.add_argument("--grow", type=int, default=0, metavar="PIXELS", help="widen the masks to inpaint (0)")
    results = parser.add_argument_group("results")
    results.add_argument("--json", type=Path, metavar="FILE", help="write the figures, after each part")
    results.add_argument("--sheets", type=Path, metavar="DIR", help="write a contact sheet of samples of each part")
    results.add_argument("--samples", type=int, default=50, help="how many samples a contact sheet shows (50)")
    return parser


def _parts(chosen: argparse.Namespace) -> list[str]:
    """The parts to evaluate. Raises ``IGOError`` for what would fail later, when hours are spent."""
    for name, least in LEAST.items():
        if getattr(chosen, name) < least:
            raise SettingsError(f"--{name} is {getattr(chosen, name)}; it must be at least {least}")
    parts = [part for part in PARTS if (part in chosen.parts if chosen.parts else carried(part, chosen))]
    for weights in {weights for part in parts for weights in NEEDS[part]}:
        if weights in ("clipseg", "parser", "upscaler"):
            folder_of(weights, chosen)
        elif getattr(chosen, weights) is None:
            embedded.path(weights)
    return parts


def _write(findings: Sequence[Findings], chosen: argparse.Namespace) -> None:
    if chosen.json:
        write_json(findings, chosen.json)
    if chosen.sheets:
        chosen.sheets.mkdir(parents=True, exist_ok=True)
        sheet(findings[-1], chosen.samples).save(chosen.sheets / f"{findings[-1].part}.png")


@contextmanager
def _quietly() -> Iterator[None]:
    """Without transformers' bars and its advice to install what nothing here uses ("requires torchvision")."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _name_of(weights: str, chosen: argparse.Namespace) -> str:
    return getattr(chosen, weights) or "mini"


if __name__ == "__main__":
    main()
