"""The journal: what became of each row, a line of JSON for each, appended and on the disk before the next row counts.

A line is the commit: a row without one is painted again, whatever of it lies in the folder.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from igo.batch.naming import JOURNAL
from igo.batch.result import Result
from igo.errors import JournalError
from igo.files import at_home, check_folder, refusing


class Journal:
    """The journal of the batch in ``folder``, to which nobody else writes for as long as it is open."""

    def __init__(self, folder: Path, file: int) -> None:
        self.folder, self._file = folder, file

    def append(self, result: Result) -> None:
        """Write a line, whole or not at all. Raises ``JournalError`` where the disk takes none."""
        data = (json.dumps(result.line(), ensure_ascii=True) + "\n").encode("ascii")
        end = os.lseek(self._file, 0, os.SEEK_END)
        with refusing(self.folder / JOURNAL, JournalError, ", and run the same command again"):
            try:
                if os.write(self._file, data) < len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(self._file)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(self._file, end)
                raise


@contextmanager
def opened(folder: Path) -> Iterator[Journal]:
    """The journal in ``folder``, both made if they aren't there; a line that was cut off in its middle is taken away.

    Raises ``JournalError`` where somebody else has it open, and where it can't be written.
    """
    check_folder(folder, JournalError)
    path = folder / JOURNAL
    with refusing(path, JournalError):
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        _lock(file, path)
        _keep(folder)
        with refusing(path, JournalError):
            _cut(file)
        yield Journal(folder, file)
    finally:
        os.close(file)


def read_journal(folder: str | os.PathLike[str]) -> dict[str, Result]:
    """What became of each row of the batch in ``folder``, by ids, in the order in which they were first painted; at any
    time, also while it is painted. Of several lines on a row the last counts.

    Raises ``JournalError`` for a folder without a journal, and for one that is damaged.
    """
    path = at_home(folder) / JOURNAL
    if not path.is_file():
        raise JournalError(f"there is no {JOURNAL} in {os.fspath(folder)!r}; expected the folder of a batch")
    found: dict[str, Result] = {}
    with refusing(path, JournalError), path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break  # it is being written, or was cut off
            try:
                result = Result.of(json.loads(line))
            except (ValueError, TypeError, RecursionError) as error:
                raise JournalError(f"{path}, line {number} is damaged ({error}); take it out, and run again") from None
            found[result.id] = result
    return found


def _lock(file: int, path: Path) -> None:
    """Held until the file is closed, or its process dies. Nobody is kept away where the system has no such locks."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise JournalError(f"{path} is being written by another run; wait for it, or choose another folder") from None


def _keep(folder: Path) -> None:
    """See to it that the folder's files are still called what they are after a power cut. Windows does so itself, and
    lets nobody ask for it."""
    with suppress(OSError):
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)


def _cut(file: int) -> None:
    """Take away what follows the last end of a line: a crash came in the middle of it."""
    size = end = os.lseek(file, 0, os.SEEK_END)
    while end > 0:
        start = max(0, end - 2**16)
        block = os.pread(file, end - start, start)
        if (found := block.rfind(b"\n")) >= 0:
            end = start + found + 1
            break
        end = start
    if end < size:
        os.ftruncate(file, end)
        os.fsync(file)
