"""A batch, from its plan to its end: what is there is kept, what is missing is painted, every row is accounted for."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from igo import Chain
from igo.batch.chains import Chains
from igo.batch.journal import Journal, opened, read_journal
from igo.batch.naming import JOURNAL, REPORT, Names, check_apart
from igo.batch.on_ray import RayPainters
from igo.batch.painter import Painter
from igo.batch.places import check_place, is_url
from igo.batch.plan import Plan, read_plan
from igo.batch.result import Result, Summary
from igo.batch.tasks import Task, tasks_of
from igo.batch.workers import Workers
from igo.errors import PlanError, SettingsError
from igo.files import at_home, check_folder

Source = Plan | str | os.PathLike[str] | Iterable[Mapping[str, Any]]
"""Of a plan: see ``read_plan``."""
NAME = "{id}-{seed}.png"


def run(
    plan: Source, chain: Chain | str | os.PathLike[str] | None, out: str | os.PathLike[str], **options: Any
) -> Summary:
    """Paint a plan to its end, as ``stream`` does, and say what it came to."""
    batch = Batch(plan, chain, out, **options)
    for _ in batch.results():
        pass
    return batch.summary


def stream(
    plan: Source, chain: Chain | str | os.PathLike[str] | None, out: str | os.PathLike[str], **options: Any
) -> Iterator[Result]:
    """Paint a plan, and give each row's result as soon as it is in the journal; those that are kept aren't told of.

    ``plan`` is what ``read_plan`` takes, or a `Plan`; ``chain`` a chain or its file, for rows that name none of their
    own; ``out`` the folder for pictures and journal. Called again, it goes on where it ended, however that was: nothing
    that is in the journal is painted twice, but rows whose settings, inputs, chain or versions have changed since.

    Options: ``name`` is the pictures' names (``"{id}-{seed}.png"``). ``workers`` is the number of processes that paint,
    each with models of its own; without it this one does. ``ray`` is the address of a Ray cluster that paints instead,
    ``"auto"`` for the one that runs here; ``workers`` is the number of its actors then. ``pictures`` is a URL that they
    go to, in place of ``out``: any that fsspec reaches, such as s3://bucket/looks. ``batch_size`` is how many rows
    a GPU paints at once (what a batch paints equals what its rows paint alone up to rounding; on CPUs to the last bit).
    ``retry_failed`` tries rows again that have failed, ``strict`` refuses rows that have changed, ``limit`` ends after
    so many rows, ``observers`` hear of the chains' runs in this process.

    Raises ``PlanError`` for what is wrong with the plan, ``JournalError`` for a folder in which another run is at work,
    and other ``IGOError``, all before any work; ``ImageError`` and ``JournalError`` where the disk takes no more.
    """
    return Batch(plan, chain, out, **options).results()


@dataclass(frozen=True)
class Pending:
    """What is to be done, as the journal has it."""

    tasks: list[Task]
    changed: Mapping[str, int]
    """How many of them were painted before, and have changed since, by what has changed."""
    kept: int
    failed: list[Result]
    """Rows that have failed, and aren't tried again."""
    pace: float | None
    """Seconds that a row took on average; None before the first."""


class Batch:
    """A plan, read and checked, for a folder. Options are those of ``stream``."""

    def __init__(
        self,
        plan: Source,
        chain: Chain | str | os.PathLike[str] | None,
        out: str | os.PathLike[str],
        *,
        name: str = NAME,
        workers: int | None = None,
        ray: str | None = None,
        pictures: str | None = None,
        batch_size: int = 1,
        retry_failed: bool = False,
        strict: bool = False,
        limit: int | None = None,
        observers: Iterable[object] = (),
    ) -> None:
        for option, value in (("workers", workers), ("batch_size", batch_size), ("limit", limit)):
            if value is not None and value < 1:
                raise SettingsError(f"{option} is {value}; expected at least 1")
        if is_url(os.fspath(out)):
            raise SettingsError(
                f"out is {os.fspath(out)!r}; expected a folder here, for the journal; 'pictures' is where these may go"
            )
        self.folder = at_home(out)
        self.workers, self.ray, self.batch_size, self.limit = workers, ray, batch_size, limit
        self.retry_failed, self.strict = retry_failed, strict
        self.observers = tuple(observers)
        self.summary = Summary()
        check_folder(self.folder)
        if pictures is not None:
            check_place(pictures)
        read = plan if isinstance(plan, Plan) else read_plan(plan)
        self.chains = Chains(read, chain)
        self.chains.check(read)
        self.tasks = list(tasks_of(read, self.chains, Names(name), pictures))
        inputs = {path for row in read for path in (*row.pictures.values(), *filter(None, [row.chain]))}
        check_apart(self.folder, (name for task in self.tasks for name in task.files), inputs)

    def pending(self) -> Pending:
        """What is to be done now. Nothing is written. Raises ``PlanError`` for rows that have changed, if ``strict``,
        and for pictures in a folder without a journal, which would be written over."""
        self._check_free()
        known = read_journal(self.folder) if (self.folder / JOURNAL).exists() else {}
        tasks, failed, changed, kept = [], [], dict[str, int](), 0
        for task in self.tasks:
            before = known.get(task.row.id)
            if before is not None and (differs := _differs(before.digest, task.digest)):
                changed[differs] = changed.get(differs, 0) + 1
                if self.strict:
                    raise PlanError(
                        f"row {task.row.number} ('{task.row.id}') has changed since it was painted: its {differs}; "
                        "without strict=True it is painted again"
                    )
            elif before is not None and before.status == "failed" and not self.retry_failed:
                failed.append(before)
                continue
            elif before is not None and before.status == "done" and self._is_there(task):
                kept += 1
                continue
            tasks.append(task)
        took = [result.seconds for result in known.values() if result.status == "done"]
        return Pending(tasks, changed, kept, failed, sum(took) / len(took) if took else None)

    def results(self) -> Iterator[Result]:
        """Paint what is to be done. One run at a time: the folder is locked."""
        started = time.monotonic()
        self._check_free()  # what is refused, is before a journal is made
        with opened(self.folder) as journal:
            pending = self.pending()
            _clear(self.folder)
            self.summary = Summary(kept=pending.kept)
            for result in pending.failed:
                self.summary.add_failed(result)
            tasks = pending.tasks[: self.limit]
            self.summary.left = len(pending.tasks) - len(tasks)
            try:
                for result in self._painted(tasks, journal):
                    self.summary.add(result)
                    self.summary.seconds = time.monotonic() - started
                    yield result
            finally:
                _clear(self.folder)
        self.summary.seconds = time.monotonic() - started

    def _painted(self, tasks: list[Task], journal: Journal) -> Iterator[Result]:
        groups = (tasks[start : start + self.batch_size] for start in range(0, len(tasks), self.batch_size))
        painter: Painter | Workers | RayPainters
        if self.ray is not None:
            painter = RayPainters(self.ray, self.workers, self.chains, self.folder, self.batch_size)
        elif self.workers is not None:
            painter = Workers(self.workers, self.chains, self.folder, self.batch_size)
        else:
            painter = Painter(self.chains, self.folder, self.batch_size, self.observers)
        with closing(painter.paint(groups)) as results:
            for result in results:
                journal.append(result)
                yield result

    def _is_there(self, task: Task) -> bool:
        """Whether all of a row's pictures are still in the folder; what is elsewhere isn't looked for."""
        return all(is_url(name) or (self.folder / name).is_file() for name in task.files)

    def _check_free(self) -> None:
        """Raise ``PlanError`` for what would be written over in a folder without a journal."""
        if (self.folder / JOURNAL).exists():
            return
        for name in (REPORT, *(name for task in self.tasks for name in task.files)):
            if not is_url(name) and os.path.lexists(self.folder / name):
                raise PlanError(
                    f"{str(self.folder / name)!r} is already there, and no {JOURNAL} that says it is this batch's; "
                    "choose another folder"
                )


def _differs(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Which parts of two digests are not the same."""
    return ", ".join(name for name in now if before.get(name) != now[name])


def _clear(folder: Path) -> None:
    """Take away what a run that was killed had not finished writing."""
    for path in folder.rglob(".igo-*.tmp"):
        with suppress(OSError):
            path.unlink()
