"""The file formats that are read, known by their content; and what a file is that is none of them."""

from __future__ import annotations

import codecs
from types import MappingProxyType

SUFFIXES = MappingProxyType(
    {
        "PNG": (".png",),
        "JPEG": (".jpg", ".jpeg"),
        "WEBP": (".webp",),
        "AVIF": (".avif",),
        "TIFF": (".tif", ".tiff"),
        "BMP": (".bmp",),
        "GIF": (".gif",),
        "PPM": (".ppm", ".pgm", ".pbm"),
        "HEIF": (".heic", ".heif"),
    }
)
"""The formats, most common first, and the suffixes by which their files are found in a folder. HEIF, in which phones
take photos, needs ``igo[heif]``."""

READABLE = tuple(SUFFIXES)
"""Names of the file formats that are read, most common first."""

EXPECTED = f"expected {', '.join(READABLE[:-1])} or {READABLE[-1]}"

_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}

_TIFF = (b"MM\0*", b"II*\0", b"MM*\0", b"II\0*", b"MM\0+", b"II+\0")
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


def identify(data: bytes) -> str | None:
    """The format that the first bytes claim, out of `READABLE`."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and {b"avif", b"avis"} & _brands(data):
        return "AVIF"
    if data[4:8] == b"ftyp" and _HEIF_BRANDS & _brands(data):
        return "HEIF"
    if data.startswith(_TIFF):
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


def describe(data: bytes) -> str:
    """What a file that is no picture looks like."""
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    for signature, name in _STRANGERS:
        if start.startswith(signature):
            return name
    if data[4:8] == b"ftyp":
        return "a video"
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data[:512])  # the cut may go through a character
    except UnicodeDecodeError:
        return "no picture of a known kind"
    return "no picture of a known kind" if "\0" in text else "a text file"
