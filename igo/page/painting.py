"""A run of a chain that somebody watches: how far it is, what it looks like, and an end when it is wanted no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from queue import Empty, Queue
from threading import Event as Flag
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING

import igo
from igo.errors import CancelledError

if TYPE_CHECKING:
    from PIL.Image import Image

Run = Callable[[int, Sequence[object]], "igo.Look"]
"""Paints with a seed, watched by observers."""
BEAT = 0.4
"""Seconds after which something is told, whatever happens: that it still works, and for how long."""
PREVIEW_SHARE = 0.1
"""What previews may take of the time."""


@dataclass(frozen=True)
class Work:
    """What somebody asked for, which can be painted again."""

    title: str
    run: Run
    seed: int
    before: Image | None = None
    """The picture that is changed, RGB."""


@dataclass(frozen=True)
class Progress:
    """How far a run is. ``left`` are seconds, for the step that is at work; None before there is a pace."""

    elapsed: float
    step: str = ""
    done: int = 0
    total: int = 0
    left: float | None = None
    preview: Image | None = None


@dataclass
class _Watcher:
    """The observer of one run."""

    ended: Flag
    news: Queue[Progress | igo.Look | BaseException]
    began: float = field(default_factory=monotonic)
    _step: tuple[str, str] = ("", "")
    _step_began: float = 0.0
    _next_preview: float = 0.0
    _preview: Image | None = None

    @igo.hookimpl
    def observe(self, event: igo.Event) -> None:
        if self.ended.is_set():
            raise CancelledError("cancelled")
        now = monotonic()
        if event.kind == "start":
            self._tell(event.step, 0, 0, None)
        if event.kind != "progress" or not event.total:
            return
        if self._step != (event.step, event.hook) or event.done <= 1:
            self._step, self._step_began = (event.step, event.hook), now
        took, left = now - self._step_began, None
        if event.done > 1 and took > 0:
            left = took / (event.done - 1) * (event.total - event.done)
        if event.preview is not None and now >= self._next_preview:
            self._preview = event.preview() or self._preview
            self._next_preview = monotonic() + (monotonic() - now) / PREVIEW_SHARE
        self._tell(event.step, event.done, event.total, left)

    def _tell(self, step: str, done: int, total: int, left: float | None) -> None:
        self.news.put(Progress(monotonic() - self.began, step, done, total, left, self._preview))


class Painter:
    """Paints one work at a time, in a thread of its own, for all who ask."""

    def __init__(self) -> None:
        self._lock = Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """While it lasts, nobody else paints."""
        with self._lock:
            yield

    def paint(self, work: Work) -> Iterator[Progress | igo.Look]:
        """How far it is, over and over, and the look at last. Raises what the run raises.

        Closing the iterator ends the run between two of its steps.
        """
        ended, news = Flag(), Queue[Progress | igo.Look | BaseException]()

        def paint() -> None:
            try:
                with self.turn():
                    if ended.is_set():  # while others were painting
                        raise CancelledError("cancelled")
                    news.put(work.run(work.seed, [_Watcher(ended, news)]))
            except BaseException as error:
                news.put(error)

        last, began = Progress(0), monotonic()
        try:
            Thread(target=paint, name="igo-page-painter", daemon=True).start()
            yield last
            while True:
                try:
                    told = news.get(timeout=BEAT)
                    while isinstance(told, Progress) and not news.empty():
                        told = news.get()
                except Empty:
                    told = replace(last, elapsed=monotonic() - began)
                if isinstance(told, BaseException):
                    raise told
                yield told
                if not isinstance(told, Progress):
                    return
                last = told
        finally:
            ended.set()
