"""Small pictures for a report: each made once, and taken from the report before where that has it."""

from __future__ import annotations

import hashlib
import os
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

from igo import notebooks
from igo.errors import ImageError
from igo.files import check_regular

SIZES = ((600, 384), (5000, 256))
"""Up to how many pictures, and of how many pixels the longer side of each is then."""
LEAST = 160
"""Pixels where there are more."""
PER = 100
"""Pictures in an element of the page, which is read as a whole when one of them is to be seen."""
QUALITY = 75
_LINE = re.compile(rb"([0-9a-f]{24}) (\d{1,6})x(\d{1,6}) [A-Za-z0-9+/=]+\n")
_LONGEST = 2**20
_BEGIN, _END = b'<script class="thumbnails" type="text/plain">\n', b"</script>\n"


class Thumbnail(NamedTuple):
    """Its number in the report, and the size of the picture itself."""

    number: int
    width: int
    height: int


def size_for(count: int) -> int:
    """Pixels of the longer side where there are so many pictures."""
    return next((size for most, size in SIZES if count <= most), LEAST)


class Thumbnails:
    """Writes thumbnails into a page as they are asked for: a line for each, with its key, the picture's size, and a
    WebP in base 64. ``older`` is a report from which those are taken whose pictures are as they were."""

    def __init__(self, page: BinaryIO, size: int, older: BinaryIO | None = None) -> None:
        self._page, self._size, self._older = page, size, older
        self._places = {} if older is None else dict(_lines_of(older))
        self._known: dict[str, Thumbnail | None] = {}
        self._count = 0

    def of(self, path: Path) -> Thumbnail | None:
        """The thumbnail of the picture at ``path``; None if it isn't there, or is none."""
        try:
            status = check_regular(path)
        except (OSError, ValueError):
            return None
        told = f"{os.path.normpath(path)}\0{status.st_mtime_ns} {status.st_size} {self._size}"
        key = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:24]
        if key not in self._known:
            self._known[key] = self._added(self._line(path, key))
        return self._known[key]

    def close(self) -> None:
        """End the last element."""
        if self._count % PER:
            self._page.write(_END)

    def _line(self, path: Path, key: str) -> bytes | None:
        if self._older is not None and key in self._places:
            start, length = self._places[key]
            self._older.seek(start)
            return self._older.read(length)
        try:
            width, height, data = _made(path, self._size)
        except ImageError:
            return None
        return f"{key} {width}x{height} {b64encode(data).decode()}\n".encode()

    def _added(self, line: bytes | None) -> Thumbnail | None:
        found = _LINE.fullmatch(line or b"")
        if found is None or line is None:
            return None
        number = self._count
        self._count += 1
        self._page.write((_BEGIN if number % PER == 0 else b"") + line + (_END if self._count % PER == 0 else b""))
        return Thumbnail(number, int(found[2]), int(found[3]))


@contextmanager
def older(path: Path) -> Iterator[BinaryIO | None]:
    """The report that lies at ``path``; None if there is none that can be read."""
    file = None
    with suppress(OSError, ValueError):
        check_regular(path)
        file = path.open("rb")
    try:
        yield file
    finally:
        if file is not None:
            file.close()


def _lines_of(report: BinaryIO) -> Iterator[tuple[str, tuple[int, int]]]:
    """The keys of a report's thumbnails, and where each line begins and how long it is."""
    start = 0
    for line in iter(lambda: report.readline(_LONGEST), b""):
        if found := _LINE.fullmatch(line):
            yield found[1].decode(), (start, len(line))
        start += len(line)


def _made(path: Path, size: int) -> tuple[int, int, bytes]:
    """A picture's width and height, and itself as a WebP, on white where it is transparent."""
    from igo.images import read_image
    from igo.images.opening import open_picture, read_bytes

    opened, kind = open_picture(read_bytes(path, repr(str(path))), repr(str(path)))
    whole = max(opened.size)
    if kind == "JPEG":
        opened.draft(None, (size, size))  # decoded at a half, a quarter or an eighth, if that is enough
    reduced = whole / max(opened.size)
    picture = read_image(opened).on_white()
    buffer = BytesIO()
    notebooks.within(picture, size, size).save(buffer, "WEBP", quality=QUALITY, method=2)
    return round(picture.width * reduced), round(picture.height * reduced), buffer.getvalue()
