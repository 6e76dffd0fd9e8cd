"""A progress bar for a chain's run: a line for each step that is at work."""

from __future__ import annotations

from importlib.util import find_spec
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from igo.hookspecs import hookimpl
from igo.values import Event


class ProgressBar:
    """An observer that draws on a terminal's standard error, or in a notebook that has ipywidgets; nowhere else.

    Give it to ``Chain.run(observers=[bar])`` inside a ``with``.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._bars: dict[tuple[str, str], TaskID] = {}
        console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not (console.is_terminal or (console.is_jupyter and find_spec("ipywidgets") is not None)),
        )

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @hookimpl
    def observe(self, event: Event) -> None:
        """Start a bar with a step's first progress, and take it away when the step ends."""
        key = (event.step, event.hook)
        if event.kind == "progress":
            if key not in self._bars:
                self._bars[key] = self._progress.add_task(event.step, total=event.total)
            self._progress.update(self._bars[key], completed=event.done, total=event.total)
        elif event.kind == "end" and key in self._bars:
            self._progress.remove_task(self._bars.pop(key))
