"""A pipeline's siblings: diffusers' pipelines for its family's other tasks, of the same components."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from igo.errors import CheckpointError
from igo.painting import tasks
from igo.painting.job import Task
from igo.painting.memory import Memory
from igo.painting.schedulers import silently

WAYS: dict[Task, str] = {"text2img": "from text alone", "img2img": "from a picture", "inpaint": "in masks"}


class Siblings:
    """By task, the pipelines of one checkpoint, made when they are first asked for.

    Each task has a scheduler of its own, as its pipeline's constructor leaves it, and each call gets a copy of that:
    schedulers keep state between steps, and some constructors change the configuration of the one that they are given.
    """

    def __init__(self, pipeline: Any, memory: Memory) -> None:
        self._first = tasks.task_of(type(pipeline))
        self._pipelines = {self._first: pipeline}
        self._schedulers = {self._first: deepcopy(pipeline.scheduler)}
        self._memory = memory
        memory.place(pipeline)

    def scheduler(self, task: Task) -> Any:
        """The task's scheduler, as it is before a call."""
        self.pipeline(task)
        return self._schedulers[task]

    def ready(self, task: Task) -> Any:
        """The pipeline for a task, about to be called.

        For as long as it works, its scheduler is that of all siblings: whoever holds one of them sees its timesteps.
        """
        pipeline = self.pipeline(task)
        scheduler = deepcopy(self._schedulers[task])
        for sibling in self._pipelines.values():
            sibling.scheduler = scheduler
        return pipeline

    def pipeline(self, task: Task) -> Any:
        """The pipeline for a task. Raises ``CheckpointError`` where the family has none."""
        if task not in self._pipelines:
            first, own = self._pipelines[self._first], deepcopy(self._schedulers[self._first])
            try:
                with silently():
                    sibling = tasks.sibling(first, task, own)
            except ValueError:
                beside = ", and this one as inpaint_checkpoint" if self._first == "inpaint" else ""
                raise CheckpointError(
                    f"a {type(first).__name__} can't paint {WAYS[task]}, only {WAYS[self._first]}; name another "
                    f"checkpoint{beside}"
                ) from None
            sibling.set_progress_bar_config(disable=True)
            self._memory.place(sibling)
            self._pipelines[task], self._schedulers[task] = sibling, deepcopy(own)
        return self._pipelines[task]
