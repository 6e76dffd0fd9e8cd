"""Checkpoints from everywhere that people keep them, and one line for each that can't be loaded."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import igo
from igo.errors import CheckpointError, SettingsError
from igo.painting.checkpoints import checkpoint
from igo.painting.families import Defaults
from tests.builders import tiny
from tests.builders.ldm import save_single_file

SETTINGS = {"seed": 3, "num_inference_steps": 2, "width": 32, "height": 32}


def paint(name, **settings):
    return igo.Chain(igo.TextToImage(str(name), **settings)).run("a red hoodie", **SETTINGS).image


def refused(name, **settings):
    with pytest.raises(CheckpointError) as caught:
        paint(name, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope="module")
def single_file(tmp_path_factory):
    """A one-file checkpoint, and the folder it was made from."""
    from diffusers import StableDiffusionPipeline

    folder = tmp_path_factory.mktemp("single")
    tiny.save_checkpoint(folder / "folder", folder / "tokenizer")
    save_single_file(StableDiffusionPipeline.from_pretrained(folder / "folder"), folder / "model.safetensors")
    return folder


def test_a_single_file_paints_what_its_folder_paints(single_file):
    painted = paint(single_file / "model.safetensors", config=str(single_file / "folder"))
    assert painted == paint(single_file / "folder")


def test_a_single_file_of_no_known_shape_says_what_to_do(single_file):
    message = refused(single_file / "model.safetensors")
    assert message.endswith("name a checkpoint of the same shape in config=")


def test_a_configuration_of_another_family_is_refused(single_file, tmp_path):
    tiny.make_xl_pipeline(tmp_path / "tokenizer").save_pretrained(tmp_path / "xl")
    message = refused(single_file / "model.safetensors", config=str(tmp_path / "xl"))
    assert "its UNet has 4 channels and 80 numbers for a word, the file's 4 channels and 32 numbers" in message


def test_a_configuration_that_names_code_is_refused(single_file, tmp_path):
    shutil.copytree(single_file / "folder", tmp_path / "folder")
    index = json.loads((tmp_path / "folder" / "model_index.json").read_text())
    (tmp_path / "folder" / "model_index.json").write_text(json.dumps({**index, "scheduler": ["antigravity", "Fly"]}))
    assert "wants [" in refused(single_file / "model.safetensors", config=str(tmp_path / "folder"))


def test_settings_that_belong_to_other_checkpoints_are_refused(single_file):
    for settings in ({"revision": "main"}, {"config": "mini"}):
        with pytest.raises(SettingsError, match=f"^step '.*{next(iter(settings))} is '"):
            paint(single_file / "folder", **settings)
    for name in ("revision", "variant", "config"):
        with pytest.raises(SettingsError, match="and there is no inpaint_checkpoint to have it"):
            igo.TextToImage("mini", **{f"inpaint_{name}": "x"})


def test_a_tokenizer_by_itself(single_file, tmp_path):
    assert len(checkpoint.tokenizer(str(single_file / "folder"))) == 554
    assert len(checkpoint.tokenizer(str(single_file / "model.safetensors"))) == 49_408
    shutil.copytree(single_file / "folder", tmp_path / "folder", ignore=shutil.ignore_patterns("tokenizer.json"))
    with pytest.raises(CheckpointError, match=r"has no tokenizer/ with a vocabulary"):
        checkpoint.tokenizer(str(tmp_path / "folder"))


def test_an_adapter_is_no_checkpoint(tmp_path):
    save_file({"lora_unet_down.weight": torch.zeros(2, 2)}, tmp_path / "lora.safetensors")
    assert "has no UNet; expected a whole checkpoint" in refused(tmp_path / "lora.safetensors")


def test_a_single_file_that_lacks_weights_is_refused(single_file, tmp_path):
    weights = load_file(single_file / "model.safetensors")
    lost = next(key for key in weights if "token_embedding" in key)
    weights.pop(lost)
    save_file(weights, tmp_path / "model.safetensors")
    refused(tmp_path / "model.safetensors", config=str(single_file / "folder"))


def test_a_configuration_without_tokenizer_is_refused(single_file, tmp_path):
    shutil.copytree(single_file / "folder", tmp_path / "folder")
    shutil.rmtree(tmp_path / "folder" / "tokenizer")
    message = refused(single_file / "model.safetensors", config=str(tmp_path / "folder"))
    assert "tokenizer" in message


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.ckpt", b"x", "is not loaded, since such files may run code; convert it to .safetensors"),
        ("model.safetensors", b"", "it is empty; download it again"),
        ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\n", "it is a Git LFS pointer"),
        ("model.safetensors", b"text, and some more of it", "it is cut off or damaged"),
        ("photo.jpg", b"x", "is not loaded"),
    ],
)
def test_files_that_are_no_checkpoint(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    assert message in refused(tmp_path / name)


@pytest.mark.parametrize("name", ["nothing", "./no/where", "/no/where", "a/b/c", ""])
def test_names_that_are_nothing_say_what_was_expected(name):
    if name == "":
        assert "has no model_index.json" in refused(name)
    else:
        assert "expected 'mini', a folder in diffusers' layout" in refused(name)


def test_a_folder_that_is_no_checkpoint(tmp_path):
    assert "has no model_index.json" in refused(tmp_path)
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    assert "names no vae" in refused(tmp_path)


def in_the_hubs_cache(cache, source, name, commit, *branches):
    """Lay a folder out as the hub's cache does."""
    home = cache / f"models--{name.replace('/', '--')}"
    shutil.copytree(source, home / "snapshots" / commit)
    (home / "refs").mkdir(exist_ok=True)
    for branch in branches:
        (home / "refs" / branch).write_text(commit)


def test_a_hub_name_with_revisions_from_the_cache(tiny_checkpoint, tmp_path, monkeypatch):
    one, two = "1" * 40, "2" * 40
    in_the_hubs_cache(tmp_path, tiny_checkpoint, "youngmki/musinsaigo-1.0", one, "main")
    in_the_hubs_cache(tmp_path, tiny_checkpoint, "youngmki/musinsaigo-1.0", two, "next")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("diffusers.utils.constants.HF_MODULES_CACHE", str(tmp_path / "modules"))
    for revision, commit in ((None, one), ("next", two), (one, one)):
        loaded = checkpoint.load("youngmki/musinsaigo-1.0", revision=revision, dtype=torch.float32)
        assert loaded.identity == f"revision:{commit}"
        assert loaded.defaults == Defaults(512, 768, 50, 7.0)
    assert "isn't in the cache, and HF_HUB_OFFLINE forbids" in refused("youngmki/absent")


def test_identity_is_of_the_contents(tiny_checkpoint, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_checkpoint, copy)
    (copy / "README.md").write_text("a card")
    first = checkpoint.load(str(tiny_checkpoint), dtype=torch.float32).identity
    assert first.startswith("sha256:")
    assert checkpoint.load(str(copy), dtype=torch.float32).identity == first
    index = copy / "scheduler" / "scheduler_config.json"
    index.write_text(index.read_text().replace("0.012", "0.013"))
    assert checkpoint.load(str(copy), dtype=torch.float32).identity != first


def test_dtype_is_taken_at_loading(tiny_checkpoint):
    pipeline = checkpoint.load(str(tiny_checkpoint), dtype=torch.bfloat16).pipeline
    assert {part.dtype for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder)} == {torch.bfloat16}


def test_loading_is_quiet(tiny_checkpoint, capfd):
    checkpoint.load(str(tiny_checkpoint), dtype=torch.float32)
    assert capfd.readouterr() == ("", "")
