"""An evaluation as a table, as JSON, and as a sheet of samples."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from rich.table import Table

from benchmarks.measures import ATTRIBUTES, MEASURES, asked
from igo.sheet import contact_sheet

if TYPE_CHECKING:
    from benchmarks.evaluate import Evaluation


def table(result: Evaluation) -> Table:
    """A row for each measure; results beside what an ideal painter and one that doesn't listen would get."""
    pictures = len(result.pictures)
    shown = Table(
        title=f"{result.checkpoint}: {len(result.wanted)} prompts × {result.seeds} seeds, {result.steps} steps",
        caption=(
            "real renders: the judge on drawings of the same figures; chance: the most common answer every time, and "
            "for faces and legs the share of drawings spoilt on purpose that pass"
        ),
    )
    shown.add_column("measure")
    for name in (f"{pictures} pictures", "through the VAE", "real renders", "chance"):
        shown.add_column(name, justify="right")
    for row in result.rows:
        shown.add_row(row.measure, *(_share(value) for value in (row.made, row.decoded, row.ceiling, row.chance)))
    shown.add_section()
    shown.add_row("VAE: judge, relative", "", f"{result.relative:.3f}", "1.000", "")
    shown.add_row("VAE: PSNR", "", f"{result.psnr:.1f} dB", "", "")
    shown.add_row("seconds a picture", f"{result.seconds:.2f}", "", "", "")
    return shown


def as_dict(result: Evaluation) -> dict[str, object]:
    """The figures as plain data."""
    rows = {row.measure: {k: _plain(v) for k, v in asdict(row).items() if k != "measure"} for row in result.rows}
    return {
        "checkpoint": result.checkpoint,
        "prompts": len(result.wanted),
        "seeds": result.seeds,
        "steps": result.steps,
        "measures": rows,
        "vae": {"relative": _plain(result.relative), "psnr": result.psnr},
        "seconds_per_picture": result.seconds,
        "threads": result.threads,
    }


def write_json(result: Evaluation, path: Path) -> None:
    """Write ``as_dict`` to ``path``."""
    path.write_text(json.dumps(as_dict(result), indent=2) + "\n", encoding="utf-8")


def contact_sheet_of(result: Evaluation, count: int) -> Image.Image:
    """``count`` pictures from all over the evaluation (fewer if there are fewer), each above what is wrong with it."""
    total = len(result.pictures)
    picks = sorted({round(i * (total - 1) / max(count - 1, 1)) for i in range(min(max(count, 1), total))})
    captions = []
    for pick in picks:
        figure, verdict = result.wanted[pick // result.seeds].figure, result.verdicts[pick]
        wrong = [
            f"{verdict[key]}, not {wanted}" if measure in ATTRIBUTES else f"not {measure}"
            for measure, key in MEASURES.items()
            if (wanted := asked(measure, figure)) is not None and verdict[key] != wanted
        ]
        clothes = f"{figure.top_color} {figure.top} {figure.bottom_color} {figure.bottom} {figure.background}"
        captions.append("; ".join(wrong) or f"ok: {clothes.replace('none none ', '')}")
    return contact_sheet([[result.pictures[pick]] for pick in picks], captions, columns=10, height=288)


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value
