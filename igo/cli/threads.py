"""How many threads torch computes with, and how they wait for each other: told to it before it is imported."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path

from igo.files.groups import groups

SPINS = 5_000
"""Turns of libgomp's loop for which a thread of an idle machine waits awake before it sleeps. Most of torch's waits are
shorter; libgomp's own 300,000 are milliseconds, for which others would have to wait too. Measured by
``benchmarks.threads``."""
LOOKS, PAUSE = 5, 0.002
"""How often is counted who else computes, and seconds in between: who is there each time goes on."""


def arrange(environment: MutableMapping[str, str] = os.environ, root: Path = Path("/")) -> None:
    """Set what OpenMP reads, where the user hasn't: a container's share of the processors is not exceeded, and threads
    that wait stay awake for a moment where nobody else needs their processors, and else sleep.

    By itself OpenMP stays awake, and where others work too, each wait lasts until the one that is waited for has its
    turn. How busy the machine is has no say in the number of threads, since sums depend on it.
    """
    processors, quota = _processors(), min(_shares(root), default=None)
    if quota is not None and quota < processors:
        environment.setdefault("OMP_NUM_THREADS", str(max(1, int(quota))))
    if "OMP_WAIT_POLICY" in environment or "GOMP_SPINCOUNT" in environment:
        return
    threads = environment.get("OMP_NUM_THREADS", "")
    if _others(root) + (int(threads) if threads.isdecimal() else processors) <= processors:
        environment["GOMP_SPINCOUNT"] = str(SPINS)
    else:
        environment["OMP_WAIT_POLICY"] = "PASSIVE"


def share(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let threads that wait sleep after all, unless the user said how: several processes are going to compute."""
    if environment.get("GOMP_SPINCOUNT") == str(SPINS):
        del environment["GOMP_SPINCOUNT"]
        environment["OMP_WAIT_POLICY"] = "PASSIVE"


def _processors() -> int:
    """Those that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _others(root: Path) -> float:
    """How many threads of others compute, as far as Linux tells; elsewhere as many as there may be."""
    fewest = math.inf
    for look in range(LOOKS):
        if look:
            time.sleep(PAUSE)
        try:
            running, _, _ = root.joinpath("proc/loadavg").read_text().split()[3].partition("/")
            fewest = min(fewest, int(running) - 1)  # one of them is this
        except (OSError, ValueError, IndexError):
            return math.inf
        if fewest <= 0:
            break
    return fewest


def _shares(root: Path) -> Iterator[float]:
    """The processors' time that each control group of this process may have, in processors (Linux, version 2 and 1)."""
    for path in groups("cpu", root):
        with suppress(OSError, ValueError):
            quota, period = path.joinpath("cpu.max").read_text().split()
            yield int(quota) / int(period)  # "max" is no number
        with suppress(OSError, ValueError):
            quota, period = (path.joinpath(f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
            if int(quota) > 0:
                yield int(quota) / int(period)
