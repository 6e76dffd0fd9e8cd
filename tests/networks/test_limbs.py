"""Bare limbs under sleeves, trousers and skirts, against those of drawn figures."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from igo.networks.limbs import Limbs, limbs_under, skin_of
from igo.wardrobe import PARSE, Figure, draw, sample
from igo.wardrobe.placement import cropped, trunk_alone

SIZE = (128, 192)
SHORT = {"top": "t-shirt", "bottom": "shorts", "bottom_color": "blue", "bag": "none", "hat": "none", "pose": "open"}


def shows(drawing, *names):
    return np.isin(drawing.parse, [PARSE.index(name) for name in names])


def figures(count, **changes):
    """Figures in short clothes, whose joints everybody knows."""
    return [replace(sample(7_000_000 + seed), **(SHORT | changes)) for seed in range(count)]


def dressed(figure: Figure, **changes):
    """Somebody in long clothes, what of them those hide, and somebody in short ones."""
    before, after = draw(replace(figure, **changes), *SIZE), draw(figure, *SIZE)
    old = shows(before, "top" if "top" in changes else "pants" if changes["bottom"] == "trousers" else "skirt")
    return before, old, after


def bare(after, old):
    """Where short clothes don't hide either what long ones hid."""
    return old & ~shows(after, "top", "pants", "skirt", "shoes", "hands")


def nothing(mask):
    """No new garment."""
    return np.zeros_like(mask)


def overlap(one, other):
    return float((one & other).sum() / max(1, (one | other).sum()))


@pytest.mark.parametrize(
    ("changes", "limb", "least"),
    [
        ({"top": "sweater"}, "arms", 0.8),
        ({"bottom": "trousers"}, "legs", 0.8),
        ({"bottom": "skirt", "bottom_length": 0.8}, "legs", 0.5),
    ],
)
def test_limbs_are_where_they_are_drawn_in_shorter_clothes(changes, limb, least):
    shares = []
    for figure in figures(8):
        before, old, after = dressed(figure, **changes)
        color = skin_of(before.image, before.placements)
        picture, where = limbs_under(before.image, old, nothing(old), before.placements, color).bared(before.image, old)
        assert np.array_equal(picture[~where], before.image[~where])
        assert (picture[where] == color).all()
        shares.append(overlap(where & bare(after, old), shows(after, limb) & bare(after, old)))
    assert np.median(shares) > least, shares


def test_limbs_are_found_in_the_middle_of_what_is_around_them():
    """Though nobody knows that somebody walks."""
    found, standing = [], []
    for figure in figures(8):
        before, old, after = dressed(replace(figure, pose="walking"), bottom="trousers")
        color = skin_of(before.image, before.placements)
        true, seen = shows(after, "legs"), bare(after, old)
        for where, shares in ((old, found), (np.ones_like(old), standing)):  # in the second nothing tells where
            limbs = limbs_under(before.image, where, nothing(old), before.placements, color)
            shares.append(overlap(limbs.bared(before.image, old)[1] & seen, true & seen))
    assert np.median(found) > np.median(standing) + 0.05


def test_skin_is_as_light_as_it_is():
    for figure in figures(8, hat="hat"):
        drawing = draw(figure, *SIZE)
        true = np.median(drawing.image[shows(drawing, "arms")], 0)
        assert np.abs(skin_of(drawing.image, drawing.placements) - true).max() < 35
        left, top = 0, int(drawing.placements[0, 1, 2] + 30 * drawing.placements[0, 1, 1])  # without the face
        below, there = drawing.image[top:], cropped(drawing.placements, left, top)
        assert np.abs(skin_of(below, there) - true).max() < 40
        assert skin_of(below, trunk_alone(there[None, 0])) is None


def test_what_nothing_is_known_of_stays():
    """Somebody whose face isn't seen, arms that aren't, garments that hide none, legs under a coat over trousers."""
    figure = figures(1)[0]
    before, old, _ = dressed(figure, top="sweater")
    places, color = before.placements, skin_of(before.image, before.placements)
    assert not limbs_under(before.image, old, nothing(old), places, None).outlines
    assert not limbs_under(before.image, old, nothing(old), trunk_alone(places), color).outlines
    assert len(limbs_under(before.image, old, nothing(old), places, color).outlines) == 2
    assert not limbs_under(before.image, nothing(old), nothing(old), places, color).outlines
    for bottom, count in (("shorts", 4), ("trousers", 2)):
        coat = draw(replace(figure, top="coat", bottom=bottom, bottom_color="purple"), *SIZE)
        long = shows(coat, "top")
        assert len(limbs_under(coat.image, long, nothing(long), coat.placements, color).outlines) == count


def test_limbs_begin_where_the_new_garment_ends():
    for figure in figures(4):
        before, old, after = dressed(figure, top="sweater")
        color = skin_of(before.image, before.placements)
        for new, bare in ((shows(after, "top"), True), (old, False)):
            limbs = limbs_under(before.image, old, new, before.placements, color)
            where = limbs.bared(before.image, old)[1]
            assert bool(limbs.outlines) == where.any() == bare
        short = limbs_under(before.image, old, shows(after, "top"), before.placements, color)
        every = limbs_under(before.image, old, nothing(old), before.placements, color)
        first, whole = (one.bared(before.image, old)[1] for one in (short, every))
        assert (first & ~whole).sum() < 0.05 * first.sum()
        assert (first & shows(after, "top")).sum() < 0.5 * (whole & shows(after, "top")).sum()
        assert (first & shows(after, "arms")).sum() > 0.95 * (whole & shows(after, "arms")).sum()


def test_limbs_of_a_small_picture_are_those_of_a_large_one():
    figure = figures(1)[0]
    before, old, _ = dressed(figure, top="sweater")
    color = skin_of(before.image, before.placements)
    limbs = limbs_under(before.image, old, nothing(old), before.placements, color)
    large = np.kron(old, np.ones((4, 4), np.bool_))
    _, where = limbs.moved((4, 4), (0, 0)).bared(np.zeros((*large.shape, 3), np.uint8), large, 4)
    _, small = limbs.bared(before.image, old)
    assert overlap(cv2.resize(where.astype(np.uint8), SIZE, interpolation=cv2.INTER_AREA) > 0, small) > 0.8
    square = Limbs((np.array([[1.5, 1.5], [5.5, 1.5], [5.5, 5.5], [1.5, 5.5]]),), np.full(3, 200, np.uint8))
    expected = np.zeros((12, 12), np.bool_)
    expected[5:9, 3:7] = True
    assert np.array_equal(square.moved((1, 1), (1, 3)).bared(np.zeros((12, 12, 3), np.uint8), expected)[1], expected)
