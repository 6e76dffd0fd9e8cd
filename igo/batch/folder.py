"""A plan out of a folder of pictures: a row for each."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path

from igo.errors import PlanError
from igo.files import refusing
from igo.images.kinds import SUFFIXES


def plan_of(folder: Path, place: Path, cells: Mapping[str, str | int | float] | None = None) -> str:
    """A plan as CSV, for a file in the folder ``place``: each picture of ``folder`` and the folders in it, by name,
    with an ``id`` made from its name; ``cells`` are further columns, the same in every row.

    What is hidden is none. Raises ``PlanError`` for what is no folder, and for one without pictures.
    """
    if not folder.is_dir():
        raise PlanError(f"{str(folder)!r} is not a folder; expected one with pictures")
    with refusing(folder, PlanError):
        found = list(_pictures(folder))
    if not found:
        raise PlanError(f"{str(folder)!r} has no pictures in it; expected some, such as {', '.join(_SUFFIXES[:4])}")
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "image", *(cells or {})])
    taken: set[str] = set()
    for path in found:
        name = _id(path.relative_to(folder), taken)
        taken.add(name.casefold())
        writer.writerow([name, Path(os.path.relpath(path, place)).as_posix(), *(cells or {}).values()])
    return text.getvalue()


_SUFFIXES = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)


def _pictures(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and name.lower().endswith(_SUFFIXES):
                yield Path(place, name)


def _id(path: Path, taken: set[str]) -> str:
    """A picture's name, with its folders' where that is another's too; with its suffix where that is as well."""
    plain = path.with_suffix("")
    for name in (plain.name, "-".join(plain.parts), f"{'-'.join(plain.parts)}-{path.suffix[1:]}"):
        if (name := name.strip(". ")) and name.casefold() not in taken:
            return name
    return next(f"{name}-{number}" for number in range(2, len(taken) + 3) if f"{name}-{number}".casefold() not in taken)
