"""Pictures in and out of the page: what people upload is read with care, what was painted is kept with its record."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import time
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from igo.errors import ImageError
from igo.notebooks import within

if TYPE_CHECKING:
    from PIL.Image import Image

    import igo
    from igo.images import Picture

MAX_PIXELS = 64_000_000
"""Of a picture that somebody uploads: 64 megapixels, more than most cameras have."""
MAX_BYTES = 64 * 2**20
"""Of a file."""
MANY = 24
"""Looks of a session that are remembered."""
SHOWN, SMALL = 1024, 240
"""Pixels of the longer side of what is compared, and of what the session's history shows."""
AGE = 6 * 3600
"""Seconds that files are kept."""
_HELD: WeakValueDictionary[str, Picture] = WeakValueDictionary()
"""Pictures that somebody still works with, by the SHA-256 of their files: all looks of one photo hold it once."""


def uploaded(path: str | PathLike[str] | None, what: str) -> Picture:
    """The picture that was uploaded as ``what``. Raises ``ImageError`` in a line that names it, and no path of this
    machine."""
    from igo.images import read_image

    if path is None:
        raise ImageError(f"there is no picture: upload one as '{what}', or take or paste it")
    place = Path(path)
    if place.stat().st_size > MAX_BYTES:
        size = place.stat().st_size / 2**20
        raise ImageError(f"the file for '{what}' has {size:,.0f} MB; expected at most {MAX_BYTES // 2**20} MB")
    data = place.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    try:
        picture = _HELD.get(digest) or read_image(data, max_pixels=MAX_PIXELS)
        _HELD[digest] = picture
        return picture
    except ImageError as error:
        told = str(error).removeprefix("the given data ")
        raise ImageError(f"the picture for '{what}' {told}".replace("programs may raise max_pixels", "or")) from error


def keep(look: igo.Look, folder: Path) -> tuple[list[Path], Path]:
    """Write the pictures of a look as PNG with their records, and the first one small, under a name that can't be
    guessed."""
    place = new_folder(folder)
    look.save(place / f"igo-{look.seed}.png")
    kept = sorted(place.iterdir(), key=lambda path: (len(path.name), path.name))
    within(look.image, SMALL, SMALL).save(place / "small.webp", quality=80, method=0)
    return kept, place / "small.webp"


def new_folder(folder: Path) -> Path:
    """A folder in ``folder`` whose name nobody guesses. Those that are older than ``AGE`` go."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if time.time() - old.stat().st_mtime > AGE:
            shutil.rmtree(old, ignore_errors=True)
    place = folder / secrets.token_urlsafe(24)
    place.mkdir()
    return place


def pair(before: Image | None, after: Image) -> tuple[Image, Image] | None:
    """Both for a slider: of one size, no larger than what is looked at; None where one shows more of the scene than the
    other."""
    if before is None:
        return None
    if abs(before.width * after.height - after.width * before.height) > max(before.width, after.width):
        return None
    after = within(after, SHOWN, SHOWN)
    return before.resize(after.size), after
