"""Workers: the same bytes as without, a row that they die of, GPUs, and Ctrl-C."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass

import pytest

import igo
from igo import batch as batches
from igo.batch import workers
from igo.errors import ImageError, SettingsError
from igo.testing import PaintedBase
from tests.batch.deadly import Deadly, Device
from tests.batch.test_batches import ROWS, lines, pictures
from tests.pages import ROOT


def test_what_workers_die_of_fails_and_the_rest_is_painted(tmp_path, monkeypatch):
    monkeypatch.setenv("DIED", str(tmp_path))
    rows = [
        *ROWS,
        {"id": "once", "prompt": "once SIGKILL", "seed": 1},
        {"id": "ever", "prompt": "SIGSEGV", "seed": 2},
    ]
    summary = batches.run(rows, igo.Chain(PaintedBase(), Deadly()), tmp_path / "looks", workers=2)
    assert (summary.painted, summary.failed) == (5, {"WorkerError": 1})
    results = batches.read_journal(tmp_path / "looks")
    assert (results["once"].status, results["once"].attempts) == ("done", 2)
    assert results["ever"].error == {
        "kind": "WorkerError",
        "message": "workers died of it 2 times, the last by signal SIGSEGV",
    }
    batches.run(rows[:-1], igo.Chain(PaintedBase(), Deadly()), tmp_path / "here")
    assert pictures(tmp_path / "looks") == pictures(tmp_path / "here")
    assert not list((tmp_path / "looks").glob(".igo-*"))


def test_a_scripts_own_step_is_called_the_same_in_the_processes_that_it_starts():
    @dataclass(frozen=True)
    class Own:
        word: str = "none"
        postprocess = Device.postprocess

    for module in ("__main__", "__mp_main__"):
        Own.__module__ = module
        assert igo.Chain(PaintedBase(), Own("one")).describe()["step"][1]["use"].startswith("__main__:")


def test_each_worker_has_a_gpu_where_there_are_some(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b")
    assert workers.gpus() == ["GPU-a", "GPU-b"]
    batches.run(ROWS[:1], igo.Chain(PaintedBase(), Device()), tmp_path / "looks", workers=1)
    assert lines(tmp_path / "looks")[0]["notes"] == ["device: GPU-a"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert workers.gpus() == []
    with pytest.raises(SettingsError, match="workers is 0; expected at least 1"):
        batches.run(ROWS, igo.Chain(PaintedBase()), tmp_path / "looks", workers=0)


@pytest.mark.slow
def test_what_a_worker_cant_write_ends_the_batch(tmp_path):
    (tmp_path / "looks").mkdir()
    (tmp_path / "looks" / "blue").write_text("in the way")
    with pytest.raises(ImageError, match=r"blue/7.png' can't be written: "):
        batches.run(ROWS, igo.Chain(PaintedBase()), tmp_path / "looks", workers=2, name="{id}/{seed}.png")


@pytest.mark.slow
def test_a_script_that_would_start_itself_is_told_so(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import igo.batch\nfrom igo.testing import PaintedBase\n"
        "igo.batch.run([{'prompt': 'a'}], igo.Chain(PaintedBase()), 'looks', workers=1)\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True)
    assert "put what a script runs by itself under if __name__ == '__main__':" in done.stderr.splitlines()[-1]


def heard():
    """Whoever starts the tests in the background has them ignore what Ctrl-C sends."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--workers", "2"]])
def test_ctrl_c_leaves_nothing_half_done(tmp_path, chain, written, more):
    plan = written(*({"id": f"look-{n}", "prompt": "a coat", "seed": n} for n in range(2000)))
    command = ["-m", "igo", "batch", "run", plan, "--chain", chain, "--out", tmp_path / "looks", "--quiet", *more]
    with subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=heard
    ) as process:
        journal = tmp_path / "looks" / batches.JOURNAL
        while not journal.exists() or journal.stat().st_size == 0:
            assert process.poll() is None
        os.kill(process.pid, signal.SIGINT)
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == 130, errors
    assert errors == "igo: cancelled; nothing half done was written\n"
    assert {line["pictures"][0]["file"] for line in lines(tmp_path / "looks")} <= set(pictures(tmp_path / "looks"))
    assert not list((tmp_path / "looks").glob(".igo-*"))


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import igo.batch
from igo.testing import PaintedBase
from tests.batch.deadly import Bars

if __name__ == "__main__":
    igo.batch.run([{"prompt": "a coat", "seed": 1}], igo.Chain(PaintedBase(), Bars()), "looks", workers=1)
"""


def test_workers_leave_nothing_that_python_would_tell_of(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, "script.py", ROOT], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
