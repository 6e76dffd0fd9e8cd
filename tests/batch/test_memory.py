"""Workers that hold too much of the memory: how much there is, and who begins anew."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass

import psutil
import pytest

import igo
from igo import batch as batches
from igo.batch import memory
from igo.testing import PaintedBase
from tests.batch.test_batches import lines, pictures
from tests.builders.groups import machine

MB = 2**20
HELD: list[bytes] = []


@dataclass(frozen=True)
class Hoarding:
    """Keeps 40 MB of each row, and says in which process."""

    @igo.hookimpl
    def postprocess(self, frame):
        HELD.append(os.urandom(MB) * 40)
        return frame.noted(note=os.getpid())


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/a\n", {"a/memory.max": f"{100 * MB}", "a/memory.current": f"{70 * MB}", "a/memory.stat": "x 1\n"}, None),
        (
            "0::/a/b\n",
            {
                "a/memory.max": f"{100 * MB}\n",
                "a/memory.current": f"{70 * MB}\n",
                "a/memory.stat": f"anon 5\ninactive_file {10 * MB}\n",
                "a/b/memory.max": "max\n",
                "a/b/memory.current": f"{60 * MB}\n",
                "a/b/memory.stat": "inactive_file 0\n",
            },
            40 * MB,
        ),
        (
            "4:memory:/x\n2:cpu:/\n",
            {
                "memory/memory.limit_in_bytes": f"{30 * MB}",
                "memory/memory.usage_in_bytes": f"{50 * MB}",
                "memory/memory.stat": "total_inactive_file 0\n",
            },
            0,
        ),
        ("0::/\n", {}, None),
    ],
)
def test_what_is_left_is_the_machines_or_a_containers(tmp_path, groups, files, expected, monkeypatch):
    whole = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: whole)
    assert memory.free(machine(tmp_path, groups, files)) == (whole.available if expected is None else expected)


def test_what_a_process_holds_is_its_own():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert memory.held(ended.pid) == 0
    before = memory.held(os.getpid())
    kept = os.urandom(MB) * 64
    assert memory.held(os.getpid()) - before > len(kept) / 2


@pytest.mark.slow
def test_a_worker_that_has_outgrown_its_share_begins_anew_between_rows(tmp_path, monkeypatch):
    """Of two of which the first is too large at once there is one left; it begins anew, but never after one row."""
    monkeypatch.setattr(memory, "free", lambda: 5 * MB)
    rows = [{"id": f"look-{n}", "prompt": f"coat {n}", "seed": n} for n in range(7)]
    summary = batches.run(rows, igo.Chain(PaintedBase(), Hoarding()), tmp_path / "looks", workers=2)
    assert (summary.painted, summary.failed) == (7, {})
    found = lines(tmp_path / "looks")
    assert {line["attempts"] for line in found} == {1}
    painted = Counter(line["notes"][0] for line in found)
    first, *_, last = painted
    assert painted[first] == 1
    assert [painted[process] for process in painted if process not in (first, last)] == [2] * (len(painted) - 2)
    assert 3 <= len(painted) <= 5
    assert len(pictures(tmp_path / "looks")) == 7
