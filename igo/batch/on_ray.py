"""Batches on several machines, by Ray Data: what it schedules, retries and streams isn't done again here."""

from __future__ import annotations

import copyreg
import json
import logging
import os
import pickle
import socket
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import MISSING, replace
from pathlib import Path
from typing import Any

from igo.batch.chains import Chains
from igo.batch.painter import Painter, result_of
from igo.batch.result import Result, told
from igo.batch.tasks import Task
from igo.batch.workers import TRIES
from igo.errors import ImageError, SettingsError, WorkerError
from igo.files import reason

THREADS = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
"""What sums depend on, which Ray sets by itself, and how threads wait."""
PATIENCE = 10
"""Seconds in which a cluster has to answer."""
BLOCKS = 2000
"""Ray's units of work that a batch is cut into, at most; each is a group of rows where there are fewer."""


class RayPainters:
    """Actors of the Ray cluster at ``address`` (``"auto"``: the one that runs here), each with a model of its own, that
    paint into ``folder``, which all of its machines share.

    ``workers`` is their number; without it Ray has as many as the cluster has room for. Where it has GPUs, each actor
    has one.
    """

    def __init__(self, address: str, workers: int | None, chains: Chains, folder: Path, batch_size: int = 1) -> None:
        self.address, self.workers = address, workers
        self.chains, self.folder, self.batch_size = chains, folder.absolute(), batch_size

    def paint(self, groups: Iterable[Sequence[Task]]) -> Generator[Result, None, None]:
        """The result of each task, as Ray has it done. Each group is painted at once, by one actor.

        Raises ``WorkerError`` where the cluster can't be reached or gives up, ``ImageError`` where a disk takes no
        more.
        """
        tasks = [{"tasks": pickle.dumps(list(group))} for group in groups]
        if not tasks:
            return
        with _connected(self.address) as ray:
            from ray.data import ActorPoolStrategy, DataContext, from_items
            from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

            copyreg.pickle(type(MISSING), lambda _: "MISSING")  # else scripts' own dataclasses have another there
            logging.getLogger("ray.data").setLevel(logging.ERROR)
            DataContext.get_current().enable_progress_bars = False
            here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
            tries = ray.remote(num_cpus=0, scheduling_strategy=here)(_Tries).remote()  # lives as long as this process
            threads = {name: os.environ.get(name) for name in THREADS}
            arguments = (self.chains, str(self.folder), self.batch_size, tries, threads, str(Path.cwd()))
            data = from_items(tasks, override_num_blocks=min(len(tasks), BLOCKS)).map_batches(
                _Actor,
                fn_constructor_args=arguments,
                batch_size=1,
                compute=ActorPoolStrategy(min_size=1, max_tasks_in_flight_per_actor=2, **self._sizes()),
                num_cpus=1,
                **({"num_gpus": 1} if self._on_gpus(ray) else {}),
            )
            try:
                for row in data.iter_rows():
                    line = json.loads(row["line"])
                    if "stop" in line:
                        raise ImageError(line["stop"])
                    yield Result.of(line)
            except ray.exceptions.RayError as error:
                last = str(error).strip().splitlines()[-1:]  # below what its actors' traceback says
                raise WorkerError(f"Ray gave up: {last[0] if last else error!r}; run the same command again") from error

    def _sizes(self) -> dict[str, int]:
        """As many actors as asked for, and in the end fewer: those of a machine that is lost wait for room, and must
        get that of others which have nothing more to do."""
        return {"max_size": self.workers, "initial_size": self.workers} if self.workers else {}

    def _on_gpus(self, ray: Any) -> bool:
        return not self.chains.names_a_gpu and ray.cluster_resources().get("GPU", 0) > 0


class _Tries:
    """Which rows are under way, and how often they were begun: an actor that outlives those that paint."""

    def __init__(self) -> None:
        self._begun: dict[str, int] = {}

    def begin(self, names: Sequence[str]) -> list[int]:
        """How often each was begun, this time too."""
        for name in names:
            self._begun[name] = self._begun.get(name, 0) + 1
        return [self._begun[name] for name in names]

    def end(self, name: str) -> None:
        """It has an end: whoever dies from now on doesn't die of it."""
        self._begun.pop(name, None)


class _Actor:
    """What Ray Data builds once in each process, and calls with one group after the other."""

    def __init__(
        self,
        chains: Chains,
        folder: str,
        batch_size: int,
        tries: Any,
        threads: Mapping[str, str | None],
        place: str,
    ) -> None:
        for name, value in threads.items():  # as the process has them that asks
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        with suppress(OSError):
            os.chdir(place)  # chains may name files by relative paths
        self._painter, self._folder, self._tries = Painter(chains, Path(folder), batch_size), Path(folder), tries

    def __call__(self, batch: Mapping[str, Any]) -> Iterator[dict[str, list[str]]]:
        """Each row's result, as its line."""
        for data in batch["tasks"]:
            lines = []
            try:
                for result in self._results(pickle.loads(data)):  # noqa: S301  the driver's own
                    lines.append(json.dumps(result.line()))
            except ImageError as error:
                lines.append(json.dumps({"stop": str(error)}))
            yield {"line": lines}

    def _results(self, tasks: list[Task]) -> Iterator[Result]:
        import ray

        begun = ray.get(self._tries.begin.remote([task.row.id for task in tasks]))
        tasks = [replace(task, attempts=times) for task, times in zip(tasks, begun, strict=True)]
        groups = [tasks] if max(begun) == 1 else [[task] for task in tasks if task.attempts <= TRIES]
        for task in tasks:
            if task.attempts > TRIES:
                error = WorkerError(f"workers died of it {TRIES} times")
                last = replace(task, attempts=TRIES)
                yield result_of(last, self._folder, status="failed", error=told(error))
        for result in self._painter.paint(groups):
            ray.get(self._tries.end.remote(result.id))
            yield result


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Ray, connected to a cluster, and let go of it afterwards unless the program was connected before."""
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # else each run says what Ray Data's actors can't know
    try:
        import ray
    except ImportError:
        raise SettingsError("batches on Ray need it; pip install 'igo[ray]'") from None
    if ray.is_initialized():
        yield ray
        return
    try:
        _check_answers(address)
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except Exception as error:
        advice = "start one here by 'ray start --head', or name another"
        raise WorkerError(f"there is no Ray cluster at {address!r} ({reason(error)}); {advice}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Raise ``OSError`` if nobody answers at a host's port, which Ray would wait for, for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
