"""Texts that users write: lists, tables, captions, saved by any editor."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from igo.errors import IGOError, SettingsError
from igo.files.regular import check_regular
from igo.files.writing import reason

MAX_TEXT = 64 * 2**20
"""Bytes of the largest text that is read."""
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def text_of(path: str | os.PathLike[str], expected: str, kind: type[IGOError] = SettingsError) -> str:
    """The text in a file: UTF-8 with a byte order mark or without, or UTF-16 with one, as Windows saves it. Lines end
    in ``\\n``, whatever they ended in. ``expected`` says what the file should have been, for error messages.

    Raises ``kind`` for what can't be read, is too large, or in another encoding.
    """
    try:
        check_regular(path)
        with Path(path).open("rb") as file:
            data = file.read(MAX_TEXT + 1)
    except (OSError, ValueError) as error:
        raise kind(f"{os.fspath(path)} can't be read ({reason(error)}); expected {expected}") from error
    if len(data) > MAX_TEXT:
        raise kind(f"{os.fspath(path)} is larger than {MAX_TEXT // 2**20} MiB; expected {expected}")
    mark, encoding = next(((mark, name) for mark, name in _MARKS if data.startswith(mark)), (b"", "utf-8"))
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        raise kind(_other(path, f"byte {error.start + len(mark)}", expected)) from error
    if "\0" in text:
        raise kind(_other(path, f"character {text.index(chr(0))}", expected))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _other(path: str | os.PathLike[str], place: str, expected: str) -> str:
    return f"{os.fspath(path)} is not text in UTF-8 (at {place}); expected {expected}; save it as UTF-8"
