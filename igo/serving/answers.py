"""Answers under their ids, kept for a while: who asks again after a lost connection is given what was painted.

Each is a file in a folder, which is locked for as long as its answer is made. So no two threads or processes, such as
the instances of a model, work on one id, and the answers outlast a server that is restarted.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from igo.errors import ProtocolError

KEPT = 600.0
"""Seconds."""
MAX_KEPT = 2**30
"""Bytes of all answers; the oldest go first."""


class Answers:
    """The answers in ``folder``, which is made for this user alone, for ``seconds`` after they were given.

    Raises ``ProtocolError`` for a folder that is somebody else's.
    """

    def __init__(self, folder: Path, seconds: float = KEPT, max_bytes: int = MAX_KEPT) -> None:
        self.folder, self.seconds, self.max_bytes = folder, seconds, max_bytes
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise ProtocolError(f"{str(folder)!r}, where answers are kept, is another user's; name another folder")

    def of(
        self, asked: Sequence[tuple[str, bytes]], make: Callable[[Sequence[int]], Sequence[bytes]]
    ) -> list[bytes | None]:
        """The answer to each of ``asked``, an id and the message; ``make`` gives those to the messages of some numbers.

        None where the id was used for another message. An id that somebody else works on is waited for, holding none.
        """
        answers: dict[int, bytes | None] = {}
        stuck = False
        while len(answers) < len(asked):
            before = len(answers)
            with ExitStack() as held:
                mine: dict[int, _Kept] = {}
                for number, (id_, message) in enumerate(asked):
                    if number in answers:
                        continue
                    lock = ExitStack()
                    kept = lock.enter_context(self._locked(id_, wait=stuck and not mine))
                    if kept is None:
                        continue
                    digest = hashlib.sha256(message).digest()
                    if (found := kept.read(self.seconds)) is None:
                        held.callback(lock.close)
                        mine[number], kept.digest = kept, digest
                    else:
                        lock.close()  # at once: nobody waits while he keeps others waiting
                        answers[number] = found[1] if found[0] == digest else None
                if mine:
                    for number, made in zip(mine, make(list(mine)), strict=True):
                        mine[number].write(made)
                        answers[number] = made
            stuck = len(answers) == before
        self._forget()
        return [answers[number] for number in range(len(asked))]

    @contextmanager
    def _locked(self, id_: str, wait: bool) -> Iterator[_Kept | None]:
        """The file of an id, locked; None where it is locked elsewhere and isn't waited for."""
        import fcntl  # which Windows lacks, where a folder can be written all the same that a server runs from

        path = self.folder / hashlib.sha256(id_.encode()).hexdigest()
        while True:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
                if _same(file, path):
                    yield _Kept(file)
                    return
            except BlockingIOError:
                yield None
                return
            finally:
                os.close(file)

    def _forget(self) -> None:
        """Take away what is old, and the oldest of what is too much; never what is being made."""
        import fcntl

        found = []
        for path in self.folder.iterdir():
            with suppress(FileNotFoundError):
                found.append((path.stat().st_mtime, path.stat().st_size, path))
        room = self.max_bytes
        for changed, size, path in sorted(found, reverse=True):
            room -= size
            if room >= 0 and time.time() - changed <= self.seconds:
                continue
            with suppress(OSError):
                file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()
                finally:
                    os.close(file)


class _Kept:
    """A locked file: the digest of what was asked (32 bytes), the answer's length (8), the answer."""

    def __init__(self, file: int) -> None:
        self.file, self.digest = file, b""

    def read(self, seconds: float) -> tuple[bytes, bytes] | None:
        """Digest and answer; None if it is old, empty, or of a server that was killed while it wrote."""
        stat = os.fstat(self.file)
        if stat.st_size < 40 or time.time() - stat.st_mtime > seconds:
            return None
        with os.fdopen(os.dup(self.file), "rb") as stream:
            stream.seek(0)
            data = stream.read()
        return (data[:32], data[40:]) if len(data) == 40 + int.from_bytes(data[32:40], "big") else None

    def write(self, answer: bytes) -> None:
        with os.fdopen(os.dup(self.file), "wb") as stream:
            stream.truncate(0)
            stream.seek(0)
            stream.writelines((self.digest, len(answer).to_bytes(8, "big"), answer))


def _same(file: int, path: Path) -> bool:
    """Whether the file that was opened is still the one of that name, and wasn't forgotten before it was locked."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file), path.stat())
    return False
