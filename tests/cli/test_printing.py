"""What is printed steers no terminal, whoever wrote it."""

import json
import subprocess
import sys

import pytest

from igo.cli import run_command
from igo.cli.printing import LONGEST, escaped, one_line, printable

STEERS = [
    *map(chr, range(9)), "\x0b", "\r", "\x1b[2J", "\x7f", "\x9b31m", "\u202e", "\u2066", "\u200f", "\u2028",
    "\u2029", "\ufeff", "\ud800", "\udcff", "\U000e0041", "\u00ad",
]  # fmt: skip


@pytest.mark.parametrize("text", STEERS, ids=ascii)
def test_what_steers_a_terminal_is_shown_and_not_done(text):
    assert printable(f"a{text}b") == f"a{text.replace(text[0], '�')}b"
    document = json.dumps({text: [text, "ü"]}, ensure_ascii=False)
    assert printable(escaped(document)) == escaped(document)
    assert json.loads(escaped(document)) == {text: [text, "ü"]}


@pytest.mark.parametrize("text", ["a\nb\tc", "é ü ñ 服 कि", "\u3000", "👩\u200d🎤", "\u200c", "×–…"], ids=ascii)
def test_what_people_write_stays(text):
    assert printable(text) == escaped(text) == text


def test_an_error_is_a_line_of_readable_length():
    assert one_line("a\n b\tc") == "a b c"
    assert len(one_line("x" * 10**6)) <= LONGEST + 3
    assert one_line(f"begin{'x' * 10**6}end").startswith("begin")
    assert one_line(f"begin{'x' * 10**6}end").endswith("end")


@pytest.mark.parametrize(
    "text", [text for text in STEERS if text not in ("\0", "\ud800")], ids=ascii
)  # no shell has these
def test_errors_and_notes_are_printed_so(text, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = f"a{text}b"
    for arguments in (["show", name], ["run", name], ["plugins", name], [name], ["generate", "a", "--layer", name]):
        assert run_command(arguments) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.startswith("igo: ")
        assert shown.err.count("\n") == 1
        assert text[0] not in shown.err


def test_a_terminal_that_lacks_a_letter_is_no_reason_to_fail(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "igo", "show", "�ü"], env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True, cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr[:5]) == (2, b"igo: ")
