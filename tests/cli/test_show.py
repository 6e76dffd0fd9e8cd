"""``igo show``: records of IGO, and what other tools leave in pictures."""

import json

import pytest
from PIL import Image

import igo
from igo.cli import run_command
from igo.images import write_image
from igo.testing import PaintedBase
from igo_plugins import Upscaling


@pytest.fixture
def shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def show(*arguments):
        code = run_command(["show", *arguments])
        return code, *capsys.readouterr()

    return show


def test_texts_of_other_tools_are_printed(shown):
    image = Image.new("RGB", (4, 4))
    write_image(image, "webui.png", text={"parameters": "a coat\nSteps: 20, Sampler: Euler a\x1b[2J"})
    assert shown("webui.png") == (
        0, "# no record of IGO; what another tool left:\n\n# parameters\na coat\nSteps: 20, Sampler: Euler a�[2J\n", "",
    )  # fmt: skip
    write_image(image, "comfy.png", text={"prompt": '{"3": {"class_type": "KSampler"}}', "workflow": '{"nodes": []}'})
    code, output, _ = shown("comfy.png")
    assert code == 0
    assert '"class_type": "KSampler"' in output
    assert "# workflow" in output
    assert json.loads(shown("comfy.png", "--json")[1])["workflow"] == '{"nodes": []}'
    write_image(image, "none.png")
    assert shown("none.png")[::2] == (
        2, "igo: none.png carries no record of IGO, nor another tool's; expected a picture with one\n",
    )  # fmt: skip


def test_a_step_begins_with_its_plugin_and_null_is_shown(shown):
    record = igo.Chain(PaintedBase(8, 8), Upscaling(2, to=None)).run("a coat", seed=1).record()
    assert 'use = "upscaling"\nscale = 2.0' in printed(shown, record)
    record["chain"]["step"][1] = {"a": None, "use": "upscaling"}
    assert '"use": "upscaling",\n      "a": null' in printed(shown, record)


def printed(shown, record):
    write_image(Image.new("RGB", (8, 8)), "a.png", text={"igo": json.dumps(record)})
    code, output, errors = shown("a.png")
    assert (code, errors) == (0, "")
    return output


def test_how_an_input_was_made_is_shown(shown):
    igo.Chain(PaintedBase(8, 8)).run("a (red:1.2) coat", seed=12).save("look.png")
    igo.Chain(Upscaling(2)).run(image="look.png", seed=1).save("large.png")
    igo.Chain(Upscaling(2)).run(image="large.png", seed=1).save("larger.png")
    _, output, _ = shown("larger.png")
    assert "# how the input 'image' was made\n" in output
    assert "# from what was made so\na (red:1.2) coat\nSeed: 12, Version: IGO " in output
