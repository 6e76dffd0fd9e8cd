"""Repainting: the widened UNet, the zones, and the task that learns from them."""

import json

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionInpaintPipeline
from PIL import Image

from igo.errors import CheckpointError
from igo.training.data.masks import MaskSet, prompt_tokens
from igo.training.data.zones import garment_zone, random_zone
from igo.training.loop.loop import LoopSettings, train
from igo.training.tasks.inpaint import InpaintTask, inpainting, widened


@pytest.fixture
def repaints(tokenizer):
    """Gray pictures whose left half is red or blue: "a red dress" or "a blue coat" name it."""
    pictures = torch.full((4, 32, 32, 3), 128, dtype=torch.uint8)
    pictures[:, :, :16] = 0
    pictures[0::2, :, :16, 0] = pictures[1::2, :, :16, 2] = 255
    labels = torch.zeros(4, 32, 32, dtype=torch.uint8)
    labels[:, :, :16] = 1
    return MaskSet(
        pictures,
        labels,
        codes=torch.tensor([1, 2]),
        asks=torch.tensor([[0], [1]] * 2),
        members=torch.full((4, 1), 2),
        weights=torch.ones(4, 1),
        tokens=prompt_tokens(tokenizer, [["a red dress"], ["a blue coat"]]),
        groups=torch.zeros(2, dtype=torch.long),
        names=("halves",),
    )


@pytest.fixture
def task(pipeline, repaints):
    return InpaintTask(inpainting(pipeline), repaints, repaints, steps=2)


def test_a_widened_unet_begins_where_the_narrow_one_is(pipeline):
    wide = widened(pipeline.unet)
    assert (wide.config.in_channels, wide.config.out_channels) == (9, 4)
    noisy, extra, states = torch.randn(2, 4, 8, 8), torch.randn(2, 5, 8, 8), torch.randn(2, 7, 16)
    with torch.no_grad():
        narrow = pipeline.unet(noisy, 5, states).sample
        assert torch.allclose(wide(torch.cat([noisy, extra], 1), 5, states).sample, narrow, atol=1e-6)
    assert widened(wide) is wide
    pipeline.unet.register_to_config(in_channels=7)
    with pytest.raises(CheckpointError, match="7 input channels can't learn to repaint; give one of 4"):
        widened(pipeline.unet)


def test_the_unet_sees_what_the_pipeline_will_show_it(task, monkeypatch):
    """Mask and masked latents are those that diffusers' own pipeline makes of the same picture and mask."""
    pipeline = task.pipeline
    batch = task._drawn(task.masks, 1, torch.Generator().manual_seed(3))
    pictures, zones, _ = task._pairs(task.masks, 1, torch.Generator().manual_seed(3))
    seen = []
    forward = pipeline.unet.forward
    monkeypatch.setattr(pipeline.unet, "forward", lambda x, *a, **k: (seen.append(x.clone()), forward(x, *a, **k))[1])
    pipeline.set_progress_bar_config(disable=True)
    pipeline(
        "a red dress",
        image=Image.fromarray(pictures[0].numpy()),
        mask_image=Image.fromarray(zones[0].numpy().astype(np.uint8) * 255),
        width=32,
        height=32,
        num_inference_steps=1,
        guidance_scale=1.0,
        generator=torch.Generator().manual_seed(0),
    )
    mask, left = seen[0][:, 4:5], seen[0][:, 5:]
    assert torch.equal(mask, batch["context"][:, :1])
    with torch.no_grad():  # the pipeline samples the posterior, and so does the task: equal up to that noise
        whole = pictures.permute(0, 3, 1, 2).float() / 127.5 - 1
        posterior = pipeline.vae.encode(whole * ~zones[:, None]).latent_dist
    factor, spread = pipeline.vae.config.scaling_factor, posterior.std.max()
    for latents in (left, batch["context"][:, 1:]):
        assert (latents - posterior.mean * factor).abs().max() <= 5 * factor * spread


def test_batches_repeat_with_the_generator_and_weigh_the_zone(task):
    one, other = (task.batch(6, torch.Generator().manual_seed(1)) for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert one["context"].shape == (6, 5, 8, 8)
    assert one["weights"].mean((1, 2, 3)).tolist() == pytest.approx([1.0] * 6)
    mask = one["context"][:, :1] > 0.5
    assert one["weights"][mask].min() > one["weights"][~mask].max()


@pytest.mark.slow
def test_repainting_is_learned(task, tmp_path):
    settings = LoopSettings(steps=60, batch_size=8, learning_rate=1e-2, warmup=5, ema_decay=0.5)
    report = train(task, settings, tmp_path, quiet=True)
    curve = [json.loads(line)["loss"] for line in (tmp_path / "losses.jsonl").read_text().splitlines()]
    assert sum(curve[-10:]) < 0.8 * sum(curve[:10])
    assert 0 < report.measures["held-out loss"] < curve[0]
    assert (tmp_path / "samples" / "step-000060.png").exists()


def test_the_text_encoder_and_the_autoencoder_stay(task, tmp_path):
    frozen = {**task.pipeline.text_encoder.state_dict(), **task.pipeline.vae.state_dict()}
    before = {name: value.clone() for name, value in frozen.items()}
    train(task, LoopSettings(steps=2, batch_size=2), tmp_path, quiet=True)
    assert all(torch.equal(before[name], value) for name, value in frozen.items())
    assert isinstance(task.pipeline, StableDiffusionInpaintPipeline)


@pytest.mark.parametrize("seed", range(12))
def test_zones_cover_what_they_must_and_never_nothing(seed):
    rng = np.random.default_rng(seed)
    zone = random_zone(rng, 48, 32)
    assert zone.shape == (48, 32)
    assert zone.dtype == bool
    assert zone.any()
    mask = np.zeros((48, 32), bool)
    mask[20:30, 8:12] = True
    grown = garment_zone(rng, mask)
    assert grown[mask].all()
    assert not grown.all()


def test_zones_are_of_every_kind():
    rng = np.random.default_rng(0)
    zones = [random_zone(rng, 48, 32) for _ in range(200)]
    assert any(zone.all() for zone in zones)
    whole_sides = [zone[:, 0].all() or zone[:, -1].all() or zone[0].all() or zone[-1].all() for zone in zones]
    assert 40 < sum(whole_sides) < 160
    assert 0.2 < np.mean([zone.mean() for zone in zones]) < 0.6
