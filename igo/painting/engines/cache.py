"""Converted models on this disk, each in a folder of its own, written whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from igo.files.digests import file_digest

ABOUT = "about.json"
"""Written last, with the digests of the files beside it."""


def folder() -> Path:
    """Where converted models are kept: ``engines`` in IGO's part of the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "igo" / "engines"


def find(key: str) -> tuple[Path, Mapping[str, Any]] | None:
    """The folder of the model under ``key`` and what was noted of it; None if there is none, or one that is broken,
    which is taken away."""
    place = folder() / key
    try:
        about = json.loads((place / ABOUT).read_text("utf-8"))
        if all(file_digest(place / name) == digest for name, digest in about["files"].items()):
            return place, about["noted"]
    except FileNotFoundError:
        if not place.exists():
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    with suppress(OSError):
        _taken_away(place)
    return None


def keep(key: str, write: Callable[[Path], Mapping[str, Any]]) -> tuple[Path, Mapping[str, Any]]:
    """Keep the files that ``write`` puts into a folder, under ``key``, with what it notes of them (as JSON has it).

    The folder gets its name when all is written, so that others see all of it or nothing; where another process was
    faster, its folder stays. Raises ``OSError`` for a disk that doesn't take it, with nothing left behind.
    """
    place = folder() / key
    place.parent.mkdir(parents=True, exist_ok=True)
    own = place.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        own.mkdir()
        noted = write(own)
        files = {path.name: file_digest(path) for path in own.iterdir()}
        (own / ABOUT).write_text(json.dumps({"files": files, "noted": noted}), "utf-8")
        with suppress(OSError):
            own.rename(place)
    finally:
        if own.exists():
            shutil.rmtree(own, ignore_errors=True)
    return find(key) or _vanished(place)


def sizes() -> dict[str, int]:
    """Bytes of each model that is kept, by its key; what is left of writing that was broken off is among them."""
    found = {}
    with suppress(FileNotFoundError):
        for place in sorted(folder().iterdir()):
            with suppress(OSError):
                found[place.name] = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    return found


def clear() -> int:
    """Take all of them away, and say how many bytes that were. Models in use go on working. Raises ``OSError``."""
    total = sum(sizes().values())
    with suppress(FileNotFoundError):
        for place in list(folder().iterdir()):
            _taken_away(place)
    return total


def _taken_away(place: Path) -> None:
    """Out of sight in one step, and then away: nobody sees half of it."""
    own = place.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        place.rename(own)
    except FileNotFoundError:  # another process was faster
        return
    if own.is_dir():
        shutil.rmtree(own, ignore_errors=True)
    else:
        own.unlink(missing_ok=True)


def _vanished(place: Path) -> tuple[Path, Mapping[str, Any]]:
    raise OSError(f"{place} has vanished")
