"""Edges as a layer: OpenCV's own, at the size at which a base sees them."""

import cv2
import numpy as np
import pytest
from PIL import Image

import igo
from igo.errors import SettingsError
from igo.testing import check_plugin, draw_figure
from igo_plugins import Edges


def edges(image, *settings, **named):
    return igo.Chain(Edges(*settings, **named)).layer("edges", image)


@pytest.mark.parametrize("thresholds", [(100, 200), (20, 60.5), (0, 0)])
def test_the_lines_are_opencvs(thresholds):
    picture = draw_figure().image
    layer = edges(picture, *thresholds)
    assert layer.mode == "L"
    assert np.array_equal(layer, cv2.Canny(np.asarray(picture), *thresholds))


def test_a_large_picture_is_looked_at_in_the_size_that_is_asked_for():
    picture = draw_figure(width=256, height=384).image
    fine, coarse = edges(picture), edges(picture, detect_resolution=64)
    assert fine == edges(picture, detect_resolution=None)
    assert coarse.size == picture.size
    small = picture.resize((64, 96), Image.Resampling.BOX)
    assert coarse.resize((64, 96), Image.Resampling.NEAREST) == edges(small)
    assert np.asarray(coarse).reshape(96, 4, 64, 4).std((1, 3)).max() == 0  # lines as wide as four pixels


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3000, 2)])
def test_pictures_of_any_size_have_edges(size):
    assert edges(Image.effect_noise(size, 90).convert("RGB")).size == size


def test_it_keeps_the_rules():
    check_plugin(Edges())
    with pytest.raises(igo.IGOError, match="provides a layer 'depth'"):
        igo.Chain(Edges()).layer("depth", draw_figure().image)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"low_threshold": 300}, "low_threshold is 300, high_threshold 200; expected two numbers"),
        ({"low_threshold": -1}, "low_threshold is -1"),
        ({"high_threshold": float("nan")}, "high_threshold nan"),
        ({"detect_resolution": 0}, "detect_resolution is 0; expected at least 16 pixels, or none"),
    ],
)
def test_settings_that_can_not_be_meant(settings, told):
    with pytest.raises(SettingsError, match=told):
        Edges(**settings)
