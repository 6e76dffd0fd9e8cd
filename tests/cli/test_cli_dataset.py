"""``igo caption`` and ``igo dataset``: a folder of pictures gets captions and masks, and is looked at."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

import igo
from igo import cli
from igo.images import read_image
from igo.wardrobe import draw, sample
from igo_plugins.styling import mask_models
from tests.builders import captioners
from tests.builders.masks import PLACES, SIZE, Boxes

HERE = __name__


@dataclass(frozen=True)
class Widths:
    """A captioner as somebody else would bring it."""

    word: str = "a coat"
    times: int = 1

    @igo.hookimpl
    def caption(self, images, prompt):
        return [f"{prompt}{self.word} " * self.times + str(image.width) for image in images]


@dataclass(frozen=True)
class Everywhere:
    """A maker of masks, likewise."""

    target: str
    provides = ("mask",)

    @igo.hookimpl
    def provide(self, name, frame):
        return Image.new("L", frame.image.size, 255)


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """Run ``igo`` in a folder with photos; gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mask_models, "load", lambda name, runtime: Boxes())
    Path("photos").mkdir()
    for name in ("a", "b"):
        photo = Image.new("RGB", SIZE, "gray")
        photo.paste("white", PLACES["t-shirt"])
        photo.save(f"photos/{name}.png")

    def run(*arguments):
        code = cli.run_command([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


def texts():
    lines = Path("photos/metadata.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]


def test_a_folder_is_captioned_by_blip2(command, tmp_path):
    model = captioners.save_blip2(tmp_path / "blip2")
    options = ["--model", model, "--set", "max_new_tokens=5", "--set", "num_beams=1", "--prompt", "a photo of", "-q"]
    code, output, errors = command("caption", "photos", *options)
    assert code == 0, errors
    assert output == "photos/metadata.jsonl: 2 captions written, 0 pictures had theirs, 0 skipped\n"
    first = texts()
    assert all(text.startswith("fashion photo of ") for text in first)
    Path("photos/metadata.jsonl").unlink()
    assert command("caption", "photos", *options)[0] == 0
    assert texts() == first


def test_any_plugin_captions_with_its_settings(command):
    use = ["--with", f"{HERE}:Widths", "--set", "word=2", "--set", "times=2", "--template", "{}, studio", "-p", "in "]
    code, output, errors = command("caption", "photos", *use)
    assert code == 0, errors
    assert texts() == ["in 2 in 2 64, studio"] * 2
    Path("photos/c.png").write_bytes(b"broken")
    code, output, errors = command("caption", "photos", *use)
    assert (code, output) == (0, "photos/metadata.jsonl: 0 captions written, 2 pictures had theirs, 1 skipped\n")
    assert errors.startswith("igo: skipped: 'photos/c.png' is a text file")
    assert errors.count("\n") == 1


def test_masks_are_made_by_text_and_shown_on_the_sheet(command):
    assert command("caption", "photos", "--with", f"{HERE}:Widths")[0] == 0
    code, output, errors = command("dataset", "mask", "photos", "t-shirt", "hat", "--set", "confidence=0.7")
    assert code == 0, errors
    assert output.splitlines() == [
        "photos: 2 masks of t-shirt, 0 were there, 0 skipped",
        "photos: 0 masks of hat, 0 were there, 2 skipped",
    ]
    assert errors.count("igo: skipped: photos/") == errors.count("\n") == 2
    assert "found no 'hat'" in errors
    code, output, errors = command("dataset", "look", "photos", "--width", 64, "--height", 96)
    assert code == 0, errors
    assert output.splitlines()[:3] == [
        "photos: 2 pictures, 2 with captions; 2 masks",
        "buckets: 64×96 (2)",
        "twice: a.png, b.png have the same pixels",
    ]
    sheet = Path(output.splitlines()[-1])
    assert sheet.name == "photos-look.png"
    assert read_image(sheet).image.width > 4 * 256
    assert command("dataset", "mask", "photos", "coat", "--with", f"{HERE}:Everywhere")[0] == 0
    assert read_image("photos/masks/a.png.coat.png").image.getextrema()[0] == (255, 255)


def test_a_parser_masks_what_it_is_asked_for(command):
    for name, seed in (("a", 1), ("b", 2)):
        Image.fromarray(draw(sample(seed, top="t-shirt", hat="none", hair="short")).image).save(f"photos/{name}.png")
    code, output, errors = command("dataset", "mask", "photos", "hair", "top", "--with", "human-parsing")
    assert code == 0, errors
    assert output.splitlines() == [f"photos: 2 masks of {part}, 0 were there, 0 skipped" for part in ("hair", "top")]
    hair, top = (read_image(f"photos/masks/a.png.{part}.png").image.convert("1").getbbox() for part in ("hair", "top"))
    assert hair[1] < hair[3] <= top[1] < top[3]
    code, _, errors = command("dataset", "mask", "photos", "umbrella", "--with", "human-parsing")
    assert (code, errors.count("\n")) == (2, 1)
    assert "no step of this chain provides a layer 'mask' of 'umbrella'" in errors


def test_a_look_says_what_is_missing(command):
    Path("photos/b.png").write_bytes(b"broken")
    code, output, _ = command("dataset", "look", "photos", "-o", "sheet.png")
    assert code == 0
    assert "photos: 2 pictures, 0 with captions; 0 masks" in output
    assert "missing: a.png has no caption\n" in output
    assert "unreadable: 'photos/b.png' is a text file" in output
    assert "small: a.png (64×96) is enlarged to 512×768\n" in output
    assert "to write captions, run: igo caption photos\n" in output
    assert output.endswith("sheet.png\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["caption", "nowhere"], "nowhere is not a folder; expected one with pictures"),
        (["caption", "empty"], "empty holds no pictures; expected files that end in .png"),
        (["caption", "photos/a.png"], "is not a folder"),
        (
            ["caption", "photos", "--with", "captionin"],
            "no plugin 'captionin' is installed; did you mean 'captioning'?",
        ),
        (["caption", "photos", "--with", "upscaling"], "--with upscaling doesn't caption pictures"),
        (["caption", "photos", "--set", "num_beams"], "--set is 'num_beams'; expected NAME=VALUE"),
        (["caption", "photos", "--set", "num_beans=3"], "has no setting 'num_beans'; did you mean 'num_beams'?"),
        (["caption", "photos", "--set", "num_beams=many"], "num_beams is 'many'; expected a valid integer"),
        (["caption", "photos", "--set", "num_beams=0"], "num_beams is 0; expected at least 1"),
        (["caption", "photos", "--model", "./nowhere"], "--model is './nowhere', which is not here"),
        (["caption", "photos", "--template", "photo"], "expected one {} in it"),
        (["caption", "photos", "--device", "toaster"], "--device is 'toaster'; expected auto"),
        (["dataset", "mask", "photos", " "], "target is empty"),
        (["dataset", "mask", "photos", "hat", "--with", f"{HERE}:Widths"], "provides no masks"),
        (["dataset", "mask", "photos", "hat", "--with", "virtual-styling"], "needs the setting 'to'"),
        (["dataset", "mask", "empty", "hat"], "empty holds no pictures"),
        (["dataset", "look", "empty"], "empty holds no pictures"),
        (["dataset", "look", "photos", "--width", "0"], "0×768 and --count 60 can't be"),
        (["dataset", "look", "photos", "--multiple", "5"], "expected a multiple of 8"),
        (["dataset", "look", "photos", "-o", "sheet.gif"], "expected one of .png"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, command):
    Path("empty").mkdir()
    before = sorted(Path().rglob("*"))
    code, _, errors = command(*arguments)
    assert code == 2, errors
    assert message in errors
    assert errors.startswith("igo: ")
    assert errors.count("\n") == 1
    assert sorted(Path().rglob("*")) == before
