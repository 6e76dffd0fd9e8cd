"""Processes that paint, each with models of its own: one that dies costs its row one more try, and not the batch."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import RLock, Thread

from igo.batch import memory
from igo.batch.chains import Chains
from igo.batch.painter import Painter, result_of
from igo.batch.result import Result, told
from igo.batch.tasks import Task
from igo.errors import IGOError, WorkerError

TRIES = 2
"""How often a row is begun that workers die of."""


class Workers:
    """So many processes that paint into ``folder``, `batch_size` rows at once, by a chain that each loads for itself;
    where there are GPUs, each worker has one.

    Where one is killed, as the system does when memory runs out, the others go on without it. One that holds more than
    its share of the memory is ended between two groups, and another begins in its place; or none, if it was as large
    after its first: then so many don't fit.
    """

    def __init__(self, count: int, chains: Chains, folder: Path, batch_size: int = 1) -> None:
        self.count, self.chains, self.folder, self.batch_size = count, chains, folder, batch_size
        self._gpus = [] if chains.names_a_gpu else gpus()

    def paint(self, groups: Iterable[Sequence[Task]]) -> Generator[Result, None, None]:
        """The result of each task, as it is done. Each group goes to one worker, to be painted at once.

        Raises ``WorkerError`` where workers can't start, and what a `Painter` raises.
        """
        waiting = deque(list(group) for group in groups)
        workers: list[_Worker] = []
        try:
            while waiting or any(worker.tasks for worker in workers):
                idle = [worker for worker in workers if not worker.tasks]
                while waiting and (idle or len(workers) < self.count):
                    if not idle:
                        idle.append(self._started(workers))
                    idle.pop().give(waiting.popleft())
                for worker in _with_news(workers):
                    yield from worker.results()
                    if worker.process.exitcode is not None:
                        workers.remove(worker)
                        if worker.process.exitcode == -signal.SIGKILL and self.count > 1:
                            self.count -= 1
                        for task in reversed(worker.lost()):
                            if task.attempts < TRIES:
                                waiting.appendleft([replace(task, attempts=task.attempts + 1)])
                            else:
                                yield result_of(task, self.folder, status="failed", error=told(worker.death()))
                    elif not worker.tasks and self._has_outgrown(worker, workers):
                        workers.remove(worker)
                        worker.process.kill()
                        worker.process.join()
        finally:
            for worker in workers:
                worker.process.kill()
            for worker in workers:
                worker.process.join()

    def _has_outgrown(self, worker: _Worker, workers: list[_Worker]) -> bool:
        """Whether a worker that has nothing to do holds more than its share. There is to be one fewer from then on if
        it does so when it is new; the only one stays then."""
        sizes = {other: memory.held(other.process.pid or 0) for other in workers}
        share = memory.KEPT * (memory.free() + sum(sizes.values())) / self.count
        if sizes[worker] <= share or (worker.groups == 1 and self.count == 1):
            return False
        if worker.groups == 1:
            self.count -= 1
        return True

    def _started(self, workers: list[_Worker]) -> _Worker:
        """One more, of the lowest number that is free."""
        number = next(number for number in range(self.count) if all(worker.number != number for worker in workers))
        gpu = self._gpus[number % len(self._gpus)] if self._gpus else None
        ours, theirs = get_context("spawn").Pipe()
        arguments = (theirs, gpu, self.chains, self.folder, self.batch_size)
        process = get_context("spawn").Process(target=_work, args=arguments, name=f"igo-{number}", daemon=True)
        process.start()
        theirs.close()
        workers.append(_Worker(number, process, ours))
        return workers[-1]


@dataclass(eq=False)
class _Worker:
    """A worker as its parent sees it."""

    number: int
    process: BaseProcess
    pipe: Connection
    tasks: list[Task] = field(default_factory=list)
    """What it was given and hasn't answered."""
    groups: int = 0
    """That it was given."""
    ready: bool = False

    def give(self, tasks: list[Task]) -> None:
        self.tasks = tasks
        self.groups += 1
        try:
            self.pipe.send(tasks)
        except OSError:  # it has died; whoever waits for it is told
            return

    def results(self) -> Iterator[Result]:
        """What it has sent. Raises what ended it, if that would end all."""
        try:
            while self.pipe.poll():
                message = self.pipe.recv()
                self.ready = True
                if isinstance(message, Exception):
                    raise message
                if message is not None:
                    self.tasks = self.tasks[1:]
                    yield message
        except (EOFError, ConnectionError):
            self.process.join()

    def lost(self) -> list[Task]:
        """What it was to paint when it died. Raises ``WorkerError`` for one that couldn't begin."""
        if not self.ready and (self.process.exitcode or 0) >= 0:
            raise WorkerError(
                f"a worker ended before it could begin, with {_ended(self.process.exitcode)}; put what a script runs "
                "by itself under if __name__ == '__main__':"
            )
        return self.tasks

    def death(self) -> WorkerError:
        """What a row is told that it died of for the last time."""
        return WorkerError(f"workers died of it {TRIES} times, the last by {_ended(self.process.exitcode)}")


def gpus() -> list[str]:
    """What CUDA calls the GPUs here; asked without torch, which would take memory on each."""
    if (named := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name for name in named.split(",") if name.strip()]
    command = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.split()


def _with_news(workers: Sequence[_Worker]) -> list[_Worker]:
    """Those that have sent something, or died, once there are any."""
    waited = {worker.pipe: worker for worker in workers} | {worker.process.sentinel: worker for worker in workers}
    return list(dict.fromkeys(waited[one] for one in wait(list(waited))))  # type: ignore[index]  # what was given


def _ended(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _work(pipe: Connection, gpu: str | None, chains: Chains, folder: Path, batch_size: int) -> None:
    """What a worker does, for as long as its parent lives."""
    from tqdm import tqdm

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is its parent's, who ends it
    Thread(target=_end_with, args=(parent_process(),), daemon=True).start()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu  # before torch looks at it
    tqdm.set_lock(RLock())  # its own is one between processes, whose remains Python tells of where one is killed
    painter = Painter(chains, folder, batch_size)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # its parent has died
        pipe.send(None)
        while True:
            tasks = pipe.recv()
            try:
                for result in painter.paint([tasks]):
                    pipe.send(result)
            except IGOError as error:
                pipe.send(error)
                return


def _end_with(parent: BaseProcess | None) -> None:
    if parent is not None:
        parent.join()
        os._exit(1)
