"""Writing a file so that no kill leaves half of one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def writing_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which gets its name in one step when the block ends; missing folders are made. Raises
    ``OSError``.

    The bytes go to a neighbour file, are flushed to the disk, and then take the place of ``path`` in one rename, which
    POSIX makes atomic. Until then what was there before stays readable.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Put ``data`` under a name as ``writing_whole`` does. Raises ``OSError``."""
    with writing_whole(path) as file:
        file.write(data)
