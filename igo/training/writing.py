"""Writing a file so that no kill leaves half of one."""

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Put ``data`` under a name in one step, and make missing folders. Raises ``OSError``.

    The bytes go to a neighbour file, are flushed to the disk, and then take the place of ``path`` in one rename. Until
    then what was there before stays readable.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
