"""A look at a folder before it is trained on: what a trainer will see of it, and what had better be mended first."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from igo.errors import IGOError, SettingsError
from igo.images import digest, read_image
from igo.images.sheet import PAPER, contact_sheet, tinted
from igo.painting.prompts.chunks import CHUNK_LENGTH
from igo.training.data.buckets import bucket_sizes, nearest_bucket
from igo.training.data.duplicates import alike, difference_hash
from igo.training.data.folders import fitted, read_mask
from igo.training.data.labelling import unheard
from igo.training.data.lengths import least_tokens
from igo.training.data.metadata import Metadata, Row, no_pictures

ENLARGED = 1.05
"""From here on a picture that is smaller than its bucket is worth a word."""
CROPPED = 0.2
"""From this share on, so is what a picture loses."""
COLUMNS, LINES = 6, 4
CELL = (288, 384)
"""Pixels of a picture's place on the sheet; what is wider lies at the bottom of it."""


@dataclass
class Inspection:
    """``pictures`` in the folder, how many of them are ``captioned`` as a whole, ``masks`` and, among these, ``absent``
    things; pictures in each of ``buckets`` (width, height); lines with each of ``columns``, such as a licence.

    ``remarks`` are lines by kind: ``missing`` (no caption), ``unreadable``, ``twice`` (the same pixels), ``alike``,
    ``small`` (enlarged), ``cropped`` (loses much), ``long`` (a caption that is cut), ``mask`` (how one was read).
    ``tiles`` are pictures as they are trained on, with their texts.
    """

    pictures: int = 0
    captioned: int = 0
    masks: int = 0
    absent: int = 0
    buckets: Counter[tuple[int, int]] = field(default_factory=Counter)
    columns: Counter[str] = field(default_factory=Counter)
    remarks: dict[str, list[str]] = field(default_factory=dict)
    tiles: list[tuple[Image.Image, str]] = field(default_factory=list)

    def remark(self, kind: str, line: str) -> None:
        self.remarks.setdefault(kind, []).append(line)

    def sheet(self) -> Image.Image:
        """A contact sheet of the tiles. Raises ``SettingsError`` if there are none."""
        if not self.tiles:
            raise SettingsError("there is no picture to show: none could be read")
        placed = [[ImageOps.pad(picture, CELL, color=PAPER, centering=(0, 1))] for picture, _ in self.tiles]
        return contact_sheet(placed, [text for _, text in self.tiles], COLUMNS, CELL[1], LINES)


def inspect_folder(
    folder: Path,
    size: tuple[int, int],
    multiple: int | None = None,
    count: int = 60,
    progress: Callable[[int, int], None] = unheard,
) -> Inspection:
    """Read all that ``folder`` holds, as training in buckets of about ``size`` (width, height) would.

    Nothing is fatal but a folder or a list that can't be read at all. ``count`` pictures, evenly picked, are kept as
    tiles. ``progress`` is called with pictures done and in all. Raises ``SettingsError``.
    """
    metadata, sizes, found = Metadata(folder), bucket_sizes(size, multiple), Inspection()
    rows: dict[Path, list[Row]] = {picture: [] for picture in metadata.pictures}
    for row in metadata.rows:
        rows.setdefault(row.picture, []).append(row)
        found.columns.update(name for name in row.values if name not in ("file_name", "text", "mask"))
    if not rows:
        raise SettingsError(no_pictures(folder))
    missing = metadata.uncaptioned()
    found.pictures, found.captioned = len(metadata.pictures), len(metadata.pictures) - len(missing)
    for path in missing:
        found.remark("missing", f"{_name(path, folder)} has no caption")
    shown = set(np.linspace(0, len(rows) - 1, min(max(count, 0), len(rows))).round().astype(int).tolist())
    seen: list[tuple[str, str]] = []
    hashes = []
    for index, (path, own) in enumerate(rows.items()):
        name = _name(path, folder)
        try:
            picture = read_image(path).on_white()
        except IGOError as error:
            found.remark("unreadable", str(error))
        else:
            seen.append((name, digest(picture)))
            hashes.append(difference_hash(picture))
            _look(found, name, picture, own, folder, sizes, index in shown)
        progress(index + 1, len(rows))
    for group in alike(hashes):
        names = ", ".join(seen[index][0] for index in group)
        same = len({seen[index][1] for index in group}) == 1
        found.remark(*(("twice", f"{names} have the same pixels") if same else ("alike", f"{names} look alike")))
    return found


def _look(
    found: Inspection,
    name: str,
    picture: Image.Image,
    rows: list[Row],
    folder: Path,
    sizes: list[tuple[int, int]],
    shown: bool,
) -> None:
    """Put one picture and what is said of it into ``found``."""
    bucket = nearest_bucket(picture.size, sizes)
    found.buckets[bucket] += 1
    scale = max(bucket[0] / picture.width, bucket[1] / picture.height)
    lost = 1 - bucket[0] * bucket[1] / (scale**2 * picture.width * picture.height)
    shapes = f"{picture.width}×{picture.height}", f"{bucket[0]}×{bucket[1]}"
    if scale >= ENLARGED:
        found.remark("small", f"{name} ({shapes[0]}) is enlarged to {shapes[1]}")
    if lost >= CROPPED:
        found.remark("cropped", f"{name} ({shapes[0]}) loses {lost:.0%} in {shapes[1]}")
    view = fitted(picture, bucket, "crop")
    texts = [row.text for row in rows if row.whole and row.text]
    for count in filter(lambda count: count > CHUNK_LENGTH, map(least_tokens, texts)):
        found.remark("long", f"{name} has a caption of {count} tokens or more; training reads the first {CHUNK_LENGTH}")
    if shown and (texts or all(row.whole for row in rows)):
        found.tiles.append((view, " | ".join(texts) or "(no caption)"))
    for row in rows:
        if row.whole:
            continue
        if row.values["mask"] is None:
            found.absent += 1
            continue
        try:
            mask = read_mask(row.place, folder / row.values["mask"], picture.size)
        except IGOError as error:
            found.remark("unreadable", str(error))
            continue
        found.masks += 1
        for note in mask.notes:
            found.remark("mask", f"{row.values['mask']}: {note}")
        if shown:
            area = fitted(mask.image, bucket, "crop").point(lambda value: 255 if value >= 128 else 0)
            found.tiles.append((tinted(view, area), row.text or "(no text)"))


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
