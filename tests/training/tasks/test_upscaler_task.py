"""The upscaler: its network, its task, its files."""

import json
from contextlib import closing
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from igo.errors import CheckpointError, ImageError, SettingsError
from igo.mini import upscaler as mini_upscaler
from igo.networks.files import load_srvgg
from igo.networks.srvgg import SRVGGNetCompact
from igo.training import finetune
from igo.training.data.pairs import Pairs, busier_crop
from igo.training.data.textures import texture
from igo.training.data.tiles import load_tiles
from igo.training.loop.effort import Effort
from igo.training.loop.loop import LoopSettings, train
from igo.training.tasks.upscaler import UpscalerTask, export_srvgg, psnr


def network(scale=4, random=True):
    torch.manual_seed(0)
    made = SRVGGNetCompact(scale, features=8, convolutions=2)
    if random:
        torch.nn.init.normal_(made.body[-1].weight, std=0.02)
    return made


@pytest.fixture(scope="module")
def pictures():
    return torch.from_numpy(np.stack([texture(np.random.default_rng(seed), 80, 96) for seed in range(3)]))


def make_task(pictures, scale=2, workers=1, **options):
    pairs = Pairs(pictures.numpy(), scale, patch=16, **options)
    return UpscalerTask(network(scale, random=False), pairs, pictures, measured=3, workers=workers)


def test_weights_have_the_official_names_and_shapes():
    state = SRVGGNetCompact(4).state_dict()
    assert len(state) == 2 * 18 + 17
    assert {name: tuple(state[name].shape) for name in ("body.0.weight", "body.0.bias", "body.1.weight")} == {
        "body.0.weight": (64, 3, 3, 3),
        "body.0.bias": (64,),
        "body.1.weight": (64,),
    }
    assert state["body.2.weight"].shape == (64, 64, 3, 3)
    assert state["body.33.weight"].shape == (64,)
    assert state["body.34.weight"].shape == (48, 64, 3, 3)
    assert sum(value.numel() for value in state.values()) == 621_424


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_pictures_grow_by_the_scale_and_training_starts_at_interpolation(scale):
    """A parabola is enlarged into the same parabola, but for the pixels at the border."""
    place = torch.linspace(0, 1, 9)
    small = (0.2 + 0.5 * place[:, None].square() + 0.3 * place[None, :]).expand(1, 3, 9, 9)
    fine = (torch.arange(9 * scale) + 0.5) / scale - 0.5
    truth = 0.2 + 0.5 * (fine[:, None] / 8).square() + 0.3 * fine[None, :] / 8
    large = network(scale, random=False)(small)
    inside = slice(scale, -scale)
    assert large.shape == (1, 3, 9 * scale, 9 * scale)
    assert torch.allclose(large[0, 1, inside, inside], truth[inside, inside], atol=1e-5)


def test_a_pixel_is_seen_as_far_as_the_convolutions_reach():
    small = torch.rand(1, 3, 21, 21)
    other = small.clone()
    other[0, :, 10, 10] += 1
    changed = (network(2)(small) != network(2)(other)).any(1)[0]
    rows = changed.any(1).nonzero().flatten() // 2
    assert rows.min() == 10 - 4  # 2 convolutions and those before and after
    assert rows.max() == 10 + 4


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 0), (torch.float16, 2e-3)])
def test_exported_weights_come_back(tmp_path, dtype, tolerance):
    path = tmp_path / "new" / "x4.safetensors"
    export_srvgg(network(), path, dtype)
    with safe_open(path, "pt") as file:
        assert file.metadata() == {"format": "pt", "architecture": "SRVGGNetCompact", "scale": "4"}
        assert set(file.keys()) == set(network().state_dict())
        assert file.get_tensor("body.0.weight").dtype == dtype
    again = load_srvgg(path)
    small = torch.rand(1, 3, 6, 6)
    assert (again.scale, again.features, again.convolutions) == (4, 8, 2)
    assert (again(small) - network()(small)).abs().max() <= tolerance


def test_official_files_are_read_and_others_named(tmp_path):
    torch.save({"params": network(2).state_dict()}, tmp_path / "official.pth")
    assert load_srvgg(tmp_path / "official.pth").scale == 2
    torch.save({"params": {"conv_first.weight": torch.zeros(1)}}, tmp_path / "rrdb.pth")
    with pytest.raises(CheckpointError, match=r"rrdb\.pth holds neither an RRDBNet nor an SRVGGNetCompact"):
        load_srvgg(tmp_path / "rrdb.pth")
    (tmp_path / "broken.safetensors").write_bytes(b"half a file")
    with pytest.raises(CheckpointError, match=r"can't read the weights .*broken"):
        load_srvgg(tmp_path / "broken.safetensors")


def test_a_larger_scale_is_a_start():
    made, other = network(2), network(4)
    made.take_over(other)
    small = torch.rand(1, 3, 6, 6)
    assert torch.allclose(made(small), torch.nn.functional.avg_pool2d(other(small), 2), atol=1e-5)
    with pytest.raises(CheckpointError, match=r"×4 with .* can't start from one of ×2"):
        other.take_over(made)
    with pytest.raises(CheckpointError, match=r"\(64, 16\) can't start from one of ×2 with \(8, 2\)"):
        SRVGGNetCompact(2).take_over(made)


def test_patches_are_aligned_with_what_they_were(pictures):
    task = make_task(pictures, clean=1.0)
    for seed in range(8):
        small, large = task.pairs.pair(seed)
        assert small.shape == (16, 16, 3)
        assert large.shape == (32, 32, 3)
        means = large.reshape(16, 2, 16, 2, 3).mean((1, 3))
        assert np.abs(means - small).mean() < 6


def test_batches_repeat_with_the_generator_and_any_number_of_processes(pictures):
    one = make_task(pictures).batch(6, torch.Generator().manual_seed(4))
    with closing(make_task(pictures, workers=2)) as task:
        other = task.batch(6, torch.Generator().manual_seed(4))
    assert all(torch.equal(one[name], other[name]) for name in ("small", "large"))
    assert one["small"].shape == (6, 3, 16, 16)
    assert one["large"].shape == (6, 3, 32, 32)
    assert 0 <= one["small"].min() < one["small"].max() <= 1


def test_enlarging_is_learned(tmp_path):
    """Stripes that are as thin as the small pixels: what the network starts with is no good for them."""
    stripes = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    stripes[:, :, 0::8] = stripes[:, :, 1::8] = stripes[:, :, 2::8] = 255
    task = make_task(stripes, clean=1.0, textures=0.0)
    task.degraded = task.undegraded = [task.pairs.pair(seed) for seed in range(4)]
    settings = LoopSettings(steps=150, batch_size=8, learning_rate=2e-3, warmup=5, ema_decay=0.8)
    report = train(task, settings, tmp_path, quiet=True)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "losses.jsonl").read_text().splitlines()]
    assert sum(losses[-10:]) < 0.6 * sum(losses[:10])
    assert report.measures["gain"] == report.measures["clean"] > 1
    assert (tmp_path / "samples" / "step-000150.png").exists()


def test_gains_are_counted_against_lanczos(pictures):
    task = make_task(pictures)
    small, large = task.degraded[0]
    assert small.shape == (24, 24, 3)
    assert task.upscale(small).shape == large.shape == (48, 48, 3)
    assert psnr(large, large) > 70
    assert psnr(np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)) == pytest.approx(0)


def test_pictures_smaller_than_a_patch_are_refused(pictures):
    with pytest.raises(SettingsError, match="can't be cut into patches of 96×96"):
        make_task(pictures, scale=4)


def test_a_folder_of_pictures_becomes_tiles(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "inner").mkdir()
    Image.fromarray(texture(rng, 64, 80)).save(tmp_path / "a.png")
    Image.fromarray(texture(rng, 40, 2000)).resize((2000, 160)).save(tmp_path / "inner" / "b.jpg")
    tiles = load_tiles(tmp_path, side=48, limit=10)
    assert tiles.shape == (10, 48, 48, 3)
    assert torch.equal(tiles, load_tiles(tmp_path, side=48, limit=10))
    assert len(load_tiles(tmp_path, side=48, limit=1)) == 1
    with pytest.raises(ImageError, match=r"a\.png has 80×64 pixels"):
        load_tiles(tmp_path, side=70)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match="holds no pictures"):
        load_tiles(tmp_path / "empty")


def test_busy_parts_are_preferred():
    half = np.zeros((16, 64, 3), np.uint8)
    half[:, 32:] = np.random.default_rng(0).integers(0, 255, (16, 32, 3))
    rng = np.random.default_rng(1)
    busy = sum(busier_crop(half, 16, rng).std() > 20 for _ in range(40))
    assert busy > 26


def test_mini_trains_both_scales(tmp_path, monkeypatch):
    monkeypatch.setattr(mini_upscaler, "SRVGGNetCompact", lambda scale: network(scale, random=False))
    monkeypatch.setattr(mini_upscaler, "SIZE", (64, 96))
    monkeypatch.setattr(finetune, "Pairs", partial(Pairs, patch=8))
    monkeypatch.setattr(finetune, "UpscalerTask", partial(UpscalerTask, measured=2))
    effort = Effort(steps=2, batch_size=16, quiet=True)
    options = {"pictures": 2, "held_out": 1, "workers": 1}
    report = mini_upscaler.train_upscaler(4, tmp_path, tmp_path / "out", effort, **options)
    assert report.samples == 32
    start = tmp_path / "out" / "x4.safetensors"
    mini_upscaler.train_upscaler(2, tmp_path, tmp_path / "out", effort, start=start, **options)
    assert load_srvgg(tmp_path / "out" / "x2.safetensors").scale == 2
    again = mini_upscaler.train_upscaler(4, tmp_path, tmp_path / "out", effort, **options)
    assert (again.samples, again.measures) == (0, report.measures)
    with pytest.raises(SettingsError, match="no upscaler of scale 3"):
        mini_upscaler.train_upscaler(3, tmp_path, tmp_path / "out", effort)
