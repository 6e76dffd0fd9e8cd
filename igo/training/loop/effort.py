"""How much to train, and the names of what is learned from."""

import hashlib
from dataclasses import dataclass, is_dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from igo.errors import SettingsError
from igo.training.loop.hardware import Precision, precision
from igo.training.loop.loop import LoopSettings, TrainingReport, train
from igo.training.loop.optimizers import Optimizer
from igo.training.loop.plan import planned
from igo.training.loop.task import Task


@dataclass(frozen=True)
class Effort:
    """How much to train, in ``steps`` or, without them, for about ``minutes``; and how.

    ``batch_size`` counts the samples of one process and one of ``accumulation`` micro-batches. Raises ``SettingsError``
    for what can't be.
    """

    minutes: float = 30.0
    steps: int | None = None
    batch_size: int = 4
    learning_rate: float = 1e-4
    accumulation: int = 1
    precision: Precision = "auto"
    optimizer: Optimizer = "adamw"
    ema_decay: float = 0.999
    seed: int = 0
    tensorboard: bool = False
    quiet: bool = False

    def __post_init__(self) -> None:
        if self.steps is not None and self.steps < 1:
            raise SettingsError(f"steps is {self.steps}; it must be at least 1")

    def train(self, task: Task, work: Path, source: str) -> TrainingReport:
        """Train ``task``, which learns from ``source`` (see ``digest``), in ``work`` and leave the averaged weights in
        its module."""
        task.source = source
        settings = LoopSettings(
            steps=self.steps or 1,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            accumulation=self.accumulation,
            precision=precision(self.precision),
            optimizer=self.optimizer,
            ema_decay=self.ema_decay,
            seed=self.seed,
            tensorboard=self.tensorboard,
        )
        settings = settings.shortly_warmed() if self.steps else planned(work, self.minutes, task, settings)
        return train(task, settings, work, quiet=self.quiet)


def digest(*contents: object) -> str:
    """Twelve hexadecimal digits that name the contents: tensors by their values, dataclasses by those of their fields,
    others by how they are written."""
    state = hashlib.sha256()
    for part in contents:
        for value in vars(part).values() if is_dataclass(part) else (part,):
            state.update(
                np.ascontiguousarray(value.numpy()).data if isinstance(value, Tensor) else repr(value).encode()
            )
    return state.hexdigest()[:12]
