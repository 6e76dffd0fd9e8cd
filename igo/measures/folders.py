"""Which picture belongs to which: two files, or the files of two folders by their names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from igo.errors import SettingsError
from igo.images.kinds import SUFFIXES

_TOLD = 5
"""Names that a message lists."""
_PICTURES = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)


@dataclass(frozen=True)
class Pair:
    """Two pictures to compare, and the mask of the zone if there is one. ``name`` tells the pair from others."""

    name: str
    first: Path
    second: Path
    mask: Path | None = None


def paired(first: Path, second: Path, mask: Path | None = None) -> list[Pair]:
    """The pairs of two files, or of two folders, and of the folders in them, whose pictures have the same names; their
    suffixes may differ. ``mask`` is one file for all pairs, or a folder with one of each name.

    Raises ``SettingsError`` for a file and a folder, for what isn't there, for folders without pictures, for names that
    one side lacks, and for two files of one name in a folder.
    """
    for path in (first, second, *([mask] if mask else [])):
        if not path.exists():
            raise SettingsError(f"{str(path)!r} does not exist; expected a picture, or a folder with pictures")
    if first.is_dir() != second.is_dir():
        folder, file = (first, second) if first.is_dir() else (second, first)
        raise SettingsError(f"{folder} is a folder and {file} is not; expected two pictures, or two folders")
    if not first.is_dir():
        if mask is not None and mask.is_dir():
            raise SettingsError(f"the mask {mask} is a folder; expected a file, like the pictures")
        return [Pair(first.name, first, second, mask)]
    ones, others = _pictures(first), _pictures(second)
    _check_same(ones, first, others, second)
    masks = dict.fromkeys(ones, mask)
    if mask is not None and mask.is_dir():
        masks = dict(_pictures(mask))
        _check_none_missing(ones, first, masks, mask)
    return [Pair(name, ones[name], others[name], masks[name]) for name in ones]


def _pictures(folder: Path) -> dict[str, Path]:
    """The pictures in a folder and the folders in it, by their paths within it without suffixes, in order; what is
    hidden is none."""
    found: dict[str, Path] = {}
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for file in sorted(files):
            path = Path(place, file)
            if path.suffix.lower() not in _PICTURES or file.startswith("."):
                continue
            name = path.relative_to(folder).with_suffix("").as_posix()
            if name in found:
                raise SettingsError(
                    f"{found[name].name} and {path.name} in {path.parent} have one name; expected one picture of a name"
                )
            found[name] = path
    if not found:
        raise SettingsError(f"{folder} holds no pictures; expected files that end in {', '.join(_PICTURES)}")
    return dict(sorted(found.items()))


def _check_same(ones: dict[str, Path], first: Path, others: dict[str, Path], second: Path) -> None:
    _check_none_missing(ones, first, others, second)
    _check_none_missing(others, second, ones, first)


def _check_none_missing(names: Iterable[str], here: Path, there: Iterable[str], folder: Path) -> None:
    missing = sorted(set(names) - set(there))
    if missing:
        more = f" and {len(missing) - _TOLD} more" if len(missing) > _TOLD else ""
        raise SettingsError(
            f"{folder} has no picture {', '.join(missing[:_TOLD])}{more}, which {here} has; expected the same names"
        )
