"""Learning on from a checkpoint: from its name to a new folder that plain diffusers loads."""

import json
import shutil

import pytest
import torch
from diffusers import AutoPipelineForInpainting, StableDiffusionPipeline

from igo.errors import CheckpointError, SettingsError
from igo.painting.checkpoints import checkpoint
from igo.training import finetune
from igo.training.data.folders import CaptionedSet
from igo.training.data.masks import MaskSet, prompt_tokens
from igo.training.loop.effort import Effort

EFFORT = Effort(steps=3, batch_size=2, learning_rate=1e-3, quiet=True)


@pytest.fixture
def base(tiny_checkpoint):
    return finetune.load_base(str(tiny_checkpoint))


@pytest.fixture
def captioned():
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(256, (4, 48, 32, 3), generator=generator, dtype=torch.uint8)
    return CaptionedSet(pictures, [["a red hoodie"], ["blue jeans", "jeans"], ["a woman"], ["a red hoodie"]])


def test_a_base_is_trained_into_a_new_folder(base, captioned, tmp_path):
    before = base.pipeline.unet.conv_in.weight.clone()
    report = finetune.train_base(base, captioned, tmp_path / "out", tmp_path / "work", EFFORT)
    assert report.step == 3
    again = StableDiffusionPipeline.from_pretrained(tmp_path / "out")
    assert not torch.equal(before, again.unet.conv_in.weight)
    loaded = checkpoint.load(str(tmp_path / "out"), dtype=torch.float32)
    assert (loaded.defaults.width, loaded.defaults.height) == (32, 48)
    for path in (tmp_path / "out").rglob("*.json"):
        assert str(tmp_path.parent) not in path.read_text(), f"{path.name} says where it was made"
    kept = list((tmp_path / "work").glob("latents-*.safetensors"))
    assert len(kept) == 1
    written = kept[0].stat().st_mtime_ns
    assert finetune.train_base(base, captioned, tmp_path / "out", tmp_path / "work", EFFORT).samples == 0
    assert kept[0].stat().st_mtime_ns == written


@pytest.mark.slow
def test_a_base_becomes_one_that_repaints(base, captioned, tmp_path):
    masks = MaskSet(
        captioned.pictures,
        torch.zeros(4, 48, 32, dtype=torch.uint8),
        codes=torch.tensor([1]),
        asks=torch.zeros(4, 1, dtype=torch.long),
        members=torch.zeros(4, 1, dtype=torch.long),
        weights=torch.ones(4, 1),
        tokens=prompt_tokens(base.pipeline.tokenizer, [["a red hoodie"]]),
        groups=torch.zeros(1, dtype=torch.long),
        names=("all",),
    )
    finetune.train_inpaint(base, *masks.hold_out(1), tmp_path / "out", tmp_path / "work", EFFORT)
    again = AutoPipelineForInpainting.from_pretrained(tmp_path / "out")
    assert type(again).__name__ == "StableDiffusionInpaintPipeline"
    assert again.unet.config.in_channels == 9
    on = finetune.load_base(str(tmp_path / "out"))
    assert on.pipeline.unet.config.in_channels == 9
    assert finetune.train_inpaint(on, *masks.hold_out(1), tmp_path / "on", tmp_path / "more", EFFORT).step == 3


def test_a_folder_of_other_things_is_not_replaced(base, captioned, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").write_bytes(b"dear")
    with pytest.raises(SettingsError, match="photos is not a folder of weights and would be replaced"):
        finetune.train_base(base, captioned, tmp_path / "photos", tmp_path / "work", EFFORT)
    assert (tmp_path / "photos" / "me.jpg").read_bytes() == b"dear"
    assert not (tmp_path / "work").exists()


def test_checkpoints_of_another_shape_are_refused(tiny_checkpoint, tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        finetune.load_base(str(tmp_path / "nowhere"))
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "broken")
    (folder / checkpoint.DEFAULTS_FILE).write_text(json.dumps({"width": 32}))
    with pytest.raises(CheckpointError, match=r"igo\.json can't be loaded"):
        finetune.load_base(str(folder))
    with pytest.raises(CheckpointError, match=r"the CLIPSeg .* can't be loaded"):
        finetune.load_clipseg(str(tmp_path))


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"precision": "int8"}, {"minutes": 0.0}, {"batch_size": 0}])
def test_efforts_that_cannot_be_made_are_refused(wrong, base, captioned, tmp_path):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        finetune.train_base(base, captioned, tmp_path / "out", tmp_path / "work", Effort(**wrong))
