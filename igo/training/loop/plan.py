"""How many steps a run takes, decided once: a run that is resumed must not get another schedule."""

import json
from dataclasses import replace
from pathlib import Path

from igo.errors import CheckpointError, SettingsError
from igo.files import write_whole
from igo.training.loop.hardware import processes
from igo.training.loop.loop import LoopSettings
from igo.training.loop.pace import steps_in
from igo.training.loop.task import Task

PLAN = "plan.json"


def planned(folder: Path, minutes: float, task: Task, settings: LoopSettings) -> LoopSettings:
    """``settings`` with as many steps as fit into ``minutes`` on this machine, and a warm-up that fits them.

    The number is measured in the first call and kept in ``folder``; later calls read it and ignore ``minutes``. Several
    processes need it beforehand (``--steps``): each would find another number, and they must take steps together.
    Raises ``SettingsError`` for a time that isn't above 0, ``CheckpointError`` for a folder that can't be written to.
    """
    if not minutes > 0:
        raise SettingsError(f"minutes is {minutes}; give the training time in minutes, above 0")
    path = folder / PLAN
    if not path.exists():
        if processes().num_processes > 1:
            raise SettingsError("several processes can't measure how long a step takes; give the number of steps")
        steps = steps_in(minutes, task, settings)
        write_whole(path, json.dumps({"steps": steps}).encode(), CheckpointError)
    steps = int(json.loads(path.read_text())["steps"])
    return replace(settings, steps=steps).shortly_warmed()
