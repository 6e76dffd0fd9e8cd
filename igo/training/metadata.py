"""``metadata.jsonl``, the list of a folder's pictures in the usual imagefolder layout."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from igo.errors import SettingsError

METADATA = "metadata.jsonl"
_FIELDS = 'each line needs "file_name" and "text", and may have "mask" (a file, or null for a thing that is not there)'


@dataclass(frozen=True)
class Line:
    """A picture and a text. ``mask`` says where in the picture the text applies; without one (``whole``) it describes
    all of the picture, and None with ``whole`` False means that the picture shows no such thing."""

    place: str
    picture: Path
    text: str
    mask: Path | None
    whole: bool


def read_metadata(folder: Path) -> list[Line]:
    """The lines of ``folder``'s ``metadata.jsonl``; files are named relative to the folder.

    Raises ``SettingsError`` if there are none, or one that can't be understood, which is named.
    """
    path = folder / METADATA
    try:
        texts = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(f"can't read {path}: {reason}; it lists the pictures and their texts") from error
    lines = list(_parsed(folder, texts))
    if not lines:
        raise SettingsError(f"{path} is empty; {_FIELDS}")
    return lines


def _parsed(folder: Path, texts: list[str]) -> Iterator[Line]:
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        place = f"{METADATA} line {number}"
        try:
            row = json.loads(text)
        except ValueError as error:
            raise SettingsError(f"{place} is not JSON ({error})") from error
        if not isinstance(row, dict):
            raise SettingsError(f"{place}: {_FIELDS}")
        file_name, said, mask = row.get("file_name"), row.get("text"), row.get("mask")
        named = isinstance(file_name, str) and file_name and isinstance(said, str) and said.strip()
        if not named or not (mask is None or (isinstance(mask, str) and mask)):
            raise SettingsError(f"{place}: {_FIELDS}")
        yield Line(place, folder / str(file_name), str(said), folder / mask if mask else None, "mask" not in row)
