"""``igo train``: from a folder or from drawings, and one line for all that can't be trained on."""

import json

import pytest
from PIL import Image
from safetensors import safe_open
from transformers import SegformerForSemanticSegmentation

from igo import cli
from igo.networks.files import load_srvgg
from igo.painting.checkpoints import checkpoint
from igo.training import finetune, fitting

SHORT = ["--steps", "2", "--batch-size", "1"]


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """Run ``igo train`` in an empty folder; gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = cli.run_command(["train", *[str(argument) for argument in arguments]])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    lines = []
    for index, colour in enumerate(("red", "blue", "green")):
        Image.new("RGB", (300, 400), colour).save(folder / f"{index}.png")
        mask = Image.new("L", (300, 400))
        mask.paste(255, (50, 50, 200, 300))
        mask.save(folder / f"{index}-mask.png")
        lines.append({"file_name": f"{index}.png", "text": f"a {colour} hoodie", "mask": f"{index}-mask.png"})
        if index:
            lines.append({"file_name": f"{index}.png", "text": f"photo of a woman in a {colour} hoodie"})
    (folder / "metadata.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    return folder


@pytest.mark.parametrize("source", ["--data", pytest.param("--drawn", marks=pytest.mark.slow)])
def test_a_base_and_an_inpainting_checkpoint_are_trained(source, command, photos, tiny_checkpoint):
    given = [source, photos if source == "--data" else 3, "--base", tiny_checkpoint, "--width", 32, "--height", 48]
    code, output, errors = command("base", *given, "--out", "base", *SHORT)
    assert code == 0, errors
    assert "base: 2 steps" in output
    code, output, errors = command("inpaint", *given, "--out", "repaint", *SHORT)
    assert code == 0, errors
    assert "repaint: 2 steps, held-out loss " in output
    loaded = checkpoint.load("repaint", inpainting=True, dtype=finetune.torch.float32)
    assert loaded.pipeline.unet.config.in_channels == 9
    assert (loaded.defaults.width, loaded.defaults.height) == (32, 48)


@pytest.mark.parametrize(
    ("learn", "rollout", "painted"),
    [
        pytest.param("attention", False, None, marks=pytest.mark.slow),
        pytest.param("all", False, ("DDIMScheduler", 50, 2.5), marks=pytest.mark.slow),
        ("all", True, ("LCMScheduler", 8, 2.0)),
    ],
)
def test_try_on_is_trained_on_pairs(learn, rollout, painted, command, photos, tiny_checkpoint):
    code, _, errors = command("inpaint", "--data", photos, "--base", tiny_checkpoint, "--width", 32, "--height", 48,
                              "--out", "repaint", *SHORT)  # fmt: skip
    assert code == 0, errors
    lines = [{"file_name": f"{n}.png", "garment": f"{1 - n}.png", "mask": f"{n}-mask.png"} for n in range(2)]
    (photos / "metadata.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    given = ["tryon", "--data", photos, "--base", "repaint", "--learn", learn, "--held-out", 1, *SHORT]
    given += ["--rollout"] if rollout else []
    code, output, errors = command(*given, "--out", "fitting")
    assert code == 0, errors
    assert "fitting: 2 steps, held-out loss " in output
    if learn == "all":
        loaded = fitting.load_base("fitting")
        scheduler, steps, guidance = painted
        assert type(loaded.pipeline.scheduler).__name__ == scheduler
        assert loaded.defaults.width == 32
        assert (loaded.defaults.num_inference_steps, loaded.defaults.guidance_scale) == (steps, guidance)
    else:
        with safe_open("fitting/attention/model.safetensors", "pt") as file:
            assert {name.split(".", 1)[1] for name in file.keys()} >= {"to_q.weight", "to_out.0.bias"}  # noqa: SIM118
    code, _, errors = command(*given, "--out", "photos")
    assert (code, len(errors.splitlines())) == (2, 1)
    if learn == "attention":
        code, _, errors = command(*given, "--out", "other", "--rollout")
        assert code == 2
        assert "let all learn" in errors


def test_try_on_is_taught_to_checkpoints_that_repaint_alone(command, photos, tiny_checkpoint):
    code, _, errors = command("tryon", "--data", photos, "--base", tiny_checkpoint, "--out", "fitting", *SHORT)
    assert code == 2
    assert "4 channels; try-on is taught to checkpoints that repaint" in errors


@pytest.mark.slow
def test_an_upscaler_is_trained_and_learns_on(command, photos):
    code, output, errors = command("upscaler", "--data", photos, "--scale", 2, "--out", "x2.safetensors", *SHORT)
    assert code == 0, errors
    assert "x2.safetensors: 2 steps, gain " in output
    assert load_srvgg(photos.parent / "x2.safetensors").scale == 2
    more = ["--start", "x2.safetensors", "--out", "more.safetensors", *SHORT]
    assert command("upscaler", "--data", photos, *more)[0] == 0
    assert load_srvgg(photos.parent / "more.safetensors").scale == 2


@pytest.mark.parametrize("source", ["--data", pytest.param("--drawn", marks=pytest.mark.slow)])
@pytest.mark.parametrize("layout", ["diffusers", pytest.param("kohya", marks=pytest.mark.slow)])
def test_an_adapter_is_trained(source, layout, command, photos, tiny_checkpoint):
    given = [source, photos if source == "--data" else 3, "--base", tiny_checkpoint, "--width", 32, "--height", 48]
    more = ["--format", layout, "--rank", 2, "--snr-gamma", 5, "--validation-prompt", "a red hoodie"]
    code, output, errors = command("lora", *given, *more, "--out", "my/adapter.safetensors", *SHORT)
    assert code == 0, errors
    assert "my/adapter.safetensors: 2 steps" in output
    with safe_open(photos.parent / "my" / "adapter.safetensors", "pt") as file:
        first = sorted(file.keys())[0]
    assert first.startswith("unet." if layout == "diffusers" else "lora_unet_")


def test_subjects_are_trained(command, photos, tiny_checkpoint):
    (photos.parent / "subjects.toml").write_text(
        '[[subject]]\ntoken = "zwx"\nclass = "hoodie"\nfolder = "photos"\nprior = ["a hoodie"]\n'
    )
    given = ["--base", tiny_checkpoint, "--width", 32, "--height", 48, "--class-images", 1, "--rank", 2]
    code, output, errors = command("dreambooth", "subjects.toml", *given, "--out", "zwx.safetensors", *SHORT)
    assert code == 0, errors
    assert "zwx.safetensors: 2 steps" in output
    code, _, errors = command("dreambooth", "none.toml", *given, "--out", "other.safetensors", *SHORT)
    assert code == 2
    assert errors == "igo: none.toml can't be read (No such file or directory); expected the subjects, in TOML\n"


@pytest.fixture
def parsed(photos):
    """The photos, with maps of two labels."""
    (photos / "metadata.jsonl").unlink()
    for mask in photos.glob("*-mask.png"):
        mask.unlink()
    (photos / "labels").mkdir()
    for index in range(3):
        labels = Image.new("L", (300, 400))
        labels.paste(1, (50, 50, 200, 300))
        labels.save(photos / "labels" / f"{index}.png")
    (photos / "labels.json").write_text('["rest", "hoodie"]')
    return photos


def test_a_parser_is_trained_and_learns_on(command, parsed):
    code, output, errors = command("parser", "--data", parsed, "--out", "parser", *SHORT)
    assert code == 0, errors
    assert "parser: 2 steps, iou " in output
    (parsed / "labels.json").write_text('["rest", "hoodie", "hat"]')
    code, output, errors = command("parser", "--data", parsed, "--base", "parser", "--out", "more", *SHORT)
    assert code == 0, errors
    assert SegformerForSemanticSegmentation.from_pretrained("more").config.id2label[2] == "hat"
    code, output, errors = command("parser", "--data", parsed, "--base", "photos", "--out", "other", *SHORT)
    assert code == 2
    assert "the parser 'photos' can't be loaded" in errors
    (parsed / "labels" / "1.png").unlink()
    code, _, errors = command("parser", "--data", parsed, "--out", "other", *SHORT)
    assert code == 2
    assert errors.startswith("igo: 1 of 3 pictures in ")
    assert errors.count("\n") == 1
    (parsed / "labels.json").unlink()
    code, _, errors = command("parser", "--data", parsed, "--out", "other", *SHORT)
    assert (code, errors.count("\n")) == (2, 1)
    assert "has no labels.json: expected the names of the values" in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["base"], "give either --data FOLDER, your pictures, or --drawn N"),
        (["base", "--data", "photos", "--drawn", "9"], "give either --data FOLDER"),
        (["inpaint", "--data", "nowhere"], "--data nowhere is not a folder"),
        (["clipseg", "--drawn", "1"], "--drawn is 1; expected at least 2"),
        (["parser"], "give either --data FOLDER, your pictures, or --drawn N"),
        (["parser", "--data", "photos"], "photos has no labels.json"),
        (
            ["upscaler", "--out", "made.safetensors", "--data", "photos", "--scale", "5"],
            "--scale is 5; choose 2, 3 or 4",
        ),
        (
            ["upscaler", "--out", "made.safetensors", "--data", "photos", "--degradation", "2"],
            "can't be softened by -1",
        ),
        (["inpaint", "--data", "photos", "--held-out", "3", "--base", "TINY"], "can't hold 3 of 3 pictures back"),
        (["base", "--data", "photos", "--width", "33", "--base", "TINY"], "must be multiples of 8"),
        (["base", "--data", "photos", "--base", "TINY", "--steps", "0"], "steps is 0"),
        (["lora", "--data", "photos"], "--out is made; expected the name of a .safetensors file"),
        (
            ["base", "--data", "photos", "--base", "TINY", "--precision", "int8"],
            "'int8' is not one of 'auto', 'no', 'fp16', 'bf16'",
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, command, photos, tiny_checkpoint):
    arguments = [tiny_checkpoint if argument == "TINY" else argument for argument in arguments]
    code, _, errors = command(*arguments, *([] if "--out" in arguments else ["--out", "made"]))
    assert code == 2
    assert message in errors
    assert errors.startswith("igo: ")
    assert errors.count("\n") == 1
    assert not (photos.parent / "made").exists()
