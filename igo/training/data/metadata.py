"""The texts of a folder's pictures: ``metadata.jsonl`` or ``metadata.csv`` in the usual imagefolder layout, or a text
file beside each."""

import csv
import io
import json
import math
import os.path
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from igo.errors import SettingsError
from igo.files import text_of, write_whole
from igo.images.kinds import READABLE
from igo.images.kinds import SUFFIXES as PICTURE_SUFFIXES

METADATA, TABLE = "metadata.jsonl", "metadata.csv"
BESIDE = (".txt", ".caption")
"""How files with a picture's captions end."""
MASKS = "masks"
"""The folder, within that of the pictures, for masks that are made here. What a kill leaves in it is no picture."""
SUFFIXES = tuple(suffix for kind in READABLE for suffix in PICTURE_SUFFIXES[kind])
"""What is taken for a picture. One that can't be read is told; left out, nobody would hear of it."""
_FIELDS = 'each line needs "file_name" and "text", and may have "mask" (a file, or null for a thing that is not there)'
_OWN = ("file_name", "text", "mask")


@dataclass(frozen=True)
class Line:
    """A picture and a text. ``mask`` says where in the picture the text applies; without one (``whole``) it describes
    all of the picture, and None with ``whole`` False means that the picture shows no such thing. ``columns`` is what
    else is said of it, such as a licence or a source."""

    place: str
    picture: Path
    text: str
    mask: Path | None = None
    whole: bool = True
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A line of ``metadata.jsonl`` as it stands there (``source``), and what it says. It may lack a text as yet."""

    place: str
    picture: Path
    values: Mapping[str, Any]
    source: str

    @property
    def text(self) -> str:
        return str(self.values.get("text") or "").strip()

    @property
    def whole(self) -> bool:
        return "mask" not in self.values

    def line(self, folder: Path) -> Line:
        """The same to learn from. Raises ``SettingsError`` if it has no text."""
        if not self.text:
            raise SettingsError(f"{self.place}: {_FIELDS}; to write what is missing, run: igo caption {folder}")
        mask = self.values.get("mask")
        columns = {name: value for name, value in self.values.items() if name not in _OWN}
        return Line(self.place, self.picture, self.values["text"], folder / mask if mask else None, self.whole, columns)


def lists_in(folder: Path) -> list[Path]:
    """The files that list the pictures: ``metadata.jsonl``, else ``metadata.csv``, else those in the folders below, as
    of a data set that is split into some."""
    for name in (METADATA, TABLE):
        if (folder / name).is_file():
            return [folder / name]
    inner = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return [path for below in inner if not below.name.startswith(".") for path in lists_in(below)]


def read_rows(folder: Path) -> list[Row]:
    """The lines of the folder's ``lists_in``. Files are named relative to the list, and here to ``folder``.

    Raises ``SettingsError`` for one that can't be understood, which is named.
    """
    rows: list[Row] = []
    for path in lists_in(folder):
        text = text_of(path, "a list of the pictures and their texts")
        rows += _checked(folder, path, _from_lines(path, text) if path.name == METADATA else _from_table(path, text))
    return rows


def _from_lines(path: Path, text: str) -> Iterator[tuple[int, str, Any]]:
    """The number, the source and the content of each line."""
    for number, source in enumerate(text.split("\n"), 1):
        if source.strip():
            try:
                yield number, source, json.loads(source)
            except (ValueError, RecursionError) as error:
                raise SettingsError(f"{path.name} line {number} is not JSON ({error})") from error


def _from_table(path: Path, text: str) -> Iterator[tuple[int, str, Any]]:
    """The same of a table with commas, whose first line names the columns; what is left empty is not said."""
    table = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in table:
            if None in cells or None in cells.values():
                raise SettingsError(f"{path.name} line {table.line_num} has another number of columns than the first")
            values = {name: cell for name, cell in cells.items() if cell}
            yield table.line_num, json.dumps(values, ensure_ascii=False), values
    except csv.Error as error:
        raise SettingsError(f"{path.name} is no table with commas after line {table.line_num} ({error})") from error


def _checked(folder: Path, path: Path, lines: Iterable[tuple[int, str, Any]]) -> Iterator[Row]:
    prefix = path.parent.relative_to(folder).as_posix() if path.parent != folder else ""
    for number, source, values in lines:
        place = f"{path.relative_to(folder).as_posix()} line {number}"
        if not isinstance(values, dict):
            raise SettingsError(f"{place}: {_FIELDS}")
        if prefix:
            values = {key: f"{prefix}/{value}" if _is_file(key, value) else value for key, value in values.items()}
            source = json.dumps(values, ensure_ascii=False)
        name, text, mask = (values.get(key) for key in _OWN)
        if not name or not isinstance(name, str) or not isinstance(text, str | None):
            raise SettingsError(f"{place}: {_FIELDS}")
        if not isinstance(mask, str | None) or mask == "":
            raise SettingsError(f"{place}: {_FIELDS}")
        yield Row(place, folder / name, values, source)


def _is_file(key: str, value: Any) -> bool:
    """Whether a value names a picture, or a picture's mask or other companion."""
    return key != "text" and isinstance(value, str) and value.lower().endswith(SUFFIXES)


def pictures_in(folder: Path, rows: Iterable[Row] = ()) -> list[Path]:
    """The pictures in ``folder`` and the folders in it, by name. Hidden files are none, nor is what ``rows`` name as a
    picture's mask or other companion, nor what lies in a folder ``masks``.

    Raises ``SettingsError`` for what is no folder.
    """
    if not folder.is_dir():
        raise SettingsError(f"{folder} is not a folder; expected one with pictures")
    companions = {
        _plain(folder / value)
        for row in rows
        for key, value in row.values.items()
        if key != "file_name" and _is_file(key, value)
    }
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and _plain(path) not in companions
        and not any(part.startswith(".") or part == MASKS for part in path.relative_to(folder).parts)
    )


def texts_beside(picture: Path) -> list[str]:
    """The lines of the text file that lies beside a picture, ``a.txt`` or ``a.caption`` beside ``a.jpg``; none if there
    is no such file.

    Raises ``SettingsError`` for one that can't be read.
    """
    path = _beside(picture)
    if not path.is_file():
        return []
    content = text_of(path, f"the captions of {picture.name}, one on each line")
    return [" ".join(line.split()) for line in content.split("\n") if line.strip()]


def _beside(picture: Path) -> Path:
    """Where a picture's captions are, or could be."""
    places = [picture.with_suffix(suffix) for suffix in BESIDE]
    return next((path for path in places if path.is_file()), places[0])


class Metadata:
    """What is said of the pictures in a folder: ``rows`` of ``metadata.jsonl`` (see ``lists_in`` for others), and the
    text files that lie beside pictures which it doesn't caption. It can grow: what stands there stays as it is, in its
    order. Nothing is written until ``save``, to ``metadata.jsonl``, nor if nothing is new.

    Raises ``SettingsError`` as ``read_rows`` and ``pictures_in`` do.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.rows, self.listed = folder, read_rows(folder), bool(lists_in(folder))
        self._new, self._saved = False, -math.inf
        self.pictures = pictures_in(folder, self.rows)
        self._waiting = {
            _plain(row.picture): index for index, row in enumerate(self.rows) if row.whole and not row.text
        }
        for picture in self.uncaptioned():
            for text in texts_beside(picture):
                self.add(picture, text, place=_beside(picture).relative_to(folder).as_posix())

    def uncaptioned(self) -> list[Path]:
        """The pictures that no line describes as a whole."""
        captioned = {_plain(row.picture) for row in self.rows if row.whole and row.text}
        return [picture for picture in self.pictures if _plain(picture) not in captioned]

    def unmasked(self, text: str) -> list[Path]:
        """The pictures without a line that says where ``text`` is in them, or that it isn't."""
        masked = {_plain(row.picture) for row in self.rows if not row.whole and row.text == text}
        return [picture for picture in self.pictures if _plain(picture) not in masked]

    def add(self, picture: Path, text: str, mask: Path | None = None, place: str | None = None) -> None:
        """Give a picture a text: to the line that waits for one, else on a new line. ``mask`` is where it applies;
        ``place`` is where it stands now, for error messages."""
        index = self._waiting.pop(_plain(picture), len(self.rows)) if mask is None else len(self.rows)
        if index < len(self.rows):
            values = {**self.rows[index].values, "text": text}
        else:
            values = {"file_name": picture.relative_to(self.folder).as_posix(), "text": text}
        if mask is not None:
            values["mask"] = mask.relative_to(self.folder).as_posix()
        row = Row(place or f"{METADATA} line {index + 1}", picture, values, json.dumps(values, ensure_ascii=False))
        self.rows[index : index + 1] = [row]
        self._new = True

    def save(self, at_most_every: float = 0.0) -> None:
        """Write all lines, whole or not at all, unless that was done less than so many seconds ago.

        Raises ``SettingsError``.
        """
        path = self.folder / METADATA
        if not self._new or time.monotonic() - self._saved < at_most_every:
            return
        write_whole(path, "".join(f"{row.source}\n" for row in self.rows).encode())
        self._new, self._saved = False, time.monotonic()


def read_lines(folder: Path) -> list[Line]:
    """What there is to learn in ``folder``: the lines of its ``metadata.jsonl`` (see ``lists_in`` for others), and
    those of the text files beside pictures that it doesn't caption (``a.txt`` or ``a.caption`` beside ``a.jpg``, a
    caption on each line). Without a list every picture must have such a file.

    Raises ``SettingsError`` for a line that can't be understood, which is named, and for pictures without a text.
    """
    metadata = Metadata(folder)
    if not metadata.listed:
        silent = metadata.uncaptioned()
        if not metadata.pictures:
            raise SettingsError(no_pictures(folder))
        if silent:
            raise SettingsError(
                f"{folder} has no {METADATA}, and no {' or '.join(BESIDE)} beside {len(silent)} of "
                f"{len(metadata.pictures)} pictures, such as {silent[0].name}; "
                f"to write captions, run: igo caption {folder}"
            )
    if not metadata.rows:
        raise SettingsError(f"{lists_in(folder)[0]} is empty; {_FIELDS}")
    return [row.line(folder) for row in metadata.rows]


def no_pictures(folder: Path) -> str:
    """What to say of a folder without any."""
    return f"{folder} holds no pictures; expected files that end in {', '.join(SUFFIXES)}"


def _plain(path: Path) -> str:
    """A path by which the same file is known however it was written."""
    return os.path.normpath(path)
