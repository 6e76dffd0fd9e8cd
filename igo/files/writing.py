"""Writing: a file appears under its name at once, or not at all, and a place that takes none is known beforehand."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from igo.errors import IGOError, SettingsError

_OS_ERROR = re.compile(r"\(os error (\d+)\)")
"""What libraries written in Rust say of an error of the system."""
_PROBE = bytes(4096)


def at_home(path: str | os.PathLike[str]) -> Path:
    """A path as a user types it, with ``~`` expanded. That of a user who isn't known stays, for errors to name it."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  Path's own raises RuntimeError there


def reason(error: BaseException) -> str:
    """What an error says, on one line and without a path, or its kind if it says nothing."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:120] or type(error).__name__


@contextmanager
def refusing(path: str | os.PathLike[str], kind: type[IGOError] = SettingsError, more: str = "") -> Iterator[None]:
    """Turn what the system refuses inside the ``with`` into ``kind``, one line that names ``path`` and ends in
    ``more``; errors of torch and safetensors that stand for such a refusal too."""
    try:
        yield
    except IGOError:
        raise
    except Exception as error:
        cause = _refusal(error)
        if cause is None:
            raise
        full = cause.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "make room there, or choose another place" if full else "choose another place"
        raise kind(f"{os.fspath(path)!r} can't be written: {reason(cause)}; {advice}{more}") from error


def _refusal(error: Exception) -> OSError | None:
    """The system's error behind ``error``, if there is one."""
    if isinstance(error, OSError):
        return error
    if isinstance(error, RuntimeError) and isinstance(error.__context__, OSError):
        return error.__context__  # torch's writer, when a file of Python's failed under it
    found = _OS_ERROR.search(str(error))
    return OSError(int(found[1]), os.strerror(int(found[1]))) if found else None


@contextmanager
def writing_whole(
    path: str | os.PathLike[str], kind: type[IGOError] = SettingsError, partial: Path | None = None
) -> Iterator[BinaryIO]:
    """A file to write to, which gets its name in one step when the block ends without an error; missing folders are
    made, links followed, and ``~`` is the user's folder. Raises ``kind``.

    The bytes go to a file beside it, are flushed to the disk, and then take the place of ``path`` in one rename, which
    POSIX makes atomic. Until then what was there before stays readable; afterwards nothing else is left. ``partial`` is
    that file, by default under a name that nobody has: for what is large and often killed, so that the next one takes
    its place.
    """
    with refusing(path, kind):
        target = _target(path, kind)
        target.parent.mkdir(parents=True, exist_ok=True)
        if partial is not None:
            partial.unlink(missing_ok=True)
        partial = partial or _beside(target.parent)
        try:
            # Not tempfile, whose files can be read by their owner alone, and stay so.
            with partial.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def write_whole(path: str | os.PathLike[str], data: bytes, kind: type[IGOError] = SettingsError) -> None:
    """Put ``data`` under a name as ``writing_whole`` does. Raises ``kind``."""
    with writing_whole(path, kind) as file:
        file.write(data)


def write_folder(folder: Path, files: Mapping[str, str], kind: type[IGOError] = SettingsError, more: str = "") -> None:
    """Write texts under their paths in ``folder``, all or none; one that begins with ``#!`` can be run.

    The folder is made; there may be an empty one. Raises ``kind``, whose line ends in ``more``, for one that isn't.
    """
    check_folder(folder, kind)
    with refusing(folder, kind):
        folder = _followed(folder, kind)
        if folder.exists() and any(folder.iterdir()):
            raise kind(f"{folder} is not empty; choose another folder{more}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".igo-", dir=folder.parent))
        try:
            whole = made / "folder"  # not the temporary folder itself, which nobody else may read
            for path, text in files.items():
                (whole / path).parent.mkdir(parents=True, exist_ok=True)
                (whole / path).write_text(text, "utf-8", newline="\n")
                if text.startswith("#!"):
                    (whole / path).chmod((whole / path).stat().st_mode | 0o111)
            if folder.exists():  # and is empty
                for part in whole.iterdir():
                    part.rename(folder / part.name)
            else:
                whole.rename(folder)
        finally:
            shutil.rmtree(made)


def check_file(path: str | os.PathLike[str], kind: type[IGOError] = SettingsError) -> None:
    """Raise ``kind`` if no file could be written there: for a folder, a link to itself, a disk that is full or takes
    nothing. Ask before a long run, and not after it. Nothing is left behind."""
    with refusing(path, kind):
        target = _target(path, kind)
        _probe(target.parent, target.name)


def check_folder(path: str | os.PathLike[str], kind: type[IGOError] = SettingsError) -> None:
    """Raise ``kind`` if no files could be written into that folder, which needn't be there yet."""
    with refusing(path, kind):
        target = _followed(path, kind)
        with suppress(FileNotFoundError):
            if not stat.S_ISDIR(target.stat().st_mode):
                raise kind(f"{os.fspath(path)!r} is a file: expected a folder; choose another name")
        _probe(target)


def _followed(path: str | os.PathLike[str], kind: type[IGOError]) -> Path:
    """Where a path leads."""
    if "\0" in os.fspath(path):
        raise kind(f"{os.fspath(path)!r} is no path: expected one without a NUL character; rename it")
    place = at_home(path)
    if str(place).startswith("~"):
        raise kind(f"'{place}' begins with the name of a user who isn't known here; write ./{place} if you mean it")
    return Path(os.path.realpath(place))  # which doesn't raise for links in a circle, as Path's own does


def _target(path: str | os.PathLike[str], kind: type[IGOError]) -> Path:
    """The file that a path leads to, or could."""
    target = _followed(path, kind)
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(target.stat().st_mode):
            raise kind(f"{os.fspath(path)!r} is a folder or a device: expected the name of a file; add one")
    return target


def _beside(folder: Path) -> Path:
    """A name in ``folder`` that nobody has, short enough for every disk."""
    return folder / f".igo-{secrets.token_hex(8)}.tmp"


def _probe(folder: Path, *names: str) -> None:
    """Try to write into ``folder``, or the nearest one above it that there is. Raises ``OSError``."""
    missing = [*names]
    while True:
        try:
            folder.stat()
            break
        except FileNotFoundError:
            missing.append(folder.name)
            folder = folder.parent
    for name in missing:
        with suppress(FileNotFoundError):
            (folder / name).stat()  # a name that is too long is told here
    partial = _beside(folder)
    try:
        with partial.open("xb") as file:
            file.write(_PROBE)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
