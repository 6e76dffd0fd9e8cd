"""Depth as a layer, by tiny models of random weights in their published layout: transformers' own answer."""

import json
import shutil

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

import igo
from igo.errors import CheckpointError, SettingsError
from igo.testing import check_plugin, draw_figure
from igo_plugins import Depth
from tests.builders import seeing


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return seeing.save_depth(tmp_path_factory.mktemp("depth"))


@pytest.fixture(scope="module")
def picture():
    return draw_figure().image


def depth(model, image, **settings):
    return igo.Chain(Depth(str(model), **settings)).layer("depth", image)


def test_the_depth_is_that_of_transformers_own_pipeline(model, picture):
    own = transformers.pipeline("depth-estimation", model=str(model), device="cpu")
    layer = depth(model, picture)
    assert layer.mode == "L"
    assert layer.getextrema() == (0, 255)
    assert np.abs(np.asarray(layer, int) - np.asarray(own(picture)["depth"], int)).max() <= 1


def test_metres_become_nearness(tmp_path, picture):
    metric = seeing.save_depth(tmp_path / "metric", depth_estimation_type="metric", max_depth=20)
    own = transformers.pipeline("depth-estimation", model=str(metric), device="cpu")(picture)
    near, far = np.asarray(own["depth"], int), np.asarray(depth(metric, picture), int)
    assert np.corrcoef(near.ravel(), far.ravel())[0, 1] < -0.5


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (9, 40), (640, 400)])
def test_pictures_of_any_size_have_a_depth(size, model):
    assert depth(model, Image.effect_noise(size, 90).convert("RGB")).size == size


def test_a_picture_that_is_equally_far_everywhere_has_no_depth(model, picture, monkeypatch):
    def flat(self, *, pixel_values):
        return transformers.modeling_outputs.DepthEstimatorOutput(predicted_depth=torch.ones(1, 4, 4))

    monkeypatch.setattr(transformers.DepthAnythingForDepthEstimation, "forward", flat)
    assert depth(model, picture).getextrema() == (0, 0)


@pytest.mark.slow
def test_it_keeps_the_rules(model):
    check_plugin(Depth(str(model)))


def test_the_model_is_loaded_once_and_named_on_the_record(model, picture, monkeypatch):
    class Follow:
        needs = ("depth",)

        @igo.hookimpl
        def postprocess(self, frame, layer):
            return frame.with_image(layer("depth").convert("RGB"))

    chain = igo.Chain(Depth(str(model)), Follow())
    first = chain.run(image=picture, seed=1)
    assert first.models[str(model)].startswith("sha256:")
    monkeypatch.setattr("igo.networks.folders.load_model", None)
    assert chain.run(image=picture, seed=1).models == first.models


def test_models_that_can_not_be_used_are_told_in_one_line(model, picture, tmp_path):
    pose = seeing.save_pose(tmp_path / "pose")
    with pytest.raises(CheckpointError, match=r"it has a model of type 'vitpose'; name a folder, or a hub's depth"):
        depth(pose, picture)
    with pytest.raises(CheckpointError, match="there is no such folder; name a folder"):
        depth(tmp_path / "nowhere", picture)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"it has no config\.json"):
        depth(tmp_path / "empty", picture)
    hostile = shutil.copytree(model, tmp_path / "hostile")
    config = json.loads((hostile / "config.json").read_text())
    config["backbone_config"]["num_hidden_layers"] = 10**9
    (hostile / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="claims num_hidden_layers=1000000000"):
        depth(hostile, picture)


def test_answers_that_are_no_numbers_are_told(model, picture, monkeypatch):
    def broken(self, *, pixel_values):
        return transformers.modeling_outputs.DepthEstimatorOutput(predicted_depth=torch.full((1, 4, 4), torch.nan))

    monkeypatch.setattr(transformers.DepthAnythingForDepthEstimation, "forward", broken)
    with pytest.raises(CheckpointError, match="values that are no numbers"):
        depth(model, picture)


def test_settings_that_can_not_be_meant():
    with pytest.raises(SettingsError, match="model is empty"):
        Depth(" ")
