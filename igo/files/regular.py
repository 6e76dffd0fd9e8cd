"""Files by names that anybody may have given: what isn't one is told before it is opened, since a pipe would be waited
for and a device never ends."""

import errno
import os
import stat
from pathlib import Path

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def check_regular(path: str | os.PathLike[str]) -> os.stat_result:
    """The status of a file that can be read to its end, links followed.

    Raises ``OSError`` with its reason in ``strerror``, for a folder ``IsADirectoryError``; ``ValueError`` for what
    can be no path.
    """
    status = Path(path).stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", os.fspath(path))
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for test, name in _KINDS if test(status.st_mode)), "no file")
        raise OSError(errno.EINVAL, f"it is {kind}", os.fspath(path))
    return status
