"""Paints rows, one after the other or several at once, and saves what they make: in this process, or a worker's."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from igo import together
from igo.batch.chains import Chains
from igo.batch.places import save
from igo.batch.result import Result, told
from igo.batch.tasks import Task
from igo.errors import CancelledError, ImageError
from igo.files import reason

if TYPE_CHECKING:
    from igo import Frame, Look
    from igo.images import Mask, Picture

KEPT = 4
"""Pictures that are kept for the next row, which is often of the same photo."""
FIGURES: Mapping[str, Callable[[list[float]], float]] = {"area": max, "confidence": min, "seam": max}
"""What results tell of what steps report, themselves or of their zone, and of several steps the worst."""


class Painter:
    """Paints tasks into ``folder``. Chains, their models, and what these remember of the last picture are kept from row
    to row. ``observers`` hear of each run."""

    def __init__(self, chains: Chains, folder: Path, batch_size: int = 1, observers: Iterable[object] = ()) -> None:
        self.chains, self.folder, self.batch_size, self.observers = chains, folder, batch_size, tuple(observers)
        self._seen: dict[tuple[str, bool], Picture | Mask] = {}

    def paint(self, groups: Iterable[Sequence[Task]]) -> Generator[Result, None, None]:
        """The result of each task, in order, saved; what has failed is a result too. The tasks of a group are painted
        at once, as far as ``batch_size`` and their likeness allow, and saved one by one.

        Raises ``ImageError`` where the disk takes no more, which is no row's fault, and ``CancelledError`` for an
        observer that ends a run.
        """
        for group in groups:
            yield from self._painted(group)

    def _painted(self, tasks: Sequence[Task]) -> Iterator[Result]:
        started = time.monotonic()
        calls = [partial(self._look, task) for task in tasks]
        looks = together(calls, self.batch_size, return_exceptions=True) if len(calls) > 1 else [_kept(calls[0])]
        for task, look in zip(tasks, looks, strict=True):
            if isinstance(look, CancelledError):
                raise look
            if isinstance(look, Exception):
                _check_disk(look)
                outcome = {"status": "failed", "error": told(look)}
            else:
                outcome = self._saved(task, look)
            seconds = (time.monotonic() - started) / len(tasks)
            yield result_of(task, self.folder, seconds=round(seconds, 3), **outcome)

    def _look(self, task: Task) -> Look:
        row, chain = task.row, self.chains.chain(task.row)
        pictures: dict[str, Any] = {"layers": {}, "references": {}}
        for name, path in row.pictures.items():
            table, _, key = name.partition(".")
            if key:
                pictures[table][key] = self._picture(path, task.contents[name], is_mask=name == "layers.mask")
        image = None
        if "image" in row.pictures:
            image = self._picture(row.pictures["image"], task.contents["image"])
        return chain.run(**task.settings, image=image, **pictures, observers=self.observers)

    def _picture(self, path: str, expected: str, is_mask: bool = False) -> Any:
        from igo.images import Mask, read_image, read_mask

        key = path, is_mask
        if key not in self._seen:
            while len(self._seen) >= KEPT:
                del self._seen[next(iter(self._seen))]
            self._seen[key] = read_mask(path) if is_mask else read_image(path)
        found = self._seen[key]
        if (found.picture if isinstance(found, Mask) else found).sha256 != expected:
            del self._seen[key]
            raise ImageError(f"{path!r} has changed since the plan was read; run the same command again")
        return found

    def _saved(self, task: Task, look: Look) -> dict[str, Any]:
        """What a result tells of a look, whose pictures are on the disk then."""
        pictures = []
        for index, (frame, name) in enumerate(zip(look, task.files, strict=True)):
            try:
                sha256 = save(look, index, self.folder, name)
            except ImageError as error:
                if isinstance(error.__cause__, OSError):
                    raise
                return {"status": "failed", "error": told(error)}
            size = {"width": frame.image.width, "height": frame.image.height}
            pictures.append({"file": name, "sha256": sha256, "seed": frame.seed, **size, **_figures(frame)})
        notes = [
            f"{entry.step}: {entry.report['note']}"
            for frame in look
            for entry in frame.history
            if entry.report.get("note")
        ]
        return {"status": "done", "pictures": pictures, "notes": list(dict.fromkeys(notes))}


def result_of(task: Task, folder: Path, **outcome: Any) -> Result:
    """The result of a task. Paths become relative to ``folder``, so that both can be moved together."""
    row = task.row
    return Result(
        id=row.id,
        row=row.number,
        digest=task.digest,
        request={name: value for name, value in task.settings.items() if value is not None},
        inputs={name: _relative(path, folder) for name, path in row.pictures.items()},
        chain=_relative(row.chain, folder) if row.chain else None,
        changes=row.changes,
        attempts=task.attempts,
        finished=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **outcome,
    )


def _relative(path: str, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, os.path.realpath(folder))).as_posix()
    except ValueError:  # on another drive
        return path


def _figures(frame: Frame) -> dict[str, float]:
    """The figures that a picture's history has, each the worst of all steps."""
    reports = [entry.report for entry in frame.history]
    reports += [report["zone"] for report in reports if isinstance(report.get("zone"), Mapping)]
    found = {name: [report[name] for report in reports if _is_number(report.get(name))] for name in FIGURES}
    return {name: FIGURES[name](values) for name, values in found.items() if values}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kept(call: Callable[[], Look]) -> Look | Exception:
    """What ``together`` gives for a call."""
    try:
        return call()
    except Exception as error:
        return error


def _check_disk(error: BaseException) -> None:
    """Raise ``ImageError`` for a disk that is full, wherever a step came upon it."""
    cause: BaseException | None = error
    for _ in range(10):
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ImageError(f"a step found no room ({reason(cause)}); make some, and run again") from cause
        cause = cause and (cause.__cause__ or cause.__context__)
