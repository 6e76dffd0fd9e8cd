"""Pictures, crops and latents."""

import numpy as np
import pytest
import torch

from igo.errors import ImageError
from igo.training.data.latents import Latents, load_pictures, random_crops, to_model, to_pictures


def test_pictures_survive_the_way_to_the_model_and_back(pictures):
    values = to_model(pictures)
    assert values.shape == (8, 3, 48, 32)
    assert values.min() >= -1
    assert values.max() <= 1
    assert torch.equal(to_pictures(values), pictures)


def test_crops_are_parts_of_the_pictures_mirrored_or_not(pictures):
    marked = pictures.clone()
    marked[:, :, :, 0] = torch.arange(32, dtype=torch.uint8)
    crops = to_pictures(random_crops(marked, 64, 16, 16, torch.Generator().manual_seed(0)))
    steps = crops[:, 0, :, 0].int().diff(dim=-1)
    assert set(steps.unique().tolist()) == {-1, 1}
    corners = crops[:, 0, :, 0].int().min(dim=-1).values
    assert (corners == 0).sum() > 64 / 17  # the border is seen more often than a uniform draw would show it


def test_crops_repeat_with_the_generator(pictures):
    one, other = (random_crops(pictures, 4, 16, 16, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(one, other)


def test_a_crop_larger_than_the_picture_is_refused(pictures):
    with pytest.raises(ImageError, match="64×16 don't fit into pictures of 32×48"):
        random_crops(pictures, 4, 16, 64, torch.Generator())


@pytest.mark.parametrize("wrong", [np.zeros((2, 4, 4, 3), np.float32), np.zeros((2, 4, 4), np.uint8)])
def test_files_of_another_kind_are_refused(tmp_path, wrong):
    np.save(tmp_path / "pictures.npy", wrong)
    with pytest.raises(ImageError, match="expected N×H×W×3 uint8 RGB"):
        load_pictures(tmp_path / "pictures.npy")


def test_missing_pictures_are_named(tmp_path):
    with pytest.raises(ImageError, match=r"pictures\.npy"):
        load_pictures(tmp_path / "pictures.npy")


def test_latents_are_drawn_around_their_mean_with_one_of_their_captions(tmp_path):
    mean = torch.arange(4).view(4, 1, 1, 1).expand(4, 4, 2, 2).half().contiguous()
    tokens = torch.arange(8).view(4, 2, 1).expand(4, 2, 77).short().contiguous()
    Latents(mean, torch.full_like(mean, 0.01), tokens).save(tmp_path / "latents.safetensors")
    drawn, captions, zones = Latents.load(tmp_path / "latents.safetensors").draw(32, torch.Generator().manual_seed(0))
    assert zones is None
    assert drawn.shape == (32, 4, 2, 2)
    assert captions.shape == (32, 77)
    assert torch.equal(drawn.mean((1, 2, 3)).round(), (captions[:, 0] // 2).float())
    assert set(captions[:, 0].tolist()) == set(range(8))
