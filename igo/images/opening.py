"""From bytes that nobody vouches for to an opened picture, with nothing decoded yet.

Pillow's ``Image.open`` is not used. Its limit against decompression bombs is a global that other threads share, and its
registry holds formats that call outside programs (EPS runs Ghostscript). Here the content alone decides, out of a list
of formats that Pillow decodes by itself; each is opened by its own class, and its size is held against the caller's
limit before a pixel is decoded.
"""

from __future__ import annotations

import ctypes
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import IO, BinaryIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    _imaging,
)

from igo.errors import ImageError
from igo.files import check_regular, reason
from igo.images.kinds import EXPECTED, describe, identify
from igo.images.limits import MAX_PIXELS, check_header, check_size, check_tiff, check_work, tiff_tile

MAX_BYTES = 2**31
"""The largest file that is taken into memory: above any picture of `MAX_PIXELS` with 16 bits and alpha."""

_CHUNK = 2**20

# Pillow warns of much that it then reads all the same. Whoever wants to hear that has filters, which come before this.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.", append=True)
# What it logs, Python writes to standard error where no handler at all is set, as in a command.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@cache
def _quiet_libtiff() -> None:
    """Keep the libtiff in Pillow, where it can be reached, from writing to standard error what its callers hear too."""
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(_imaging.__file__)
        library.TIFFSetErrorHandler(None)
        library.TIFFSetWarningHandler(None)


class _Tiff(TiffImagePlugin.TiffImageFile):
    """A TIFF that is held against the caller's limit alone: Pillow's own checks its global one again on decoding."""

    def _setup(self) -> None:
        _quiet_libtiff()
        check_tiff(self.tag_v2)
        super()._setup()

    def load_prepare(self) -> None:
        if self._im is None:
            self.im = Image.new(self.mode, getattr(self, "_tile_size", self.size)).im  # the size before it is turned
        super().load_prepare()


def _heif(stream: IO[bytes]) -> ImageFile.ImageFile:
    from pillow_heif import HeifImageFile

    opened: ImageFile.ImageFile = HeifImageFile(stream)
    return opened


_OPENERS: dict[str, Callable[[IO[bytes]], ImageFile.ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "TIFF": _Tiff,
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
    "HEIF": _heif,
}


def read_bytes(source: str | os.PathLike[str] | BinaryIO, label: str) -> bytes:
    """Everything in a file or a binary stream; a stream that can seek is read from its start.

    Raises ``ImageError`` if there is no such file, it may not be read, is a folder, or is larger than `MAX_BYTES`.
    """
    if not isinstance(source, str | os.PathLike):
        return _drain(source, label)
    path = Path(source)
    try:
        if check_regular(path).st_size > MAX_BYTES:
            raise _too_many_bytes(label)
        with path.open("rb") as stream:
            return _drain(stream, label)
    except FileNotFoundError:
        raise ImageError(f"{label} does not exist: expected a picture file; check the path") from None
    except PermissionError as error:
        if path.is_dir():  # Windows reports folders in this way
            raise _folder(label) from error
        raise ImageError(f"{label} may not be read: expected a readable file; check its permissions") from error
    except IsADirectoryError as error:
        raise _folder(label) from error
    except OSError as error:
        raise ImageError(f"{label} can't be read ({reason(error)}): expected a picture file; check the path") from error
    except ValueError as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"{label} is no path ({reason(error)}): expected a picture file; check the path") from error


def open_picture(data: bytes, label: str, max_pixels: int = MAX_PIXELS) -> tuple[ImageFile.ImageFile, str]:
    """The picture in ``data``, opened and not yet decoded, and the name of its format, one of `READABLE`.

    Raises ``ImageError`` for data of another kind, damaged headers, and pictures of more than ``max_pixels``.
    """
    if not data:
        raise ImageError(f"{label} is empty (0 bytes): {EXPECTED}; save or download it again")
    kind = identify(data)
    if kind is None:
        raise ImageError(f"{label} is {describe(data)}: {EXPECTED}; save it as PNG or JPEG first")
    if kind == "AVIF" and not AvifImagePlugin.SUPPORTED:
        raise ImageError(f"{label} is AVIF, which this build of Pillow can't read: save it as PNG or JPEG first")
    if kind == "HEIF" and find_spec("pillow_heif") is None:
        raise ImageError(
            f'{label} is a HEIC photo, as phones take them, which needs another package: pip install "igo[heif]", or '
            "save it as JPEG first"
        )
    check_header(data, kind, label, max_pixels)
    with decoding(label, kind):
        opened = _OPENERS[kind](BytesIO(data))
    check_size(opened.size, label, max_pixels)
    if isinstance(opened, _Tiff) and (tile := tiff_tile(opened.tag_v2)) is not None:
        check_size(tile, label, max_pixels)
    check_work(opened, data, kind, label, max_pixels)
    return opened, kind


def load(opened: Image.Image, label: str, kind: str) -> None:
    """Decode all pixels of an opened picture. Raises ``ImageError`` if they are truncated or damaged."""
    with decoding(label, kind, opened.size):
        opened.load()


@contextmanager
def decoding(label: str, kind: str, size: tuple[int, int] | None = None) -> Iterator[None]:
    """What is raised within, where a picture of this ``kind`` is decoded, as an ``ImageError``.

    Decoders raise whatever a damaged file makes them stumble on.
    """
    try:
        yield
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{label} is too large for {kind}: expected fewer pixels ({reason(error)}); use PNG"
        ) from error
    except MemoryError as error:
        pixels = f"has {size[0]}x{size[1]} pixels" if size else f"is a {kind} picture"
        raise ImageError(f"{label} {pixels}, too many for the memory here: shrink it") from error
    except Exception as error:
        raise damaged(label, kind, error) from error


def damaged(label: str, kind: str, error: Exception) -> ImageError:
    """The error for a picture whose format is known and whose content can't be decoded."""
    why = reason(error) if str(error) else "its parts don't fit together"
    return ImageError(
        f"{label} is a truncated, damaged or unusual {kind} picture ({why}): expected a whole one; "
        "save or download it again"
    )


def _drain(stream: IO[bytes], label: str) -> bytes:
    try:
        if stream.seekable():
            stream.seek(0)
        parts, total = [], 0
        while part := stream.read(_CHUNK):
            if not isinstance(part, bytes):
                raise ImageError(f"{label} gives text: expected bytes; open the file with mode 'rb'")
            parts.append(part)
            total += len(part)
            if total > MAX_BYTES:
                raise _too_many_bytes(label)
    except UnicodeDecodeError as error:
        raise ImageError(f"{label} gives text: expected bytes; open the file with mode 'rb'") from error
    return b"".join(parts)


def _folder(label: str) -> ImageError:
    return ImageError(f"{label} is a folder: expected one picture file; name a file in it")


def _too_many_bytes(label: str) -> ImageError:
    return ImageError(f"{label} is larger than {MAX_BYTES / 2**30:.0f} GiB: expected a picture file; shrink it")
