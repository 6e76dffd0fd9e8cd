"""The adapter plugin: exact against plain diffusers, mixed, scaled by step, and off again without a trace."""

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

import igo
from igo import cli
from igo.errors import CheckpointError, SettingsError
from igo.painting.checkpoints import checkpoint
from igo.training.adapters.lora import LoraSettings, add_lora, write_lora
from igo_plugins import Adapter
from tests.builders.tiny import make_xl_pipeline

ASKED = {"prompt": "a red coat", "seed": 3, "width": 32, "height": 48, "num_inference_steps": 4, "guidance_scale": 5.0}


def acting(pipeline, path, seed, **settings):
    """A file with an adapter of random weights for ``pipeline``."""
    add_lora(pipeline, LoraSettings(rank=2, **settings), text=True)
    torch.manual_seed(seed)
    for part in (pipeline.unet, pipeline.text_encoder):
        for name, parameter in part.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, 0, 0.5)
    write_lora(pipeline, path)
    return str(path)


@pytest.fixture(scope="module")
def files(tiny_checkpoint, tmp_path_factory):
    """Two adapters of the tiny checkpoint."""
    folder = tmp_path_factory.mktemp("adapters")
    pipelines = [checkpoint.load(str(tiny_checkpoint), dtype=torch.float32).pipeline for _ in range(2)]
    return [acting(one, folder / f"{seed}.safetensors", seed, alpha=3) for seed, one in enumerate(pipelines)]


@pytest.fixture(scope="module")
def paint(tiny_checkpoint):
    """The picture of a chain with these adapters, all chains in one runtime."""
    runtime = igo.Runtime(device="cpu")

    def run(*adapters, **changes):
        chain = igo.Chain(igo.TextToImage(str(tiny_checkpoint)), *adapters, runtime=runtime)
        return np.asarray(chain.run(**(ASKED | changes)).image).astype(int)

    return run


def plain(tiny_checkpoint, names, scales):
    """The picture of diffusers alone."""
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_checkpoint, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    for index, name in enumerate(names):
        pipeline.load_lora_weights(name, adapter_name=f"adapter-{index}")
    pipeline.set_adapters([f"adapter-{index}" for index in range(len(names))], scales)
    given = {name: value for name, value in ASKED.items() if name != "seed"}
    made = pipeline(**given, generator=torch.Generator().manual_seed(ASKED["seed"]))
    return np.asarray(made.images[0]).astype(int)


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning")
@pytest.mark.parametrize("scales", [(1.0,), (0.4,), (0.7, -0.5)])
def test_the_picture_is_that_of_plain_diffusers(scales, files, paint, tiny_checkpoint):
    adapters = [Adapter(file, scale) for file, scale in zip(files, scales, strict=False)]
    expected = plain(tiny_checkpoint, files[: len(scales)], list(scales))
    assert np.array_equal(paint(*adapters), expected)


def test_an_adapter_leaves_no_trace_in_other_chains(files, paint):
    before = paint()
    adapted = paint(Adapter(files[0]))
    assert not np.array_equal(adapted, before)
    assert np.array_equal(paint(), before)
    assert np.array_equal(paint(Adapter(files[0], scale=0)), before)
    assert np.array_equal(paint(Adapter(files[0])), adapted)


def test_adapters_act_together_in_any_order(files, paint):
    one, other = Adapter(files[0], 0.5), Adapter(files[1], 0.5)
    together = paint(one, other)
    assert abs(together - paint(other, one)).max() <= 2
    assert not np.array_equal(together, paint(one))
    assert not np.array_equal(together, paint(other))


def test_a_schedule_scales_step_by_step(files, paint):
    whole, never = paint(Adapter(files[0])), paint(Adapter(files[0], scale=0))
    assert np.array_equal(paint(Adapter(files[0], schedule=(1, 1, 1))), whole)
    early, late = (paint(Adapter(files[0], schedule=order)) for order in ((1, 0), (0, 1)))
    assert len({picture.tobytes() for picture in (whole, never, early, late)}) == 4
    assert np.array_equal(paint(Adapter(files[0], schedule=(1, 0))), early), "a run begins where the last one began"


def test_the_record_names_the_file_and_replays(files, tiny_checkpoint, tmp_path):
    chain = igo.Chain(igo.TextToImage(str(tiny_checkpoint)), Adapter(files[0], 0.5))
    look = chain.run(**ASKED)
    look.save(tmp_path / "look.png")
    again = igo.replay(tmp_path / "look.png")
    assert again.identical
    assert again.differences == ()
    assert look.models[files[0]].startswith("sha256:")


def test_an_adapter_of_another_shape_is_refused(paint, tmp_path):
    xl = acting(make_xl_pipeline(tmp_path / "parts"), tmp_path / "xl.safetensors", seed=0)
    with pytest.raises(CheckpointError, match="doesn't fit this checkpoint"):
        paint(Adapter(xl))


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no adapter"), (b"not one", "can't read the adapter"), ("empty", "holds no LoRA")],
)
def test_files_that_are_no_adapters_are_one_line(content, message, paint, tmp_path):
    path = tmp_path / "adapter.safetensors"
    if content == "empty":
        from safetensors.torch import save_file

        save_file({"a": torch.zeros(1)}, path)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        paint(Adapter(str(path)))


@pytest.mark.parametrize(
    "wrong", [{"weights": ""}, {"weights": "a", "scale": 99}, {"weights": "a", "schedule": (0, 11)}]
)
def test_settings_that_can_not_be_meant(wrong):
    with pytest.raises(SettingsError):
        Adapter(**wrong)


def test_the_command_line_takes_adapters_with_scales(files, paint, tiny_checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    size = ["--width", "32", "--height", "48", "--steps", "4", "--guidance-scale", "5", "--seed", "3"]
    given = ["generate", "a red coat", "--checkpoint", str(tiny_checkpoint), *size, "--quiet", "-o", "look.png"]
    assert cli.run_command([*given, "--adapter", f"{files[0]}:0.5", "--adapter", files[1]]) == 0
    expected = paint(Adapter(files[0], 0.5), Adapter(files[1]))
    with Image.open(tmp_path / "look.png") as picture:
        assert np.array_equal(np.asarray(picture).astype(int), expected)
    capsys.readouterr()
    assert cli.run_command([*given, "--adapter", "none.safetensors:0.5"]) == 2
    errors = capsys.readouterr().err
    assert "there is no adapter none.safetensors; expected a .safetensors file" in errors
    assert errors.count("\n") == 1
