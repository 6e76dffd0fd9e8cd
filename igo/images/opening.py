"""From bytes that nobody vouches for to an opened picture, with nothing decoded yet.

Pillow's ``Image.open`` is not used. Its limit against decompression bombs is a global that other threads share, and its
registry holds formats that call outside programs (EPS runs Ghostscript). Here the content alone decides, out of a list
of formats that Pillow decodes by itself; each is opened by its own class, and its size is held against the caller's
limit before a pixel is decoded.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable
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
)

from igo.errors import ImageError
from igo.files import check_regular, reason

MAX_PIXELS = 256_000_000
"""The largest picture that is read unless a caller says otherwise: 256 megapixels, 1 GB once decoded."""

MAX_BYTES = 2**31
"""The largest file that is taken into memory: above any picture of `MAX_PIXELS` with 16 bits and alpha."""

_CHUNK = 2**20
_TILE_WIDTH, _TILE_LENGTH = 322, 323


class _Tiff(TiffImagePlugin.TiffImageFile):
    """A TIFF that is held against the caller's limit alone: Pillow's own checks its global one again on decoding."""

    def load_prepare(self) -> None:
        if self._im is None:
            self.im = Image.new(self.mode, getattr(self, "_tile_size", self.size)).im  # the size before it is turned
        super().load_prepare()


_OPENERS: dict[str, Callable[[IO[bytes]], ImageFile.ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.jpeg_factory,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "TIFF": _Tiff,
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
}

READABLE = tuple(_OPENERS)
"""Names of the file formats that are read, most common first."""

_EXPECTED = f"expected {', '.join(READABLE[:-1])} or {READABLE[-1]}"

_STRANGERS: tuple[tuple[bytes, str], ...] = (
    (b"%!PS", "a PostScript file"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript file"),
    (b"%PDF", "a PDF file"),
    (b"8BPS", "a Photoshop file"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"<svg", "an SVG drawing"),
    (b"<", "an HTML or XML text"),
    (b"version https://git-lfs", "a Git LFS pointer (fetch it with 'git lfs pull')"),
)


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
        raise ImageError(f"{label} is empty (0 bytes): {_EXPECTED}; save or download it again")
    kind = _identify(data)
    if kind is None:
        raise ImageError(f"{label} is {_describe(data)}: {_EXPECTED}; save it as PNG or JPEG first")
    if kind == "AVIF" and not AvifImagePlugin.SUPPORTED:
        raise ImageError(f"{label} is AVIF, which this build of Pillow can't read: save it as PNG or JPEG first")
    if kind == "WEBP" and (size := _webp_canvas(data)) is not None:
        check_size(size, label, max_pixels)  # its decoder allocates the whole canvas as soon as it is opened
    try:
        opened = _OPENERS[kind](BytesIO(data))
        tile = _tiff_tile(opened)
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{label} is too large for {kind}: expected fewer pixels ({reason(error)}); use PNG"
        ) from error
    except Exception as error:  # decoders raise whatever a damaged file makes them stumble on
        raise damaged(label, kind, error) from error
    check_size(opened.size, label, max_pixels)
    if tile is not None:
        check_size(tile, label, max_pixels)
    return opened, kind


def load(opened: Image.Image, label: str, kind: str) -> None:
    """Decode all pixels of an opened picture. Raises ``ImageError`` if they are truncated or damaged."""
    try:
        opened.load()
    except ImageError:
        raise
    except MemoryError as error:
        width, height = opened.size
        raise ImageError(f"{label} has {width}x{height} pixels, too many for the memory here: shrink it") from error
    except Exception as error:  # decoders raise whatever a damaged file makes them stumble on
        raise damaged(label, kind, error) from error


def check_size(size: tuple[int, int], label: str, max_pixels: int) -> None:
    """Raise ``ImageError`` if a picture of ``size`` (width, height) has no pixels or more than ``max_pixels``."""
    width, height = size
    if min(size) < 1:
        raise ImageError(f"{label} has {width}x{height} pixels: expected at least 1x1")
    if width * height > max_pixels:
        raise ImageError(
            f"{label} has {width}x{height} pixels ({width * height / 1e6:,.1f} MP): expected at most "
            f"{max_pixels / 1e6:,.1f} MP; shrink it, or raise max_pixels if you trust it"
        )


def damaged(label: str, kind: str, error: Exception) -> ImageError:
    """The error for a picture whose format is known and whose content can't be decoded."""
    return ImageError(
        f"{label} is a truncated, damaged or unusual {kind} picture ({reason(error)}): expected a whole one; "
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


def _identify(data: bytes) -> str | None:
    """The format that the first bytes claim, out of `READABLE`."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and {b"avif", b"avis"} & _brands(data):
        return "AVIF"
    if data.startswith(tuple(TiffImagePlugin.PREFIXES)):
        return "TIFF"
    if data.startswith(b"BM"):
        return "BMP"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data[:1] == b"P" and data[1:2] in b"123456fF" and data[2:3].isspace():
        return "PPM"
    return None


def _brands(data: bytes) -> set[bytes]:
    """The major and the compatible brands in the first box of an ISO media file."""
    end = min(int.from_bytes(data[:4], "big"), 256, len(data))
    return {data[8:12]} | {data[at : at + 4] for at in range(16, end, 4)}


def _describe(data: bytes) -> str:
    """What a file that is no picture looks like."""
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    for signature, name in _STRANGERS:
        if start.startswith(signature):
            return name
    if data[4:8] == b"ftyp":
        return "a HEIC photo" if {b"heic", b"heix", b"mif1"} & _brands(data) else "a video"
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data[:512])  # the cut may go through a character
    except UnicodeDecodeError:
        return "no picture of a known kind"
    return "no picture of a known kind" if "\0" in text else "a text file"


def _tiff_tile(opened: ImageFile.ImageFile) -> tuple[int, int] | None:
    """Width and height of a TIFF's tiles, which may be far larger than its picture, or None if it has none."""
    if not isinstance(opened, _Tiff) or not {_TILE_WIDTH, _TILE_LENGTH} <= set(opened.tag_v2):
        return None
    return int(opened.tag_v2[_TILE_WIDTH]), int(opened.tag_v2[_TILE_LENGTH])


def _webp_canvas(data: bytes) -> tuple[int, int] | None:
    """Width and height from a WebP header (RFC 9649, sections 2.5 to 2.7), or None if it has none."""
    chunk, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if chunk == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return None
