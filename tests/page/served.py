"""The page in a process of its own, by a base that paints without torch: ``python -m tests.page.served``.

Prints its address, then waits to be ended.
"""

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

import igo
from igo.page import app
from igo.page.studio import Studio
from igo.testing import PaintedBase

SLOWLY = "slowly"
"""A prompt with this word takes so long that it can be watched and cancelled."""


@dataclass(frozen=True)
class Stepping(PaintedBase):
    """Paints in steps, and writes each into a file, for who wants to know whether it goes on, and in which order."""

    log: str = ""

    @igo.hookimpl
    def generate(self, request, runtime):
        if request.image is not None and request.strength == 0:
            return None
        for done in range(1, 41 if SLOWLY in request.prompt else 2):
            time.sleep(0.1 if SLOWLY in request.prompt else 0)
            with Path(self.log).open("a") as log:
                log.write(f"{done} {request.prompt}\n")
            runtime.progress(done, 40, preview=lambda: Image.new("RGB", (64, 96), "teal"))
        return PaintedBase.generate(self, request)


def main():
    with tempfile.TemporaryDirectory() as folder:
        log = sys.argv[1]
        Path(log).touch()
        blocks = app.build(Studio((Stepping(128, 192, log),)), Path(folder))
        print(app.launch(blocks, wait=False), folder, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
