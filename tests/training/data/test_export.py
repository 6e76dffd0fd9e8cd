"""The exported folder, as a plain diffusers user meets it."""

import json

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors import safe_open

from igo.errors import CheckpointError
from igo.training.data.export import export
from igo.training.tasks.diffusion import SampleSettings, generate

SHOW = SampleSettings(["a red dress"], 32, 48, steps=2)


def test_plain_diffusers_loads_the_folder_and_draws_the_same(pipeline, tmp_path):
    pipeline.vae.register_to_config(scaling_factor=0.7)
    size = export(pipeline, tmp_path / "base", torch.float32)
    again = StableDiffusionPipeline.from_pretrained(tmp_path / "base")
    assert size > 0
    assert again.vae.config.scaling_factor == 0.7
    assert again.scheduler.config.prediction_type == "v_prediction"
    assert np.array_equal(generate(pipeline, SHOW), generate(again, SHOW))


def test_half_precision_files_load_into_full_precision(pipeline, tmp_path):
    export(pipeline, tmp_path / "base")
    with safe_open(tmp_path / "base" / "unet" / "diffusion_pytorch_model.safetensors", "pt") as file:
        assert file.get_tensor("conv_in.weight").dtype == torch.float16
    again = StableDiffusionPipeline.from_pretrained(tmp_path / "base")
    assert again.text_encoder.dtype == again.unet.dtype == torch.float32
    difference = generate(pipeline, SHOW).astype(int) - generate(again, SHOW)
    assert abs(difference).max() <= 3
    assert pipeline.unet.dtype == torch.float32


def test_text_encoder_keys_carry_the_prefix_that_older_readers_need(pipeline, tmp_path):
    export(pipeline, tmp_path / "base")
    with safe_open(tmp_path / "base" / "text_encoder" / "model.safetensors", "pt") as file:
        assert all(key.startswith("text_model.") for key in file.keys())  # noqa: SIM118 (not a dict)
        assert file.metadata() == {"format": "pt"}


def test_the_index_names_no_safety_checker(pipeline, tmp_path):
    export(pipeline, tmp_path / "base")
    index = json.loads((tmp_path / "base" / "model_index.json").read_text())
    assert index["safety_checker"] == [None, None]
    assert index["requires_safety_checker"] is False


def test_a_second_export_replaces_the_first(pipeline, tmp_path):
    export(pipeline, tmp_path / "base")
    (tmp_path / "base" / "stale.txt").write_text("old")
    export(pipeline, tmp_path / "base")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base"]
    assert not (tmp_path / "base" / "stale.txt").exists()


def test_weights_that_overflow_are_refused_and_the_old_folder_stays(pipeline, tmp_path):
    export(pipeline, tmp_path / "base")
    with torch.no_grad():
        pipeline.unet.conv_in.bias[0] = 1e9
    with pytest.raises(CheckpointError, match=r"'conv_in.bias' is not finite in torch.float16"):
        export(pipeline, tmp_path / "base")
    StableDiffusionPipeline.from_pretrained(tmp_path / "base")
