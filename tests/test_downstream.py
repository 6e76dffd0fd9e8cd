"""Packages of plugins, in environments with IGO's wheel behind them: their tests, ruff and mypy pass there."""

import os
import shutil
import subprocess
import sys

import pytest

from igo.cli import scaffold
from tests.pages import EXAMPLES, ROOT


@pytest.mark.downstream
@pytest.mark.skipif(os.name == "nt" or shutil.which("bash") is None, reason="a script for bash")
def test_the_examples_and_what_new_plugin_writes_pass_their_own_checks(wheel, tmp_path):
    written = [
        scaffold.write_plugin(f"my-{hook}", tmp_path / f"igo-my-{hook}", hook, "MIT", "Ada") for hook in scaffold.HOOKS
    ]
    packages = [*sorted(EXAMPLES.glob("igo-*")), *written]
    environment = {**os.environ, "PYTHON": sys.executable, "IGO_WHEEL": str(wheel)}
    done = subprocess.run(
        [ROOT / ".ci" / "downstream", *packages],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stdout
    _, *parts = done.stdout.split("== ")
    assert [part.partition("\n")[0] for part in parts] == [package.name for package in packages]
    for part, package in zip(parts, packages, strict=True):
        assert " passed" in part
        assert f"Success: no issues found in {'2 source files' if package in written else ''}" in part
