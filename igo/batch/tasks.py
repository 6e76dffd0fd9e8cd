"""What is to be done for each row: settled before any work, and known by digests of all that its pictures come from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from igo.batch.chains import Chains, digest_of
from igo.batch.naming import Names
from igo.batch.plan import Plan, Row
from igo.errors import PlanError
from igo.files import refusing
from igo.files.digests import file_digest


@dataclass(frozen=True)
class Task:
    """A row, and what is settled of it."""

    row: Row
    settings: Mapping[str, Any]
    """Of the request, beside pictures: the row's, its chain file's, and a seed."""
    contents: Mapping[str, str]
    """The SHA-256 of each of the row's pictures."""
    files: tuple[str, ...]
    """The names of what it makes, relative to the batch's folder, or URLs."""
    digest: Mapping[str, str]
    attempts: int = 1


def tasks_of(plan: Plan, chains: Chains, names: Names, pictures: str | None = None) -> Iterator[Task]:
    """A task for each row; ``pictures`` is the URL that these go to, if they leave the folder.

    Raises ``IGOError`` for names that clash, and inputs that can't be read.
    """
    contents: dict[str, str] = {}
    for row in plan:
        settings = chains.settings(row)
        settings.setdefault("seed", _seed(row.id))
        for path in row.pictures.values():
            if path not in contents:
                with refusing(path, PlanError):
                    contents[path] = file_digest(Path(path))
        files = tuple(names.of(row, settings["seed"], settings.get("num_images", 1)))
        if pictures is not None:
            files = tuple(f"{pictures.rstrip('/')}/{name}" for name in files)
        found = {name: contents[path] for name, path in sorted(row.pictures.items())}
        chain, versions = chains.digests(row)
        digest = {
            "row": digest_of([settings, files]),
            "inputs": digest_of(found),
            "chain": chain,
            "versions": versions,
        }
        yield Task(row, settings, found, files, digest)


def _seed(name: str) -> int:
    """Of a row without one: its id's own, so that the same plan paints the same pictures. 32 bits."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "backslashreplace")).digest()[:4], "big")
