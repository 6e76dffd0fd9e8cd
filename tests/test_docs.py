"""What the documents say, runs: Python blocks, shell commands, chain files, links."""

import re
from pathlib import Path

import pytest

from igo import cli
from igo.config import parse_chain

ROOT = Path(__file__).parent.parent
ELSEWHERE = {ROOT / "docs" / "writing-plugins.md", *(ROOT / "docs" / "examples").rglob("*.md")}
"""Run by test_writing_plugins and test_examples, since they are about packages that have to be installed."""
DOCUMENTS = [ROOT / "README.md", *sorted({*(ROOT / "docs").rglob("*.md")} - ELSEWHERE)]


def blocks(path, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def every(language):
    return [
        pytest.param(block, id=f"{path.name}-{number}")
        for path in DOCUMENTS
        for number, block in enumerate(blocks(path, language), 1)
    ]


@pytest.mark.parametrize("block", every("python"))
def test_python_blocks_run(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "block", "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("block", every("toml"))
def test_chain_files_are_understood(block):
    parse_chain(block)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_igo_commands_run_in_their_order(path, tmp_path, monkeypatch, capsys):
    import shlex

    monkeypatch.chdir(tmp_path)
    for block in blocks(path, "sh"):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["igo"]:
                assert cli.run_command(words[1:]) == 0, f"{line}\n{capsys.readouterr().err}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_and_linked_files_exist(path):
    text, makefile = path.read_text("utf-8"), (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"^make (?:\w+=\S+ )?(\w+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"
    for link in re.findall(r"\]\(([^)#]+)", text):
        if not link.startswith("http"):
            assert (path.parent / link).exists(), link
