"""Folders of models from strangers: descriptions that claim anything, and weights that are missing or damaged."""

import json
import os
import shutil
import threading

import pytest
import torch
from safetensors.torch import load_file, save_file

from igo.errors import CheckpointError
from igo.networks.folders import check_folder, load_model, one_line, place_of
from tests.builders import captioners


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return captioners.save_git(tmp_path_factory.mktemp("git"))


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "model")


def load(folder):
    from transformers import AutoModelForImageTextToText

    with one_line("the model", "name another"):
        return load_model(AutoModelForImageTextToText, folder, "the model", dtype=torch.float32)


def described(folder, **settings):
    config = json.loads((folder / "config.json").read_text())
    for name, value in settings.items():
        for part in (config, config["vision_config"]):
            if name in part:
                part[name] = value
    (folder / "config.json").write_text(json.dumps(config))


def weights(folder, change):
    state = load_file(folder / "model.safetensors")
    change(state)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def test_what_is_whole_is_loaded(folder):
    assert sum(weight.numel() for weight in load(folder).parameters()) > 10_000
    held = check_folder(folder)
    assert held.files == (folder / "model.safetensors",)
    assert (held.tensors, held.size) == (65, held.files[0].stat().st_size)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("num_hidden_layers", 10**9, "claims num_hidden_layers=1000000000; expected at most 256 of such a model"),
        ("hidden_size", 10**9, "describes a larger model than the 65 weights beside it"),
        ("hidden_size", 10**30, "the model can't be loaded: "),
        ("vocab_size", 10**8, "describes a larger model"),
        ("image_size", 10**6, "describes a larger model"),
        ("intermediate_size", 32, r"of shape|with shape \(16,\), which it describes as \(32,\)"),
        ("num_attention_heads", 0, "the model can't be loaded: "),
        ("num_hidden_layers", 3, "lacks"),
        ("model_type", "somebodys-own", "the model can't be loaded: "),
    ],
)
def test_descriptions_are_held_against_the_weights(folder, name, value, told):
    described(folder, **{name: value})
    with pytest.raises(CheckpointError, match=told) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_pictures_are_not_brought_to_any_size(folder):
    config = json.loads((folder / "processor_config.json").read_text())
    config["image_processor"]["size"] = {"height": 10**5, "width": 10**5}
    (folder / "processor_config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"processor_config\.json claims \w+=100000; expected at most 8192"):
        check_folder(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(folder, value):
    weights(folder, lambda state: state["output.bias"].fill_(value))
    with pytest.raises(CheckpointError, match=r"^the model holds weights that are not finite, such as output\.bias"):
        load(folder)


@pytest.mark.parametrize("dtype", [torch.int32, torch.bool, torch.complex64])
def test_weights_are_floats(folder, dtype):
    def change(state):
        state["git.embeddings.position_ids"] = torch.arange(3)
        state["output.bias"] = state["output.bias"].to(dtype)

    weights(folder, change)
    with pytest.raises(CheckpointError, match=r"holds output\.bias, which is .*; expected floats of 16 to 64 bits"):
        load(folder)


def test_weights_on_the_disk_are_looked_at_there(folder):
    weights(folder, lambda state: state["output.bias"].fill_(float("nan")))
    with pytest.raises(CheckpointError, match="not finite"), torch.device("meta"):
        check_folder(folder).check_finite(torch.nn.Linear(1, 1), "the model")


def test_code_that_comes_with_a_model_is_not_run(folder, tmp_path):
    (folder / "own.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')")
    described(folder, model_type="own")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "own.Config", "AutoModelForImageTextToText": "own.Model"}
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "own"}))
    with pytest.raises(CheckpointError, match="the model can't be loaded: "):
        load(folder)
    assert not (tmp_path / "canary").exists()


def test_what_is_no_file_is_not_waited_for(folder):
    (folder / "tokenizer.json").unlink()
    os.mkfifo(folder / "tokenizer.json")
    with pytest.raises(CheckpointError, match=r"can't read .*tokenizer\.json: it is a named pipe; expected a file"):
        load(folder)


def test_pickles_of_strangers_are_looked_at_first(folder):
    (folder / "model.safetensors").unlink()
    torch.save({"output.bias": print}, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin is refused, since it could run code"):
        load(folder)


def test_other_threads_may_build_what_they_like(folder):
    made = []
    with check_folder(folder).built_no_larger():

        def build():
            with torch.device("meta"):
                made.append(torch.nn.Linear(10**5, 10**5))

        other = threading.Thread(target=build)
        other.start()
        other.join()
        assert made
        with pytest.raises(CheckpointError, match="describes a larger model"):
            build()
    build()


@pytest.mark.parametrize("name", ["nowhere", "./no/where", "~/nowhere/at-all", "a/b/c", ""])
def test_what_is_neither_here_nor_a_hubs_name_is_said_at_once(name):
    with pytest.raises(CheckpointError, match=r"^the model can't be loaded: there is no such folder; name another$"):
        place_of(name, "the model", "name another")
