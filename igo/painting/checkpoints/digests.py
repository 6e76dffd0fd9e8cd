"""Which weights a checkpoint is, as a SHA-256."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from igo.files import digests
from igo.painting.checkpoints.layout import DESCRIPTIONS


def digest(place: Path, weights: Iterable[str] = ()) -> str:
    """SHA-256 over the names and contents of what makes the pictures.

    That is a file, or of a folder all that describes the checkpoint and those ``weights`` that are loaded, as paths
    within it.
    """
    if place.is_file():
        return digests.digest(place, [place])
    described = (path for path in place.rglob("*") if path.suffix in DESCRIPTIONS and path.is_file())
    return digests.digest(place, [*described, *(place / file for file in weights)])
