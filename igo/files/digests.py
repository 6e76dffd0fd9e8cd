"""Which files they are, as a SHA-256; each large file's is remembered, for it takes seconds."""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

LARGE = 1 << 20
"""Bytes from which a file's digest is remembered."""
SETTLED = 2.0
"""Seconds after which a file that was written again shows another time."""


def digest(place: Path, files: Iterable[Path]) -> str:
    """SHA-256 over the contents of ``files`` and their names within ``place``."""
    total = hashlib.sha256()
    for path in sorted(set(files)):
        total.update(f"{path.relative_to(place).as_posix()} {file_digest(path)}\n".encode())
    return f"sha256:{total.hexdigest()}"


def file_digest(path: Path) -> str:
    """A file's SHA-256, remembered in the user's cache under its path, for as long as its size and times stay."""
    found = path.stat()
    state = f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"
    memory = _folder() / hashlib.sha256(os.fsencode(path.resolve())).hexdigest()
    if found.st_size >= LARGE:
        with suppress(OSError, ValueError):
            match = re.fullmatch(rf"{state} ([0-9a-f]{{64}})", memory.read_text("ascii"))
            if match:
                return match[1]
    with path.open("rb") as file:
        known = hashlib.file_digest(file, "sha256").hexdigest()
    if found.st_size >= LARGE and time.time() - max(found.st_mtime, found.st_ctime) > SETTLED:
        _remember(memory, f"{state} {known}")
    return known


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "igo" / "digests"


def _remember(memory: Path, text: str) -> None:
    """Write at once or not at all, whoever else writes; a cache that can't be written is none."""
    own = memory.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
    with suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        own.write_text(text, "ascii")
        own.replace(memory)
