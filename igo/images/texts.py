"""Text that travels in a picture file, and comes back.

==== ===================================================================================================================
PNG  one ``tEXt`` chunk per key, ``iTXt`` where Latin-1 does not suffice: what every tool reads
JPEG the value of ``parameters`` in EXIF UserComment, where other image generators keep and look for it (if it fits into
     the 64 kB that EXIF has there), and all keys as JSON in comment segments, as many as it takes
WebP the same UserComment, and all keys as JSON in EXIF ImageDescription
==== ===================================================================================================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from PIL import Image, JpegImagePlugin, PngImagePlugin

from igo.errors import ImageError
from igo.images.limits import check_directory

PARAMETERS = "parameters"
"""The key that other image generators write and read."""
RECORD = "igo"
"""The key of IGO's own records."""

MAX_TEXT = 16 * 2**20
"""Bytes of text that one file takes. Pillow refuses to read much more."""

_DESCRIPTION, _EXIF_IFD, _USER_COMMENT = 0x010E, 0x8769, 0x9286
_UNICODE, _ASCII = b"UNICODE\0", b"ASCII\0\0\0"
_JSON_KEY = "igo-text"
_COMMENT = b"IGO text "
_SEGMENT = 65_000
_MAX_EXIF = 65_533


def check_text(text: Mapping[str, str]) -> None:
    """Raise ``ImageError`` for keys and values that a PNG can't hold: all formats take the same."""
    total = 0
    for key, value in text.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise ImageError(f"text {key!r} is {type(value).__name__}: expected text under a text key; use str or json")
        if not (1 <= len(key) <= 79 and key.isascii() and key.isprintable() and key == key.strip()):
            raise ImageError(
                f"text key {key[:90]!r}: expected 1 to 79 printable ASCII characters, no space at the ends"
            )
        if "\0" in value:
            raise ImageError(f"text {key!r} holds a NUL character: expected none; remove it")
        try:
            total += len(key) + len(value.encode())
        except UnicodeEncodeError:
            raise ImageError(f"text {key!r} holds half a surrogate pair: expected valid Unicode; remove it") from None
    if total > MAX_TEXT:
        raise ImageError(f"the text has {total:,} bytes: expected at most {MAX_TEXT:,}; shorten it")


def png_info(text: Mapping[str, str]) -> PngImagePlugin.PngInfo:
    """The chunks of a PNG."""
    info = PngImagePlugin.PngInfo()
    for key, value in text.items():
        info.add_text(key, value)
    return info


def exif_block(text: Mapping[str, str], *, with_json: bool) -> bytes:
    """An EXIF block with UserComment, and on demand JSON in ImageDescription; empty if there is nothing to put in."""
    exif = Image.Exif()
    exif.endian = ">"  # the byte order in which most tools expect UserComment's UTF-16, whatever the block says
    if with_json and text:
        exif[_DESCRIPTION] = _dump(text)
    if PARAMETERS in text:
        exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = _UNICODE + text[PARAMETERS].encode("utf-16-be")
    return exif.tobytes() if PARAMETERS in text or (with_json and text) else b""


def fits_jpeg(exif: bytes) -> bool:
    """Whether an EXIF block fits into the one segment that a JPEG has for it."""
    return len(exif) <= _MAX_EXIF


def with_comments(jpeg: bytes, text: Mapping[str, str]) -> bytes:
    """An encoded JPEG with all of the text in comment segments, placed after its application segments."""
    payload = _dump(text).encode()
    parts = [payload[at : at + _SEGMENT] for at in range(0, len(payload), _SEGMENT)]
    comments = b"".join(
        b"\xff\xfe" + (len(head) + len(part) + 2).to_bytes(2, "big") + head + part
        for head, part in ((b"%s%d/%d\n" % (_COMMENT, n, len(parts)), part) for n, part in enumerate(parts, 1))
    )
    at = 2
    while jpeg[at] == 0xFF and 0xE0 <= jpeg[at + 1] <= 0xEF:
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return jpeg[:at] + comments + jpeg[at:]


def exif_of(opened: Image.Image) -> Image.Exif:
    """The EXIF block of a picture that has been opened. Raises ``ValueError``, or whatever a damaged one makes Pillow
    stumble on, where it can't be read at a reasonable cost."""
    if isinstance(block := opened.info.get("exif"), bytes):
        check_directory(block)
    return opened.getexif()


def text_of(opened: Image.Image) -> dict[str, str]:
    """The text in a picture that has been opened and decoded; whatever EXIF parsers raise for a damaged block."""
    text = {}
    if isinstance(opened, PngImagePlugin.PngImageFile):
        text = {str(key): str(value) for key, value in opened.text.items()}
    elif opened.format is None:  # a copy, which Pillow gives what the file said
        text = {key: value for key in (RECORD, PARAMETERS) if isinstance(value := opened.info.get(key), str)}
    return text if PARAMETERS in text else _from_comments(opened) or {**_from_exif(opened), **text}


def _dump(text: Mapping[str, str]) -> str:
    return json.dumps({_JSON_KEY: dict(text)}, ensure_ascii=True, separators=(",", ":"))


def _parse(document: str) -> dict[str, str]:
    """The text in a JSON document of ours; empty for any other document."""
    try:
        content = json.loads(document)
    except (ValueError, RecursionError):
        return {}
    text = content.get(_JSON_KEY) if isinstance(content, dict) else None
    if not isinstance(text, dict) or not all(isinstance(value, str) for value in text.values()):
        return {}
    return text


def _from_comments(opened: Image.Image) -> dict[str, str]:
    if not isinstance(opened, JpegImagePlugin.JpegImageFile):
        return {}
    comments = [content for name, content in opened.applist if name == "COM" and content.startswith(_COMMENT)]
    payload = b"".join(content.partition(b"\n")[2] for content in comments)
    return _parse(payload.decode("ascii", "replace"))


def _from_exif(opened: Image.Image) -> dict[str, str]:
    exif = exif_of(opened)
    description = exif.get(_DESCRIPTION)
    if isinstance(description, str) and (text := _parse(description)):
        return text
    comment = exif.get_ifd(_EXIF_IFD).get(_USER_COMMENT)
    if isinstance(comment, str):
        comment = comment.encode("latin-1", "replace")
    value = _decode_comment(comment) if isinstance(comment, bytes) else ""
    return {PARAMETERS: value} if value else {}


def _decode_comment(comment: bytes) -> str:
    """EXIF UserComment: eight bytes name the encoding. Which UTF-16 is meant by UNICODE, no two tools agree."""
    code, body = comment[:8], comment[8:]
    if code == _UNICODE:
        order = "utf-16-le" if body[1::2].count(0) > body[0::2].count(0) else "utf-16-be"
        return body.decode(order, "replace").strip("\0\ufeff")
    if code in (_ASCII, bytes(8)):
        return body.decode("utf-8", "replace").strip("\0")
    return comment.decode("utf-8", "replace").strip("\0")
