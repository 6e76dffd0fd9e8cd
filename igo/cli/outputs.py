"""The files that a command is about to write: known, and held against what it reads, before any work."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from igo.cli.command import in_options
from igo.cli.printing import echo, one_line
from igo.errors import SettingsError
from igo.files import check_file

if TYPE_CHECKING:
    from PIL.Image import Image

    from igo.images import Written
    from igo.records.look import Look
    from igo.values import Frame


class Outputs:
    """Pictures, and a contact sheet of them where one is wanted.

    Without ``output`` they are called ``stem``, under a name that is free. ``inputs`` are the files that are read;
    what is no path is none. To be checked before any work, and to write with after it.
    """

    def __init__(self, output: Path | None, stem: str, inputs: Iterable[object] = (), sheet: bool = False) -> None:
        self.output, self.stem, self.sheet = output, stem, sheet
        self.inputs = [item for item in inputs if isinstance(item, Path)]

    def check(self, count: int = 1) -> None:
        """Raise ``IGOError`` if ``count`` pictures, and their sheet, can't be written or would overwrite an input."""
        from igo.images import format_of

        for name in self._names(count):
            format_of(name)
            not_over(name, self.inputs)
            check_file(name)

    def save(self, looks: Sequence[Look], sheet: Image | None = None) -> None:
        """Write the pictures of all looks, numbered if they are several, and the sheet; say where they are."""
        from igo.images import write_image

        frames = [(look, index) for look in looks for index in range(len(look))]
        names = self._names(len(frames))
        for name in names:
            not_over(name, self.inputs)
        said = set[tuple[str, str]]()
        for (look, index), name in zip(frames, names, strict=False):
            told(look.save_frame(index, name))
            say_notes(look.frames[index], said)
            if look.frames[index].nsfw_content_detected:
                seed = look.frames[index].seed
                echo(f"igo: the checkpoint's safety checker flagged the picture of seed {seed}", err=True)
        if sheet is not None:
            told(write_image(sheet, names[-1]))

    def write(self, image: Image) -> None:
        """Write one picture that has no record; say where it is."""
        from igo.images import write_image

        name = self._names(1)[0]
        not_over(name, self.inputs)
        told(write_image(image, name))

    def _names(self, count: int) -> list[Path]:
        """Those of ``count`` pictures, then the sheet's."""
        if self.output is not None:
            return self._numbered(self.output, count)
        names, attempt = self._numbered(Path(f"{self.stem}.png"), count), 1
        while any(os.path.lexists(name) for name in names):
            attempt += 1
            names = self._numbered(Path(f"{self.stem}-take-{attempt}.png"), count)
        return names

    def _numbered(self, path: Path, count: int) -> list[Path]:
        from igo.records.look import numbered

        names = numbered(path, count)
        return [*names, names[0].with_name(f"{names[0].stem}-sheet.png")] if self.sheet else names


def not_over(name: Path, inputs: Iterable[Path], option: str = "--output") -> None:
    """Raise ``SettingsError`` if ``name`` is one of the files in ``inputs``, by whatever path."""
    place = os.path.realpath(name)
    for other in inputs:
        if place == os.path.realpath(other) or _same_file(name, other):
            raise SettingsError(f"{option} would write over the input {other}; choose another name")


def _same_file(one: Path, other: Path) -> bool:
    """Whether two names are of one file, as links and disks that don't tell "a" from "A" make them."""
    try:
        return one.samefile(other)
    except OSError:  # one isn't there
        return False


def say_notes(frame: Frame, said: set[tuple[str, str]]) -> None:
    """Say what a picture's history notes, and wasn't ``said`` of others."""
    for entry in frame.history:
        note = (entry.step, str(entry.report.get("note", "")))
        if note[1] and note not in said:
            said.add(note)
            echo(f"igo: {entry.step}: {one_line(in_options(note[1]))}", err=True)


def told(written: Written) -> None:
    """Say where a picture is, and what its format lost."""
    echo(written.path)
    for note in written.notes:
        echo(f"igo: {note}", err=True)
