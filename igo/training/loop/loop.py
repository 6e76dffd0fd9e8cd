"""The training loop: optimizer, schedule, moving average, checkpoints, logs. It knows nothing of what is learned."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import Accelerator
from torch import Tensor

from igo.errors import CheckpointError, SettingsError
from igo.files import refusing
from igo.training.loop import checkpoint
from igo.training.loop.ema import EMA
from igo.training.loop.optimizers import Optimizer, check_optimizer, optimizer_of
from igo.training.loop.progress import TrainingProgress
from igo.training.loop.task import Batch, Task

STATE, LOSSES, MEASURES, SAMPLES = "state.pt", "losses.jsonl", "measures.jsonl", "samples"
STEPS_BETWEEN_FLUSHES = 20


@dataclass(frozen=True)
class LoopSettings:
    """How long and how to train. ``batch_size`` counts the samples of one process and one micro-batch.

    The learning rate rises linearly over ``warmup`` steps and then falls along a half cosine to ``floor`` times
    itself at ``steps``. ``steps`` may be changed when a run is resumed; the schedule then follows the new number.
    """

    steps: int
    batch_size: int = 32
    learning_rate: float = 1e-3
    warmup: int = 200
    floor: float = 0.0
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    accumulation: int = 1
    precision: Literal["no", "fp16", "bf16"] = "no"
    optimizer: Optimizer = "adamw"
    compile: bool = False
    seed: int = 0
    tensorboard: bool = False
    checkpoint_seconds: float = 180.0
    sample_seconds: float = 600.0

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulation"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not 0 <= self.ema_decay < 1:
            raise SettingsError(f"ema_decay is {self.ema_decay}; it must be at least 0 and below 1")
        if self.precision not in ("no", "fp16", "bf16"):
            raise SettingsError(f"precision is '{self.precision}'; choose 'no' (32 bit), 'fp16' or 'bf16'")
        check_optimizer(self.optimizer)

    def shortly_warmed(self) -> "LoopSettings":
        """The same with a warm-up of no more than a twentieth of the steps."""
        return replace(self, warmup=max(1, min(self.warmup, self.steps // 20)))

    def rate(self, step: int) -> float:
        """The learning rate of optimizer step ``step``, counted from 0."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        progress = min((step - self.warmup) / max(self.steps - self.warmup, 1), 1.0)
        return self.learning_rate * (self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * progress)))


@dataclass(frozen=True)
class TrainingReport:
    """What a run did: the step it reached, samples and seconds spent by this call, the last held-out figures."""

    step: int
    samples: int
    seconds: float
    measures: dict[str, float]


def step_generator(device: torch.device, seed: int, *place: int) -> torch.Generator:
    """A generator whose stream depends on ``seed`` and ``place`` (step, part of the batch) and nothing else."""
    digest = hashlib.blake2b(repr((seed, *place)).encode(), digest_size=8).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest, "big") >> 1)


def in_order(make: Callable[[int], Batch], first: int, ahead: bool) -> Generator[Batch]:
    """``make(first)``, ``make(first + 1)`` and so on; with ``ahead`` a thread makes the next one meanwhile."""
    if not ahead:
        yield from map(make, count(first))
    with ThreadPoolExecutor(1) as maker:
        made = maker.submit(make, first)
        for number in count(first + 1):
            batch, made = made.result(), maker.submit(make, number)
            yield batch


def train(
    task: Task, settings: LoopSettings, folder: Path, *, halt_at: int | None = None, quiet: bool = False
) -> TrainingReport:
    """Train ``task`` up to ``settings.steps`` and leave the averaged weights in ``task.module``.

    ``folder`` receives the checkpoint, every step's losses, held-out measures and sample sheets; a run that was
    killed goes on from its last checkpoint there, and a finished one returns at once. ``halt_at`` stops early at
    that step, as a kill right after a checkpoint would. Raises ``CheckpointError`` if ``folder`` holds another
    task's run, can't be written to or the loss is no longer finite, ``SettingsError`` if the precision can't be had in
    this process.
    """
    with refusing(folder, CheckpointError, "; the last checkpoint is kept"):
        return _Run(task, settings, folder, quiet).go(min(settings.steps, halt_at or settings.steps))


class _Run:
    def __init__(self, task: Task, settings: LoopSettings, folder: Path, quiet: bool) -> None:
        self.task, self.settings, self.folder = task, settings, folder
        if settings.tensorboard and find_spec("tensorboard") is None:
            raise SettingsError("tensorboard is not installed; install it, or train without it")
        try:
            self.accelerator = Accelerator(
                mixed_precision=settings.precision,
                gradient_accumulation_steps=settings.accumulation,
                log_with="tensorboard" if settings.tensorboard else None,
                project_dir=folder,
            )
        except ValueError as error:
            raise SettingsError(f"precision '{settings.precision}' can't be had here: {error}") from error
        if settings.tensorboard:
            self.accelerator.init_trackers(task.name.replace(" ", "-"))
        self.quiet = quiet or not self.accelerator.is_main_process
        if self.accelerator.device.type == "cuda":
            torch.set_float32_matmul_precision("high")
            task.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        task.module.to(self.accelerator.device)
        self.ema = EMA(task.module, settings.ema_decay)
        optimizer = optimizer_of(
            settings.optimizer, task.parameter_groups(), settings.learning_rate, settings.weight_decay
        )
        self.step = 0
        self._resume(optimizer)
        if settings.compile:
            task.module.compile()
        self.module, self.optimizer = self.accelerator.prepare(task.module, optimizer)
        self._pending: list[dict[str, Tensor]] = []

    def go(self, last: int) -> TrainingReport:
        began = saved = sampled = time.monotonic()
        first, measures = self.step, self._last_measures()
        per_step = self.settings.batch_size * self.settings.accumulation * self.accelerator.num_processes
        batches = in_order(self._batch, first * self.settings.accumulation, self.task.ahead)
        with (
            TrainingProgress(self.task.name, self.step, self.settings.steps, self.quiet) as progress,
            closing(batches),
        ):
            if first:
                over = "finished before; give more steps, or another folder to start anew"
                progress.say(f"resumed at step {first}" if first < last else over)
            while self.step < last:
                self._pending.append(self._one_step(batches))
                self.step += 1
                if self.step % STEPS_BETWEEN_FLUSHES and self.step != last:
                    continue
                progress.update(self.step, self._flush(), (self.step - first) * per_step)
                now = time.monotonic()
                if self.step == last or now - saved >= self.settings.checkpoint_seconds:
                    self._save()
                    saved = time.monotonic()
                if self.step == self.settings.steps or now - sampled >= self.settings.sample_seconds:
                    measures = self._show(progress)
                    sampled = time.monotonic()
        self.ema.apply()
        self.accelerator.end_training()
        self.accelerator.free_memory()
        return TrainingReport(self.step, (self.step - first) * per_step, time.monotonic() - began, measures)

    def _one_step(self, batches: Iterator[Batch]) -> dict[str, Tensor]:
        """One optimizer step; returns the losses, averaged over its micro-batches."""
        rate, parts = self.settings.rate(self.step), []
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["rate"]
        for _ in range(self.settings.accumulation):
            with self.accelerator.accumulate(self.module):
                losses: dict[str, Tensor] = self.module(**next(batches))
                self.accelerator.backward(losses["loss"])
                parts.append({name: loss.detach() for name, loss in losses.items()})
                if self.accelerator.sync_gradients:
                    self.accelerator.clip_grad_norm_(self.module.parameters(), self.settings.clip_norm)
                self.optimizer.step()
                self.optimizer.zero_grad()
        self.ema.update(self.step)
        return {name: torch.stack([part[name] for part in parts]).mean() for name in parts[0]}

    def _batch(self, number: int) -> Batch:
        """Micro-batch ``number`` of this process, counted from the first step on."""
        step, micro = divmod(number, self.settings.accumulation)
        # Processes count on where micro-batches end: two of each draw what one process draws in four micro-batches.
        part = micro * self.accelerator.num_processes + self.accelerator.process_index
        generator = step_generator(self.accelerator.device, self.settings.seed, step, part)
        return self.task.batch(self.settings.batch_size, generator)

    def _flush(self) -> dict[str, float]:
        """Append the steps since the last flush, averaged over processes, to the loss log; return their means."""
        names = list(self._pending[0])
        own = torch.stack([torch.stack([losses[n].float() for n in names]) for losses in self._pending])
        table = self.accelerator.reduce(own, "mean").tolist()
        first = self.step - len(table)
        self._pending.clear()
        if self.accelerator.is_main_process:
            with (self.folder / LOSSES).open("a") as log:
                for offset, row in enumerate(table):
                    log.write(json.dumps({"step": first + offset, **dict(zip(names, row, strict=True))}) + "\n")
        means = {name: sum(column) / len(column) for name, column in zip(names, zip(*table, strict=True), strict=True)}
        if self.settings.tensorboard:
            self.accelerator.log({**means, "learning rate": self.settings.rate(self.step - 1)}, self.step)
        if not math.isfinite(means["loss"]):
            raise CheckpointError(
                f"the loss of '{self.task.name}' is not finite at step {self.step}; lower the learning rate and "
                f"resume from {self.folder / STATE}"
            )
        return means

    def _show(self, progress: TrainingProgress) -> dict[str, float]:
        """Write a sample sheet and the held-out measures, both with the averaged weights."""
        if not self.accelerator.is_main_process:
            return {}
        training = self.task.module.training
        self.task.module.eval()
        with self.ema.applied(), torch.no_grad():
            sheet, measures = self.task.samples(), self.task.measures()
        self.task.module.train(training)
        if sheet is not None:
            (self.folder / SAMPLES).mkdir(exist_ok=True)
            sheet.save(self.folder / SAMPLES / f"step-{self.step:06d}.png")
        if measures and self.settings.tensorboard:
            self.accelerator.log(measures, self.step)
        if measures:
            with (self.folder / MEASURES).open("a") as log:
                log.write(json.dumps({"step": self.step, **measures}) + "\n")
            progress.say(" ".join(f"{name} {value:.4g}" for name, value in measures.items()))
        return measures

    def _last_measures(self) -> dict[str, float]:
        path = self.folder / MEASURES
        lines = path.read_text().splitlines() if path.exists() else []
        return {name: value for name, value in json.loads(lines[-1]).items() if name != "step"} if lines else {}

    def _save(self) -> None:
        if self.accelerator.is_main_process:
            state: dict[str, Any] = {
                "task": self.task.name,
                "seed": self.settings.seed,
                "source": self.task.source,
                "step": self.step,
                "module": checkpoint.learned(self.task.module),
                "ema": self.ema.average,
                "optimizer": self.optimizer.optimizer.state_dict(),
            }
            checkpoint.save(self.folder / STATE, state)
        self.accelerator.wait_for_everyone()

    def _resume(self, optimizer: torch.optim.Optimizer) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / STATE
        if not path.exists():
            (self.folder / LOSSES).unlink(missing_ok=True)
            return
        state = checkpoint.load(path)
        if (state.get("task"), state.get("seed")) != (self.task.name, self.settings.seed):
            raise CheckpointError(
                f"{path} belongs to task '{state.get('task')}' with seed {state.get('seed')}, not to "
                f"'{self.task.name}' with seed {self.settings.seed}; choose another folder"
            )
        if state.get("source") != self.task.source:
            raise CheckpointError(
                f"{path} has learned from another base, pictures, captions or settings; choose another folder, "
                f"or delete {self.folder} to start anew"
            )
        try:
            checkpoint.restore(self.task.module, state["module"])
            self.ema.load(state["ema"])
            optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, KeyError, ValueError) as error:
            raise CheckpointError(f"{path} holds a model of another shape; choose another folder") from error
        self.step = int(state["step"])
        if self.accelerator.is_main_process:
            self._forget_after(self.step)

    def _forget_after(self, step: int) -> None:
        """Drop the log lines of steps that the checkpoint doesn't have: they are about to be taken again."""
        log = self.folder / LOSSES
        if log.exists():
            kept = [line for line in log.read_text().splitlines(keepends=True) if json.loads(line)["step"] < step]
            log.write_text("".join(kept))
