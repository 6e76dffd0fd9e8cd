"""Degradations, blur kernels and procedural textures."""

import numpy as np
import pytest

from igo.errors import SettingsError
from igo.training.data.degradations import FIRST, PUBLISHED, Round, degrade, enlarge, shrink
from igo.training.data.kernels import gaussian, random_kernel, sinc
from igo.training.data.textures import texture
from igo.training.tasks.upscaler import psnr


def generator(seed):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def picture():
    return texture(generator(3), 96, 64)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_degraded_pictures_have_the_size_and_kind_asked_for(picture, scale):
    for seed in range(12):
        small = degrade(picture, scale, generator(seed))
        assert small.shape == (96 // scale, 64 // scale, 3)
        assert small.dtype == np.uint8
    assert shrink(picture, scale, generator(0)).shape == small.shape


def test_chance_comes_from_the_generator_alone(picture):
    one, same, other = (degrade(picture, 4, generator(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    before = picture.copy()
    degrade(picture, 4, generator(5))
    assert np.array_equal(picture, before)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_pictures_keep_their_level(level):
    flat = np.full((64, 64, 3), level, np.uint8)
    means = [float(degrade(flat, 2, generator(seed)).mean()) for seed in range(10)]
    assert np.mean(means) == pytest.approx(level, abs=14)  # clipped noise moves black up and white down
    assert (shrink(flat, 2, generator(0)) == level).all()


def test_softer_degradations_leave_more_of_the_picture(picture):
    def quality(settings):
        return np.mean([psnr(enlarge(degrade(picture, 2, generator(s), settings), 2), picture) for s in range(12)])

    hard, soft, softest = (quality(PUBLISHED.softened(amount)) for amount in (0, 0.5, 1))
    assert hard < soft < softest < np.mean([psnr(enlarge(shrink(picture, 2, generator(0)), 2), picture)])
    assert PUBLISHED.softened(0) == PUBLISHED


def test_sides_that_cannot_be_divided_are_refused(picture):
    with pytest.raises(SettingsError, match="64×96 can't be shrunk 5 times"):
        degrade(picture, 5, generator(0))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"sigma": (2, 1)}, "sigma"),
        ({"quality": (-1, 90)}, "quality"),
        ({"blur": 2}, "blur"),
        ({"enlarge": 0.5, "shrink": 0.6}, "at most 1"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, told):
    with pytest.raises(SettingsError, match=told):
        Round(**{**vars(FIRST), **wrong})
    with pytest.raises(SettingsError, match="softened by 2"):
        PUBLISHED.softened(2)


def test_kernels_sum_to_one_and_keep_their_shape():
    for seed in range(40):
        kernel = random_kernel(generator(seed), (0.2, 3.0))
        assert kernel.shape[0] == kernel.shape[1]
        assert kernel.shape[0] % 2 == 1
        assert kernel.sum() == pytest.approx(1, abs=1e-5)
    wide = gaussian(21, 3, 1)
    assert wide[10, 13] > wide[13, 10]
    assert np.allclose(gaussian(21, 3, 1, np.pi / 2), wide.T, atol=1e-6)
    box, bell = gaussian(21, 3, 3, shape=4), gaussian(21, 3, 3)
    assert box[10, 12] / box[10, 10] > bell[10, 12] / bell[10, 10]


def test_the_low_pass_has_rings_and_its_zeros_where_they_belong():
    kernel = sinc(21, np.pi / 2)
    assert kernel.min() < 0
    assert np.allclose(kernel, kernel.T)
    first_zero = 3.8317 / (np.pi / 2)  # of Bessel's J1, in pixels
    line = kernel[10, 10:]
    assert line[int(first_zero)] > 0 > line[int(first_zero) + 1]


def test_textures_repeat_differ_and_fill_the_range():
    many = [texture(generator(seed), 40, 56) for seed in range(30)]
    assert all(one.shape == (40, 56, 3) and one.dtype == np.uint8 for one in many)
    assert np.array_equal(many[4], texture(generator(4), 40, 56))
    assert len({one.tobytes() for one in many}) == 30
    assert np.mean([one.std() for one in many]) > 15
