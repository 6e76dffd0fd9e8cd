"""How many threads torch computes with, and how they wait for each other: told to it before it is imported."""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path

from igo.files.groups import groups


def arrange(environment: MutableMapping[str, str] = os.environ, root: Path = Path("/")) -> None:
    """Set what OpenMP reads, where the user hasn't: threads that wait sleep, and a container's share of the processors
    is not exceeded.

    By itself OpenMP spins while it waits, and where others work too, each wait lasts until the one that is waited for
    has its turn. How busy the machine is has no say in the number of threads, since sums depend on it.
    """
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    share = min(_shares(root), default=None)
    if share is not None and share < _processors():
        environment.setdefault("OMP_NUM_THREADS", str(max(1, int(share))))


def _processors() -> int:
    """Those that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
