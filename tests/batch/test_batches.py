"""Batches: each row once, the same bytes whatever came between, and nothing that is half done."""

import errno
import json
import os
import re
import stat
from dataclasses import dataclass

import pytest
from PIL import Image

import igo
from igo import batch as batches
from igo.errors import ImageError, JournalError, MaskError, PlanError, SettingsError
from igo.testing import PaintedBase
from tests.batch.conftest import CHAIN

ROWS = [{"id": name, "prompt": f"a {name} coat", "seed": 7} for name in ("red", "blue", "green", "white")]


@dataclass(frozen=True)
class Moody:
    """Fails for some prompts."""

    word: str = "blue"

    @igo.hookimpl
    def generate(self, request, inner):
        if self.word in request.prompt:
            raise MaskError(f"nothing {self.word} here", area=0.25, confidence=0.5)
        return inner(request)


def pictures(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def lines(folder):
    return [json.loads(line) for line in (folder / batches.JOURNAL).read_text().splitlines()]


def test_a_batch_is_what_its_rows_are_alone(tmp_path, chain, photo):
    rows = [*ROWS, {"id": "photo", "prompt": "a coat", "image": str(photo), "strength": 0.5, "num_images": 2}]
    summary = batches.run(rows, chain, tmp_path / "looks")
    assert (summary.painted, summary.kept, summary.left, summary.failed) == (5, 0, 0, {})
    look = igo.Chain(PaintedBase()).run("a red coat", seed=7)
    look.save(tmp_path / "alone.png")
    assert pictures(tmp_path / "looks")["red-7.png"] == (tmp_path / "alone.png").read_bytes()
    last = lines(tmp_path / "looks")[-1]
    assert last["inputs"] == {"image": "../photo.png"}
    assert [picture["file"] for picture in last["pictures"]] == [
        f"photo-{last['request']['seed']}-1.png",
        f"photo-{last['request']['seed']}-2.png",
    ]
    assert batches.read_journal(tmp_path / "looks")["photo"].line() == last


def test_it_goes_on_where_it_ended(tmp_path, chain):
    stream = batches.stream(ROWS, chain, tmp_path / "looks")
    assert next(stream).id == "red"
    with pytest.raises(JournalError, match="is being written by another run"):
        batches.run(ROWS, chain, tmp_path / "looks")
    stream.close()
    with (tmp_path / "looks" / batches.JOURNAL).open("ab") as file:
        file.write(b'{"id": "blue", "row"')  # cut off in its middle
    (tmp_path / "looks" / ".igo-0123.tmp").write_bytes(b"half")
    assert batches.run(ROWS, chain, tmp_path / "looks", limit=2).left == 1
    summary = batches.run(ROWS, chain, tmp_path / "looks")
    assert (summary.painted, summary.kept) == (1, 3)
    assert [line["id"] for line in lines(tmp_path / "looks")] == ["red", "blue", "green", "white"]
    batches.run(ROWS, chain, tmp_path / "undisturbed")
    assert pictures(tmp_path / "looks") == pictures(tmp_path / "undisturbed")
    assert not list((tmp_path / "looks").glob(".igo-*"))
    (tmp_path / "looks" / "red-7.png").unlink()
    assert batches.run(ROWS, chain, tmp_path / "looks").painted == 1


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda rows, chain, photo: rows[0].update(prompt="another"), "row"),
        (lambda rows, chain, photo: chain.write_text(CHAIN + "width = 32\n"), "chain"),
        (lambda rows, chain, photo: Image.new("RGB", (40, 60)).save(photo), "inputs"),
        (lambda rows, chain, photo: rows[0].update({"painted-base.width": 32}), "chain"),
    ],
)
def test_what_has_changed_is_painted_again(tmp_path, chain, photo, change, what):
    rows = [{"id": "one", "prompt": "a coat", "image": str(photo)}]
    batches.run(rows, chain, tmp_path / "looks")
    assert batches.run(rows, chain, tmp_path / "looks", strict=True).kept == 1
    change(rows, chain, photo)
    with pytest.raises(PlanError, match=rf"row 1 \('one'\) has changed since it was painted: its {what}"):
        batches.run(rows, chain, tmp_path / "looks", strict=True)
    assert batches.run(rows, chain, tmp_path / "looks").painted == 1
    assert batches.run(rows, chain, tmp_path / "looks", strict=True).kept == 1


def test_another_version_is_a_change(tmp_path, chain, monkeypatch):
    batches.run(ROWS, chain, tmp_path / "looks")
    monkeypatch.setattr("igo.batch.chains.version", lambda name: "0.0.9")
    with pytest.raises(PlanError, match="its versions"):
        batches.run(ROWS, chain, tmp_path / "looks", strict=True)


def test_a_row_that_fails_is_a_line_and_the_rest_goes_on(tmp_path):
    chain = igo.Chain(PaintedBase(), Moody())
    summary = batches.run(ROWS, chain, tmp_path / "looks")
    assert (summary.painted, summary.failed) == (3, {"MaskError": 1})
    [line] = [line for line in lines(tmp_path / "looks") if line["status"] == "failed"]
    assert line["error"] == {
        "kind": "MaskError",
        "message": "step 'moody' (generate): nothing blue here",
        "step": "moody",
        "hook": "generate",
        "area": 0.25,
        "confidence": 0.5,
    }
    again = batches.run(ROWS, chain, tmp_path / "looks")
    assert (again.painted, again.kept, again.failed) == (0, 3, {"MaskError": 1})
    tried = batches.run(ROWS, chain, tmp_path / "looks", retry_failed=True)
    assert (tried.kept, tried.failed, len(lines(tmp_path / "looks"))) == (3, {"MaskError": 1}, 5)
    mended = igo.Chain(PaintedBase(), Moody("black"))
    assert batches.run(ROWS, mended, tmp_path / "looks").failed == {}


def test_errors_are_told_by_their_kinds(tmp_path, photo, monkeypatch):
    (tmp_path / "text.png").write_text("no picture")

    class Greedy:
        @igo.hookimpl
        def generate(self, request):
            if "large" in request.prompt:
                raise MemoryError
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

    @dataclass(frozen=True)
    class Gone:
        hungry: bool = True
        generate = Greedy.generate

    rows = [{"prompt": "large"}, {"prompt": "larger"}, {"prompt": "torch"}, {"prompt": "a", "image": "text.png"}]
    monkeypatch.chdir(tmp_path)
    summary = batches.run(rows, igo.Chain(Gone()), tmp_path / "looks")
    assert summary.failed == {"OutOfMemoryError": 3, "ImageError": 1}
    results = batches.stream([{"id": "late", "image": str(photo)}], igo.Chain(PaintedBase()), tmp_path / "late")
    Image.new("RGB", (8, 8)).save(photo)
    [result] = results
    assert "has changed since the plan was read" in result.error["message"]


def test_several_rows_at_once_are_the_same_rows(tmp_path, chain):
    batches.run(ROWS, chain, tmp_path / "looks")
    batches.run(ROWS, chain, tmp_path / "batched", batch_size=3)
    assert pictures(tmp_path / "looks") == pictures(tmp_path / "batched")
    failing = batches.run(ROWS, igo.Chain(PaintedBase(), Moody()), tmp_path / "failing", batch_size=4)
    assert (failing.painted, failing.failed) == (3, {"MaskError": 1})


def test_a_full_disk_ends_it_and_no_row_is_blamed(tmp_path, chain, monkeypatch):
    real, calls, folders = os.fsync, [], []

    def full(file):
        if stat.S_ISDIR(os.fstat(file).st_mode):
            folders.append(os.fstat(file).st_ino)
            return real(file)
        calls.append(file)
        if len(calls) in (2, 5):  # the first row's line; then the second row's picture
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(JournalError, match=r"No space left on device; make room there.*run the same command again"):
        batches.run(ROWS, chain, tmp_path / "looks")
    assert (tmp_path / "looks" / batches.JOURNAL).read_bytes() == b""
    assert folders == [(tmp_path / "looks").stat().st_ino], "without which a power cut might take the journal's name"
    with pytest.raises(ImageError, match=r"blue-7.png' can't be written: No space left on device"):
        batches.run(ROWS, chain, tmp_path / "looks")
    assert [line["id"] for line in lines(tmp_path / "looks")] == ["red"]
    assert not list((tmp_path / "looks").glob(".igo-*"))
    assert batches.run(ROWS, chain, tmp_path / "looks").painted == 3
    batches.run(ROWS, chain, tmp_path / "undisturbed")
    assert pictures(tmp_path / "looks") == pictures(tmp_path / "undisturbed")


def test_nothing_of_others_is_written_over(tmp_path, chain, photo):
    (tmp_path / "looks").mkdir()
    (tmp_path / "looks" / "red-7.png").write_bytes(b"mine")
    with pytest.raises(PlanError, match=r"red-7.png' is already there, and no results.jsonl"):
        batches.run(ROWS, chain, tmp_path / "looks")
    (tmp_path / "looks" / "red-7.png").rename(tmp_path / "looks" / "report.html")
    with pytest.raises(PlanError, match=r"report.html' is already there, and no results.jsonl"):
        batches.run(ROWS, chain, tmp_path / "looks")
    with pytest.raises(SettingsError, match="out is 's3://bucket'; expected a folder here, for the journal"):
        batches.run(ROWS, chain, "s3://bucket")
    with pytest.raises(SettingsError, match=r"'photo.png' in .* is an input"):
        batches.run([{"id": "photo", "image": str(photo)}], chain, tmp_path, name="{id}.png")
    assert not (tmp_path / batches.JOURNAL).exists()


def test_a_name_that_no_disk_takes_is_told_before_any_work(tmp_path, chain):
    rows = [*ROWS, {"id": "\N{DRESS}" * 63, "prompt": "a dress", "seed": 7, "num_images": 2}]
    with pytest.raises(SettingsError, match="by which row 5 has a name of 260 bytes"):
        batches.run(rows, chain, tmp_path / "looks")
    assert not (tmp_path / "looks").exists()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("{seed}.png", "by which rows 1 and 2 both make '7.png'"),
        ("{name}.png", "expected a name with {id}, {seed}, {row}"),
        ("{id", "expected a name with"),
        ("../{id}.png", "within the batch's folder"),
        ("/tmp/{id}.png", "within the batch's folder"),
        (".{id}.png", "not hidden"),
        ("", "within the batch's folder"),
        ("{id.__class__}.png", "of characters that a file's name can have"),
        ("{row:0260}.png", "by which row 1 has a name of 264 bytes; expected at most 255"),
        ("Results.jsonl/{id}.png", "is the batch's own"),
        ("{id}.gif", "has the suffix '.gif'"),
        ("{id}", "has no suffix"),
    ],
)
def test_names_that_cant_be(tmp_path, chain, name, told):
    with pytest.raises((SettingsError, ImageError)) as caught:
        batches.run(ROWS, chain, tmp_path / "looks", name=name)
    assert told in str(caught.value)
    assert not (tmp_path / "looks").exists()


def test_names_may_have_folders(tmp_path, chain):
    batches.run(ROWS, chain, tmp_path / "looks", name="{id}/{row:03}.webp")
    assert (tmp_path / "looks" / "blue" / "002.webp").is_file()


def test_pictures_may_go_elsewhere(tmp_path, chain):
    batches.run(ROWS, chain, tmp_path / "looks")
    elsewhere = {"pictures": f"file://{tmp_path}/bucket/"}
    assert batches.run(ROWS, chain, tmp_path / "more", **elsewhere).painted == 4
    assert pictures(tmp_path / "bucket") == pictures(tmp_path / "looks")
    assert [path.name for path in (tmp_path / "more").iterdir()] == [batches.JOURNAL]
    assert lines(tmp_path / "more")[0]["pictures"][0]["file"] == f"file://{tmp_path}/bucket/red-7.png"
    assert batches.run(ROWS, chain, tmp_path / "more", **elsewhere).kept == 4
    assert batches.run(ROWS, chain, tmp_path / "more", pictures=f"file://{tmp_path}/other").painted == 4
    for url in ("looks", "nowhere://bucket"):
        with pytest.raises(SettingsError, match="pictures is"):
            batches.run(ROWS, chain, tmp_path / "less", pictures=url)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ImageError, match=r"red-7.png' can't be written: "):
        batches.run(ROWS, chain, tmp_path / "less", pictures=f"file://{tmp_path}/file/in")


def test_a_damaged_journal_is_told_by_its_line(tmp_path, chain):
    batches.run(ROWS, chain, tmp_path / "looks")
    path = tmp_path / "looks" / batches.JOURNAL
    path.write_text(path.read_text().replace('"id"', '"di"', 1))
    with pytest.raises(JournalError, match="line 1 is damaged"):
        batches.run(ROWS, chain, tmp_path / "looks")
    path.write_text(re.sub(r'"digest": {[^}]*}', '"digest": 1', path.read_text().replace('"di"', '"id"', 1), count=1))
    with pytest.raises(JournalError, match="line 1 is damaged"):
        batches.run(ROWS, chain, tmp_path / "looks")
    with pytest.raises(JournalError, match=r"there is no results.jsonl"):
        batches.read_journal(tmp_path)


def test_on_the_command_line(tmp_path, chain, written, monkeypatch, capsys):
    from igo.cli import run_command

    monkeypatch.chdir(tmp_path)
    plan = written(*ROWS, {"id": "text", "image": "text.png"})
    (tmp_path / "text.png").write_text("no picture")
    arguments = ["batch", "run", str(plan), "--chain", str(chain), "--out", "looks", "--quiet"]
    assert run_command([*arguments, "--dry-run"]) == 0
    assert "to paint: 5; kept: 0; failed before: 0; in all: 5" in capsys.readouterr().out
    assert not (tmp_path / "looks").exists()
    assert run_command([*arguments, "--limit", "2"]) == 0
    assert "2 painted, 0 kept, 0 failed, 3 left for another time" in capsys.readouterr().out
    assert run_command(arguments) == 3
    said = capsys.readouterr()
    assert "looks: 2 painted, 2 kept, 1 failed" in said.out
    assert "igo: 1 × ImageError, such as row 5 ('text'): " in said.err
    assert run_command([*arguments, "--dry-run", "--retry-failed", "--workers", "2"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "to paint: 1; kept: 4; failed before: 0; in all: 5"
    assert re.fullmatch(r"by the pace so far, \S+ s a row for each of 2 workers: \S+ s", told[1])
    assert run_command([*arguments, "--out", "s3://bucket/looks"]) == 2
    assert capsys.readouterr().err.startswith(
        "igo: --out is 's3://bucket/looks'; expected a folder here, for the journal"
    )
    assert run_command([*arguments, "--name", "{x}.png"]) == 2
    assert "igo: --name is '{x}.png'" in capsys.readouterr().err
    written({"seed": -1}, {"seed": -2})
    assert run_command(arguments) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert run_command(["batch", "plan", "looks", "--prompt", "a coat"]) == 0
    assert run_command(["batch", "plan", "looks"]) == 2
    assert "is already there" in capsys.readouterr().err
    assert run_command(["batch", "run", "plan.csv", "--chain", str(chain), "--out", "more", "--quiet"]) == 0
