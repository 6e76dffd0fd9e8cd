"""``igo outpaint``: from a photo to a larger one, and one line for all that can't be meant."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from igo import cli, embedded
from igo.painting.checkpoints import checkpoint
from igo.testing import draw_figure


@pytest.fixture
def command(capsys, monkeypatch, tmp_path, tiny_checkpoint):
    """Run ``igo outpaint`` on a photo in an empty folder, with a `mini` that is even smaller."""
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "mini")
    defaults = {"width": 32, "height": 48, "num_inference_steps": 2, "guidance_scale": 5.0}
    (folder / checkpoint.DEFAULTS_FILE).write_text(json.dumps(defaults))
    monkeypatch.setattr(embedded, "path", lambda part: folder)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    draw_figure(0, 32, 48).image.save("photo.png")  # no photograph: `mini` remarks on those

    def run(*arguments):
        code = cli.run_command(["outpaint", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def test_a_photo_is_extended_to_a_shape_and_keeps_its_pixels(command):
    code, output, errors = command("photo.png", "--to", "3:4", "--anchor", "left", "-o", "wide.png", "--quiet")
    assert (code, errors) == (0, "")
    assert output.strip() == "wide.png"
    wide, photo = np.asarray(Image.open("wide.png")), np.asarray(Image.open("photo.png"))
    assert wide.shape == (48, 36, 3)
    assert np.array_equal(wide[:, :24], photo[:, :24])


def test_without_a_name_it_is_named_after_the_photo(command):
    code, output, errors = command("photo.png", "--right", 8, "--tile", 64, "--quiet")
    assert (code, output.strip(), errors) == (0, "photo-outpainted.png", "")
    with Image.open("photo-outpainted.png") as extended:
        assert extended.size == (40, 48)


def test_a_photo_that_is_too_large_for_the_checkpoint_is_told_of_tiles(command):
    Image.open("photo.png").resize((320, 480)).save("large.png")
    code, output, errors = command("large.png", "--right", 32, "-o", "out.png", "--quiet")
    assert (code, output.strip()) == (0, "out.png")
    assert errors.startswith("igo: outpainting: what is new was painted at ")
    assert "--tile " in errors
    assert errors.count("\n") == 1


def test_with_a_prompt_the_photo_is_kept_too(command):
    code, _, errors = command("photo.png", "a beach", "--bottom", 8, "-o", "tall.png", "--seed", 3, "-n", 2, "--quiet")
    assert (code, errors) == (0, "")
    photo = np.asarray(Image.open("photo.png"))
    for name in ("tall-1.png", "tall-2.png"):
        assert np.array_equal(np.asarray(Image.open(name))[:40], photo[:40])
    assert cli.run_command(["replay", "tall-2.png", "--quiet"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photo.png"], "nothing to add; give left, right, top or bottom in pixels, or --to 3:4 or '1024x1536'"),
        (["photo.png", "--to", "3:4", "--left", "8"], "both --to 3:4 and --left 8; give one of them"),
        (["photo.png", "--to", "8x8"], "--to 8x8 is smaller than the picture of 32x48; outpainting only adds"),
        (["photo.png", "--to", "wide"], "to is 'wide'; expected a shape such as '3:4' or a size such as '1024x1536'"),
        (["photo.png", "--left", "8", "-o", "photo.png"], "--output would write over the input photo.png"),
        (["nothing.png", "--left", "8"], "nothing.png"),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_exit_code_2(command, arguments, message):
    code, output, errors = command(*arguments)
    assert (code, output) == (2, "")
    assert message in errors
    assert errors.startswith("igo: ")
    assert errors.count("\n") == 1


def test_every_option_has_help(command):
    code, output, _ = command("--help")
    assert code == 0
    for parameter in cli.typer.main.get_command(cli.app).commands["outpaint"].params:
        assert parameter.help, parameter.name
        assert max(parameter.opts, key=len).removeprefix("--") in output or parameter.metavar in output
