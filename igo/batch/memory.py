"""How much memory there is, and how much of it a process holds: for workers, of which one that has outgrown its share
begins anew between two rows, before the system ends it in the middle of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from igo.files.groups import groups

KEPT = 0.9
"""Of the memory there is, what workers may hold together: the rest is the system's."""
_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Where a control group's limit is, what it uses, and what of that can be had back at once: of version 2, and 1."""


def held(process: int) -> int:
    """Bytes that the process of that number has for itself alone; none if it is gone."""
    import psutil

    try:
        found = psutil.Process(process).memory_info()
    except psutil.Error:
        return 0
    return int(found.rss - getattr(found, "shared", 0))  # weights that several read from one file are there once


def free(root: Path = Path("/")) -> int:
    """Bytes that processes could still have, of this machine and of the container that it may be."""
    import psutil

    return min((int(psutil.virtual_memory().available), *_left(root)))


def _left(root: Path) -> Iterator[int]:
    """What is left to each control group of this process that has a limit."""
    for folder in groups("memory", root):
        for names in _FILES:
            with suppress(OSError, ValueError, KeyError):
                limit, used = (int((folder / name).read_text()) for name in names[:2])  # "max" is no number
                known = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
                yield max(0, limit - used + int(known[names[2]]))
