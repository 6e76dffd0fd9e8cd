"""Shares, chances and goals."""

import math

import numpy as np
import pytest

from benchmarks.autoencoder import psnr
from benchmarks.findings import GOALS, Row
from benchmarks.measures import all_right, faults, majority, most_common, share, share_right
from igo import wardrobe


def test_chance_is_the_most_common_answer():
    figures = [wardrobe.sample(i, top="coat", bottom=b) for i, b in enumerate(["jeans", "jeans", "trousers"])]
    figures.append(wardrobe.sample(9, top="dress"))
    assert majority("top type", figures) == 3 / 4
    assert majority("bottom type", figures) == 2 / 3
    assert majority("a face", figures) == 1
    assert np.isnan(majority("bottom type", figures[3:]))
    assert most_common(["red", None, "red", "blue"]) == 2 / 3


def test_a_dress_is_not_asked_for_its_bottom():
    figures = [wardrobe.sample(1, top="dress"), wardrobe.sample(2, top="coat", bottom="jeans")]
    verdicts = [{"bottom": "skirt", "face": "yes"}, {"bottom": "jeans", "face": "no"}]
    assert share_right("bottom type", verdicts, figures) == 1
    assert share_right("a face", verdicts, figures) == 0.5


def test_what_is_not_asked_does_not_count():
    assert share([True, None, False, False]) == 1 / 3
    assert math.isnan(share([None]))


def test_a_picture_is_right_only_as_a_whole():
    figure = wardrobe.sample(3, top="coat", bottom="jeans", top_color="red", bottom_color="blue", background="park")
    good = {"top": "coat", "top_color": "red", "bottom": "jeans", "bottom_color": "blue", "background": "park"}
    good |= {"face": "yes", "legs": "yes"}
    assert all_right(good, figure)
    assert faults(good, figure) == ""
    melted = good | {"face": "no", "top": "hoodie"}
    assert not all_right(melted, figure)
    assert faults(melted, figure) == "hoodie, not coat; not a face"


def test_psnr_is_that_of_the_error():
    black = np.zeros((2, 4, 4, 3), np.uint8)
    assert psnr(black, black + 51) == pytest.approx(10 * np.log10(25))


@pytest.mark.parametrize(
    ("measure", "result", "chance", "met"),
    [
        ("top colour", 0.97, 0.1, "aim"),
        ("top colour", 0.92, 0.1, "floor"),
        ("top colour", 0.91, 0.1, "missed"),
        ("top colour", math.nan, 0.1, None),
        ("VAE: PSNR", 29.0, math.nan, "aim"),
        ("VAE: PSNR", 28.9, math.nan, "missed"),
        ("one 128×192 picture", 2.9, math.nan, "aim"),
        ("one 128×192 picture", 3.1, math.nan, "missed"),
        ("×4, photos: gain", -0.31, math.nan, "missed"),
        ("×4, photos: gain", -0.3, math.nan, "floor"),
        ("×4, degraded: edges kept", 0.5, 0.4, "floor"),
        ("×4, degraded: edges kept", 0.4, 0.4, "missed"),
        ("a face", 1.0, 0.1, None),
    ],
)
def test_a_row_says_which_goal_it_meets(measure, result, chance, met):
    assert Row(measure, result, chance=chance).verdict == met


def test_every_goal_is_one_that_can_be_met():
    for goal in GOALS.values():
        assert goal.beats_chance or goal.floor is not None or goal.aim is not None
