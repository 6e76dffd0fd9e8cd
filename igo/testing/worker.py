"""A plugin tried in a process of its own, as a worker or a later run has it."""

from __future__ import annotations

import importlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from igo.runtime import Runtime
    from igo.testing.trial import Scene

HEAVY = ("cv2", "diffusers", "torch", "transformers")
LIMIT = 300
"""Seconds."""
CODE = "import sys; sys.path[:] = sys.argv[3:]; from igo.testing.worker import work; work(sys.argv[1], sys.argv[2])"


@dataclass(frozen=True)
class Report:
    """What another process saw."""

    heavy: tuple[str, ...] = ()
    """What importing the plugin's module imports of ``HEAVY``."""
    torch: bool = False
    """Whether torch was there at the end."""
    pictures: tuple[str, ...] = ()
    """Digests; none if the plugin raised."""
    broken: str = ""
    """Why the module can't be imported, in one line."""


def in_another_process(plugin: object, scene: Scene, runtime: Runtime) -> Report:
    """Import the plugin's module with a fresh interpreter, unpickle the plugin there, try it on ``scene``."""
    described = runtime.describe().get("runtime", {})
    job = {"module": type(plugin).__module__, "runtime": described, "trial": pickle.dumps((plugin, scene))}
    threads = {}
    if "torch" in sys.modules:
        import torch

        # MKL counts cores by itself until it is told, and other counts round otherwise: both processes are told.
        count = torch.get_num_threads()
        torch.set_num_threads(count)
        threads = {"OMP_NUM_THREADS": str(count), "MKL_NUM_THREADS": str(count)}
    salt = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    with tempfile.TemporaryDirectory() as folder:
        asked, told = Path(folder, "job"), Path(folder, "report.json")
        asked.write_bytes(pickle.dumps(job))
        try:
            done = subprocess.run(  # noqa: S603  our own interpreter and code
                [sys.executable, "-c", CODE, asked, told, *sys.path],
                env={**os.environ, **threads, "PYTHONHASHSEED": salt},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=LIMIT,
            )
        except subprocess.TimeoutExpired:
            return Report(broken=f"it took longer than {LIMIT} seconds")
        if not told.exists():
            lines = done.stderr.strip().splitlines()
            return Report(broken=lines[-1] if lines else f"Python ended with exit code {done.returncode}")
        report = json.loads(told.read_text("utf-8"))
    return Report(tuple(report["heavy"]), report["torch"], tuple(report["pictures"]))


def work(asked: str, told: str) -> None:
    """In the other process: do the job in the file ``asked``, write the report to ``told``."""
    job = pickle.loads(Path(asked).read_bytes())  # noqa: S301  our own
    importlib.import_module(job["module"])
    heavy = tuple(name for name in HEAVY if name in sys.modules)
    plugin, scene = pickle.loads(job["trial"])  # noqa: S301  our own
    from igo.runtime import Runtime
    from igo.testing.trial import tried

    try:
        pictures = tried(plugin, scene, Runtime(**job["runtime"])).pictures
    except Exception:  # the same will be raised where it can be told with its cause
        pictures = ()
    report = Report(heavy, "torch" in sys.modules, pictures)
    Path(told).write_text(json.dumps(asdict(report)), "utf-8")
