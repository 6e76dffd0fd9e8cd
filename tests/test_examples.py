"""The packages in docs/examples: installed like anybody's, they do what their READMEs say."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from igo import cli
from igo.chains import registry
from igo.chains.config import parse_chain
from igo.cli import scaffold
from tests import pages

EXAMPLES = sorted(pages.EXAMPLES.glob("igo-*"))
HOOKS = {"igo-best-of": "generate", "igo-film-look": "postprocess", "igo-grabcut": "provide"}
OWN = {"README.md", "pyproject.toml", "src/$module/__init__.py", "tests/test_$module.py"}
"""What an author writes; the rest of a package stays as the template has it."""

each = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the examples in it, built and installed without network."""
    folder = tmp_path_factory.mktemp("examples")
    copies = [shutil.copytree(example, folder / example.name) for example in EXAMPLES]
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", folder / "site"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, *copies], check=True)
    return folder / "site"


@pytest.fixture
def installed(site, monkeypatch, tmp_path):
    """In an empty folder, with the examples on the path; afterwards nothing of them is left in memory."""
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in {path.name for path in site.iterdir()}:
            del sys.modules[name]


def test_there_is_one_for_each_way_to_act():
    assert {example.name for example in EXAMPLES} == set(HOOKS)


@each
def test_igo_finds_it_and_tells_its_settings(example, installed, capsys):
    name = example.name.removeprefix("igo-")
    assert registry.find(name).requires == ",".join(reversed(scaffold.fitting("0.1").split(",")))
    assert cli.run_command(["plugins", name]) == 0
    assert len(capsys.readouterr().out.split("settings:\n")[1].splitlines()) >= 6


@pytest.mark.slow
@each
def test_what_the_readme_says_runs_in_its_order(example, installed, capsys):
    text = (example / "README.md").read_text("utf-8")
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        if language == "python":
            exec(compile(block, "block", "exec"), {"__name__": "__main__"})
        elif language == "toml":
            parse_chain(block)
            Path("chain.toml").write_text(block, "utf-8")
        for line in block.splitlines() if language == "sh" else ():
            words = shlex.split(line, comments=True)
            if words[:1] == ["igo"]:
                assert cli.run_command(words[1:]) == 0, f"{line}\n{capsys.readouterr().err}"
    assert list(Path().glob("*.png"))
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (example / link).exists(), link


@each
def test_it_is_what_new_plugin_writes_but_for_what_its_author_wrote(example, tmp_path):
    name, hook = example.name.removeprefix("igo-"), HOOKS[example.name]
    written = scaffold.write_plugin(name, tmp_path / "written", hook, "Apache-2.0", "The IGO developers")
    module = {"module": example.name.replace("-", "_")}
    for template in scaffold.PACKAGE:
        path = scaffold._filled(template, module)
        assert (example / path).is_file()
        if template not in OWN:
            assert (example / path).read_bytes() == (written / path).read_bytes(), path
    own, theirs = ((folder / "pyproject.toml").read_text("utf-8") for folder in (example, written))
    assert own.partition("[project.optional")[2].lower() == theirs.partition("[project.optional")[2].lower()
