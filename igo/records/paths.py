"""Files that a chain names, as records name them: no picture tells where its maker's files lie, or what he is called.

A path becomes relative to the picture where that says nothing of the home folder, else the file's name alone.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from igo.errors import ProvenanceError
from igo.files import at_home

LONGEST = 4096
"""Characters of a path."""


def named(chain: Any, folder: Path | None, names: Mapping[str, str]) -> dict[str, str]:
    """The files and folders of this machine that a chain's settings name, and what the record of a picture in
    ``folder`` calls them. ``names`` are those that a record has named already."""
    return {text: names.get(text) or _told(text, folder) for text in _texts(chain) if _place(text) is not None}


def told(value: Any, folder: Path | None, names: Mapping[str, str]) -> Any:
    """Plain data for a record of a picture in ``folder``, in which no text is a path of this machine.

    ``names`` are what files are called, within texts too.
    """
    long = sorted((path for path in names if len(Path(path).parts) > 1), key=len, reverse=True)

    def change(text: str) -> str:
        if text in names:
            return names[text]
        for path in long:
            text = text.replace(path, names[path])
        return _told(text, folder)

    return _mapped(value, change)


def without_home(value: Any) -> Any:
    """Plain data in which no text has the home folder in it: "~" stands for that."""
    return _mapped(value, _without_home)


def digests(named: Mapping[str, str], models: Mapping[str, str]) -> dict[str, str]:
    """The digest of each file that is named, by that name: empty for folders, and for ``models``, which are on record
    by themselves."""
    places = {text: at_home(text) for text in named}
    known = {text for text, place in places.items() if text in models or not is_file(place)}
    return {name: "" if text in known else digest(places[text]) for text, name in named.items()}


def located(chain: Any, found: Mapping[str, Path]) -> Any:
    """A record's chain in which the files are named that were ``found`` for its names."""
    return _mapped(chain, lambda text: str(found[text]) if text in found else text)


def find(name: str, expected: str, folder: Path, given: str | os.PathLike[str] | None = None) -> Path:
    """The file, or folder, of a record: as given, else by its name beside the picture in ``folder`` or here.

    Raises ``ProvenanceError`` if it is not there, or not the one that the record tells the digest of.
    """
    hint = f"give it with --file {name}=PATH"
    if given is not None:
        places = [at_home(given)]
    else:
        places = list(dict.fromkeys([folder / name, Path(name), folder / Path(name).name, Path(Path(name).name)]))
    there = [place for place in places if is_file(place) or (not expected and is_file(place, or_folder=True))]
    for place in there:
        if not expected or digest(place) == expected:
            return place
    if there:
        raise ProvenanceError(f"{there[0]} is not the file '{name}' that was used (another digest); {hint}")
    raise ProvenanceError(f"the file '{name}' is not {'there' if given is not None else 'here'}; {hint}")


def is_file(place: Path, or_folder: bool = False) -> bool:
    """Whether there is such a file; no error for what can't be a name."""
    try:
        return place.is_file() or (or_folder and place.is_dir())
    except (OSError, ValueError):  # too long; a NUL in it
        return False


def digest(file: Path) -> str:
    """``sha256:`` and the digest of a file's content, which is read once as long as it stays as it is."""
    status = file.stat()
    return _digest(str(file.resolve()), status.st_mtime_ns, status.st_size)


@cache
def _digest(file: str, _time: int, _size: int) -> str:
    with Path(file).open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def _place(text: str) -> Path | None:
    """The file or folder here that a setting's text names; ``None`` for a text that is none, or looks like a word."""
    if not text or len(text) > LONGEST or not text.isprintable():
        return None
    path = Path(text)
    if path.is_absolute() or text.startswith("~") or path.suffix or len(path.parts) > 1:
        place = at_home(path)
        return place if is_file(place, or_folder=True) else None
    return None


def _told(text: str, folder: Path | None) -> str:
    place = _place(text)
    if place is None:
        return _without_home(text)
    path = Path(text)
    if not path.is_absolute() and not text.startswith("~") and ".." not in path.parts:
        return text
    where = _plain(place)
    if folder is not None and (relative := _relative(where, _plain(folder))):
        return relative
    return where.name or text


def _plain(path: Path) -> Path:
    """Absolute and without "..", but by the links that were named: a cache's file is called by its name."""
    return Path(os.path.normpath(path.absolute()))


def _relative(place: Path, folder: Path) -> str | None:
    """The way from a folder to a place, if it leads through no folder above the home folder."""
    common = Path(os.path.commonpath([place, folder])) if place.drive == folder.drive else Path(place.anchor)
    if common == Path(common.anchor) or any(common in home.parents for home in _homes()):
        return None
    return Path(os.path.relpath(place, folder)).as_posix()


def _without_home(text: str) -> str:
    for home in _homes():
        if str(home) in text:
            text = re.sub(rf"{re.escape(str(home))}(?![\w.-])", "~", text)
    return text


def _homes() -> tuple[Path, ...]:
    try:
        home = Path.home()
    except RuntimeError:
        return ()
    return tuple(path for path in dict.fromkeys((home, home.resolve())) if path != Path(path.anchor))


def _texts(value: Any) -> list[str]:
    found: list[str] = []

    def keep(text: str) -> str:
        found.append(text)
        return text

    _mapped(value, keep)
    return found


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Plain data with its texts and names changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {_mapped(key, change): _mapped(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(inner, change) for inner in value]
    return value
