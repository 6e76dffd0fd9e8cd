"""``igo compare``: pairs by name, tables, worst cases, and what is refused in one line."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from igo import cli
from igo.images import read_image

SIZE = (24, 32)


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """Run ``igo compare`` in a folder with two folders and masks; gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    for folder in ("a", "b", "masks", "a/more", "b/more", "masks/more", "empty"):
        Path(folder).mkdir()
    zone = Image.new("L", SIZE)
    zone.paste(255, (6, 8, 18, 24))
    for number, name in enumerate(("one", "two", "more/three")):
        picture = Image.new("RGB", SIZE, (90, 120, 150))
        picture.save(f"a/{name}.png")
        picture.paste((90 + 30 * number, 120, 150), (8, 10, 16, 20))
        picture.save(f"b/{name}.{'webp' if number == 1 else 'png'}", lossless=True)
        zone.save(f"masks/{name}.png")
    Image.new("RGB", SIZE).save("a/.hidden.png")
    Path("a/notes.txt").write_text("of the pictures")

    def run(*arguments):
        code = cli.run_command(["compare", *(str(argument) for argument in arguments)])
        return code, *capsys.readouterr()

    return run


def test_two_pictures(command):
    code, out, err = command("a/two.png", "b/two.webp", "-q")
    header, figures = out.splitlines()
    assert (code, err) == (0, "")
    assert header.split() == ["SSIM", "↑", "PSNR,", "dB", "↑", "ΔE2000", "↓"]
    assert figures.split()[:2] == ["two.png", "whole"]


def test_folders_with_masks_as_tables_and_on_a_sheet(command):
    code, out, err = command("a", "b", "--mask", "masks", "--csv", "new/t.csv", "--json", "t.json", "--sheet", "s.png")
    assert code == 0, err
    assert "worst ΔE2000 inside: two (" in out or "worst ΔE2000 inside: more/three (" in out
    assert out.splitlines()[-3:] == ["new/t.csv", "t.json", "s.png"]
    assert "1 of 3 are equal (whole): the mean PSNR is that of the others" in err
    rows = {(row["name"], row["area"]): row for row in csv.DictReader(Path("new/t.csv").read_text().splitlines())}
    assert set(rows) == {(n, a) for n in ("one", "two", "more/three", "mean") for a in ("whole", "inside", "outside")}
    assert rows["one", "whole"]["psnr"] == "inf"
    assert int(rows["two", "inside"]["pixels"]) == 12 * 16
    mean = np.mean([float(rows[name, "inside"]["delta_e"]) for name in ("one", "two", "more/three")])
    assert float(rows["mean", "inside"]["delta_e"]) == pytest.approx(mean)
    read = json.loads(Path("t.json").read_text(), parse_constant=pytest.fail)
    assert [pair["name"] for pair in read["pairs"]] == ["more/three", "one", "two"]
    assert read["pairs"][1]["whole"]["psnr"] is None
    assert read["pairs"][2]["second"] == str(Path("b/two.webp"))
    assert read["mean"]["inside"]["delta_e"] == pytest.approx(mean)
    assert read["worst"]["delta_e"] == ["more/three", "two", "one"]
    assert read_image("s.png").image.width > 3 * SIZE[0]


def test_one_mask_for_all(command):
    code, out, _ = command("a", "b", "--mask", "masks/one.png", "--json", "t.json", "-q")
    assert code == 0
    assert {pair["inside"]["pixels"] for pair in json.loads(Path("t.json").read_text())["pairs"]} == {12 * 16}
    assert "mean" in out


def test_a_table_is_printed_whatever_files_are_called(command):
    Path("a/two.png").rename("a/[bold]x\x1b[31m.png")
    Path("b/two.webp").rename("b/[bold]x\x1b[31m.png")
    code, out, _ = command("a", "b", "-q", "--sheet", "s.png")
    assert code == 0
    assert "[bold]x" in out
    assert "\x1b" not in out


def fill(path, size=SIZE, color=255, mode="L"):
    Image.new(mode, size, color).save(path)
    return path


WRONG = [
    (lambda: ("a", "none"), "'none' does not exist; expected a picture, or a folder with pictures"),
    (lambda: ("a", "b/one.png"), "a is a folder and b/one.png is not; expected two pictures, or two folders"),
    (lambda: ("empty", "b"), "empty holds no pictures; expected files that end in .png"),
    (lambda: ("a", "b", "--mask", "none.png"), "'none.png' does not exist"),
    (lambda: ("a/one.png", "b/one.png", "--mask", "masks"), "the mask masks is a folder; expected a file"),
    (lambda: ("a/one.png", "a/notes.txt"), "'a/notes.txt' is"),
    (lambda: ("a/one.png", fill("x.png", (9, 7))), "a/one.png is 24x32 and x.png is 9x7: expected two of one size"),
    (
        lambda: ("a/one.png", "b/one.png", "--mask", fill("m.png", (32, 24))),
        "the mask m.png is 32x24 and a/one.png 24x32: expected a mask of the picture's size",
    ),
    (
        lambda: ("a", "b", "--mask", fill("m.png", color=0)),
        "the mask m.png is black everywhere: expected white where the zone is",
    ),
    (
        lambda: (fill("a/four.png"), "a", "b")[1:],
        "b has no picture four, which a has; expected the same names",
    ),
    (
        lambda: [fill(f"b/{n}.png") for n in range(7)] and ("a", "b"),
        "a has no picture 0, 1, 2, 3, 4 and 2 more, which b has; expected the same names",
    ),
    (
        lambda: (Path("masks/two.png").unlink(), "a", "b", "--mask", "masks")[1:],
        "masks has no picture two, which a has",
    ),
    (
        lambda: (fill("a/one.webp"), "a", "b")[1:],
        "one.png and one.webp in a have one name; expected one picture of a name",
    ),
    (lambda: (Path("b/two.webp").write_bytes(b"RIFF1234WEBPVP8 "), "a", "b")[1:], "'b/two.webp'"),
    (lambda: ("a", "b", "--sheet", "s.gif"), "'s.gif' has the suffix '.gif'"),
    (lambda: ("a", "b", "--sheet", "b/s.png"), "--sheet b/s.png would be one of the pictures of b"),
    (lambda: ("a", "b", "--csv", "a/one.png"), "--csv would write over the input a/one.png"),
    (lambda: ("a", "b", "--csv", "t", "--json", "./t"), "--csv and --json are both t; choose another name for one"),
    (lambda: ("a", "b", "--csv", "empty"), "'empty' is a folder or a device: expected the name of a file"),
    (lambda: ("a", "b", "--lpips"), "LPIPS needs"),
    (lambda: ("a",), "Missing argument"),
]


@pytest.mark.parametrize(("arguments", "expected"), WRONG, ids=[expected[:40] for _, expected in WRONG])
def test_what_is_refused(command, arguments, expected, monkeypatch):
    monkeypatch.setattr("igo.measures.perceptual.find_spec", lambda name: None)
    given = arguments()
    before = sorted(Path().rglob("*"))
    code, out, err = command(*given, "-q")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert expected in err
    assert sorted(Path().rglob("*")) == before


def test_figures_that_can_not_be_taken(command):
    for folder in "ab":
        fill(f"{folder}.png", (8, 8), 40)
    code, out, _ = command("a.png", "b.png", "-q", "--csv", "t.csv", "--json", "t.json")
    assert code == 0
    assert "SSIM" not in out
    assert json.loads(Path("t.json").read_text())["mean"] == {"whole": {"pixels": 64, "psnr": None, "delta_e": 0.0}}
    assert Path("t.csv").read_text() == f"name,area,pixels,psnr,delta_e\na.png,whole,64,{math.inf},0.0\n"
