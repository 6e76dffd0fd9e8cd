"""Assertions on pictures: what passes, and what a failure says and shows."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from igo.errors import ImageError, SettingsError
from igo.testing import (
    assert_color,
    assert_images_equal,
    assert_psnr,
    assert_ssim,
    color_shares,
    draw_figure,
    psnr,
    ssim,
)


@pytest.fixture
def picture():
    return draw_figure(7).image


@pytest.fixture
def differences(tmp_path, monkeypatch):
    """The folder into which pictures of differences go."""
    monkeypatch.setenv("IGO_DIFFERENCES", str(tmp_path / "differences"))
    return tmp_path / "differences"


def noisy(picture):
    noise = np.random.default_rng(0).normal(0, 12, (*picture.size[::-1], 3))
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    ("change", "expected_ssim", "expected_psnr"),
    [
        (lambda image: image.filter(ImageFilter.GaussianBlur(1)), 0.9308439158, 29.9838800754),
        (lambda image: Image.eval(image, lambda value: value * 3 // 4), 0.9390751927, 15.7855271074),
        (noisy, 0.5859480118, 26.6201181608),
    ],
    ids=["blurred", "darkened", "noisy"],
)
def test_measures_are_those_of_scikit_image(picture, change, expected_ssim, expected_psnr):
    """By structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False), scikit-image 0.26."""
    assert ssim(change(picture), picture) == pytest.approx(expected_ssim, abs=1e-9)
    assert psnr(change(picture), picture) == pytest.approx(expected_psnr, abs=1e-9)


def test_measures_of_equal_gray_and_tiny_pictures(picture):
    assert (ssim(picture, picture), psnr(picture, picture)) == (1, float("inf"))
    assert ssim(picture.convert("L"), picture.convert("L")) == 1
    with pytest.raises(ImageError, match="the picture is 10x40; SSIM needs at least 11x11 pixels"):
        ssim(Image.new("RGB", (10, 40)), Image.new("RGB", (10, 40)))


def test_equal_pictures_pass_and_a_zone_is_free(picture):
    changed, zone = picture.copy(), Image.new("L", picture.size)
    changed.paste("red", (40, 60, 80, 90))
    zone.paste(1, (40, 60, 80, 90))
    assert_images_equal(picture.copy(), picture)
    assert_images_equal(changed, picture, outside=zone)


def test_a_failure_says_where_and_how_much_and_shows_it(picture, differences):
    changed, zone = picture.copy(), Image.new("L", picture.size)
    changed.paste((255, 0, 0), (40, 60, 80, 90))
    zone.paste(255, (40, 60, 70, 90))
    expected = r"300 of 23,676 pixels outside the zone differ, by up to \d+ levels, within the box \(70, 60, 80, 90\)"
    with pytest.raises(AssertionError, match=expected) as caught:
        assert_images_equal(changed, picture, outside=zone)
    sheet = Image.open(Path(re.search(r"side by side: (.*\.png)$", str(caught.value))[1]))
    assert sheet.filename == str(differences / "test_a_failure_says_where_and_how_much_and_shows_it.png")
    width, height = picture.size
    assert sheet.crop((0, 0, width, height)) == picture
    assert sheet.crop((width + 4, 0, 2 * width + 4, height)) == changed
    shown = sheet.crop((2 * width + 8, 0, 3 * width + 8, height))
    assert shown.getpixel((50, 70)) == (64, 64, 64), "free"
    assert max(shown.getpixel((75, 70))) > 200
    assert not shown.crop((0, 0, width, 60)).getbbox()


def test_faint_differences_show_beside_strong_ones(differences):
    image, expected = Image.new("L", (40, 20)), Image.new("L", (40, 20))
    image.paste(255, (0, 0, 20, 20))
    image.paste(3, (20, 0, 40, 20))
    for _ in range(2):
        with pytest.raises(AssertionError, match="800 of 800 pixels differ, by up to 255 levels"):
            assert_images_equal(image, expected)
    sheets = sorted(differences.iterdir())
    assert [sheet.stem[-2:] for sheet in sheets] == ["-2", "es"], "none is written over"
    shown = Image.open(sheets[0]).crop((84, 0, 124, 20))
    assert (shown.getpixel((5, 5))[0], shown.getpixel((30, 5))[0]) == (255, 27)


def test_limits(picture, differences):
    assert_psnr(noisy(picture), picture, at_least=26)
    assert_ssim(noisy(picture), picture, at_least=0.58)
    with pytest.raises(AssertionError, match=r"the PSNR is 26.62 dB; expected at least 27 dB; .*\.png$"):
        assert_psnr(noisy(picture), picture, at_least=27)
    with pytest.raises(AssertionError, match=r"the SSIM is 0.5859; expected at least 0.59; .*\.png$"):
        assert_ssim(noisy(picture), picture, at_least=0.59)


def test_other_sizes_and_modes_are_never_equal(picture):
    with pytest.raises(AssertionError, match="the picture's size is 64x96; expected 128x192"):
        assert_images_equal(picture.resize((64, 96)), picture)
    with pytest.raises(AssertionError, match="the picture's mode is L; expected RGB"):
        assert_psnr(picture.convert("L"), picture, at_least=1)
    with pytest.raises(ImageError, match="the mask is 3x3; expected 128x192 like the picture"):
        assert_images_equal(picture, picture, outside=Image.new("L", (3, 3)))


def test_without_a_folder_it_is_a_temporary_one(picture, monkeypatch, tmp_path):
    monkeypatch.delenv("IGO_DIFFERENCES", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(AssertionError, match=re.escape(str(tmp_path / "igo-differences-"))):
        assert_images_equal(Image.new("RGB", picture.size), picture)


@pytest.mark.parametrize("color", ["black", "white", "gray", "red", "orange", "yellow", "green", "blue", "navy",
                                   "purple", "pink", "brown"])  # fmt: skip
def test_a_drawn_garment_has_its_colour(color):
    figure = draw_figure(3, top="hoodie", top_color=color, top_pattern="plain")
    assert_color(figure.image, color, figure.mask("top"))
    assert next(iter(color_shares(figure.image, figure.mask("top")))) == color


def test_another_colour_is_told_with_what_is_there():
    image = Image.new("RGB", (10, 10), "white")
    image.paste((206, 34, 42), (0, 0, 10, 3))
    assert_color(image, "red", (0, 0, 10, 3), at_least=1)
    assert_color(image, "white", at_least=0.7)
    with pytest.raises(AssertionError, match=r"30% of the region is red; expected at least 50%: white 70%, red 30%$"):
        assert_color(image, "red")
    with pytest.raises(SettingsError, match="there is no colour 'rod'; did you mean 'red'"):
        assert_color(image, "rod")
    with pytest.raises(ImageError, match="the region is empty"):
        assert_color(image, "red", Image.new("L", (10, 10)))
    with pytest.raises(ImageError, match="the region is 9x10; expected 10x10 like the picture"):
        assert_color(image, "red", Image.new("L", (9, 10), 255))
