"""kill -9 at random moments: every row once, the same bytes, no half file."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter as Count

import pytest

from igo import batch as batches
from tests.batch.test_batches import lines, pictures
from tests.pages import ROOT

CODE = """
import json, sys
from dataclasses import dataclass
import igo.batch
assert not {"torch", "pandas", "psutil", "pyarrow", "ray", "pydantic"} & set(sys.modules), "importing it is light"
from igo.testing import PaintedBase
from tests.batch.deadly import Counted

@dataclass(frozen=True)
class Signed:
    "A step of a script's own, which those that paint for it get to know in another way than by importing it."

    word: str
    loud: bool = False

    @igo.hookimpl
    def postprocess(self, frame):
        return frame.noted(word=self.word)

if __name__ == "__main__":
    rows, out, options = json.loads(sys.argv[1])
    igo.batch.run(rows, igo.Chain(PaintedBase(), Counted(), Signed("hello")), out, **options)
"""
KILLS = os.environ.get("IGO_KILLS")
"""How often a batch is killed in the tests that take long; a few times by default."""


def command(folder, rows, out, **options):
    """What paints a batch in a process of its own."""
    script = folder / "script.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{CODE}")
    return [sys.executable, script, json.dumps([rows, out, options])]


def killed(folder, rows, kills, seed, **options):
    """Run a batch until it ends, killing it at random moments; gives how often that was."""
    drawn = random.Random(seed)
    called = command(folder, rows, "looks", **options)
    journal = folder / "looks" / batches.JOURNAL
    for kill in range(kills):
        size = journal.stat().st_size if journal.exists() else 0
        with subprocess.Popen(called, cwd=folder) as process:
            while process.poll() is None and (journal.stat().st_size if journal.exists() else 0) == size:
                time.sleep(0.005)
            time.sleep(drawn.random() * 0.2)
            process.kill()
            if process.wait() == 0:
                return kill
    subprocess.run(called, cwd=folder, check=True)
    return kills


def check(folder, rows, more):
    """What a batch has come to that was killed; ``more`` is how many rows may have been painted twice."""
    painted = Count((folder / "painted").read_text().split())
    subprocess.run(command(folder, rows, "undisturbed"), cwd=folder, check=True)
    assert pictures(folder / "looks") == pictures(folder / "undisturbed")
    assert sorted(line["id"] for line in lines(folder / "looks")) == sorted(row["id"] for row in rows)
    assert not [path for path in (folder / "looks").iterdir() if path.name.startswith(".")]
    assert len(painted) == len(rows)
    assert painted.total() <= len(rows) + more


def killed_often(folder, kills, ahead, **options):
    """Kill batches of 200 rows so often; whoever paints is so many rows ahead of the journal at most."""
    done = attempt = 0
    while done < kills:
        place = folder / str(attempt)
        place.mkdir()
        count = killed(place, rows_of(200), kills - done, attempt, **options)
        check(place, rows_of(200), count * ahead)
        done, attempt = done + count, attempt + 1


def rows_of(count):
    return [{"id": f"look-{n}", "prompt": f"coat {n}", "seed": 1000 + n} for n in range(count)]


def test_a_batch_that_is_killed_goes_on(tmp_path):
    kills = killed(tmp_path, rows_of(60), 1, 0)
    check(tmp_path, rows_of(60), kills)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_again_and_again(tmp_path, workers):
    killed_often(tmp_path, int(KILLS or 4), workers, workers=workers)
