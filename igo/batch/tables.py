"""Tables as people keep them: CSV, JSONL, Parquet or TOML, each as rows of cells by their columns' names."""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from igo.errors import PlanError
from igo.files import reason, text_of

EXPECTED = "a plan: .csv, .tsv, .jsonl, .parquet or .toml"
MAX_CELL = 2**20
"""Characters of a cell of a CSV file."""


def read_table(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of a table, in order, by its file's suffix. Raises ``PlanError``."""
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        given = f"the suffix {suffix!r}" if suffix else "no suffix"
        raise PlanError(f"{str(path)!r} has {given}; expected {EXPECTED}")
    return _READERS[suffix](path)


def _csv(path: Path) -> Iterator[Mapping[str, Any]]:
    """Commas, or the semicolons or tabs that spreadsheets write, as the first line has them."""
    text = text_of(path, EXPECTED, PlanError)
    header = text.lstrip("\n").partition("\n")[0]
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), strict=True)
    columns: list[str] = []
    number = 0
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = _columns(path, cells)
                continue
            number += 1
            if any(cell.strip() for cell in cells[len(columns) :]):
                raise PlanError(
                    f"{path}, row {number}: {len(cells)} cells below {len(columns)} columns; put quotes around text "
                    "with a comma in it"
                )
            yield dict(zip(columns, cells, strict=False))
    except csv.Error as error:
        raise PlanError(f"{path}, line {reader.line_num}: {error}; expected {EXPECTED}") from None


def _columns(path: Path, cells: list[str]) -> list[str]:
    columns = [cell.strip() for cell in cells]
    while columns and not columns[-1]:
        columns.pop()
    for name in columns:
        if not name or columns.count(name) > 1:
            what = f"{columns.count(name)} columns are called '{name}'" if name else "a column has no name"
            raise PlanError(f"{path}: {what}; expected each column's name once, in the first line")
    return columns


def _jsonl(path: Path) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(text_of(path, EXPECTED, PlanError).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            raise PlanError(f"{path}, line {number}: {reason(error)}; expected a JSON object on each line") from None
        if not isinstance(row, dict):
            raise PlanError(f"{path}, line {number}: a {type(row).__name__}; expected a JSON object on each line")
        yield row


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, _ in pairs if sum(name == other for other, _ in pairs) > 1)
        raise ValueError(f"{twice!r} is in it twice")
    return found


def _toml(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        table = tomllib.loads(text_of(path, EXPECTED, PlanError))
    except (ValueError, RecursionError) as error:
        raise PlanError(f"{path}: {reason(error)}; expected {EXPECTED}") from None
    rows = table.get("row")
    if set(table) != {"row"} or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PlanError(f"{path} has {', '.join(map(repr, table)) or 'nothing'} in it; expected a [[row]] for each row")
    yield from rows


def _parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise PlanError(f"{path}: reading Parquet needs pyarrow; pip install 'igo[parquet]'") from None
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield from batch.to_pylist()
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise PlanError(f"{path} can't be read ({reason(error)}); expected {EXPECTED}") from None


_READERS = {".csv": _csv, ".tsv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".parquet": _parquet, ".toml": _toml}
