"""docs/writing-plugins.md, followed word for word by a reader without network: what it has them write, type and see."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

import igo
from igo.images import read_text
from igo.testing import RULES, ConformanceError, check_plugin
from tests.pages import FOLLOWED, blocks

REPOSITORY = """
git init --quiet --bare ../repository
git init --quiet && git add . && git commit --quiet --message 'Darker corners'
git remote add origin ../repository
"""
"""What the page says in words: a repository of its own, and one that it is pushed to."""
INSTEAD = {
    "python -m venv .venv && . .venv/bin/activate": "python -m venv --without-pip .venv && . .venv/bin/activate",
    "python -m pip install ../igo": "python -m pip install igo",
    "python -m pip install build twine": "",
    "python -m build": "python -m build --no-isolation",
    "python -m twine check dist/*": "",
    "python -m twine upload dist/*": "",
    "git tag v0.1.0": f"{REPOSITORY}git tag v0.1.0",
}
"""Lines of the page that are typed otherwise here, or not at all: twine and the uploads take a network, and pip and
setuptools are those that are here, not older ones that come with Python."""
AFTERWARDS = """
git --git-dir ../repository tag
python -m pip uninstall --yes igo-vignette
python -m pip install --find-links dist igo-vignette
igo plugins
"""
"""What is published, is there; and somebody installs it."""


@pytest.fixture
def environment(wheel, tmp_path):
    """Variables by which pip finds IGO's wheel, and each Python, behind its own packages, those that are here."""
    (tmp_path / "sitecustomize.py").write_text(f"import site\nsite.addsitedir({sysconfig.get_path('purelib')!r})\n")
    return {
        **os.environ,
        "PYTHONPATH": str(tmp_path),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PIP_FIND_LINKS": str(wheel.parent),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_IGNORE_INSTALLED": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip takes it for the value of an option that isn't called "no"
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{f"GIT_{role}_{what}": "ada" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }


def script(page):
    """A page as a script for bash, which stops at the first line that fails."""
    lines = ['mypy() { python -m mypy "$@"; }  # of the environment that is active, as if it were installed there']
    for block in blocks(page):
        if block.title:
            lines.append(f"cat > {block.title} <<'END OF FILE'\n{block.body}END OF FILE")
        elif block.language == "python":
            lines.append(f"python - <<'END OF INPUT'\n{block.body}END OF INPUT")
        elif block.language == "sh":
            typed = [INSTEAD.get(line, line) for line in block.body.splitlines()]
            lines += [f"{{ {line}\n}} || exit" for line in typed if line]  # -e lets the first of `this && that` fail
    return "\n".join(lines) + AFTERWARDS


@pytest.mark.downstream
@pytest.mark.skipif(os.name == "nt" or not all(map(shutil.which, ("bash", "git"))), reason="needs bash and git")
def test_the_page_leads_from_nothing_to_a_package_that_others_install(environment, tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    done = subprocess.run(
        ["bash", "-exc", script(FOLLOWED)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    printed = done.stdout
    assert done.returncode == 0, printed
    for expected in (
        "Success: no issues found in 2 source files",
        "vignette: Darken the corners of the picture.",
        "How much light the corners lose, 0 (none) to 1 (all).",
        "identical: the same bytes",
        "Successfully built igo_vignette-0.1.0.tar.gz and igo_vignette-0.1.0-py3-none-any.whl",
        "\nv0.1.0\n",
        "vignette         igo-vignette 0.1.0  igo_vignette:Vignette",
    ):
        assert expected in printed, f"{expected}\nis not printed:\n{printed}"
    assert len(re.findall(r"\d+ passed", printed)) == 2
    for name in ("dark.png", "twice.png"):
        assert '"igo-vignette": "0.1.0"' in read_text(folder / "igo-vignette" / name)["igo"]


def test_what_is_typed_otherwise_is_on_the_page():
    assert set(INSTEAD) <= {line for block in blocks(FOLLOWED) for line in block.body.splitlines()}


@dataclass(frozen=True)
class Vignette:
    """One that breaks the rule that the page shows broken."""

    @igo.hookimpl
    def postprocess(self, frame: igo.Frame) -> igo.Frame:
        frame.image.paste("black", (0, 0, 8, 8))
        return frame


def test_a_broken_rule_is_said_as_the_page_says_it():
    (shown,) = (block.body for block in blocks(FOLLOWED) if block.language == "text")
    with pytest.raises(ConformanceError) as caught:
        check_plugin(Vignette())
    assert f"{caught.value}\n" == shown


def test_the_rules_are_those_that_are_checked():
    table = re.search(r"^\| rule \|.*\n\|.*\n((?:\|.*\n)+)", FOLLOWED.read_text("utf-8"), re.MULTILINE)
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table[1], re.MULTILINE)) == RULES
