"""Ways to paint the same pictures, timed in turn."""

import os
import platform
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.scatter import Point
from igo.measures import ssim

HEADER = "| | times as fast | by all threads | from plain diffusers' picture | s a picture | s until the first |"
"""Of what ``Row.markdown`` gives."""


@dataclass(frozen=True)
class Timed:
    """Seconds of the clock, seconds of all threads (which a busy machine changes less), and what was made."""

    clock: float
    threads: float
    made: Any


def timed(function):
    start = time.perf_counter(), time.process_time()
    made = function()
    return Timed(time.perf_counter() - start[0], time.process_time() - start[1], made)


@dataclass(frozen=True)
class Ratio:
    """How many times as fast: the median over pairs, the least and the most."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, plain, other, kind):
        """Of the ``kind`` of seconds, ``"clock"`` or ``"threads"``, of runs that were made in turn."""
        found = [getattr(one, kind) / getattr(two, kind) for one, two in zip(plain, other, strict=True)]
        return cls(statistics.median(found), min(found), max(found))

    def __str__(self):
        return f"{self.middle:.2f} ({self.least:.2f} to {self.most:.2f})"


@dataclass(frozen=True)
class Row:
    """What a way gains over plain diffusers, and what it loses."""

    clock: Ratio
    threads: Ratio
    seconds: float
    levels: int
    likeness: tuple[float, ...]

    @classmethod
    def of(cls, plain, runs):
        pairs = [(np.asarray(one.made, int), np.asarray(two.made, int)) for one, two in zip(plain, runs, strict=True)]
        return cls(
            Ratio.of(plain, runs, "clock"),
            Ratio.of(plain, runs, "threads"),
            statistics.median(run.clock for run in runs),
            max(int(np.abs(one - two).max()) for one, two in pairs),
            tuple(ssim(one.made, two.made) for one, two in zip(plain, runs, strict=True)),
        )

    @property
    def same(self):
        return self.levels <= 1

    def point(self, name):
        computes = next((engine for engine in ("openvino", "compile") if engine in name), "torch")
        return Point(name, self.clock.middle, None if self.same else 1 - statistics.mean(self.likeness), computes)

    def markdown(self, name, first):
        apart = f"SSIM {statistics.mean(self.likeness):.3f}, least {min(self.likeness):.3f}"
        if self.same:
            apart = "none" if self.levels == 0 else "1 level at most"
        return f"| {name} | {self.clock} | {self.threads} | {apart} | {self.seconds:.2f} | {first:.0f} |"


def machine():
    """What it is, in a line."""
    cores = f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"
    return f"{_processor()}, {cores}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def _processor():
    """Its name, where the system tells it."""
    told = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in told.open() if "model name" in line] if told.exists() else []
    return " ".join([*names[:1], platform.machine()])
