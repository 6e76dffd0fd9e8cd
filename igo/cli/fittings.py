"""Every garment of one folder on everybody of another: a picture each, and one sheet, people down, garments across."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from igo.cli import options
from igo.cli.outputs import not_over, say_notes, told
from igo.cli.printing import echo, one_line
from igo.errors import ImageError, MaskError, SettingsError
from igo.files import check_file, refusing

if TYPE_CHECKING:
    from PIL.Image import Image

    from igo.chains.chain import Chain
    from igo.images import Picture

SHEET = "sheet.png"
TALLEST, SMALLEST = 256, 96
"""Pixels of a picture's height on the sheet, with few and with very many."""
KEPT = 64
"""So many garments are held in memory."""
ROOM = 40_000_000
"""Pixels of a sheet, more or less."""


def everybody(
    chain: Chain, people: Path, garments: Path, output: Path | None, seed: int, batch_size: int, quiet: bool
) -> None:
    """Run ``chain``, whose reference is "garment", on each pair of pictures of two folders, and write into a third.

    Who or what can't be read, isn't found or is doubted is told in the end, in one line each, and the rest is written;
    then ``typer.Exit`` with 1. Raises ``IGOError`` for what no pair could work with.
    """
    from igo.chains.gathering import together

    if batch_size < 1:
        raise SettingsError(f"batch_size is {batch_size}; expected at least 1")
    if output is None:
        raise SettingsError("--people writes many pictures; name their folder with --output DIR")
    rows, columns = (_pictures(folder, name) for folder, name in ((people, "--people"), (garments, "--garments")))
    names = {pair: output / f"{pair[0]}-{pair[1]}.png" for pair in product(rows, columns)}
    for name in (*names.values(), output / SHEET):
        not_over(name, [*rows.values(), *columns.values()])
    if output.exists() and not output.is_dir():
        raise SettingsError(f"--output {output} is a file; expected a folder for many pictures")
    with refusing(output, ImageError):
        output.mkdir(parents=True, exist_ok=True)
    check_file(output / SHEET)
    chain.check(references=["garment"])
    height = max(SMALLEST, min(TALLEST, int((ROOM / (len(rows) + 1) / (len(columns) + 1)) ** 0.5)))
    those, these = _Folder(rows, batch_size, height), _Folder(columns, KEPT, height)
    failed: dict[str, str] = {}
    made: dict[tuple[str, str], Image] = {}
    pairs, said = list(names), set[tuple[str, str]]()
    with options.progress(quiet) as observers:
        for start in range(0, len(pairs), batch_size):
            chosen, calls = [], []
            for pair in pairs[start : start + batch_size]:
                person, garment = those.get(pair[0]), these.get(pair[1])
                if person is not None and garment is not None:
                    asked: dict[str, Any] = {"image": person, "references": {"garment": garment}, "seed": seed}
                    chosen.append(pair)
                    calls.append(partial(chain.run, observers=observers, **asked))
            for pair, look in zip(chosen, together(calls, batch_size, return_exceptions=True), strict=True):
                if isinstance(look, MaskError | ImageError):
                    failed[f"{pair[0]} in {pair[1]}"] = str(look)
                elif isinstance(look, Exception):
                    raise look
                else:
                    told(look.save_frame(0, names[pair]))
                    say_notes(look.frames[0], said)
                    made[pair] = _small(look.image, height)
    if made:
        from igo.images import write_image

        told(write_image(_sheet(those, these, made), output / SHEET))
    failed = {**those.refused, **these.refused, **failed}
    for what, why in failed.items():
        echo(f"igo: {one_line(f'{what}: {why}')}", err=True)
    if failed:
        raise typer.Exit(1)


class _Folder:
    """Pictures by their names, read when they are asked for; ``kept`` of them stay in memory."""

    def __init__(self, files: Mapping[str, Path], kept: int, height: int) -> None:
        self.files, self.kept, self.height = files, kept, height
        self.small: dict[str, Image] = {}
        """Each that was read, for the sheet."""
        self.refused: dict[str, str] = {}
        """What can't be read, and why."""
        self._read: dict[str, Picture] = {}

    def get(self, name: str) -> Picture | None:
        """A picture; None for what can't be read."""
        if name in self.refused:
            return None
        if name not in self._read:
            from igo.images import read_image

            while len(self._read) >= self.kept:
                del self._read[next(iter(self._read))]
            try:
                self._read[name] = read_image(self.files[name])
            except ImageError as error:
                self.refused[name] = str(error)
                return None
            self.small.setdefault(name, _small(self._read[name].on_white(), self.height))
        return self._read[name]


def _small(image: Image, height: int) -> Image:
    return image.resize((max(1, round(image.width * height / image.height)), height))


def _pictures(folder: Path, option: str) -> dict[str, Path]:
    """The pictures of a folder by names of their own, which are parts of a file's name. Raises ``SettingsError``."""
    from igo.training.data.metadata import pictures_in

    paths = pictures_in(folder)
    if not paths:
        raise SettingsError(f"{option} {folder} has no pictures in it")
    plain = ["-".join(path.relative_to(folder).with_suffix("").parts) for path in paths]
    return {
        name if plain.count(name) == 1 else f"{name}-{path.suffix[1:]}": path
        for name, path in zip(plain, paths, strict=True)
    }


def _sheet(people: _Folder, garments: _Folder, made: Mapping[tuple[str, str], Image]) -> Image:
    """People down, garments across, and both in front; white where there is nothing."""
    from PIL import Image as Pictures

    from igo.images.sheet import contact_sheet

    height = people.height
    blank = Pictures.new("RGB", (height * 2 // 3, height), "white")
    cells = [(blank, ""), *((garments.small.get(name, blank), name) for name in garments.files)]
    for person in people.files:
        cells.append((people.small.get(person, blank), person))
        cells += [(made.get((person, garment), blank), "") for garment in garments.files]
    columns = len(garments.files) + 1
    return contact_sheet([[image] for image, _ in cells], [name for _, name in cells], columns, height)
