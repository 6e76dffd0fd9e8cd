"""What a checkpoint's folder lacks, or has that it shouldn't: one line each, where the loaders would fill in random
numbers, import what is named, or paint on."""

import json
import shutil
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

import igo
from igo.errors import CheckpointError
from igo.painting.checkpoints import checkpoint
from tests.builders import tiny

PARTS = ("unet", "vae", "text_encoder", "safety_checker")
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    tiny.save_checkpoint(folder / "checkpoint", folder / "tokenizer", flagging=False)
    (folder / "checkpoint" / "tokenizer" / "tokenizer.json").unlink()
    tiny.save_tokenizer(folder / "checkpoint" / "tokenizer")
    return folder / "checkpoint"


@pytest.fixture
def folder(whole, tmp_path):
    """A checkpoint that a test may damage."""
    return shutil.copytree(whole, tmp_path / "checkpoint")


def refused(folder, dtype=torch.float32):
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(str(folder), dtype=dtype)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def weights(folder, part):
    return next((folder / part).glob("*.safetensors"))


def edit(folder, part, change):
    tensors = load_file(weights(folder, part))
    change(tensors)
    save_file(tensors, weights(folder, part), {"format": "pt"})


def index(folder, **entries):
    path = folder / "model_index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def as_bin(folder, part, content=None):
    path = weights(folder, part)
    stem = "diffusion_pytorch_model" if part in ("unet", "vae") else "pytorch_model"
    torch.save(load_file(path) if content is None else content, folder / part / f"{stem}.bin")
    path.unlink()
    return folder / part / f"{stem}.bin"


def sharded(folder, part):
    """Split a part's weights in two, with an index, as large models come."""
    path = weights(folder, part)
    tensors, named = load_file(path), {}
    for number, keys in enumerate((sorted(tensors)[::2], sorted(tensors)[1::2]), 1):
        shard = folder / part / f"{path.stem}-{number:05}-of-00002.safetensors"
        save_file({key: tensors[key] for key in keys}, shard, {"format": "pt"})
        named |= dict.fromkeys(keys, shard.name)
    (folder / part / f"{path.name}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": named}))
    path.unlink()
    return shard


def test_what_is_whole_is_loaded(folder):
    assert checkpoint.load(str(folder), dtype=torch.float32).note is None


@pytest.mark.parametrize("part", ["tokenizer", "scheduler", "feature_extractor", *PARTS])
def test_a_part_that_is_not_there(folder, part):
    shutil.rmtree(folder / part)
    assert f"has no {part}/, which its model_index.json names" in refused(folder)


@pytest.mark.parametrize("part", PARTS)
def test_one_weight_that_is_not_there(folder, part):
    lost = []
    edit(folder, part, lambda tensors: lost.append(tensors.popitem()))
    assert f"lacks 1 of the weights of its {part}, such as " in refused(folder)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_no_numbers(folder, part, value):
    def change(tensors):
        key = next(key for key, tensor in tensors.items() if tensor.ndim == 2)
        tensors[key][1, 1] = value

    edit(folder, part, change)
    assert f"the {part} of {folder} (as float32) holds weights that are not finite, such as " in refused(folder)


def test_weights_that_half_precision_does_not_hold(folder):
    edit(folder, "vae", lambda tensors: tensors["decoder.conv_in.bias"].fill_(1e5))
    assert checkpoint.load(str(folder), dtype=torch.float32)
    assert "(as float16) holds weights that are not finite, such as decoder.conv_in.bias" in refused(
        folder, torch.float16
    )


def test_sums_beyond_what_a_number_holds_are_no_damage(folder):
    edit(folder, "vae", lambda tensors: tensors["decoder.conv_in.bias"].fill_(3e38))
    assert checkpoint.load(str(folder), dtype=torch.float32)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("pickled", [False, True])
def test_whole_numbers_for_weights(folder, part, pickled):
    edit(folder, part, lambda tensors: tensors.update({key: one.to(torch.int8) for key, one in tensors.items()}))
    if pickled:
        as_bin(folder, part)
    assert "has whole numbers (int8)" in refused(folder)


@pytest.mark.parametrize(("part", "layer"), [("unet", "conv_in.bias"), ("text_encoder", "final_layer_norm.bias")])
def test_weights_of_another_shape(folder, part, layer):
    edit(folder, part, lambda tensors: tensors.update({layer: tensors[layer][:-1].clone()}))
    assert layer in refused(folder)


def test_weights_without_a_place_are_told(folder):
    path = folder / "text_encoder" / "config.json"
    path.write_text(path.read_text().replace('"num_hidden_layers": 3', '"num_hidden_layers": 2'))
    note = checkpoint.load(str(folder), dtype=torch.float32).note
    assert note.startswith("16 weights of its text_encoder, such as 'encoder.layers.2.")


@pytest.mark.parametrize("file", ["model_index.json", "unet/config.json", "scheduler/scheduler_config.json"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is damaged; expected a JSON object"),
        (b"[]", "is damaged; expected a JSON object"),
        (b"[" * 100_000, "is damaged; expected a JSON object"),
        (b"\xff\xfe", "is damaged; expected a JSON object"),
        (b"", "is empty"),
        (POINTER, "is a Git LFS pointer, not the file; fetch it with 'git lfs pull'"),
    ],
    ids=["cut", "list", "deep", "bytes", "empty", "pointer"],
)
def test_descriptions_that_are_none(folder, file, content, message):
    (folder / file).write_bytes(content)
    assert message in refused(folder)


@pytest.mark.parametrize("part", ["unet", "text_encoder"])
def test_weights_that_are_cut_or_something_else(folder, part):
    path = weights(folder, part)
    whole = path.read_bytes()
    for content, message in (
        (whole[: len(whole) // 2], "is cut off or damaged"),
        (b"<html>not found</html>", "is an HTML or XML page"),
        (b"", "is empty"),
        (POINTER, "is a Git LFS pointer"),
    ):
        path.write_bytes(content)
        assert f"can't read the weights {path}: it {message}" in refused(folder)


@pytest.mark.parametrize("part", ["unet", "text_encoder"])
def test_torchs_own_format_is_read_without_running_code(folder, part, capsys):
    path = as_bin(folder, part)
    assert checkpoint.load(str(folder), dtype=torch.float32)
    path.write_bytes(path.read_bytes()[:2000])
    assert "it is cut off or damaged" in refused(folder)
    torch.save({"weight": _Shouting()}, path)
    assert "is refused, since it could run code: beside weights it names __builtin__.print" in refused(folder)
    torch.save([1, 2], path)
    assert "has no weights in it" in refused(folder)
    assert "SHOUT" not in capsys.readouterr().out


class _Shouting:
    def __reduce__(self):
        return print, ("SHOUT",)


@pytest.mark.parametrize("part", ["unet", "text_encoder"])
def test_shards_that_are_not_all_there(folder, part):
    last = sharded(folder, part)
    assert checkpoint.load(str(folder), dtype=torch.float32).note is None
    tensors = load_file(last)
    tensors.popitem()
    save_file(tensors, last, {"format": "pt"})
    assert f"weights of its {part}, such as" in refused(folder)
    last.unlink()
    assert f"names 2 shards, of which {last.name} is not there" in refused(folder)
    next((folder / part).glob("*.index.json")).unlink()
    assert "is one of several shards, whose index is not there" in refused(folder)


def test_a_tokenizer_that_is_cut_or_of_another_encoder(folder):
    merges = folder / "tokenizer" / "merges.txt"
    lines = merges.read_text("utf-8").splitlines()
    merges.write_text("\n".join(lines[:-3]) + "\n", encoding="utf-8")
    assert "has no tokenizer with the 554 words of its text encoder, or one that is cut" in refused(folder)
    (folder / "tokenizer" / "vocab.json").unlink()
    merges.unlink()
    assert "(2 words)" in refused(folder)


@pytest.mark.parametrize(
    "entry",
    [
        ["antigravity", "Flight"],
        ["os", "system"],
        ["transformers", "AutoModel"],
        ["transformers", "pipeline"],
        ["diffusers", "../unet"],
        ["custom", "Net"],
    ],
)
@pytest.mark.parametrize("part", ["unet", "one_more"])
def test_code_that_a_checkpoint_names_is_not_run(folder, entry, part):
    (folder / "unet" / "custom.py").write_text("raise SystemExit('ran')")
    index(folder, **{part: entry})
    assert f"wants {json.dumps(entry)} for its {part}" in refused(folder)
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("kind", ["MyPipeline", "UNet2DConditionModel", "DDIMScheduler", ["custom", "Pipe"], 3, None])
def test_pipelines_that_are_none(folder, kind):
    (folder / "custom.py").write_text("raise SystemExit('ran')")
    index(folder, _class_name=kind)
    assert f"is made for a pipeline {json.dumps(kind)}, which diffusers" in refused(folder)


@pytest.mark.parametrize("value", [None, [None, None], "x", ["diffusers"], ["diffusers", "UNet2DConditionModel", "x"]])
def test_an_index_that_leaves_something_out(folder, value):
    index(folder, unet=value)
    assert "names no unet, without which no StableDiffusionPipeline paints" in refused(folder)


def test_a_description_with_which_a_model_fails_is_the_checkpoints_fault(tiny_checkpoint, tmp_path):
    """What is only noticed when its text encoder reads a prompt."""
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "damaged")
    config = folder / "text_encoder" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"eos_token_id": []}))
    with pytest.raises(CheckpointError, match=r"fails while it reads the prompt .*; the checkpoint's files don't go"):
        igo.Chain(igo.TextToImage(str(folder))).run("a red hoodie", num_inference_steps=1)


@pytest.mark.parametrize(("part", "name"), [("vae", "layers_per_block"), ("text_encoder", "num_hidden_layers")])
def test_a_description_of_more_than_the_weights_is_refused_before_it_is_built(part, name, tiny_checkpoint, tmp_path):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "large")
    config = folder / part / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {name: 10**7}))
    with pytest.raises(CheckpointError, match=r"describes a larger model than the .* weights beside it are"):
        checkpoint.load(str(folder), dtype=torch.float32)
