"""``igo batch``: a table of requests, painted to its end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from igo.chains.settings import given
from igo.cli import options, threads
from igo.cli.command import Commands
from igo.cli.options import command_group
from igo.cli.printing import echo, one_line
from igo.errors import IGOError, PlanError, SettingsError
from igo.files import check_file, write_whole
from igo.notebooks.quantities import duration, size

if TYPE_CHECKING:
    from igo.batch import Summary
    from igo.batch.batch import Batch, Pending

SHOWN = 20
"""Problems of a plan that are printed."""
FAILED = 3
"""The exit code of a batch in which rows have failed."""

batch_app = command_group("Paint a table of requests, to its end, whatever happens in between.")


def register(app: Commands) -> None:
    batch_app.command()(plan)
    batch_app.command()(run)
    batch_app.command()(report)
    app.add_typer(batch_app, name="batch")


def plan(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of pictures.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The plan to write, a .csv.")] = Path("plan.csv"),
    prompt: Annotated[str | None, typer.Option("--prompt", "-p", help="The same for each picture.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same for each picture; by default one of its own.")] = None,
    reference: options.Reference = None,
) -> None:
    """Write a plan with a row for each picture of a folder, to be edited and run."""
    from igo.batch import plan_of

    if output.suffix.lower() != ".csv":
        raise SettingsError(f"--output is {str(output)!r}; expected a name that ends in .csv")
    if os.path.lexists(output):
        raise SettingsError(f"{str(output)!r} is already there; choose another name by --output")
    check_file(output)
    references = options.references_from(reference)
    cells = given(prompt=prompt, seed=seed)
    place = output.absolute().parent
    cells |= {f"references.{name}": Path(os.path.relpath(file, place)).as_posix() for name, file in references.items()}
    text = plan_of(folder, place, cells)
    write_whole(output, text.encode("utf-8"))
    echo(
        f"{text.count(chr(10)) - 1} rows are in {output}; to paint them, run: igo batch run {output} --chain CHAIN.toml"
    )


def run(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="A table: .csv, .tsv, .jsonl, .parquet or .toml.")],
    out: Annotated[str, typer.Option("--out", "-o", help="The folder for the pictures and the journal.")],
    chain: Annotated[Path | None, typer.Option(help="The chain's file, for rows that name none.")] = None,
    name: Annotated[str, typer.Option(help="What pictures are called, by {id}, {seed} and {row}.")] = "{id}-{seed}.png",
    workers: Annotated[int | None, typer.Option(help="Processes that paint; by default this one does.")] = None,
    ray: Annotated[
        str | None, typer.Option(help="The Ray cluster that paints: auto (the one here), or its address.")
    ] = None,
    pictures: Annotated[str | None, typer.Option(help="Where pictures go, if not to --out: s3://...")] = None,
    batch_size: Annotated[int, typer.Option(help="How many rows a GPU paints at once.")] = 1,
    limit: Annotated[int | None, typer.Option(help="Paint no more rows than so many, this time.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try rows again that have failed.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse rows that have changed since.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be painted, and paint nothing.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Paint the rows of a plan. After whatever ended it, the same command goes on."""
    from igo.batch.batch import Batch

    if ray is not None or (workers or 1) > 1:
        threads.share()
    try:
        batch = Batch(
            plan,
            chain,
            out,
            name=name,
            workers=workers,
            ray=ray,
            pictures=pictures,
            batch_size=batch_size,
            limit=limit,
            retry_failed=retry_failed,
            strict=strict,
        )
    except PlanError as error:
        for problem in error.problems[1:SHOWN]:
            echo(f"igo: {one_line(problem)}", err=True)
        raise
    pending = batch.pending()
    if dry_run:
        _foretell(batch, pending)
        return
    _say_changed(pending)
    with options.progress(quiet) as observers:
        tell = options.telling(observers, "rows", "paint")
        total = len(pending.tasks[:limit])
        for done, _ in enumerate(batch.results(), 1):
            tell(done, total)
    _say(batch.summary, out)
    try:
        _report(Path(out), None, quiet)
    except IGOError as error:  # the pictures are there all the same
        echo(f"igo: there is no report: {one_line(str(error))}", err=True)
    if batch.summary.failed:
        raise typer.Exit(FAILED)


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a batch, also of one that is running.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write, a .html; by default report.html in DIR.")
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Write one HTML file that shows each row: before and after, figures, settings, errors; worst seams first."""
    _report(folder, output, quiet)


def _report(folder: Path, output: Path | None, quiet: bool) -> None:
    from igo.batch import write_report

    with options.progress(quiet) as observers:
        written = write_report(folder, output, options.telling(observers, "rows", "report"))
    failed = f", {written.failed} failed" if written.failed else ""
    rows = "1 row" if written.rows == 1 else f"{written.rows} rows"
    echo(f"{written.path}: {rows}{failed}; {size(written.size)}")


def _foretell(batch: Batch, pending: Pending) -> None:
    count = len(pending.tasks[: batch.limit])
    echo(f"to paint: {count}; kept: {pending.kept}; failed before: {len(pending.failed)}; in all: {len(batch.tasks)}")
    _say_changed(pending)
    if pending.pace is not None:
        workers = f" for each of {batch.workers} workers" if batch.workers else ""
        seconds = count * pending.pace / (batch.workers or 1)
        echo(f"by the pace so far, {pending.pace:.2g} s a row{workers}: {duration(seconds)}")


def _say_changed(pending: Pending) -> None:
    for what, count in pending.changed.items():
        rows = f"{count} rows have" if count > 1 else "1 row has"
        echo(f"igo: {rows} changed since, and are painted again: {what}", err=True)


def _say(summary: Summary, out: str) -> None:
    failed = sum(summary.failed.values())
    left = f", {summary.left} left for another time" if summary.left else ""
    echo(f"{out}: {summary.painted} painted, {summary.kept} kept, {failed} failed{left}; {duration(summary.seconds)}")
    for kind, count in summary.failed.most_common():
        example = summary.examples[kind]
        message = one_line(str((example.error or {}).get("message", "")))
        echo(f"igo: {count} × {kind}, such as row {example.row} ('{example.id}'): {message}", err=True)
