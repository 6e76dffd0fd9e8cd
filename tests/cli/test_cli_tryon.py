"""``igo tryon``: one person, several garments, and everybody in everything."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from igo import cli
from igo.images import read_image
from igo_plugins.parsing import parser as parsers
from tests.builders.fittings import Knowing, garment, person


@pytest.fixture
def command(capsys, monkeypatch, tmp_path, tiny_inpaint_checkpoint):
    """Run a command in a folder with two people and three garments; gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    parser = Knowing()
    monkeypatch.setattr(parsers, "load", lambda name, runtime: parser)
    for folder in ("people", "garments"):
        Path(folder).mkdir()
    for name, figure in (("ann", 3), ("bob", 4)):
        me = person(parser, figure)
        me.save(f"people/{name}.png")
        if name == "ann":
            Image.fromarray(parser.parse(me)).save("parse.png")
    for name, figure, part in (("hoodie", 5, "upper"), ("shirt", 6, "upper"), ("trousers", 5, "lower")):
        garment(parser, figure, part).save(f"garments/{name}.png")
    short = ["-m", str(tiny_inpaint_checkpoint), "--parser", "mini", "--steps", "2", "--seed", "3", "--quiet"]

    def run(*arguments, name="tryon"):
        code = cli.run_command([name, *(short if name == "tryon" else []), *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


WHERE = ["--image", "people/ann.png", "--layer", "parse=parse.png", "--reference", "garment=garments/hoodie.png"]
WHERE += ["--reference", "garment-2=garments/trousers.png"]


def pixels(name):
    return np.asarray(read_image(name).image)


def test_a_garment_on_somebody(command):
    code, output, errors = command("people/ann.png", "garments/hoodie.png", "--sheet")
    assert (code, output) == (0, "ann-dressed.png\nann-dressed-sheet.png\n"), errors
    before, after = pixels("people/ann.png"), pixels("ann-dressed.png")
    assert 0.05 < (before != after).any(2).mean() < 0.6
    assert read_image("ann-dressed-sheet.png").image.width > 3 * 200


def test_records_tell_and_make_it_again(command):
    garments = ["garments/hoodie.png", "garments/trousers.png", "--layer", "parse=parse.png"]
    assert command("people/ann.png", *garments, "-o", "look.png")[0] == 0
    code, output, _ = command("look.png", name="show")
    assert code == 0
    assert output.count('use = "try-on"') == 2
    assert 'reference = "garment-2"' in output
    code, output, errors = command("look.png", *WHERE, "-o", "again.png", name="replay")
    assert code == 0, errors
    assert Path("again.png").read_bytes() == Path("look.png").read_bytes()


def test_several_garments_with_a_part_for_each(command):
    both = ["people/ann.png", "garments/hoodie.png", "garments/trousers.png", "-o", "both.png"]
    both += ["--layer", "parse=parse.png"]
    assert command(*both, "--part", "upper", "--part", "lower")[0] == 0
    together = pixels("both.png")
    assert command("people/ann.png", "garments/hoodie.png", "-o", "one.png")[0] == 0
    assert (pixels("one.png") != together).any()
    code, _, errors = command(*both, *["--part", "upper"] * 3)
    assert (code, errors) == (2, "igo: --part is given 3 times, and there are 2 garments; give one for each\n")


def test_a_mask_of_ones_own(command):
    mask = Image.new("L", (128, 192))
    mask.paste(255, (10, 10, 40, 40))
    mask.save("mask.png")
    look = ["people/ann.png", "garments/hoodie.png", "--layer", "mask=mask.png", "-o", "look.png"]
    assert command(*look)[0] == 0
    differs = (pixels("people/ann.png") != pixels("look.png")).any(2)
    assert not differs[np.asarray(mask) == 0].any()
    assert differs.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give the picture of somebody and that of a garment, or --people DIR and --garments DIR"),
        (["people/ann.png"], "give the picture of somebody and that of a garment, or --people DIR and --garments DIR"),
        (["--people", "people"], "--people and --garments go together, in place of PERSON and GARMENT"),
        (["people/ann.png", "--people", "people", "--garments", "garments"], "--people and --garments go together"),
        (
            ["--people", "people", "--garments", "garments"],
            "--people writes many pictures; name their",
        ),
        (["--people", "people", "--garments", "garments", "--sheet", "-o", "x"], "--people writes a sheet of its own"),
        (["--people", "none", "--garments", "garments", "-o", "x"], "none is not a folder; expected one with pictures"),
        (["--people", "empty", "--garments", "garments", "-o", "x"], "--people empty has no pictures in it"),
        (["--people", "people", "--garments", "garments", "-o", "mask.txt"], "mask.txt"),
        (["people/ann.png", "none.png"], "'none.png' does not exist"),
        (["people/ann.png", "garments/hoodie.png", "--mask", "hul"], "mask"),
        (
            ["people/ann.png", "garments/hoodie.png", "-o", "people/ann.png"],
            "would write over the input people",
        ),
        (["people/ann.png", "garments/hoodie.png", "--part", "hat"], "part is 'hat'"),
        (["--people", "people", "--garments", "garments", "-o", "x", "--batch-size", "0"], "--batch-size is 0; exp"),
    ],
)
def test_what_can_not_be_meant_is_one_line(command, arguments, message):
    Path("empty").mkdir()
    Path("mask.txt").write_text("no folder")
    before = sorted(Path().rglob("*"))
    code, output, errors = command(*arguments)
    assert code == 2
    assert output == ""
    assert errors.startswith("igo: ")
    assert errors.count("\n") == 1
    assert message in errors
    assert sorted(Path().rglob("*")) == before


def test_everybody_in_everything(command):
    Path("people/notes.txt").write_text("no picture")
    code, output, errors = command("--people", "people", "--garments", "garments", "-o", "out")
    assert code == 0, errors
    pairs = [f"out/{one}-{other}.png" for one in ("ann", "bob") for other in ("hoodie", "shirt", "trousers")]
    assert output.splitlines() == [*pairs, "out/sheet.png"]
    sheet = read_image("out/sheet.png").image
    assert sheet.height > 3 * 192
    assert command("people/bob.png", "garments/shirt.png", "-o", "alone.png")[0] == 0
    assert (pixels("alone.png") == pixels("out/bob-shirt.png")).all()
    where = ["--image", "people/bob.png", "--reference", "garment=garments/shirt.png"]
    code, _, errors = command("out/bob-shirt.png", *where, "-o", "again.png", name="replay")
    assert code == 0, errors
    assert Path("again.png").read_bytes() == Path("out/bob-shirt.png").read_bytes()


def test_who_fails_is_told_and_the_rest_goes_on(command):
    Image.new("RGB", (128, 192), "beige").save("people/nobody.png")
    Image.new("RGB", (90, 120), "beige").save("garments/nothing.png")
    Path("people/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    code, output, errors = command("--people", "people", "--garments", "garments", "-o", "out", "--batch-size", "3")
    assert code == 1
    assert len(output.splitlines()) == 7
    lines = errors.splitlines()
    assert sum(line.startswith("igo: broken: ") for line in lines) == 1
    assert sum("in nothing: step 'try-on' (postprocess): the reference" in x for x in lines) == 3
    assert sum(line.startswith("igo: nobody in ") for line in lines) == 4
    assert len(lines) == 7


def test_what_no_pair_could_work_with_ends_it(command, tiny_checkpoint):
    arguments = ["--people", "people", "--garments", "garments", "-o", "out", "--model", tiny_checkpoint]
    code, output, errors = command(*arguments)
    assert (code, output) == (2, "")
    assert errors.count("\n") == 1
    assert "has 4 channels" in errors
