"""Records that nobody means well with are refused in one line, soon, and nothing is run or fetched for them."""

import json
import re
import socket
import time
import unicodedata

import pytest
from PIL import Image

import igo
from igo.cli import run_command
from igo.images import write_image
from igo.testing import PaintedBase
from tests.builders import hostile_records as hostile

SECONDS = 5
GARMENT = Image.new("RGB", (3, 2), "red")
STEERS = ("Cc", "Cf", "Cs", "Zl", "Zp")


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    import torch  # noqa: F401  its first import, which may be slow, is no record's doing

    garment = tmp_path_factory.mktemp("in") / "garment.png"
    GARMENT.save(garment)
    chain = igo.Chain(PaintedBase(8, 8))
    return chain.run("a coat", seed=5, width=8, height=8, references={"garment": garment}).record()


@pytest.fixture
def tried(tmp_path, monkeypatch, capsys):
    """Runs ``igo show`` and ``igo replay`` on a record's text, and checks what holds for any."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection"))

    def check(text):
        GARMENT.save("garment.png")
        write_image(Image.new("RGB", (2, 2)), "a.png", text={"igo": text, "parameters": hostile.STEERING})
        codes = []
        for arguments in (["show"], ["show", "--json"], ["replay", "--quiet"]):
            capsys.readouterr()
            start = time.process_time()
            code = run_command([*arguments, "a.png"])
            seconds = time.process_time() - start
            shown = capsys.readouterr()
            steering = {one for one in set(shown.out + shown.err) - set("\n\t") if unicodedata.category(one) in STEERS}
            assert not steering
            assert code in (0, 1, 2)
            assert "internal error" not in shown.err
            assert "Traceback" not in shown.err
            if code == 2:
                assert re.fullmatch(r"igo: [^\n]{1,1010}\n", shown.err), ascii(shown.err)
                assert (shown.out, seconds < SECONDS) == ("", True), ascii(shown.out)
            if arguments[-1] == "--json" and code == 0:
                json.loads(shown.out)
            codes.append(code)
        assert {path.name for path in tmp_path.iterdir()} <= {"a.png", "a-replay.png", "garment.png"}
        return codes

    return check


def test_the_real_one_is_fine(record, tried):
    assert tried(json.dumps(record))[:2] == [0, 0]
    assert igo.replay("a.png").identical


NAMES = sorted(hostile.by_hand({}))


@pytest.mark.parametrize("name", NAMES)
def test_records_made_by_hand_are_refused(name, record, tried):
    *_, replayed = tried(hostile.by_hand(record)[name])
    assert replayed == 2
    assert hostile.Log.made == 0


@pytest.mark.parametrize("seed", [*range(30), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(30, 600))])
def test_spoilt_records(seed, record, tried):
    tried(hostile.spoilt(record, seed))
