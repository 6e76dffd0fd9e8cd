"""How fast a task trains on this machine, to turn a time budget into a number of steps."""

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from igo.training.loop.checkpoint import learned, restore
from igo.training.loop.loop import LoopSettings, train
from igo.training.loop.task import Task

WARM_STEPS, TIMED_STEPS = 3, 8


def steps_in(minutes: float, task: Task, settings: LoopSettings) -> int:
    """How many steps of ``task`` fit into ``minutes``, at least 1. The task's weights are left as they were."""
    kept = {name: value.detach().clone() for name, value in learned(task.module).items()}
    with TemporaryDirectory() as name:
        trial = replace(settings, steps=WARM_STEPS + TIMED_STEPS, sample_seconds=float("inf"))
        train(task, trial, Path(name), halt_at=WARM_STEPS, quiet=True)
        began = time.monotonic()
        train(task, trial, Path(name), halt_at=WARM_STEPS + TIMED_STEPS - 1, quiet=True)
        seconds = (time.monotonic() - began) / (TIMED_STEPS - 1)
    restore(task.module, kept)
    return max(1, int(minutes * 60 / seconds))
