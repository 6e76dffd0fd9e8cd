"""The report of a batch that has ended, is running, or was killed: one HTML file that needs nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import quote

from igo import notebooks
from igo.batch.journal import read_journal
from igo.batch.naming import REPORT
from igo.batch.painter import FIGURES
from igo.batch.result import Result
from igo.batch.thumbnails import PER, Thumbnails, older, size_for
from igo.errors import JournalError, SettingsError
from igo.files import at_home, writing_whole
from igo.notebooks.quantities import duration

LONGEST = 4000
"""Characters of a text that are shown."""


@dataclass(frozen=True)
class Report:
    """What was written."""

    path: Path
    rows: int
    failed: int
    size: int
    """Bytes."""


def write_report(
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    tell: Callable[[int, int], None] | None = None,
) -> Report:
    """Write what became of each row of the batch in ``folder`` as one HTML file, by default ``report.html`` in there.

    Pictures are in it as thumbnails, smaller where they are many; those of the report that is replaced are taken over.
    At any time, also while the batch is running: the report is of what the journal has then. ``tell`` hears how many
    rows are done, of how many.

    Raises ``JournalError`` for a folder without a journal, or a damaged one, and where the report can't be written;
    ``SettingsError`` for an ``output`` that isn't called ``.html``.
    """
    folder = at_home(folder)
    path = folder / REPORT if output is None else at_home(output)
    if path.suffix.lower() not in (".html", ".htm"):
        raise SettingsError(f"{os.fspath(path)!r} is no name for a report; expected one that ends in .html")
    results = sorted(read_journal(folder).values(), key=lambda result: (_number(result.row) or 0, str(result.id)))
    size = size_for(sum(len(_pictures(result)) for result in results) + len(_inputs(results)))
    with older(path) as before, writing_whole(path, JournalError) as page:
        for number, part in enumerate(re.split(r"\{(\w+)\}", _read("report.html"))):
            if number % 2 == 0:
                page.write(part.encode())
            elif part == "report":
                thumbnails = Thumbnails(page, size, before)
                rows = []
                for done, result in enumerate(results, 1):
                    rows.append(_row(result, folder, path.parent, thumbnails))
                    if tell is not None:
                        tell(done, len(results))
                thumbnails.close()
                page.write(b'<script id="rows" type="application/json">' + _json(_page(results, rows)) + b"</script>")
            else:
                page.write(_PARTS[part](folder).encode())
        written = page.tell()
    return Report(path, len(results), sum(result.status == "failed" for result in results), written)


def _policy(_: Path) -> str:
    """What the page may do: its own style and script, pictures that are in it, and nothing else."""
    style, script = (
        b64encode(hashlib.sha256(_read(name).encode()).digest()).decode() for name in ("report.css", "report.js")
    )
    rules = ("default-src 'none'", "img-src data:", f"style-src 'sha256-{style}'", f"script-src 'sha256-{script}'")
    return "; ".join((*rules, "base-uri 'none'", "form-action 'none'"))


def _read(name: str) -> str:
    return files("igo.batch").joinpath("templates", name).read_text("utf-8")


_PARTS: Mapping[str, Callable[[Path], str]] = {
    "title": lambda folder: escape(f"Batch {folder.resolve().name}"),
    "policy": _policy,
    "style": lambda _: _read("report.css"),
    "script": lambda _: _read("report.js"),
}


def _page(results: Iterable[Result], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """All that the page's script is given."""
    failed = Counter(row["kind"] for row in rows if row["kind"])
    seconds = sum(row["seconds"] or 0 for row in rows)
    done = len(rows) - failed.total()
    last = max((str(result.finished) for result in results), default="")
    told = [f"{_count(len(rows), 'row')}: {done} done, {failed.total()} failed."]
    if rows:
        told.append(f"{duration(seconds)} of work, {seconds / len(rows):.2g} s a row.")
    if last:
        told.append(f"The last one ended {last[:100].replace('T', ' ').replace('Z', ' UTC')}.")
    return {"rows": rows, "per": PER, "kinds": failed.most_common(), "summary": " ".join(told)}


def _row(result: Result, folder: Path, place: Path, thumbnails: Thumbnails) -> dict[str, Any]:
    """What the page shows of a row: texts, numbers, and thumbnails by their numbers."""
    inputs, error = _table(result.inputs), _table(result.error)
    before = thumbnails.of(folder / str(inputs["image"])) if "image" in inputs else None
    pictures = []
    for picture in _pictures(result):
        thumbnail = thumbnails.of(folder / picture["file"])
        width, height = (_number(picture.get(side)) or 1 for side in ("width", "height"))
        figures = {name: _number(picture.get(name)) for name in FIGURES}
        link = None if thumbnail is None else _link(folder / picture["file"], place)
        shown = {"thumbnail": thumbnail and thumbnail.number, "width": width, "height": height, "link": link}
        pictures.append({**shown, "file": picture["file"], "seed": _text(picture.get("seed")), **figures})
    references = []
    for name in (name for name in inputs if name.startswith("references.")):
        if (reference := thumbnails.of(folder / str(inputs[name]))) is not None:
            references.append([name.partition(".")[2], reference.number])
    failed = result.status == "failed"
    return {
        "id": _text(result.id),
        "row": _number(result.row) or 0,
        "status": "failed" if failed else "done",
        "kind": _text(error.get("kind", "Error")) if failed else "",
        "error": ": ".join(_text(error[name]) for name in ("kind", "message") if name in error) if failed else "",
        "before": before and before.number,
        "size": before and [before.width, before.height],
        "pictures": pictures,
        "references": references,
        "prompt": _text(_table(result.request).get("prompt", "")),
        "settings": _settings(result),
        "notes": [_text(note) for note in _list(result.notes)],
        "seconds": _number(result.seconds),
    }


def _settings(result: Result) -> list[list[str]]:
    """What was asked for in a row, what it was asked of, and what came of it beside pictures, by names."""
    error = _table(result.error)
    found = {
        **{name: value for name, value in _table(result.request).items() if name != "prompt"},
        **_table(result.changes),
        **_table(result.inputs),
        "chain": result.chain,
        "step": error.get("step"),
        **{name: error.get(name) for name in ("area", "confidence")},
        "attempts": result.attempts if result.attempts != 1 else None,
        "ended": result.finished,
    }
    return [[_text(name), _text(value)] for name, value in found.items() if value not in (None, "")]


def _pictures(result: Result) -> list[Mapping[str, Any]]:
    return [
        picture
        for picture in _list(result.pictures)
        if isinstance(picture, Mapping) and isinstance(picture.get("file"), str) and "\0" not in picture["file"]
    ]


def _inputs(results: Iterable[Result]) -> set[str]:
    """The files of all inputs that are shown."""
    return {
        str(path)
        for result in results
        for name, path in _table(result.inputs).items()
        if name == "image" or name.startswith("references.")
    }


def _list(value: Any) -> Iterable[Any]:
    """What is a list in the journal."""
    return value if isinstance(value, list | tuple) else ()


def _table(value: Any) -> Mapping[str, Any]:
    """What is a table in the journal, unless somebody has changed that."""
    return {str(name): inner for name, inner in value.items()} if isinstance(value, Mapping) else {}


def _number(value: Any) -> int | float | None:
    """A number that JSON has."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) else None


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else notebooks.plain(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _link(path: Path, place: Path) -> str | None:
    """The way from the report to a picture."""
    try:
        return quote(Path(os.path.relpath(path, place)).as_posix())
    except ValueError:  # on another drive
        return None


def _json(value: Any) -> bytes:
    """JSON for an element of a page, from which nothing in it leads out."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c").encode("ascii")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
