"""What is said of a checkpoint before its weights are loaded, or fetched."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from igo import cli, embedded
from igo.errors import CheckpointError
from igo.painting.checkpoints.checkpoint import load
from igo.painting.checkpoints.inspecting import inspected
from tests.builders import ldm, tiny


def sizes(pipeline):
    return {
        name: sum(weight.numel() for weight in part.parameters())
        for name, part in pipeline.components.items()
        if isinstance(part, torch.nn.Module)
    }


@pytest.mark.parametrize("name", ["mini", "mini/inpaint"])
def test_it_says_of_mini_what_loading_finds(name):
    found, loaded = inspected(name, dtype=torch.float16), load(name, inpainting="inpaint" in name, dtype=torch.float16)
    assert found.parameters == sizes(loaded.pipeline)
    assert found.memory == 2 * sum(found.parameters.values())
    assert (found.pipeline, found.defaults) == (type(loaded.pipeline).__name__, loaded.defaults)
    assert found.scheduler == "DDIMScheduler (v_prediction)"
    place = embedded.path("inpaint" if "inpaint" in name else "base")
    assert found.files.size == sum(path.stat().st_size for path in place.rglob("*.safetensors"))
    assert (found.files.count, found.files.formats, found.files.fetched) == (3, (".safetensors",), True)
    assert str(found.files.license) == "apache-2.0"
    assert found.tasks == (("masks",) if name == "mini/inpaint" else ("text to image", "image to image", "masks"))


def test_of_a_hubs_checkpoint_no_weights_are_fetched(hub):
    card = hub.root / "youngmki" / "musinsaigo-1.0" / "README.md"
    card.write_text("---\nlicense: creativeml-openrail-m\n---\n# musinsaigo\n")
    try:
        found = inspected("youngmki/musinsaigo-1.0", dtype=torch.float32)
        assert not [file for file in hub.fetched if file.endswith((".bin", ".safetensors"))]
        assert not found.files.fetched
        assert str(found.files.license) == "creativeml-openrail-m"
        assert found.scheduler == "EulerDiscreteScheduler (use_karras_sigmas)"
        assert (found.preset, found.family) == ("musinsaigo", "Stable Diffusion 1")
        assert (found.defaults.width, found.defaults.height) == (512, 768)
        assert "safety_checker" in found.parameters
        loaded = load("youngmki/musinsaigo-1.0", dtype=torch.float32)
        again = inspected("youngmki/musinsaigo-1.0", dtype=torch.float32)
        assert again.files.fetched
        assert again.files.size == found.files.size
        assert again.parameters == found.parameters == sizes(loaded.pipeline)
    finally:
        card.unlink()


def test_a_single_file_is_known_by_its_keys(tmp_path):
    pipeline = tiny.make_pipeline(tmp_path / "tokenizer")
    path = tmp_path / "model.safetensors"
    ldm.save_single_file(pipeline, path)
    save_file(load_file(path), path, {"modelspec.license": "CreativeML Open RAIL-M"})
    found = inspected(str(path), dtype=torch.float32)
    assert (found.family, found.files.count) == ("Stable Diffusion 1", 1)
    assert str(found.files.license) == "CreativeML Open RAIL-M"


def test_a_description_without_measure_is_refused(tmp_path):
    folder = tmp_path / "huge"
    shutil.copytree(embedded.path("base"), folder)
    path = folder / "unet" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"layers_per_block": 10**7}))
    with pytest.raises(CheckpointError, match=r"config.json in unet/ of .* describes a model of more than"):
        inspected(str(folder), dtype=torch.float32)


def test_the_command_says_it_in_five_lines(capsys, tmp_path):
    assert cli.run_command(["doctor", "mini", "--dtype", "float16"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["mini", "files", "paints", "can", "needs"]
    assert lines[0] == (
        "mini: Stable Diffusion 1 (StableDiffusionPipeline) of 7.4 M: vae 0.7 M, text_encoder 0.5 M, unet 6.2 M"
    )
    assert lines[2].endswith("by DDIMScheduler (v_prediction); template: none")
    (tmp_path / "x.ckpt").write_bytes(b"x")
    for name, told in (
        (tmp_path / "x.ckpt", "may run code"),
        (tmp_path, "has no model_index.json"),
        ("no", "there is no"),
    ):
        assert cli.run_command(["doctor", str(name)]) == 2
        written = capsys.readouterr()
        assert told in written.err
        assert written.err.count("\n") == 1
        assert not written.out
