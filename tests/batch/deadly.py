"""A step that its process dies of, and one that says what was painted."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

import igo


@dataclass(frozen=True)
class Deadly:
    """Prompts with a signal's name in them are the end of the process; with "once", if it wasn't before: the folder
    that the environment names knows."""

    @igo.hookimpl
    def generate(self, request, inner):
        once = Path(os.environ["DIED"], f"{request.seed}")
        if "once" not in request.prompt or not once.exists():
            for name in ("SIGSEGV", "SIGKILL"):
                if name in request.prompt:
                    once.touch()
                    os.kill(os.getpid(), signal.Signals[name])
        return inner(request)


@dataclass(frozen=True)
class Counted:
    """Each seed that is painted is a line of a file where the batch was started."""

    @igo.hookimpl
    def postprocess(self, frame):
        with Path("painted").open("a") as file:
            file.write(f"{frame.seed}\n")


@dataclass(frozen=True)
class Bars:
    """Shows how far it is, as diffusers' pipelines do."""

    @igo.hookimpl
    def postprocess(self, frame):
        for _ in tqdm(range(1), disable=True):
            return frame


@dataclass(frozen=True)
class Device:
    """Says which GPU its process was given."""

    @igo.hookimpl
    def postprocess(self, frame):
        return frame.noted(note=os.environ.get("CUDA_VISIBLE_DEVICES", "none"))
