"""Wrong command lines: one line on standard error, exit code 2, nothing printed, nothing written; most at once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from igo import cli

CHAIN = '[request]\nprompt = "a"\nseed = 5\n[[step]]\nuse = "igo.testing:PaintedBase"\n'
ORIGINALS = {
    "chain.toml": CHAIN,
    "broken.toml": CHAIN.replace('prompt = "a"', 'prompt = "a'),
    "steps.toml": "[request]\nseed = 3\n",
    "typo.toml": CHAIN.replace("seed", "sead"),
    "unknown.toml": '[[step]]\nuse = "virtual-stylin"\n',
    "text.png": "this is no picture",
    "comments.txt": "\n# nothing\n   # nothing at all\n",
    "subjects.toml": "[[subject]]\ntoken = 3\n",
    "adapter.bin": "x",
}


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """Run ``igo`` in a folder with files to name; gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path)

    def run(*arguments):
        code = cli.run_command([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


def lay_out(folder):
    for name, content in ORIGINALS.items():
        (folder / name).write_text(content)
    (folder / "latin.txt").write_bytes("é".encode("latin-1"))
    Image.new("RGB", (8, 8), "red").save(folder / "me.png")
    Image.new("RGB", (8, 8), "blue").save(folder / "look-sheet.png")
    (folder / "link.png").symlink_to("me.png")
    (folder / "hard.png").hardlink_to(folder / "me.png")
    (folder / "itself.png").symlink_to("itself.png")
    (folder / "round").symlink_to("round")
    (folder / "folder.png").mkdir()
    (folder / "photos").mkdir()
    Image.new("RGB", (8, 8), "red").save(folder / "photos" / "a.png")


def contents(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in Path(folder).rglob("*")}


QUICK = [
    # what can't be understood
    (["gen"], "No such command 'gen'"),
    (["stlye", "me.png"], "Did you mean 'style'?"),
    (["train", "lore"], "No such command 'lore'"),
    (["dataset", "looks", "photos"], "No such command 'looks'"),
    (["generate"], "Missing argument"),
    (["style", "me.png"], "Missing argument"),
    (["generate", "a", "b"], "unexpected extra argument"),
    (["generate", "a", "--sead", "1"], "No such option: --sead"),
    (["generate", "a", "-x"], "No such option: -x"),
    (["generate", "a", "--seed"], "requires an argument"),
    (["generate", "a", "--seed", "x"], "'x' is not a valid int"),
    (["generate", "a", "--seed", "1.5"], "'1.5' is not a valid int"),
    (["generate", "a", "--guidance-scale", "much"], "'much' is not a valid float"),
    (["generate", "a", "--memory", "little"], "'little' is not one of 'auto', 'full'"),
    (["generate", "a", "--safety", "off"], "'off' is not one of"),
    (["generate", "a", "--quiet=yes"], "does not take a value"),
    # numbers that can't be meant
    (["generate", "a", "--seed", "-1"], "--seed is -1; expected a whole number from 0"),
    (["generate", "a", "--width", "0"], "--width is 0; expected"),
    (["generate", "a", "--width", "-64"], "--width is -64; expected"),
    (["generate", "a", "--steps", "0"], "--num-inference-steps is 0; expected"),
    (["generate", "a", "-n", "0"], "--num-images is 0; expected"),
    (["generate", "a", "--guidance-scale", "-1"], "--guidance-scale is -1.0; expected"),
    (["generate", "a", "--guidance-scale", "nan"], "--guidance-scale is nan; expected"),
    (["generate", "a", "--clip-skip", "-1"], "--clip-skip is -1; expected at least 0"),
    (["generate", "a", "--image", "me.png", "--strength", "1.01"], "--strength is 1.01; expected"),
    (["style", "me.png", "hat", "a cap", "--margin", "7"], "--margin is 7.0; expected"),
    (["style", "me.png", "hat", "a cap", "--candidates", "0"], "--candidates is 0; expected"),
    (["style", "me.png", "hat", "a cap", "--threshold", "2"], "--threshold is 2.0; expected"),
    (["upscale", "me.png", "0.5"], "SCALE is 0.5; expected a number above 1"),
    (["upscale", "me.png", "2", "--tile", "5"], "--tile is 5; expected at least 32"),
    (["mini", "draw", "drawn", "-n", "0"], "--count is 0"),
    (["dataset", "look", "photos", "--width", "0"], "expected numbers of at least 1"),
    # words that can't be meant
    (["generate", ""], "PROMPT is empty"),
    (["generate", "  ", "--image", "me.png"], "PROMPT is empty"),
    (["prompt", " "], "TEXT is empty"),
    (["style", "me.png", " ", "a cap"], "TARGET is empty"),
    (["style", "me.png", "hat", ","], "TO is empty"),
    (["generate", "a", "--preset", "house"], "there is no preset 'house'"),
    (["generate", "a", "--dtype", "float8"], "--dtype is 'float8'; did you mean 'float32'?"),
    (["generate", "a", "--device", "potato"], "--device is 'potato'"),
    (["style", "me.png", "hat", "a cap", "--device", "potato"], "--device is 'potato'"),
    (["upscale", "me.png", "2", "--device", "potato"], "--device is 'potato'"),
    (["run", "chain.toml", "--device", "potato"], "--device is 'potato'"),
    (["run", "chain.toml", "--dtype", "int8"], "--dtype is 'int8'"),
    (["style", "me.png", "hat", "a cap", "--on-doubt", "ask"], "--on-doubt is 'ask'; choose"),
    (["outpaint", "me.png", "--to", "wide"], "--to is 'wide'; expected a shape"),
    (["outpaint", "me.png"], "nothing to add; give"),
    (["outpaint", "me.png", "--to", "3:4", "--left", "8"], "both --to 3:4 and --left 8; give one of them"),
    (["upscale", "me.png", "2", "--to", "16x16"], "are both given; choose one"),
    (["upscale", "me.png", "2", "--backend", "gpu"], "--backend is 'gpu'; "),
    (["upscale", "me.png", "2", "-m", "x5"], "there is no upscaling model 'x5'"),
    (["new-plugin", "film", "--hook", "paint"], "there is no hook 'paint'"),
    (["new-plugin", "1film"], "the name is '1film'"),
    (["plugins", "text-to-imag"], "did you mean 'text-to-image'?"),
    # options that don't go together
    (["generate", "a", "--strength", "0.5"], "--strength is for a picture to start from"),
    (["generate", "a", "--layer", "mask=me.png"], "--layer is for a picture to start from"),
    (["generate", "a", "--layer", "me.png"], "--layer is 'me.png'; expected NAME=FILE"),
    (["generate", "a", "--layer", "a=me.png", "--layer", "a=me.png"], "--layer gives 'a' twice"),
    (
        ["generate", "a", "--reference", "me.png"],
        "--reference is 'me.png'; expected NAME=FILE, such as garment=shirt.png",
    ),
    (["outpaint", "me.png", "--left", "8", "--reference", "=me.png"], "--reference is '=me.png'; expected NAME=FILE"),
    (["run", "chain.toml", "--reference", " =me.png"], "--reference is ' =me.png'; expected NAME=FILE"),
    (["replay", "me.png", "--reference", "a="], "--reference is 'a='; expected NAME=FILE"),
    (["generate", "a", "--reference", "a\nb=me.png"], "has one called 'a\\nb'; expected 1 to 100 printable characters"),
    (["style", "me.png", "hat", "a cap", "--reference", "a=me.png", "--reference", "a=b.png"], "gives 'a' twice"),
    (["run", "chain.toml", "--reference", "image=me.png"], "can't be called 'image', as the picture to start from is"),
    (["run", "chain.toml", "--layer", "a=me.png", "--reference", "a=me.png"], "can't be called 'a', as a layer is"),
    (["replay", "me.png", "--layer", "a=me.png", "--reference", "a=me.png"], "--layer and --reference both give 'a'"),
    (["style", "me.png", "hat"], "give either what the target becomes"),
    (["style", "me.png", "hat", "a cap", "--each", "comments.txt"], "give either what the target becomes"),
    (["train", "base", "--out", "made"], "give either --data FOLDER"),
    (["train", "base", "--out", "made", "--drawn", "1"], "--drawn is 1; expected at least 2"),
    # files that aren't there, or are something else
    (["generate", "a", "-c", "nowhere"], "--checkpoint is 'nowhere', which is not here"),
    (["generate", "a", "-c", "./no/where"], "--checkpoint is './no/where', which is not here"),
    (["generate", "a", "--inpaint-checkpoint", "nowhere"], "--inpaint-checkpoint is 'nowhere', which is not here"),
    (["outpaint", "me.png", "--left", "8", "--config", "no.where"], "--config is 'no.where', which is not here"),
    (["generate", "a", "--inpaint-checkpoint", "me.png", "--inpaint-config", "no"], "--inpaint-config is 'no'"),
    (["style", "me.png", "hat", "a cap", "--mask-model", "nowhere"], "--mask-model is 'nowhere', which is not here"),
    (["dataset", "mask", "photos", "hat", "--mask-model", "nowhere"], "--mask-model is 'nowhere', which is not here"),
    (["caption", "photos", "-m", "nowhere"], "--model is 'nowhere', which is not here"),
    (["generate", "a", "--image", "none.png"], "'none.png' does not exist"),
    (["generate", "a", "--image", "text.png"], "is a text file"),
    (["generate", "a", "--reference", "a=none.png"], "'none.png' does not exist"),
    (["generate", "a", "--reference", "a=text.png"], "is a text file"),
    (["outpaint", "me.png", "--left", "8", "--reference", "a=folder.png"], "'folder.png' is a"),
    (["style", "me.png", "hat", "a cap", "--reference", "a=none.png"], "'none.png' does not exist"),
    (["style", "none.png", "hat", "a cap"], "'none.png' does not exist"),
    (["style", "me.png", "hat", "a cap", "--mask", "none.png"], "'none.png' does not exist"),
    (["style", "me.png", "hat", "--each", "none.txt"], "none.txt can't be read (No such file"),
    (["style", "me.png", "hat", "--each", "comments.txt"], "names no garment"),
    (["style", "me.png", "hat", "--each", "latin.txt"], "latin.txt is not text in UTF-8"),
    (["upscale", "none.png", "2"], "'none.png' does not exist"),
    (["run", "none.toml"], "none.toml can't be read"),
    (["run", "broken.toml"], "broken.toml:2: "),
    (["run", "steps.toml"], "no steps; expected at least one [[step]]"),
    (["run", "typo.toml"], "typo.toml:3: [request] has no 'sead'; did you mean 'seed'?"),
    (["run", "unknown.toml"], "did you mean 'virtual-styling'?"),
    (["show", "none.png"], "'none.png' does not exist"),
    (["show", "me.png"], "me.png carries no record"),
    (["replay", "me.png"], "me.png carries no record of IGO"),
    (["caption", "nowhere"], "nowhere is not a folder"),
    (["dataset", "look", "nowhere"], "nowhere is not a folder"),
    (["dataset", "mask", "nowhere", "hat"], "nowhere is not a folder"),
    (["train", "lora", "--data", "nowhere", "--out", "a.safetensors"], "--data nowhere is not a folder"),
    (["train", "lora", "--data", "photos", "--out", "a.safetensors", "--base", "no"], "--base is 'no', which is not"),
    (["train", "dreambooth", "none.toml", "--out", "a.safetensors"], "none.toml can't be read"),
    (["train", "dreambooth", "subjects.toml", "--out", "a.safetensors"], "subjects.toml: subject.0"),
    (["train", "dreambooth", "broken.toml", "--out", "a.safetensors"], "broken.toml is not TOML"),
    # places that can't be written to
    (["generate", "a", "-o", "a.gif"], "expected one of .png, .jpg, .jpeg, .webp"),
    (["generate", "a", "-o", "a"], "has no suffix: expected one of"),
    (["generate", "a", "-o", "folder.png"], "is a folder or a device"),
    (["generate", "a", "-o", "itself.png"], "can't be written: Too many levels of symbolic links"),
    (["style", "me.png", "hat", "a cap", "-o", "round/a.png"], "Too many levels of symbolic links"),
    (["outpaint", "me.png", "--left", "8", "-o", "me.png/a.png"], "Not a directory"),
    (["upscale", "me.png", "2", "-o", f"{'a' * 300}.png"], "File name too long"),
    (["run", "chain.toml", "-o", "/proc/a.png"], "can't be written"),
    (["demo", "-o", "me.png"], "is a file: expected a folder"),
    (["demo", "-o", "round/a"], "Too many levels of symbolic links"),
    (["mini", "draw", "me.png"], "is a file: expected a folder"),
    (["dataset", "look", "photos", "-o", "round/a.png"], "Too many levels of symbolic links"),
    (["dataset", "look", "photos", "-o", "photos/a.png"], "would be one of the pictures of photos"),
    (["train", "base", "--drawn", "4", "--out", "me.png"], "is a file: expected a folder"),
    (["train", "lora", "--drawn", "4", "--out", "a.bin"], "--out is a.bin; expected the name of a .safetensors file"),
    (["train", "lora", "--drawn", "4", "--out", "round/a.safetensors"], "Too many levels of symbolic links"),
    (["train", "lora", "--drawn", "4", "--out", "a.safetensors", "--work", "me.png"], "is a file: expected a folder"),
    (["new-plugin", "film", "-o", "round/a"], "Too many levels of symbolic links"),
    # outputs that are inputs
    (["upscale", "me.png", "2", "-o", "me.png"], "--output would write over the input me.png"),
    (["upscale", "me.png", "2", "-o", "./photos/../me.png"], "--output would write over the input me.png"),
    (["upscale", "me.png", "2", "-o", "link.png"], "--output would write over the input me.png"),
    (["upscale", "link.png", "2", "-o", "me.png"], "--output would write over the input link.png"),
    (["upscale", "me.png", "2", "-o", "hard.png"], "--output would write over the input me.png"),
    (["style", "look-sheet.png", "hat", "a cap", "--sheet", "-o", "look.png"], "over the input look-sheet.png"),
    (["style", "me.png", "hat", "a cap", "--mask", "look-sheet.png", "--sheet", "-o", "look.png"], "over the input"),
    (["generate", "a", "--image", "me.png", "-o", "me.png"], "--output would write over the input me.png"),
    (["generate", "a", "--reference", "a=me.png", "-o", "me.png"], "--output would write over the input me.png"),
    (["run", "chain.toml", "--reference", "a=me.png", "-o", "link.png"], "--output would write over the input me.png"),
    (["outpaint", "folder.png", "--left", "8", "--reference", "a=me.png", "-o", "hard.png"], "over the input me.png"),
    (["style", "link.png", "hat", "a cap", "--reference", "a=look-sheet.png", "--sheet", "-o", "look.png"], "over the"),
    (["run", "chain.toml", "--layer", "mask=me.png", "--image", "me.png", "-o", "me.png"], "over the input me.png"),
]
"""Told before torch is imported."""
LATER = [
    (["generate", "a", "--device", "cuda:99"], "'cuda:99' can't be used here"),
    (["generate", "a", "--adapter", "adapter.bin"], "adapter.bin"),
    (["generate", "a", "--adapter", "none.safetensors"], "none.safetensors"),
    (["generate", "a", "--adapter", "a.safetensors:99"], "scale is 99"),
    (["prompt", "a", "-c", "nowhere"], "nowhere"),
]


def test_no_case_stands_here_twice():
    cases = [arguments for arguments, _ in QUICK + LATER]
    assert len(cases) == len({json.dumps(case) for case in cases}) >= 100


@pytest.mark.parametrize(
    ("arguments", "message"), QUICK + LATER, ids=lambda value: " ".join(value)[:60] * isinstance(value, list)
)
def test_a_wrong_command_line_is_one_line_and_leaves_nothing(arguments, message, command, tmp_path):
    before = contents(tmp_path)
    code, output, errors = command(*arguments)
    assert code == 2
    assert output == ""
    assert errors.startswith("igo: ")
    assert errors.count("\n") == 1
    assert "internal error" not in errors
    assert message in errors
    assert contents(tmp_path) == before


ALL_AT_ONCE = """
import json, sys
from igo.cli import run_command
for case in json.load(sys.stdin):
    run_command(case)
    loaded = [name for name in ("torch", "diffusers", "transformers") if name in sys.modules]
    assert not loaded, f"{case} needed {loaded}"
"""


def test_what_can_be_known_at_once_is_told_before_torch_is_imported(tmp_path):
    lay_out(tmp_path)
    cases = json.dumps([arguments for arguments, _ in QUICK])
    run = [sys.executable, "-c", ALL_AT_ONCE]
    done = subprocess.run(run, cwd=tmp_path, input=cases, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr.splitlines()[-1]
    assert done.stderr.count("\n") == len(QUICK)
