"""Plans: what each row of a table asks for, every cell of it read and checked before any work."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from igo import Request
from igo.batch.tables import read_table
from igo.chains.config import REQUEST
from igo.errors import IGOError, PlanError, did_you_mean
from igo.files import at_home, check_regular, reason

PICTURES = ("image", "mask")
"""Columns that name pictures; so do ``layers.NAME`` and ``references.NAME``."""
COLUMNS = ("id", "chain", *PICTURES, *REQUEST)
TABLES = ("layers", "references")
OFFERED = (*COLUMNS, *(f"{table}.NAME" for table in TABLES), "STEP.SETTING")
"""What there may be, for who looks for the right name."""
MOST = 100
"""Problems that are told of one plan."""
PLAIN = re.compile(r"(?![.\s])[^/\\:*?\"<>|]+(?<![.\s])")
"""What every disk takes as a file's name, or a part of it, if it isn't too long."""
LONGEST_ID = 100
"""Characters."""


@dataclass(frozen=True)
class Row:
    """What one row asks for. Paths in it are absolute."""

    id: str
    """The row's own, else a digest of what it asks for."""
    number: int
    """Its place in the table, from 1."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the request, beside its pictures, as far as the row gives them."""
    pictures: Mapping[str, str] = field(default_factory=dict)
    """The file of ``"image"``, and of each ``"layers.NAME"`` and ``"references.NAME"``."""
    chain: str | None = None
    """Its chain's file, where it isn't the batch's."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the chain's steps, by ``"STEP.SETTING"``."""


@dataclass(frozen=True)
class Plan(Sequence[Row]):
    """The rows of a table."""

    rows: tuple[Row, ...]
    source: str = "plan"
    """What messages call it."""

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)


class Problems:
    """What is wrong with a plan, gathered so that all of it is told at once."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: list[str] = []

    def add(self, row: int, column: str, message: str) -> None:
        """``message`` says what was expected. Raises ``PlanError`` once they are very many."""
        self.lines.append(f"{self.source}, row {row}, column '{column}': {message}")
        if len(self.lines) >= MOST:
            self.tell()

    def tell(self) -> None:
        """Raise ``PlanError`` if there are any."""
        if self.lines:
            more = len(self.lines) - 1
            others = f" (and {more} other{'s' if more > 1 else ''})" if more else ""
            raise PlanError(f"{self.lines[0]}{others}", tuple(self.lines))


def read_plan(source: str | os.PathLike[str] | Iterable[Mapping[str, Any]]) -> Plan:
    """The plan in a table: a file (CSV, JSONL, Parquet or TOML, by its suffix), or rows as mappings.

    Columns are called as the fields of ``igo.Request``, but for pictures, which are files' names: ``image``, ``mask``,
    ``layers.NAME``, ``references.NAME``; beside these ``id``, ``chain`` (a chain's file), and ``STEP.SETTING`` for a
    setting of one of the chain's steps. Tables in a row, such as ``{"references": {"garment": ...}}``, are taken too.
    An empty cell is one that isn't given. Paths are relative to the table's folder; those of mappings to this one.

    Raises ``PlanError`` with all that is wrong: row (from 1, below the header), column, and what was expected.
    """
    if isinstance(source, str | os.PathLike):
        path = at_home(source)
        name, folder, table = str(path), path.parent, read_table(path)
    else:
        name, folder, table = "plan", Path(), iter(source)
    reader = _Reader(Problems(name), folder.absolute())
    rows = tuple(reader.row(number, cells) for number, cells in enumerate(table, 1))
    reader.problems.tell()
    if not rows:
        raise PlanError(f"{name} has no rows; expected at least one below the names of its columns")
    return Plan(rows, name)


class _Reader:
    """Reads rows one after the other, and remembers what it saw of files and ids."""

    def __init__(self, problems: Problems, folder: Path) -> None:
        self.problems, self.folder = problems, folder
        self._files: dict[str, str] = {}
        self._ids: dict[str, int] = {}

    def row(self, number: int, cells: Mapping[str, Any]) -> Row:
        wrong = len(self.problems.lines)
        settings: dict[str, Any] = {}
        pictures: dict[str, str] = {}
        changes: dict[str, Any] = {}
        chain = None
        given = self._given(number, cells)
        asked = dict(given)  # by which a row is known that has no id: nothing of it depends on where the plan lies
        for column, cell in given.items():
            table, _, name = column.partition(".")
            if column in PICTURES or (name and table in TABLES):
                layer = "layers.mask" if column == "mask" else column
                pictures[layer], asked[column] = self._file(number, column, cell)
            elif column == "chain":
                chain, asked[column] = self._file(number, column, cell, "a chain's file")
            elif column in REQUEST:
                settings[column] = asked[column] = self._setting(number, column, cell)
            elif name:
                changes[column] = cell
            elif column != "id":
                self.problems.add(number, column, f"there is no such column; {did_you_mean(column, OFFERED)}")
        if "image" not in pictures:
            for column in (name for name in given if name == "mask" or name.startswith("layers.")):
                self.problems.add(number, column, "expected an 'image' that it belongs to")
        if len(self.problems.lines) > wrong:
            return Row("", number)
        return Row(self._id(number, given.get("id"), asked), number, settings, pictures, chain, changes)

    def _given(self, number: int, cells: Mapping[str, Any]) -> dict[str, Any]:
        """The cells in which something is, by their columns' names."""
        given: dict[str, Any] = {}
        for name, cell in _flat(cells):
            column = "mask" if name == "layers.mask" else name
            if _empty(cell):
                continue
            if column in given:
                self.problems.add(number, name, "is given twice, by two columns; expected it once")
            given[column] = cell
        return given

    def _setting(self, number: int, column: str, cell: Any) -> Any:
        value = _read(column, cell)
        try:
            return getattr(Request(**{column: value}), column)
        except IGOError as error:
            self.problems.add(number, column, str(error).removeprefix(f"{column} "))
            return None

    def _file(self, number: int, column: str, cell: Any, expected: str = "a picture's file") -> tuple[str, str]:
        """The absolute path, of which each is looked at once, and what was written."""
        if not isinstance(cell, str | os.PathLike):
            self.problems.add(number, column, f"is {cell!r}; expected {expected}")
            return "", ""
        written = os.fspath(cell).strip()
        path = os.path.normpath(self.folder / at_home(written))
        if path not in self._files:
            try:
                check_regular(path)
                self._files[path] = ""
            except (OSError, ValueError) as error:
                self._files[path] = reason(error)
        if self._files[path]:
            self.problems.add(number, column, f"{str(cell)!r} can't be read ({self._files[path]}); expected {expected}")
        return path, os.path.normpath(written)

    def _id(self, number: int, cell: Any, asked: Mapping[str, Any]) -> str:
        if cell is None:
            text = json.dumps(asked, sort_keys=True, default=str)
            found = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:12]
        else:
            found = str(int(cell) if isinstance(cell, float) and cell.is_integer() else cell).strip()
            if len(found) > LONGEST_ID or not (PLAIN.fullmatch(found) and found.isprintable()):
                expected = f"1 to {LONGEST_ID} characters that a file's name can have, without a point first or last"
                self.problems.add(number, "id", f"is {found[:200]!r}; expected {expected}")
        key = same_name(found)
        if key in self._ids:
            same = "asks for the same as" if cell is None else f"is {found!r}, as is that of"
            self.problems.add(number, "id", f"{same} row {self._ids[key]}; expected an id of its own for each row")
        self._ids.setdefault(key, number)
        return found


def same_name(name: str) -> str:
    """What two names have in common that are one file's on some disks, which don't tell "a" from "A", or "é" from an
    "e" with an accent put to it."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _flat(cells: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The cells, and those of tables within by ``TABLE.NAME``."""
    if not isinstance(cells, Mapping):
        raise PlanError(f"a row is a {type(cells).__name__}; expected a mapping of columns to cells")
    for name, cell in cells.items():
        if isinstance(cell, Mapping):
            yield from ((f"{name}.{inner}", one) for inner, one in cell.items())
        else:
            yield str(name), cell


def _empty(cell: Any) -> bool:
    """What tables have where nothing was written."""
    return (
        cell is None or (isinstance(cell, str) and not cell.strip()) or (isinstance(cell, float) and math.isnan(cell))
    )


def _read(column: str, cell: Any) -> Any:
    """A cell as its column's type, of what tables without types or without whole numbers make of it; what can't be read
    stays as it is, for the request to refuse."""
    kinds = {REQUEST[column].type, *get_args(REQUEST[column].type)}
    if str in kinds or isinstance(cell, bool):
        return cell
    if int in kinds and isinstance(cell, str):
        with suppress(ValueError):
            return int(cell)  # exactly, however large
    try:
        number = float(cell) if isinstance(cell, str | Decimal) else cell
        if int in kinds:
            return int(number) if number == int(number) else cell
    except (ValueError, TypeError, OverflowError):
        return cell
    return number
