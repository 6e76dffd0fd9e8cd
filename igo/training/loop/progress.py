"""How a run is going: a live bar on a terminal, one line now and then in a log file."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 30.0


class TrainingProgress:
    """Shows the step, the smoothed losses, samples per second and the time left. A context manager.

    ``quiet`` shows nothing, for tests and for all but the first of several processes.
    """

    def __init__(self, name: str, start: int, steps: int, quiet: bool = False) -> None:
        self.name, self.start, self.steps = name, start, steps
        self.console = Console(quiet=quiet, soft_wrap=True)
        self._smooth: dict[str, float] = {}
        self._began = self._said = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"),
            TimeRemainingColumn(compact=True),
            console=self.console,
            disable=quiet or not self.console.is_terminal,
        )
        self._task = self._bar.add_task(name, total=steps, completed=start, facts="")

    def __enter__(self) -> "TrainingProgress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def update(self, step: int, losses: dict[str, float], samples: int) -> None:
        """Report ``step`` steps done and ``samples`` samples seen since this process started."""
        for name, value in losses.items():
            self._smooth[name] = value + 0.95 * (self._smooth.get(name, value) - value)
        now = time.monotonic()
        speed = samples / max(now - self._began, 1e-9)
        facts = " ".join(f"{name} {value:.4f}" for name, value in self._smooth.items()) + f" · {speed:.1f} samples/s"
        self._bar.update(self._task, completed=step, facts=facts)
        if not self.console.is_terminal and (now - self._said >= SECONDS_BETWEEN_LINES or step == self.steps):
            left = (now - self._began) / max(step - self.start, 1) * (self.steps - step)
            clock = time.strftime("%H:%M:%S")
            self.console.print(
                f"{clock} {self.name} {step}/{self.steps} {facts} · {left / 60:.1f} min left", highlight=False
            )
            self._said = now

    def say(self, message: str) -> None:
        """Print one line above the bar."""
        self.console.print(f"{time.strftime('%H:%M:%S')} {self.name}: {message}", highlight=False)
