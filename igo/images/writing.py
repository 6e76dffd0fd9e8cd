"""Writing pictures: the whole file appears under its name at once, or none of it does."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from PIL import Image

from igo.errors import ImageError
from igo.files import reason, write_whole
from igo.images.texts import check_text, exif_block, fits_jpeg, png_info, with_comments

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_LONGEST = {"PNG": 2**31 - 1, "JPEG": 65_500, "WEBP": 16_383}

WRITABLE = tuple(_FORMATS)
"""File name suffixes that are written."""
LARGE = 4_000_000
"""Pixels above which a PNG is packed less tightly: a photo of 12 megapixels takes 1.0 s in place of 2.8, and a seventh
more room."""

_NO_TEXT: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Written:
    """What became of a picture that was written."""

    path: Path | None
    """None for a stream."""
    format: str
    """PNG, JPEG or WEBP."""
    exact: bool
    """Whether reading the file gives every pixel back as it was; never so for JPEG, and for WebP only if lossless."""
    notes: tuple[str, ...] = ()
    """What the file does not hold, a short line each, for a caller to pass on."""


def format_of(path: str | os.PathLike[str]) -> str:
    """PNG, JPEG or WEBP, by the suffix. Raises ``ImageError`` for any other: ask before a long run, not after it."""
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        given = f"the suffix {suffix!r}" if suffix else "no suffix"
        raise ImageError(f"{os.fspath(path)!r} has {given}: expected one of {', '.join(WRITABLE)}; rename it")
    return _FORMATS[suffix]


def write_image(
    image: Image.Image,
    path: str | os.PathLike[str] | BinaryIO,
    *,
    format: str | None = None,  # noqa: A002  Pillow's name
    text: Mapping[str, str] = _NO_TEXT,
    alpha: Image.Image | None = None,
    quality: int = 95,
    lossless: bool = False,
) -> Written:
    """Write a picture (mode RGB, RGBA or L) as PNG, JPEG or WebP, as the suffix of ``path`` says, or ``format`` does:
    ``"png"``, ``"jpeg"`` or ``"webp"``. ``path`` may be a binary stream, which needs the latter unless it has a name.

    ``text`` goes into the file, for `read_text`: keys of 1 to 79 printable ASCII characters, values of any text without
    NUL. ``alpha``, of mode L and the image's size, makes PNG and WebP transparent, with the colours under it kept; JPEG
    has no place for it, which the notes say. ``quality``, 1 to 100, is for JPEG (without chroma subsampling, which
    smears patterned fabric) and WebP; ``lossless`` is for WebP. Nothing else is written: no metadata, no time, so that
    equal calls give equal bytes. Missing folders are made, a link is followed, and ``~`` is the
    user's folder.

    The bytes are complete before the target is touched, and go through a temporary file in its folder: on any error, or
    Ctrl-C, an older file of that name stays as it was, and nothing is left behind.

    Raises ``ImageError``.
    """
    if not isinstance(path, str | os.PathLike) and not hasattr(path, "write"):
        raise ImageError(f"a {type(path).__name__} is no place for a picture: expected a path or a binary stream")
    kind = _format_for(path) if format is None else _named(format)
    check_text(text)
    image = _plain(image, alpha, kind)
    if not isinstance(quality, int) or not 1 <= quality <= 100:
        raise ImageError(f"quality is {quality!r}: expected a whole number from 1 to 100")
    if max(image.size) > _LONGEST[kind]:
        raise ImageError(
            f"{image.width}x{image.height} pixels are too many for {kind}: expected sides of at most {_LONGEST[kind]}; "
            "write a .png"
        )
    notes = []
    if kind == "JPEG" and "A" in image.mode:
        image = image.convert("RGB")
        notes.append("JPEG has no transparency: alpha is not written")
    exact = kind == "PNG" or (kind == "WEBP" and lossless)
    if not exact:
        notes.append(f"{kind} is lossy: pixels differ from the picture in memory; write a .png to keep them exactly")
    data, more = _encode(image, kind, text, quality, lossless)
    if isinstance(path, str | os.PathLike):
        write_whole(path, data, ImageError)
        return Written(Path(path), kind, exact, (*notes, *more))
    try:
        path.write(data)
    except (OSError, TypeError, ValueError) as error:
        raise ImageError(
            f"the stream takes no picture: {reason(error)}; expected one for bytes, open to write"
        ) from error
    return Written(None, kind, exact, (*notes, *more))


def _format_for(path: str | os.PathLike[str] | BinaryIO) -> str:
    """The format that the name of a file says, or that of a stream's file."""
    if isinstance(path, str | os.PathLike):
        return format_of(path)
    name = getattr(path, "name", None)  # a file descriptor's is its number
    kind = _FORMATS.get(Path(name).suffix.lower()) if isinstance(name, str) else None
    if kind is None:
        raise ImageError("a stream with no format: expected format='png', 'jpeg' or 'webp'")
    return kind


def _named(format: str) -> str:  # noqa: A002
    """The format that a caller names."""
    kind = _FORMATS.get(f".{str(format).lower().removeprefix('.')}")
    if kind is None:
        raise ImageError(f"a picture with the format {format!r}: expected format='png', 'jpeg' or 'webp'")
    return kind


def _plain(image: Image.Image, alpha: Image.Image | None, kind: str) -> Image.Image:
    """A copy with alpha put in and without the information that Pillow would write along."""
    modes = ("RGB", "L") if alpha is not None else ("RGB", "L", "RGBA")
    if image.mode not in modes:
        raise ImageError(f"a picture in mode {image.mode}: expected {' or '.join(modes)}; pass it through read_image")
    if alpha is not None and (alpha.mode != "L" or alpha.size != image.size):
        raise ImageError(
            f"alpha is {alpha.width}x{alpha.height} in mode {alpha.mode}: "
            f"expected {image.width}x{image.height} in mode L"
        )
    plain = image.convert("RGB") if kind == "WEBP" and image.mode == "L" else image.copy()
    plain.info = {}
    if alpha is not None:
        plain.putalpha(alpha)
    return plain


def _encode(
    image: Image.Image, kind: str, text: Mapping[str, str], quality: int, lossless: bool
) -> tuple[bytes, list[str]]:
    buffer, notes = BytesIO(), []
    try:
        if kind == "PNG":
            level = 1 if image.width * image.height > LARGE else 6
            image.save(buffer, "PNG", pnginfo=png_info(text), compress_level=level)
        elif kind == "WEBP":
            exif = exif_block(text, with_json=True)
            image.save(buffer, "WEBP", quality=quality, lossless=lossless, exact=True, exif=exif)
        else:
            exif = exif_block(text, with_json=False)
            if not fits_jpeg(exif):
                exif = b""
                notes.append("the parameters are too long for EXIF: only IGO finds them in this JPEG")
            image.save(buffer, "JPEG", quality=quality, subsampling=0, exif=exif)
    except (OSError, ValueError, MemoryError) as error:
        raise ImageError(f"{image.width}x{image.height} pixels can't be written as {kind}: {reason(error)}") from error
    data = buffer.getvalue()
    return (with_comments(data, text) if kind == "JPEG" and text else data), notes
