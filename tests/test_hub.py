"""Published repositories, in small, from a hub on loopback."""

import shutil

import numpy as np
import pytest

import igo
from igo.errors import CheckpointError
from igo.networks.folders import place_of
from igo.testing import draw_figure
from igo_plugins.styling import text_mask


def test_the_published_clipseg_finds_what_its_weights_find_elsewhere(hub):
    figure, runtime = draw_figure(seed=7).image, igo.Runtime("cpu")
    found = text_mask.load("CIDAS/clipseg-rd64-refined", runtime).soft(figure, ("hoodie", "jeans"))
    assert np.array_equal(found, text_mask.load("mini", runtime).soft(figure, ("hoodie", "jeans")))
    assert found.max() > 0.5
    assert "CIDAS/clipseg-rd64-refined/pytorch_model.bin" in hub.fetched


def test_of_a_model_the_best_weights_alone_are_fetched(hub):
    repository = hub.root / "own" / "both"
    shutil.copytree(hub.root / "CIDAS" / "clipseg-rd64-refined", repository)
    for name in ("model.safetensors", "model.fp16.safetensors", "flax_model.msgpack", "README.md"):
        (repository / name).write_bytes(b"x")
    (repository / "onnx").mkdir()
    (repository / "onnx" / "model.json").write_text("{}")
    kept = place_of("own/both", "the model", "name another")
    assert kept.name == hub.commit("own/both")
    fetched = {name.removeprefix("own/both/") for name in hub.fetched if name.startswith("own/both/")}
    described = {path.name for path in repository.iterdir() if path.suffix in (".json", ".txt")}
    assert fetched == {"model.safetensors", *described}


def test_a_model_that_is_not_on_the_hub_is_one_line_and_one_question(hub, capfd):
    with pytest.raises(CheckpointError, match=r"^there is no 'own/none' on the hub, or it is private; "):
        place_of("own/none", "the model", "name another")
    assert len(hub.asked) == 1
    assert capfd.readouterr().err == ""
