"""Control groups, by which Linux shares out a machine: what a container may have of it is read there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def groups(controller: str, root: Path = Path("/")) -> Iterator[Path]:
    """The folders of the control groups that this process is in, each with those around it: those that have a say in
    ``controller``, such as ``"cpu"`` (version 1), and those of version 2. None on other systems."""
    mounted = root / "sys/fs/cgroup"
    with suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, name = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            base = mounted / controllers if controllers else mounted
            group = base / name.lstrip("/")
            yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(base))
