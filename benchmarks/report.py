"""Findings as one table, as JSON, and as contact sheets of samples."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.findings import Findings, Row
from igo.images.sheet import contact_sheet

VERDICTS = {"aim": "[green]aim[/]", "floor": "[yellow]floor[/]", "missed": "[red]missed[/]", None: ""}


def table(findings: Sequence[Findings]) -> Table:
    """A section for each part, a row for each measure."""
    how = "".join(f"\n{found.part}: {_list(found.settings)}" for found in findings)
    shown = Table(
        title="mini, evaluated",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        caption=(
            "ceiling: the judge on drawings of what was asked for. chance: the best constant answer; for faces and "
            "legs the share of spoilt drawings that pass; for masks the best constant mask; for the upscaler, which "
            "enlarges degraded drawings and clean photos, Lanczos." + how
        ),
        caption_justify="left",
    )
    shown.add_column("measure")
    for name in ("result", "ceiling", "chance", "floor", "aim"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("met", no_wrap=True)
    for found in findings:
        shown.add_row(f"[bold]{found.part}[/]")
        for row in found.rows:
            values = [_text(value, row.unit) for value in (row.result, row.ceiling, row.chance)]
            measure = f"{row.measure}, {row.unit}" if row.unit else row.measure
            shown.add_row(f"  {measure}", *values, *_goal(row), VERDICTS[row.verdict])
        shown.add_section()
    return shown


def as_dict(findings: Sequence[Findings]) -> dict[str, object]:
    """The figures as plain data: by part, its settings and its measures; null where there is no number."""
    return {
        found.part: {"settings": found.settings, "measures": {row.measure: _plain(row) for row in found.rows}}
        for found in findings
    }


def write_json(findings: Sequence[Findings], path: Path) -> None:
    """Write ``as_dict`` to ``path``; whoever reads it meanwhile sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(as_dict(findings), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def sheet(found: Findings, count: int) -> Image.Image:
    """``count`` samples from all over the evaluation (fewer if there are fewer), each above its caption."""
    total = len(found.samples)
    count = min(count, total)
    chosen = [found.samples[round(index * (total - 1) / max(count - 1, 1))] for index in range(count)]
    captions = [sample.caption for sample in chosen]
    return contact_sheet([sample.pictures for sample in chosen], captions, found.columns, found.height)


def _text(value: float, unit: str) -> str:
    if math.isnan(value):
        return ""
    return f"{value:.2f}" if unit else f"{value:.3f}"


def _list(settings: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def _goal(row: Row) -> tuple[str, str]:
    goal, sign = row.goal, "≤" if row.goal.at_most else "≥"
    if goal.beats_chance:
        return "> chance", ""
    floor, aim = ("" if value is None else f"{sign} {value:g}" for value in (goal.floor, goal.aim))
    return floor, aim


def _plain(row: Row) -> dict[str, object]:
    numbers = {name: getattr(row, name) for name in ("result", "ceiling", "chance")}
    plain: dict[str, object] = {name: None if math.isnan(value) else value for name, value in numbers.items()}
    return plain | {"unit": row.unit, "floor": row.goal.floor, "aim": row.goal.aim, "met": row.verdict}
