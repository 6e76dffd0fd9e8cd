"""``igo new-plugin`` writes packages that are complete, formatted and can be published."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from igo import cli
from igo.cli import scaffold

LONG = "a" + "b" * (scaffold.LONGEST - 1)


@pytest.fixture
def new_plugin(tmp_path, monkeypatch, capsys):
    """Run ``igo new-plugin`` in an empty folder, where git knows nobody; gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")

    def run(*arguments):
        code = cli.run_command(["new-plugin", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def everything():
    return sorted(path.as_posix() for path in Path().rglob("*"))


def test_a_package_has_all_it_takes(new_plugin):
    code, output, errors = new_plugin("film-look")
    assert (code, errors) == (0, "")
    assert output.splitlines() == [
        "igo-film-look/.github/workflows/test.yml",
        "igo-film-look/.gitignore",
        "igo-film-look/LICENSE",
        "igo-film-look/README.md",
        "igo-film-look/conftest.py",
        "igo-film-look/pyproject.toml",
        "igo-film-look/src/igo_film_look/__init__.py",
        "igo-film-look/src/igo_film_look/py.typed",
        "igo-film-look/tests/test_igo_film_look.py",
        "",
        "next: cd igo-film-look && python -m pip install --editable '.[test]' && python -m pytest",
    ]
    project = tomllib.loads(Path("igo-film-look/pyproject.toml").read_text("utf-8"))["project"]
    assert project["name"] == "igo-film-look"
    assert project["entry-points"] == {"igo.plugins": {"film-look": "igo_film_look:FilmLook"}}
    assert project["dependencies"] == ["igo>=0.1,<0.2"]
    assert project["authors"] == [{"name": "The igo-film-look authors"}]
    workflow = yaml.safe_load(Path("igo-film-look/.github/workflows/test.yml").read_text("utf-8"))
    assert list(workflow["jobs"]) == ["test", "publish"]
    assert "${{ matrix.python }}" in str(workflow)
    assert sorted(Path().iterdir()) == [Path("igo-film-look")], "nothing else is left behind"
    Path("made").mkdir()
    assert Path("igo-film-look").stat().st_mode == Path("made").stat().st_mode


@pytest.mark.parametrize("name", ["film-look", "igo-film-look", "Film_Look", "film.look", "IGO-film--look"])
def test_one_plugin_may_be_named_in_several_ways(name):
    assert scaffold.names_of(name) == scaffold.Names("igo-film-look", "igo_film_look", "film-look", "FilmLook")


@pytest.mark.parametrize(("licence", "first"), [("MIT", "MIT License"), ("BSD-3-Clause", "BSD 3-Clause License")])
def test_author_and_licence_are_chosen(licence, first, new_plugin):
    author = 'Ada "the first" Łoś \\ $x'
    assert new_plugin("film", "--license", licence, "--author", author, "-o", "made/here")[0] == 0
    text = Path("made/here/LICENSE").read_text("utf-8")
    assert text.startswith(f"{first}\n\nCopyright (c) {author}\n")
    project = tomllib.loads(Path("made/here/pyproject.toml").read_text("utf-8"))["project"]
    assert (project["license"], project["authors"]) == (licence, [{"name": author}])


def test_the_author_is_by_default_who_git_says(new_plugin, monkeypatch, tmp_path_factory):
    config = tmp_path_factory.mktemp("git") / "config"
    config.write_text("[user]\n\tname = Ada\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    assert new_plugin("film", "--license", "MIT")[0] == 0
    assert "Copyright (c) Ada\n" in Path("igo-film/LICENSE").read_text("utf-8")


def test_an_empty_folder_is_filled_and_be_it_the_one_we_are_in(new_plugin):
    assert new_plugin("film", "-o", ".")[0] == 0
    assert Path("src/igo_film/__init__.py").is_file()
    assert not [path for path in Path().iterdir() if path.name.startswith(".new")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["3d"], "the name is '3d'; expected up to 40 letters, digits and '-', a letter first"),
        (["film-"], "the name is 'film-'; expected"),
        (["a b"], "the name is 'a b'; expected"),
        (["../film"], "the name is '../film'; expected"),
        (["é"], "the name is 'é'; expected"),
        ([""], "the name is ''; expected"),
        (["x" * 41], "expected up to 40 letters"),
        (["none"], "the class of a plugin 'none' would be None, which is taken; use a longer name"),
        (["image"], "the class of a plugin 'image' would be Image, which is taken; use a longer name"),
        (["upscaling"], "a plugin 'upscaling', or its module igo_upscaling, is installed already"),
        (["plugins"], "a plugin 'plugins', or its module igo_plugins, is installed already"),
        (["film", "--hook", "postproces"], "there is no hook 'postproces' to choose; did you mean 'postprocess'?"),
        (
            ["film", "--hook", "observe"],
            "there is no hook 'observe' to choose; choose one of: base, condition, generate",
        ),
        (["film", "--license", "GPL"], "there is no license 'GPL' to choose; choose one of: Apache-2.0"),
        (["film", "--author", "A\nB"], "the author is 'A\\nB'; expected a name in one line"),
        (["film", "-o", "taken"], "taken is not empty; choose another folder with --output"),
        (["film", "-o", "taken/file"], "'taken/file' is a file: expected a folder"),
        (["film", "-o", "taken/file/below"], "'taken/file/below' can't be written: Not a directory; choose another"),
        ([], "Missing argument"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_what_cannot_be_is_one_line_and_nothing_is_written(arguments, message, new_plugin):
    Path("taken").mkdir()
    Path("taken/file").write_text("mine")
    code, output, errors = new_plugin(*arguments)
    assert (code, output) == (2, "")
    assert errors.startswith("igo: ")
    assert errors.count("\n") == 1
    assert message in errors
    assert everything() == ["taken", "taken/file"]


def test_nothing_half_written_is_left(new_plugin, monkeypatch):
    monkeypatch.setitem(scaffold.PACKAGE, "tests/no/\0such", "conftest.py")
    assert new_plugin("film")[0] == 1
    assert everything() == []


@pytest.mark.parametrize(
    ("here", "wanted"), [("0.1.0", ">=0.1,<0.2"), ("0.12.3.dev1", ">=0.12,<0.13"), ("1.4", ">=1.4,<2")]
)
def test_the_range_of_versions_is_up_to_the_next_that_may_break_it(here, wanted):
    assert scaffold.fitting(here) == wanted


@pytest.mark.parametrize("name", ["x", LONG])
def test_code_of_every_hook_is_formatted_under_short_and_long_names(name, new_plugin):
    for hook in scaffold.HOOKS:
        assert new_plugin(name, "--hook", hook, "-o", hook)[0] == 0
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_every_template_is_used():
    choices = [{"hook": hook, "license": name} for hook in scaffold.HOOKS for name in scaffold.LICENSES]
    used = {scaffold._filled(template, one) for template in scaffold.PACKAGE.values() for one in choices if template}
    there = {path.relative_to(scaffold.TEMPLATES).as_posix() for path in scaffold.TEMPLATES.rglob("*.template")}
    assert {f"{template}.template" for template in used} == there
