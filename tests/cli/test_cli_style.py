"""``igo style``: one garment or many, the contact sheet, and one line for what can't be styled."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from igo import cli
from igo.images import read_image
from igo_plugins.styling import mask_models
from tests.builders.masks import PLACES, SIZE, Boxes

SHORT = ["--steps", "2", "--seed", "3", "--quiet"]


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """Run ``igo style`` in a folder with a photo; gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mask_models, "load", lambda name, runtime: Boxes())
    photo = Image.new("RGB", SIZE, "gray")
    photo.paste("white", PLACES["t-shirt"])
    photo.save("me.png")

    def run(*arguments):
        code = cli.run_command(["style", *[str(argument) for argument in arguments]])
        return code, *capsys.readouterr()

    return run


def test_a_garment_becomes_another_one(command, tiny_checkpoint):
    code, output, errors = command("me.png", "t-shirt", "a red hoodie", "-c", tiny_checkpoint, "--sheet", *SHORT)
    assert code == 0, errors
    assert output.splitlines() == ["me-styled.png", "me-styled-sheet.png"]
    before, after = (np.asarray(read_image(name).image) for name in ("me.png", "me-styled.png"))
    left, top, right, bottom = PLACES["t-shirt"]
    assert (before != after)[top + 4 : bottom - 4, left + 4 : right - 4].any(2).mean() > 0.9
    assert np.array_equal(before[64:], after[64:])
    assert read_image("me-styled-sheet.png").image.width > 3 * 200


def test_each_of_many_garments_is_tried_on(command, tiny_checkpoint):
    Path("garments.txt").write_text("# autumn\na red hoodie\n\na blue coat\n")
    options = ["-c", tiny_checkpoint, "--sheet", "-o", "book.png", *SHORT]
    code, output, errors = command("me.png", "t-shirt", "--each", "garments.txt", *options)
    assert code == 0, errors
    assert output.splitlines() == ["book-1.png", "book-2.png", "book-1-sheet.png"]
    one, other, sheet = (read_image(f"book-{name}.png").image for name in ("1", "2", "1-sheet"))
    assert one != other
    assert sheet.width < 5 * 384 * one.width / one.height, "before, zone and both garments, side by side"
    alone = ["me.png", "t-shirt", "a blue coat", "-c", tiny_checkpoint, "-o", "alone.png", *SHORT]
    assert command(*alone)[0] == 0
    assert read_image("alone.png").image == other


def test_the_zone_alone_is_written(command):
    code, output, errors = command("me.png", "t-shirt", "a red hoodie", "--zone", "--quiet")
    assert (code, output) == (0, "me-zone.png\n"), errors
    zone = np.asarray(read_image("me-zone.png").image.convert("L"))
    left, top, right, bottom = PLACES["t-shirt"]
    assert zone[top:bottom, left:right].all()
    assert 0 < zone.mean() < 128
    code, output, errors = command("me.png", "t-shirt", "a hoodie", "--zone", "--mask", "me.png", "--quiet")
    assert code == 2
    assert errors.startswith("igo: --zone shows what TARGET names")


def test_how_a_mask_was_read_is_a_line(command, tiny_checkpoint):
    mask = Image.new("L", SIZE)
    mask.paste(38, (20, 24, 44, 50))
    mask.save("mask.png")
    arguments = "me.png", "t-shirt", "a red hoodie", "-c", tiny_checkpoint, "--mask", "mask.png", *SHORT
    code, _, errors = command(*arguments)
    assert code == 0
    assert "igo: mask: its two levels, 0 and 38, are read as no and yes" in errors
    before, after = (np.asarray(read_image(name).image) for name in ("me.png", "me-styled.png"))
    assert (before != after)[28:46, 24:40].any(2).mean() > 0.9
    mask.paste(75, (0, 0, 20, 20))
    mask.save("mask.png")
    code, _, errors = command(*arguments, "-o", "other.png")
    assert (code, errors.count("\n")) == (2, 1)
    assert "like a map of parts" in errors


def test_a_mask_of_ones_own_is_taken(command, tiny_checkpoint):
    mask = Image.new("L", SIZE)
    mask.paste(255, (0, 60, 64, 96))
    mask.save("mask.png")
    options = ["--mask", "mask.png", "-c", tiny_checkpoint, "-o", "out.png", *SHORT]
    assert command("me.png", "t-shirt", "a coat", *options)[0] == 0
    before, after = (np.asarray(read_image(name).image) for name in ("me.png", "out.png"))
    assert np.array_equal(before[:60], after[:60])
    assert not np.array_equal(before[64:], after[64:])


def test_a_list_of_garments_is_read_whatever_saved_it(command, tiny_checkpoint):
    options = ["-c", tiny_checkpoint, *SHORT]
    assert command("me.png", "t-shirt", "a blue coat", "-o", "alone.png", *options)[0] == 0
    for encoding in ("utf-8-sig", "utf-16"):
        garments = "# autumn\r\n   # not this\r\n\r\n  a blue coat  \r\n"
        Path("garments.txt").write_bytes(garments.encode(encoding))
        code, output, errors = command("me.png", "t-shirt", "--each", "garments.txt", "-o", "book.png", *options)
        assert (code, output) == (0, "book.png\n"), errors
        assert read_image("book.png").image == read_image("alone.png").image


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["me.png", "t-shirt"], "give either what the target becomes"),
        (["me.png", "t-shirt", "a coat", "--each", "x.txt"], "give either what the target becomes"),
        (["me.png", "t-shirt", "--each", "x.txt"], "x.txt can't be read"),
        (["me.png", "t-shirt", "--each", "empty.txt"], "names no garment"),
        (["me.png", "hat", "a cap"], "found no 'hat'"),
        (["nobody.png", "t-shirt", "a coat"], "nobody.png"),
        (["me.png", "t-shirt", "a coat", "-o", "me.png"], "would write over the input"),
        (["me.png", "t-shirt", "a coat", "--margin", "7"], "margin is 7"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, command, tiny_checkpoint):
    Path("empty.txt").write_text("\n# nothing\n")
    before = sorted(Path().iterdir())
    code, _, errors = command(*arguments, "-c", tiny_checkpoint, *SHORT)
    assert code == 2
    assert message in errors
    assert errors.startswith("igo: ")
    assert errors.count("\n") == 1
    assert sorted(Path().iterdir()) == before
