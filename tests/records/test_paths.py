"""No picture tells where its maker's files lie; and a replay finds them all the same."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

import igo
from igo.cli import run_command
from igo.errors import ProvenanceError
from igo.testing import PaintedBase

USER = "janesmith"


@dataclass(frozen=True)
class Grade:
    """Reads a file, and says so in every way there is."""

    table: Path | None = None
    others: tuple[str, ...] = ()

    @igo.hookimpl
    def postprocess(self, frame, runtime):
        value = int(self.table.expanduser().read_text())
        runtime.identify(str(self.table), f"value:{value}")
        report = {"table": str(self.table), "note": f"graded by {self.table}", "nested": [{str(self.table): 1}]}
        return frame.with_image(frame.image.point(lambda v: v ^ value), **report)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder with a table in it, and another one to work in."""
    folder = tmp_path / "homes" / USER
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "warm.cube").write_text("9")
    (folder / "work").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(folder / "work")
    return folder


def graded(table, **settings):
    return igo.Chain(PaintedBase(8, 8), Grade(table, **settings)).run("a coat", seed=1)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("given", ["absolute", "~", "..", "beside"])
def test_no_picture_tells_its_users_name_or_home(given, suffix, home, tmp_path):
    shutil.copy(home / "models" / "warm.cube", home / "work")
    tables = {"absolute": home / "models" / "warm.cube", "~": Path("~/models/warm.cube"),
              "..": Path("../models/warm.cube"), "beside": Path("warm.cube")}  # fmt: skip
    look = graded(tables[given], others=(str(home / "models"), str(home / "gone.txt")))
    for place in (home / "work", tmp_path / "elsewhere", home.parent.parent):
        (written,) = look.save(place / f"look{suffix}")
        assert USER.encode() not in written.path.read_bytes().replace(b"\0", b"")
        assert str(home.parent.parent).encode() not in written.path.read_bytes().replace(b"\0", b"")
    assert USER not in str(look.record())


def test_files_are_named_from_the_picture_where_that_tells_nothing(home, tmp_path):
    look = graded(home / "models" / "warm.cube")
    names = {}
    for place in (home / "work", home, tmp_path / "elsewhere"):
        look.save(place / "look.png")
        record = igo.replay(place / "look.png", files=given(place, home)).look.record()
        names[place] = record["chain"]["step"][1]["table"]
        assert record["models"] == {names[place]: "value:9"}
        assert record["files"] == {names[place]: ""}, "a model is on record by itself"
    assert names == {
        home / "work": "../models/warm.cube",
        home: "models/warm.cube",
        tmp_path / "elsewhere": "warm.cube",
    }


def given(place, home):
    return {} if home in (place, place.parent) else {"warm.cube": home / "models" / "warm.cube"}


def test_a_replay_finds_files_beside_the_picture_here_or_where_it_is_told(home, tmp_path, monkeypatch, capsys):
    away = tmp_path / "elsewhere"
    graded(home / "models" / "warm.cube").save(away / "look.png")
    with pytest.raises(ProvenanceError, match=r"the file 'warm.cube' is not here; give it with --file warm.cube=PATH"):
        igo.replay(away / "look.png")
    assert igo.replay(away / "look.png", files={"warm.cube": home / "models" / "warm.cube"}).identical
    assert run_command(["replay", "-q", str(away / "look.png"), "--file", "warm.cube=~/models/warm.cube"]) == 0
    assert "identical: the same bytes" in capsys.readouterr().out
    shutil.copy(home / "models" / "warm.cube", away)
    made = igo.replay(away / "look.png")
    assert (made.identical, made.differences) == (True, ())
    assert made.look.save_frame(0, away / "again.png").path.read_bytes() == (away / "look.png").read_bytes()
    (away / "warm.cube").rename("warm.cube")
    assert igo.replay(away / "look.png").identical


def test_another_file_of_that_name_is_refused(home, tmp_path):
    graded(home / "models" / "warm.cube", others=(str(home / "models" / "words.txt"),))
    (home / "models" / "words.txt").write_text("one")
    away = tmp_path / "elsewhere"
    graded(home / "models" / "warm.cube", others=(str(home / "models" / "words.txt"),)).save(away / "look.png")
    (away / "words.txt").write_text("two")
    (away / "warm.cube").write_text("9")
    with pytest.raises(ProvenanceError, match=r"words.txt is not the file 'words.txt' that was used"):
        igo.replay(away / "look.png")
    (away / "words.txt").write_text("one")
    assert igo.replay(away / "look.png").identical
    (away / "warm.cube").write_text("8")
    with pytest.raises(ProvenanceError, match="is not the model that was used: it is value:8, and was value:9"):
        igo.replay(away / "look.png")
    with pytest.raises(ProvenanceError, match=r"names no file 'cold.cube'; it names: warm.cube, words.txt"):
        igo.replay(away / "look.png", files={"cold.cube": "x"})


def test_words_are_no_files(home):
    """A file that is called as a setting's text is one only if that looks like a file's name."""
    Path("coat").write_text("x")
    look = graded(home / "models" / "warm.cube", others=("coat", "a/b", "v1.5", "/imagine a coat"))
    assert look.record()["chain"]["step"][1]["others"] == ["coat", "a/b", "v1.5", "/imagine a coat"]
    assert list(look.record()["files"]) == ["warm.cube"]


def test_models_of_one_name_are_both_on_record():
    @dataclass(frozen=True)
    class Other:
        @igo.hookimpl
        def postprocess(self, frame, runtime):
            runtime.identify("mini", f"of {runtime.step}")
            return frame.noted(x=1)

    look = igo.Chain(Other(), Other()).run(image=Image.new("RGB", (4, 4)), seed=1)
    assert look.models == {"mini": "of other", "mini (other-2)": "of other-2"}
