"""How much work a picture may ask for, known from its header and its marks before a pixel is decoded."""

from __future__ import annotations

import re
from typing import Any, Literal

from PIL import Image

from igo.errors import ImageError

MAX_PIXELS = 256_000_000
"""The largest picture that is read unless a caller says otherwise: 256 megapixels, 1 GB once decoded."""

_ROOM = 64_000_000
"""Up to so many pixels no decoder takes long, or much memory."""
_PIXELS_A_BYTE = 1000
"""What a file's byte may stand for above that: more than deflate can make of a byte, in gray."""
_MEMORY = 7
"""Bytes of memory for each pixel of the caller's limit: 1.8 GB for 256 megapixels."""
_DECODERS = {"WEBP": 14, "AVIF": 6, "HEIF": 8}
"""Bytes a pixel that a decoder holds beside the picture that it makes."""
_MODES = {"1": 6, "L": 5, "P": 5, "RGB": 4, "RGBX": 8, "CMYK": 8, "RGBA": 9, "I": 10, "F": 10}
"""Bytes a pixel from the decoded picture to RGB and alpha, at the most; 12 for what isn't listed."""
_SCANS, _MOST_SCANS, _SCANNED = 20, 500, 4_000_000_000
"""Scans of a JPEG that are never too many; that always are; and pixels that all scans together may go over."""
_STRIPS = 200_000
_EXIF_DIRECTORY = 0x8769
_STRIP_OFFSETS, _TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS = 273, 322, 323, 324
_PLAIN = 32 * 2**20
"""Bytes of a PPM that is written in digits."""
_COMMENT = 2**20
"""Bytes of a GIF's comment, which Pillow before 13 copies anew for every 255 of them."""
_HEADER = 2**16
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
"""Bytes of one value of each of TIFF's types."""


def check_size(size: tuple[int, int], label: str, max_pixels: int) -> None:
    """Raise ``ImageError`` if a picture of ``size`` (width, height) has no pixels or more than ``max_pixels``."""
    width, height = size
    if min(size) < 1:
        raise ImageError(f"{label} has {width}x{height} pixels: expected at least 1x1")
    if width * height > max_pixels:
        raise ImageError(
            f"{label} has {width}x{height} pixels ({width * height / 1e6:,.1f} MP): expected at most "
            f"{max_pixels / 1e6:,.1f} MP; shrink it; programs may raise max_pixels for what they trust"
        )


def check_header(data: bytes, kind: str, label: str, max_pixels: int) -> None:
    """Raise ``ImageError`` for data that a decoder would work on, or make room for, as soon as it is opened."""
    if kind == "WEBP" and (size := _webp_canvas(data)) is not None:
        check_size(size, label, max_pixels)
        if size[0] * size[1] > _ROOM:
            _check_memory(size, len(data), _DECODERS[kind] + 4, "WEBP", label, max_pixels)
    if kind in ("TIFF", "JPEG"):  # whose directories are read as soon as they are opened
        try:
            check_directory(data if kind == "TIFF" else _exif(data))
        except ValueError as error:
            raise ImageError(f"{label} is a {kind} with {error}: expected each part once; save it again") from error
    if kind == "GIF" and (length := _gif_comment(data)) > _COMMENT:
        raise ImageError(
            f"{label} is a GIF with a comment of {length:,} bytes: expected at most {_COMMENT:,}; save it again"
        )
    if kind == "PPM":
        if data[1:2] in b"123" and len(data) > _PLAIN:
            raise ImageError(f"{label} is a PPM of {len(data):,} bytes in digits: expected a binary one; save it again")
        if len(data) > _HEADER and len(re.sub(rb"#[^\r\n]*", b"", data[:_HEADER]).split(None, 3)) < 3:
            raise ImageError(f"{label} is a PPM with a header of more than {_HEADER:,} bytes: expected a short one")


def check_directory(block: bytes) -> None:
    """Raise ``ValueError`` for a TIFF, or an EXIF block, whose tags say that they hold more than there is of it: they
    point to the same bytes, and Pillow before 13 keeps a copy for each of them. What is no such block passes."""
    block = block.removeprefix(b"Exif\0\0")
    order: Literal["little", "big"] = "little" if block.startswith(b"II") else "big"
    big = block[2:4] in (b"+\0", b"\0+")
    pointer, counter, entry = (8, 8, 20) if big else (4, 2, 12)
    directories, held = [int.from_bytes(block[8:16] if big else block[4:8], order)], 0
    for at in directories:
        start = at + counter
        count = min(int.from_bytes(block[at:start], order), (len(block) - start) // entry)
        for here in range(start, start + count * entry, entry):
            tag, kind = (int.from_bytes(block[place : place + 2], order) for place in (here, here + 2))
            size = int.from_bytes(block[here + 4 : here + 4 + pointer], order) * _WIDTHS.get(kind, 0)
            held += size if pointer < size <= len(block) else 0
            if tag == _EXIF_DIRECTORY and len(directories) == 1:
                directories.append(int.from_bytes(block[here + entry - pointer : here + entry], order))
    if held > len(block):
        raise ValueError(f"tags of {held:,} bytes in {len(block):,}")


def check_tiff(tags: Any) -> None:
    """Raise ``ValueError`` for a TIFF, by its ``tag_v2``, in more parts than anybody cuts a picture into."""
    for tag in (_STRIP_OFFSETS, _TILE_OFFSETS):
        count = len(tags[tag]) if tag in tags else 0
        if count > _STRIPS:
            raise ValueError(f"it is cut into {count:,} parts, more than {_STRIPS:,}")


def check_work(opened: Image.Image, data: bytes, kind: str, label: str, max_pixels: int) -> None:
    """Raise ``ImageError`` for a picture, opened and not yet decoded, that would take minutes or gigabytes."""
    pixels = opened.width * opened.height
    scans = _scans(data) if kind == "JPEG" else 1
    if scans > _SCANS and (scans > _MOST_SCANS or scans * pixels > _SCANNED):
        raise ImageError(
            f"{label} is a JPEG of {scans:,} scans, which would take long to decode: expected some 10; save it again"
        )
    if pixels <= _ROOM:
        return
    bytes_ = _MODES.get(opened.mode, 12) + _DECODERS.get(kind, 0)
    if "transparency" in opened.info:
        bytes_ += 5
    if "icc_profile" in opened.info:
        bytes_ += 4
    if "progressive" in opened.info:
        bytes_ += 6  # the coefficients of all pixels
    _check_memory(opened.size, len(data), bytes_, f"{kind} in {opened.mode}", label, max_pixels)


def _check_memory(
    size: tuple[int, int], file_size: int, bytes_a_pixel: int, what: str, label: str, max_pixels: int
) -> None:
    """Raise ``ImageError`` for a large picture that lies in a tiny file, or needs more memory than most do."""
    pixels, shown = size[0] * size[1], f"{size[0]}x{size[1]} pixels"
    if pixels > max(_ROOM, max_pixels // 4) + _PIXELS_A_BYTE * file_size:
        raise ImageError(
            f"{label} has {shown} in a file of {file_size:,} bytes, as decompression bombs do: expected a larger file; "
            "shrink it; programs may raise max_pixels for what they trust"
        )
    if pixels * bytes_a_pixel > max_pixels * _MEMORY:
        raise ImageError(
            f"{label} has {shown} ({what}), which take {pixels * bytes_a_pixel / 1e9:.1f} GB to decode: expected at "
            f"most {max_pixels * _MEMORY / 1e9:.1f} GB; shrink it; programs may raise max_pixels for what they trust"
        )


def _exif(jpeg: bytes) -> bytes:
    """The EXIF block of a JPEG, of all its segments, as Pillow joins them."""
    block, at = b"", 2
    while (found := _MARKER.search(jpeg, at)) is not None and found[0] not in (b"\xff\xda", b"\xff\xd9"):
        at = found.end() + int.from_bytes(jpeg[found.end() : found.end() + 2], "big")
        if found[0] == b"\xff\xe1" and jpeg.startswith(b"Exif\0\0", found.end() + 2):
            block += jpeg[found.end() + 8 : at]
    return block


def _scans(jpeg: bytes) -> int:
    """How many scans a JPEG has, up to its end: over each of them a decoder goes through all of the picture."""
    count, at = 0, 2
    while (found := _MARKER.search(jpeg, at)) is not None and found[0] != b"\xff\xd9":
        count += found[0] == b"\xff\xda"
        at = found.end() + int.from_bytes(jpeg[found.end() : found.end() + 2], "big")
    return count


_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]", re.DOTALL)
"""A marker that a segment follows, or the end: no stuffed byte, restart or filling."""


def tiff_tile(tags: Any) -> tuple[int, int] | None:
    """Width and height of the tiles of a TIFF, by its ``tag_v2``, which may be far larger than its picture; or None."""
    if not {_TILE_WIDTH, _TILE_LENGTH} <= set(tags):
        return None
    return int(tags[_TILE_WIDTH]), int(tags[_TILE_LENGTH])


def _gif_comment(gif: bytes) -> int:
    """The bytes of a GIF's longest comment; what follows damage isn't looked at."""
    longest, at = 0, 13 + (3 << (gif[10] & 7) + 1 if gif[10:11] and gif[10] & 0x80 else 0)
    while (mark := gif[at : at + 1]) in (b"!", b","):
        comment = gif[at : at + 2] == b"!\xfe"
        if mark == b",":  # an image: its place, a table of colours, and the size of its codes
            flags = gif[at + 9] if at + 9 < len(gif) else 0
            at += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
        else:
            at += 2
        start = at
        while at < len(gif) and gif[at]:
            at += gif[at] + 1
        longest = max(longest, at - start if comment else 0)
        at += 1
    return longest


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
