"""What a row's pictures are called: a template, filled in, and no two of one name."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from igo.batch.plan import PLAIN, Row, same_name
from igo.errors import SettingsError
from igo.images import format_of
from igo.records.look import numbered

FIELDS = ("id", "seed", "row")
JOURNAL = "results.jsonl"
REPORT = "report.html"
"""What is called so in the batch's folder is the batch's own."""
LONGEST = 255
"""Bytes of a file's name, which disks don't take longer."""


class Names:
    """The names that ``template`` gives, relative to the batch's folder, such as ``{id}-{seed}.png``.

    It has ``{id}``, ``{seed}`` and ``{row}`` (with a format, as in ``{row:06}``), and folders if it likes. Raises
    ``SettingsError`` for one that can't be filled in, leads out of the folder, or whose suffix isn't written.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        self._taken: dict[str, Row] = {}
        self._of(Row("id", 1), 1)

    def of(self, row: Row, seed: int, count: int) -> list[str]:
        """Those of a row's ``count`` pictures. Raises ``SettingsError`` where another row has one of them."""
        names = [path.as_posix() for path in numbered(Path(self._of(row, seed)), count)]
        for name in names:
            if (longest := max(len(part.encode()) for part in name.split("/"))) > LONGEST:
                raise SettingsError(
                    f"name is {self.template!r}, by which row {row.number} has a name of {longest} bytes; expected at "
                    f"most {LONGEST}"
                )
            other = self._taken.setdefault(same_name(name), row)
            if other is not row:
                raise SettingsError(
                    f"name is {self.template!r}, by which rows {other.number} and {row.number} both make {name!r}; "
                    "put {id} in it"
                )
        return names

    def _of(self, row: Row, seed: int) -> str:
        try:
            name = self.template.format(id=row.id, seed=seed, row=row.number)
        except (LookupError, ValueError, AttributeError, TypeError) as error:
            fields = ", ".join(f"{{{name}}}" for name in FIELDS)
            raise SettingsError(f"name is {self.template!r} ({error}); expected a name with {fields}") from None
        path = PurePosixPath(name)
        parts = path.parts
        if path.is_absolute() or not name.isprintable() or not parts or not all(map(PLAIN.fullmatch, parts)):
            raise SettingsError(
                f"name is {self.template!r}; expected a name within the batch's folder, not hidden, and of characters "
                "that a file's name can have"
            )
        if same_name(parts[0]) in (JOURNAL, REPORT):
            raise SettingsError(f"name is {self.template!r}, but {parts[0]} is the batch's own; choose another folder")
        format_of(name)
        return name


def check_apart(folder: Path, names: Iterable[str], inputs: Iterable[str]) -> None:
    """Raise ``SettingsError`` if a picture in ``folder`` would take the place of one of ``inputs``."""
    known = {os.path.realpath(path) for path in inputs}
    place = os.path.realpath(folder)
    if not any(path.startswith(place + os.sep) for path in known):
        return
    for name in names:
        if os.path.realpath(os.path.join(place, name)) in known:  # noqa: PTH118
            raise SettingsError(f"{name!r} in {os.fspath(folder)!r} is an input; choose another folder for the batch")
