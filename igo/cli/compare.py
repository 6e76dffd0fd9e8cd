"""``igo compare``: how far two pictures, or the pictures of two folders, lie apart."""

from __future__ import annotations

import os
import shutil
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from igo.cli import options
from igo.cli.command import Commands
from igo.cli.outputs import not_over, told
from igo.cli.printing import echo, one_line
from igo.errors import SettingsError
from igo.files import check_file, write_whole

if TYPE_CHECKING:
    from igo.measures import Pair, Report

WORST = 3
"""Cases that are named for each measure."""
First = Annotated[Path, typer.Argument(metavar="A", help="A picture, or a folder of pictures.")]
Second = Annotated[Path, typer.Argument(metavar="B", help="Another of its size, or a folder with the same names.")]


def register(app: Commands) -> None:
    app.command()(compare)


def compare(
    first: First,
    second: Second,
    mask: Annotated[
        Path | None,
        typer.Option(help="The zone (white), of the pictures' size: a file, or a folder of the names."),
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="A file for all figures, as a table.")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="A file for all figures and the worst cases.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="A picture of the worst cases: A, B, where they differ.")] = None,
    lpips: Annotated[
        bool | None, typer.Option("--lpips/--no-lpips", help="Measure LPIPS; by default where it is at hand.")
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Measure how far pictures lie apart: SSIM, PSNR, ΔE2000 and LPIPS; with a mask, inside and outside of it too."""
    from igo.images import format_of, write_image
    from igo.measures import lpips_missing, measured, paired
    from igo.measures.pictures import check_installed

    check_installed()
    pairs = paired(first, second, mask)
    outputs = {"--csv": csv, "--json": json, "--sheet": sheet}
    _check_outputs({option: path for option, path in outputs.items() if path is not None}, pairs, (first, second, mask))
    if sheet is not None:
        format_of(sheet)
    missing = lpips_missing()
    if missing and lpips is None and not quiet:
        echo(f"igo: {missing}; it is left out", err=True)
    with options.progress(quiet or len(pairs) == 1) as observers:
        report = measured(pairs, lpips=lpips, progress=options.telling(observers, "compare", "measures"))
    echo(_table(report))
    _tell(report)
    for path, text in ((csv, report.to_csv), (json, report.to_json)):
        if path is not None:
            write_whole(path, text().encode("utf-8"))
            echo(path)
    if sheet is not None:
        told(write_image(report.sheet(), sheet))


def _check_outputs(outputs: dict[str, Path], pairs: list[Pair], sources: tuple[Path | None, ...]) -> None:
    """Raise ``IGOError`` for what can't be written, or would be an input, now or the next time."""
    inputs = [path for pair in pairs for path in (pair.first, pair.second, pair.mask) if path is not None]
    places: dict[str, str] = {}
    for option, path in outputs.items():
        not_over(path, inputs, option)
        place = os.path.realpath(path)
        if place in places:
            raise SettingsError(f"{places[place]} and {option} are both {path}; choose another name for one")
        places[place] = option
        for folder in sources:
            if option == "--sheet" and folder and folder.is_dir() and Path(place).is_relative_to(folder.resolve()):
                raise SettingsError(f"--sheet {path} would be one of the pictures of {folder}; choose another folder")
        check_file(path)


def _table(report: Report) -> str:
    """The figures, as wide as the terminal is."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from igo.measures import MEASURES
    from igo.measures.report import shown

    table = Table(box=None, pad_edge=False)
    table.add_column("", overflow="fold")
    table.add_column("")
    for name in report.measures:
        measure = MEASURES[name]
        unit = f", {measure.unit}" if measure.unit else ""
        table.add_column(f"{measure.title}{unit} {'↑' if measure.higher_is_closer else '↓'}", justify="right")
    last = ""
    for name, area, figures in report.rows():
        values = [shown(measure, getattr(figures, measure)) for measure in report.measures]
        table.add_row(Text(one_line(name) if name != last else ""), area, *values)
        last = name
    text = StringIO()
    Console(file=text, width=shutil.get_terminal_size((120, 24)).columns, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().rstrip().splitlines())


def _tell(report: Report) -> None:
    """Name the worst cases, and say what a mean leaves out."""
    from igo.measures import MEASURES
    from igo.measures.report import shown

    if len(report.cases) < 2:
        return
    where = " inside" if "inside" in report.areas else ""
    for name in report.measures:
        worst = [
            f"{one_line(case.pair.name)} ({shown(name, getattr(case.comparison.judged, name))})"
            for case in report.worst(name)[:WORST]
        ]
        echo(f"worst {MEASURES[name].title}{where}: {', '.join(worst)}")
    for area in report.areas:
        found = [figures for case in report.cases if (figures := case.of(area))]
        equal = sum(figures.psnr == float("inf") for figures in found)
        if 0 < equal < len(found):
            echo(f"igo: {equal} of {len(found)} are equal ({area}): the mean PSNR is that of the others", err=True)
