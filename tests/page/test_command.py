"""``igo page`` at its command line, without gradio."""

import subprocess
import sys

import pytest

from igo import cli


def test_without_gradio_a_line_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr("igo.cli.page.find_spec", lambda name: None)
    assert cli.run_command(["page"]) == 2
    assert capsys.readouterr().err == 'igo: igo page needs gradio, which is not installed: pip install "igo[page]"\n'


@pytest.mark.parametrize("arguments", [["--port", "0"], ["--port", "70000"], ["--share", "maybe"], ["-c", "no"]])
def test_wrong_options_are_one_line(arguments, monkeypatch, capsys):
    monkeypatch.setattr("igo.cli.page.find_spec", lambda name: True)
    assert cli.run_command(["page", *arguments]) == 2
    told = capsys.readouterr().err
    assert told.startswith("igo: ")
    assert told.count("\n") == 1


def test_the_command_is_listed_without_gradio():
    program = "import sys; from igo import cli; cli.run_command(['page', '--help']); print('gradio' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "False"
