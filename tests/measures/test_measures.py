"""The measures: their values, zones, sizes, and what is refused."""

import math

import numpy as np
import pytest
from PIL import Image, ImageFilter

from igo import measures, testing
from igo.errors import CheckpointError, ImageError, SettingsError
from igo.measures import compare, perceptual


@pytest.fixture(scope="module")
def pictures():
    """A drawing, the same blurred, and the garment's mask."""
    figure = testing.draw_figure(7)
    return figure.image, figure.image.filter(ImageFilter.GaussianBlur(1)), figure.mask("top")


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_values_are_those_of_the_assertions(pictures):
    """Which are written apart from it, and as published."""
    one, other, _ = pictures
    figures = compare(one, other).whole
    assert figures.ssim == pytest.approx(testing.ssim(one, other), abs=1e-9)
    assert figures.psnr == pytest.approx(testing.psnr(one, other), abs=1e-9)
    assert figures == compare(other, one).whole
    taken = (measures.ssim(one, other), measures.psnr(one, other), measures.delta_e(one, other))
    assert taken == (figures.ssim, figures.psnr, figures.delta_e)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0, 0), (255, 255, 255), 100.0),
        ((255, 0, 0), (0, 255, 0), 86.61),
        ((255, 0, 0), (0, 0, 255), 52.88),
        ((128, 128, 128), (128, 128, 128), 0.0),
    ],
)
def test_colour_differences_are_ciede2000(one, other, expected):
    first, second = (Image.new("RGB", (12, 12), color) for color in (one, other))
    assert measures.delta_e(first, second) == pytest.approx(expected, abs=0.005)


def test_equal_pictures():
    figures = compare(noise(20, 30), noise(20, 30)).whole
    assert (figures.pixels, figures.ssim, figures.psnr, figures.delta_e) == (600, 1, math.inf, 0)


def test_inside_and_outside_of_a_zone_make_the_whole(pictures):
    one, other, mask = pictures
    found = compare(one, other, mask)
    inside, outside, whole = found.inside, found.outside, found.whole
    assert inside.pixels + outside.pixels == whole.pixels == one.width * one.height
    for measure in ("delta_e", "psnr"):
        parts = [getattr(figures, measure) for figures in (inside, outside, whole)]
        values = parts if measure == "delta_e" else [10 ** (-value / 10) for value in parts]
        assert values[0] * inside.pixels + values[1] * outside.pixels == pytest.approx(values[2] * whole.pixels)
    assert measures.psnr(one, other, mask) == inside.psnr
    assert found.judged is inside


def test_a_change_in_the_zone_is_none_outside_but_for_the_window_of_ssim(pictures):
    one, _, mask = pictures
    changed = one.copy()
    changed.paste("red", mask=mask)
    outside = compare(changed, one, mask).outside
    assert (outside.psnr, outside.delta_e) == (math.inf, 0)
    assert 0.9 < outside.ssim < 1
    around = np.asarray(mask.filter(ImageFilter.MaxFilter(11))) > 0
    assert np.allclose(measures.ssim_map(changed, one)[~around], 1)


def test_a_zone_that_is_all_of_the_picture(pictures):
    one, other, mask = pictures
    found = compare(one, other, Image.new("L", mask.size, 255))
    assert found.inside == found.whole
    assert found.outside is None


def test_soft_edges_of_a_mask_are_zone():
    mask = np.zeros((20, 20), np.uint8)
    mask[5:10, 5:10], mask[10, 5:10] = 255, 100
    assert compare(noise(20, 20), noise(20, 20, 1), mask).inside.pixels == 30


@pytest.mark.parametrize("size", [(511, 23), (700, 40), (1025, 16)])
def test_tall_pictures_are_measured_in_bands_that_do_not_show(size):
    from skimage.metrics import structural_similarity

    one, other = noise(*size), noise(*size, seed=1)
    mean, found = structural_similarity(
        one, other, data_range=255, channel_axis=2, gaussian_weights=True, use_sample_covariance=False, full=True
    )
    assert np.array_equal(measures.ssim_map(one, other), found.mean(2))
    assert measures.ssim(one, other) == pytest.approx(mean, abs=1e-12)


def test_pictures_below_the_window_have_no_ssim():
    found = compare(noise(10, 40), noise(10, 40, 1))
    assert math.isnan(found.whole.ssim)
    assert found.whole.delta_e > 0
    edge = np.zeros((40, 40), np.uint8)
    edge[:3] = 255
    assert math.isnan(compare(noise(40, 40), noise(40, 40, 1), edge).inside.ssim)


def test_what_is_transparent_lies_on_white():
    clear, white = Image.new("RGBA", (20, 20), (10, 200, 10, 0)), Image.new("L", (20, 20), 255)
    assert compare(clear, white).whole.delta_e == 0


def test_what_can_not_be_measured_is_refused():
    with pytest.raises(
        ImageError, match="the first picture is 30x20 and the second is 20x30: expected two of one size"
    ):
        compare(noise(20, 30), noise(30, 20))
    with pytest.raises(
        ImageError, match="the mask is 3x3 and the pictures 30x20: expected a mask of the picture's size"
    ):
        compare(noise(20, 30), noise(20, 30), Image.new("L", (3, 3), 255))
    with pytest.raises(ImageError, match="the mask is black everywhere: expected white where the zone is"):
        measures.delta_e(noise(20, 30), noise(20, 30), Image.new("L", (30, 20)))


def test_without_scikit_image_a_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "skimage.metrics", None)
    with pytest.raises(
        SettingsError, match=r"by scikit-image, which can't be imported .*pip install 'igo\[measures\]'"
    ):
        measures.ssim(noise(20, 20), noise(20, 20))


def test_without_lpips_it_is_left_out_unless_asked_for(monkeypatch):
    monkeypatch.setattr(perceptual, "find_spec", lambda name: None)
    assert math.isnan(compare(noise(64, 64), noise(64, 64, 1)).whole.lpips)
    with pytest.raises(SettingsError, match=r"LPIPS needs the package lpips, .* pip install 'igo\[lpips\]'"):
        measures.lpips(noise(64, 64), noise(64, 64))


def test_without_its_weights_a_line_says_where_they_belong(monkeypatch, tmp_path):
    monkeypatch.setattr(perceptual, "find_spec", lambda name: True)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert str(tmp_path / "hub" / "checkpoints" / perceptual.WEIGHTS) in measures.lpips_missing()


class SlicedNetwork:
    """In place of the package's network: its parameters, and a map that is the squared difference."""

    def __init__(self, **settings):
        import torch

        assert settings == {"net": "alex", "pnet_rand": True, "verbose": False}, "nothing is fetched"
        self.net = torch.nn.ModuleDict({"slice1": torch.nn.ModuleDict({"0": torch.nn.Linear(2, 2, bias=False)})})

    def eval(self):
        return self

    def __call__(self, one, other):
        assert self.net.slice1["0"].weight.sum() == 4, "the weights of the file"
        found = ((one - other) ** 2).mean(1, keepdim=True)
        return found if self.spatial else found.mean((2, 3), keepdim=True)


@pytest.fixture
def at_hand(monkeypatch, tmp_path):
    """LPIPS as if it were installed; gives the place of the weights."""
    import sys
    from types import SimpleNamespace

    import torch

    monkeypatch.setattr(perceptual, "find_spec", lambda name: True)
    monkeypatch.setitem(sys.modules, "lpips", SimpleNamespace(LPIPS=SlicedNetwork))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub" / "checkpoints" / perceptual.WEIGHTS
    path.parent.mkdir(parents=True)
    torch.save({"features.0.weight": torch.ones(2, 2)}, path)
    perceptual._network.cache_clear()
    yield path
    perceptual._network.cache_clear()


def test_lpips_of_the_whole_and_of_a_zone(at_hand):
    one, other = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64, 3), np.uint8)
    other[:32] = 255
    mask = np.zeros((64, 64), np.uint8)
    mask[:16] = 255
    found = compare(one, other, mask)
    assert (found.whole.lpips, found.inside.lpips) == (2, 4)
    assert found.outside.lpips == pytest.approx(2 * 64 / 2 / 48 * 2 - 4 * 16 / 48, abs=1e-6)
    assert measures.lpips(one, other) == 2


def test_lpips_needs_pictures_of_some_size(at_hand):
    small = noise(63, 70)
    assert math.isnan(compare(small, small).whole.lpips)
    with pytest.raises(ImageError, match="LPIPS is not defined for 70x63 pixels: expected sides of at least 64"):
        measures.lpips(small, small)


def test_other_weights_under_that_name(at_hand):
    import torch

    torch.save({"features.0.weight": torch.ones(3, 3)}, at_hand)
    with pytest.raises(SettingsError, match="isn't AlexNet's weights; remove it"):
        compare(noise(64, 64), noise(64, 64))
    at_hand.write_bytes(b"not weights" * 99)
    with pytest.raises(CheckpointError, match="it is no file that torch"):
        compare(noise(64, 64), noise(64, 64))


def test_lpips_is_that_of_the_package(monkeypatch, tmp_path):
    """With the same weights of AlexNet, random ones, by its own way of loading them."""
    lpips = pytest.importorskip("lpips", exc_type=ImportError)
    import torch
    import torchvision

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub" / "checkpoints" / perceptual.WEIGHTS
    path.parent.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(torchvision.models.alexnet(weights=None).state_dict(), path)
    perceptual._network.cache_clear()
    one, other = noise(80, 70), noise(80, 70, 1)
    with pytest.warns(UserWarning, match="pretrained"):
        expected = lpips.LPIPS(net="alex", verbose=False)(lpips.im2tensor(one), lpips.im2tensor(other))
    assert measures.lpips(one, other) == pytest.approx(float(expected), abs=1e-6)
    perceptual._network.cache_clear()
