"""The command line: what it does, what it costs, and one line and exit code 2 for all that can't be understood."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import igo
from igo import cli, embedded
from igo.cli.demo import detail
from igo.cli.listing import MODULES, SUMMARIES
from igo.images import read_image
from igo.painting.checkpoints import checkpoint
from igo.testing import PaintedBase
from igo_plugins.styling import mask_models
from tests.builders.masks import Boxes

COMMANDS = list(SUMMARIES)
SMALL = ["--width", "32", "--height", "48", "--steps", "2", "--quiet"]


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """Run ``igo`` in an empty folder; gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = cli.run_command([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def tinier_mini(tiny_checkpoint, tmp_path_factory):
    folder = shutil.copytree(tiny_checkpoint, tmp_path_factory.mktemp("tinier") / "mini")
    defaults = {"width": 32, "height": 48, "num_inference_steps": 2, "guidance_scale": 5.0}
    (folder / checkpoint.DEFAULTS_FILE).write_text(json.dumps(defaults))
    return folder


@pytest.fixture
def tiny_mini(tinier_mini, monkeypatch):
    """`mini` in even smaller; some parts are small enough."""
    own = ("upscaler", "parser", "body", "tryon")
    monkeypatch.setattr(embedded, "path", lambda part: embedded.WEIGHTS / part if part in own else tinier_mini)


def is_one_line(errors):
    return errors.startswith("igo: ") and errors.count("\n") == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_help(name, command):
    code, output, _ = command(name, "--help")
    assert code == 0
    typer_command = cli.typer.main.get_command(cli.app).commands[name]
    assert typer_command.help
    for parameter in typer_command.params:
        assert parameter.help, f"igo {name}: {parameter.name}"
        assert max(parameter.opts, key=len).removeprefix("--") in output or parameter.metavar in output


def test_every_command_is_listed():
    """The table that is shown in place of importing all of them has each, in a line of a terminal."""
    modules = [module for name in SUMMARIES for module in MODULES.get(name, (name.replace("-", "_"),))]
    folder = Path(cli.__file__).parent
    assert sorted(modules) == sorted(path.stem for path in folder.glob("*.py") if "\ndef register(" in path.read_text())
    assert max(map(len, SUMMARIES.values())) <= 80 - 2 - max(map(len, SUMMARIES)) - 2


def test_help_and_version(command):
    code, output, _ = command()
    assert code == 0
    assert all(name in output for name in COMMANDS)
    assert command("--version")[:2] == (0, f"igo {igo.__version__}\n")


def test_generate_writes_pictures_that_show_and_replay(command, tiny_checkpoint):
    code, output, _ = command("generate", "a (red:1.2) hoodie", "-c", tiny_checkpoint, "--seed", 7, "-n", 2, *SMALL)
    assert (code, output) == (0, "igo-7-1.png\nigo-7-2.png\n")
    assert read_image("igo-7-2.png").image.size == (32, 48)

    code, output, _ = command("show", "igo-7-2.png")
    assert code == 0
    assert output.startswith("a (red:1.2) hoodie\nSteps: 2, Sampler: DDIM, CFG scale: 7.5, Seed: 8, Size: 32x48")
    assert 'use = "text-to-image"' in output
    assert f"diffusers: {record('igo-7-2.png')['stack']['diffusers']}" in output

    code, output, _ = command("replay", "igo-7-2.png", "--quiet")
    assert (code, output) == (0, "igo-7-2-replay.png\nidentical: the same bytes\n")
    assert Path("igo-7-2.png").read_bytes() == Path("igo-7-2-replay.png").read_bytes()


def record(path):
    from igo.records.provenance import read_record

    return read_record(path)


def test_generate_from_an_image_within_a_mask(command, tiny_checkpoint, photo):
    photo.save("me.png")
    mask = Image.new("L", photo.size)
    mask.paste(255, (0, 0, 20, 20))
    mask.save("mask.png")
    code, output, errors = command(
        "generate", "a red hoodie", "-c", tiny_checkpoint, "--image", "me.png", "--layer", "mask=mask.png",
        "--strength", 0.9, "--steps", 3, "--seed", 1, "-o", "out/new.jpg", "-q",
    )  # fmt: skip
    assert (code, output) == (0, "out/new.jpg\n")
    assert "JPEG is lossy" in errors
    assert read_image("out/new.jpg").image.size == photo.size
    assert command("replay", "out/new.jpg", "--image", "me.png", "--layer", "mask=mask.png", "-q")[0] == 0


def test_show_as_json(command):
    igo.Chain(PaintedBase()).run("a coat", seed=1).save("a.png")
    code, output, _ = command("show", "a.png", "--json")
    assert code == 0
    assert json.loads(output) == record("a.png")


def test_replay_says_what_differs_and_exits_with_1(command):
    look = igo.Chain(PaintedBase()).run("a coat", seed=1)
    changed = look.record() | {"pixels": "0", "stack": {**look.record()["stack"], "pillow": "1.0"}}
    from igo.images import write_image

    write_image(look.image, "a.png", text={"igo": json.dumps(changed)})
    code, output, _ = command("replay", "a.png", "-q")
    assert code == 1
    assert "different: the pixels are not the same\n  pillow: 1.0 then" in output


def test_run_takes_a_chain_and_options_win_over_its_request(command):
    Path("chain.toml").write_text(
        '[request]\nprompt = "a coat"\nseed = 3\nwidth = 40\n[[step]]\nuse = "igo.testing:PaintedBase"\n'
    )
    assert command("run", "chain.toml", "--width", 24, "-o", "a.png", "-q")[:2] == (0, "a.png\n")
    request = record("a.png")["request"]
    assert (request["prompt"], request["seed"], request["width"]) == ("a coat", 3, 24)
    assert command("run", "chain.toml", "-p", "a hat", "--dtype", "float32", "-q")[:2] == (0, "igo-3.png\n")
    assert record("igo-3.png")["chain"]["runtime"] == {"dtype": "float32"}
    assert record("igo-3.png")["request"]["prompt"] == "a hat"


def test_plugins_lists_and_describes(command):
    code, output, _ = command("plugins")
    assert code == 0
    assert "text-to-image" in output
    code, output, _ = command("plugins", "text-to-image")
    assert code == 0
    assert 'checkpoint: str = "mini"' in output
    assert "revision: str | None = (left out)\n      A hub's branch, tag or commit." in output


def test_prompt_prints_tokens_chunks_and_weights(command, tiny_mini):
    code, output, _ = command("prompt", "a (red:1.3) hoodie, " + "blue jeans, " * 30, "--negative-prompt", "street")
    assert code == 0
    assert output.startswith("prompt: 94 tokens in 2 chunks (75 + 19), nothing dropped")
    assert "    ×1.3    red\n" in output
    assert "chunk 2, 19 tokens:" in output
    assert "negative prompt: 1 token in 1 chunk" in output
    assert "(high detailed skin:1.2)" in command("prompt", "a coat", "--preset", "musinsaigo")[1]


def test_demo_writes_pictures_and_a_sheet_of_all_stages(command, tiny_mini, monkeypatch):
    monkeypatch.setattr(
        "igo.cli.demo.LOOKS", [("a red hoodie, street", "t-shirt", "a coat"), ("a", "jeans", "a skirt")]
    )
    monkeypatch.setattr(mask_models, "load", lambda name, runtime: Boxes())
    code, output, errors = command("demo", "--quiet")
    assert code == 0, errors
    assert "2 looks and as many fittings are in out/demo" in output
    assert sorted(path.name for path in Path("out/demo").glob("look-*.png")) == ["look-1.png", "look-2.png"]
    assert read_image("out/demo/look-1.png").image.size == (4 * 36, 4 * 48)
    assert sorted(path.name for path in Path("out/demo").glob("fitting-*.png")) == ["fitting-1.png", "fitting-2.png"]
    assert read_image("out/demo/sheet.png").image.width > 2 * (2 * 256 + 2 * 288)


def test_the_demo_shows_a_part_of_what_it_enlarged_pixel_by_pixel():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (768, 576, 3), dtype=np.uint8))
    assert detail(noise) == noise.crop((144, 38, 432, 422))
    small = noise.crop((0, 0, 30, 40))
    assert detail(small) == small


def test_mini_draw_writes_pictures_with_captions_as_trainers_read_them(command):
    assert command("mini", "draw", "drawn", "-n", 2, "--seed", 5, "--labels", "--width", 64, "--height", 96)[0] == 0
    rows = [json.loads(line) for line in Path("drawn/metadata.jsonl").read_text().splitlines()]
    assert [row["file_name"] for row in rows] == ["figure-000005.png", "figure-000006.png"]
    for row in rows:
        assert read_image(Path("drawn", row["file_name"])).image.size == (64, 96)
        assert read_image(Path("drawn", row["labels"])).image.size == (64, 96)
        assert len(row["text"].split()) > 5
    code, _, errors = command("mini", "draw", "drawn", "-n", 0)
    assert code == 2
    assert is_one_line(errors)
    assert "draw" in command("mini")[1]


def test_doctor_finds_all_well_or_says_what_is_wrong(command, tiny_mini, monkeypatch, tmp_path):
    code, output, _ = command("doctor")
    assert code == 0
    assert "plugin text-to-image (igo " in output
    assert "checkpoint mini (" in output
    assert output.endswith("all is well\n")

    info = tmp_path / "igo_film-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: igo-film\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[igo.plugins]\nfilm = igo_no_such_film:Film\npaint = igo.testing:PaintedBase\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    code, output, _ = command("doctor")
    assert code == 1
    assert "wrong: plugin 'film' of igo-film 1.0 can't be imported (ModuleNotFoundError" in output
    assert "plugin paint (igo-film 1.0)" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gen"], "No such command 'gen'"),
        (["generate"], "Missing argument"),
        (["generate", "a", "--seed", "x"], "'x' is not a valid int"),
        (["generate", "a", "--sead", "1"], "No such option: --sead"),
        (["generate", "a", "-c", "nowhere"], "--checkpoint is 'nowhere', which is not here; expected 'mini'"),
        (["generate", "a", "--image", "none.png"], "none.png"),
        (
            ["generate", "a", "--image", "plain.png", "--strength", "2"],
            "--strength is 2.0; expected a number",
        ),
        (["generate", "a", "--width", "0"], "--width is 0"),
        (["generate", "a", "--seed", "-1"], "--seed is -1"),
        (["generate", "a", "--emphasis", "much"], "'--emphasis': 'much' is not one of 'mean', 'plain', 'off'"),
        (["generate", "a", "--device", "tpu"], "--device is 'tpu'; expected auto, cpu, cuda"),
        (["generate", "a", "-o", "a.gif"], "expected one of .png, .jpg, .jpeg, .webp"),
        (["generate", "a", "--layer", "mask.png"], "--layer is 'mask.png'; expected NAME=FILE"),
        (["generate", "a", "--image", "text.png"], "is a text file"),
        (["run", "none.toml"], "none.toml can't be read"),
        (["run", "text.png"], "text.png:1: "),
        (["plugins", "text-to-imag"], "did you mean 'text-to-image'?"),
        (["prompt", "a", "-c", "nowhere"], "there is no checkpoint 'nowhere'"),
        (["prompt", "a", "--preset", "house"], "there is no preset 'house'"),
        (["show", "none.png"], "none.png"),
        (["show", "plain.png"], "plain.png carries no record"),
        (["replay", "plain.png"], "plain.png carries no record of IGO"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, command, tiny_mini):
    Path("text.png").write_text("this is no picture")
    Image.new("RGB", (4, 4)).save("plain.png")
    before = sorted(Path().iterdir())
    code, output, errors = command(*arguments)
    assert code == 2
    assert output == ""
    assert is_one_line(errors)
    assert message in errors
    assert sorted(Path().iterdir()) == before, "nothing may be left behind"


PAINT = '[request]\nprompt = "a"\nseed = 5\n[[step]]\nuse = "igo.testing:PaintedBase"\n'


@pytest.mark.parametrize(
    ("given", "output", "more"),
    [("me.png", "./me.png", []), ("out-2.png", "out.png", ["-n", 2]), ("igo-5.png", None, [])],
)
def test_an_input_is_never_written_over(given, output, more, command, photo):
    Path("chain.toml").write_text(PAINT)
    photo.save(given)
    before = Path(given).read_bytes()
    code, told, errors = command("run", "chain.toml", "--image", given, *(["-o", output] if output else []), *more)
    if output:
        assert code == 2
        assert "--output would write over the input" in errors
    else:
        assert (code, told) == (0, "igo-5-take-2.png\n")
    assert Path(given).read_bytes() == before


def test_a_replay_never_writes_over_what_went_in(command, photo):
    Path("chain.toml").write_text(PAINT)
    photo.save("me.png")
    assert command("run", "chain.toml", "--image", "me.png", "-o", "look.png")[0] == 0
    before = Path("me.png").read_bytes()
    code, _, errors = command("replay", "look.png", "-o", "me.png")
    assert code == 2
    assert "--output would write over the input" in errors
    assert Path("me.png").read_bytes() == before


def test_what_a_record_says_cannot_steer_the_terminal(command):
    igo.Chain(PaintedBase()).run("a \x1b[31mred coat", seed=1).save("a.png")
    assert "\x1b" not in command("show", "a.png")[1]


def test_an_internal_error_is_one_line_too(command, monkeypatch):
    monkeypatch.setattr("igo.chains.registry.installed", lambda: 1 / 0)
    code, _, errors = command("plugins")
    assert code == 1
    assert errors == "igo: internal error, please report it (ZeroDivisionError: division by zero)\n"
    monkeypatch.setenv("IGO_DEBUG", "1")
    assert "Traceback" in command("plugins")[2]


def test_cancelling_leaves_nothing_behind(command, monkeypatch):
    class Cancels:
        @igo.hookimpl
        def observe(self, event):
            raise KeyboardInterrupt

    Path("chain.toml").write_text('[request]\nprompt = "a"\n[[step]]\nuse = "igo.testing:PaintedBase"\n')
    monkeypatch.setattr("igo.chains.progress.ProgressBar.observe", Cancels.observe)
    code, output, errors = command("run", "chain.toml", "-o", "a.png")
    assert (code, output) == (130, "")
    assert "igo: cancelled; nothing half done was written" in errors
    assert not Path("a.png").exists()


def test_the_module_runs_as_a_program():
    done = subprocess.run([sys.executable, "-m", "igo", "--version"], check=True, capture_output=True, text=True)
    assert done.stdout == f"igo {igo.__version__}\n"


COST = """
import os, resource, sys
def cost(code):
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_WRONLY); os.dup2(null, 1)
        os.execv(sys.executable, [sys.executable, "-c", code])
    _, status, used = os.wait4(pid, 0)
    assert status == 0, code
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
def best(code): return min(cost(code) for _ in range(5))
bare = best("pass")
for arguments in (["--help"], ["plugins"]):
    seconds, megabytes = best(f"from igo.cli import run_command; import sys; sys.exit(run_command({arguments!r}))")
    print(seconds - bare[0], megabytes)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the kernel's accounting")
def test_help_and_plugins_cost_little():
    """At most 0.15 s of CPU time beyond bare Python, and 40 MB; the best of five, since machines are shared."""
    done = subprocess.run([sys.executable, "-c", COST], check=True, capture_output=True, text=True, env=os.environ)
    for line in done.stdout.splitlines():
        seconds, megabytes = map(float, line.split())
        assert seconds <= 0.15
        assert megabytes <= 40
