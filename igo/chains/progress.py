"""A progress bar for a chain's run: one, for whichever step is at work."""

from __future__ import annotations

import time
from dataclasses import dataclass
from html import escape
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from igo.hookspecs import hookimpl
from igo.values import Event

OFTEN = 0.1
"""Seconds between two pictures of the bar in a notebook, whose front end may be far."""


@dataclass
class _Work:
    """A hook of a step that has started, and how far it has come."""

    step: str
    hook: str
    done: int = 0
    total: int = 0


class ProgressBar:
    """An observer that draws one bar on a terminal's standard error, or in a notebook; nowhere else.

    The bar is the step's that is at work, with those that have asked it before its name. Give it to
    ``Chain.run(observers=[bar])`` inside a ``with``.
    """

    def __init__(self, console: Console | None = None) -> None:
        console = console or Console(stderr=True)
        self._bar: _Bar = _InNotebook() if console.is_jupyter else _InTerminal(console)
        self._at_work: list[_Work] = []

    def __enter__(self) -> ProgressBar:
        self._bar.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._at_work.clear()
        self._bar.end()

    @hookimpl
    def observe(self, event: Event) -> None:
        """Show the step that has just told something, or the one that asked it when it ends."""
        open_ = self._at_work
        if event.kind == "start":
            open_.append(_Work(event.step, event.hook))
        else:
            while open_ and (open_[-1].step, open_[-1].hook) != (event.step, event.hook):
                open_.pop()  # it failed, and the step that had asked it went on
        if event.kind == "end" and open_:
            open_.pop()
        elif event.kind == "progress":
            if not open_:  # of what is no run of a chain
                open_.append(_Work(event.step, event.hook))
            open_[-1].done, open_[-1].total = event.done, event.total
        told = [work for work in open_ if work.total]
        if told:
            steps = dict.fromkeys(work.step for work in open_[: open_.index(told[-1]) + 1])
            self._bar.show(" > ".join(steps), told[-1].done, told[-1].total)


class _Bar(Protocol):
    def begin(self) -> None: ...
    def show(self, name: str, done: int, total: int) -> None: ...
    def end(self) -> None: ...


class _InTerminal:
    """rich's bar; in what is no terminal, nothing."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", visible=False)

    def begin(self) -> None:
        self._progress.reset(self._task, visible=False)
        self._progress.start()

    def show(self, name: str, done: int, total: int) -> None:
        self._progress.update(self._task, description=name, completed=done, total=total, visible=True)

    def end(self) -> None:
        self._progress.stop()


class _InNotebook:
    """An HTML element that the front end replaces, and that is empty in the end; it needs no widgets."""

    def begin(self) -> None:
        from IPython.display import display

        self._began, self._shown = time.monotonic(), 0.0
        self._place = display({"text/html": "", "text/plain": ""}, raw=True, display_id=True)

    def show(self, name: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done < total and now - self._shown < OFTEN:
            return
        self._shown = now
        told = f"{name} {done}/{total}, {now - self._began:.0f} s"
        bar = f'<progress max="{total}" value="{done}"></progress> {escape(told)}'
        self._place.update({"text/html": bar, "text/plain": told}, raw=True)

    def end(self) -> None:
        self._place.update({"text/html": "", "text/plain": ""}, raw=True)
