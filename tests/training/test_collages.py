"""Pictures of two subjects, pasted from pictures of each."""

import pytest
import torch

from igo.training.collages import Shown, collages
from igo.training.folders import CaptionedSet


def shown(name, level, box, count=2):
    """``count`` pictures of one gray level, with the subject in ``box`` (left, top, right, bottom)."""
    left, top, right, bottom = box
    zones = torch.zeros(count, 24, 16, dtype=torch.bool)
    zones[:, top:bottom, left:right] = True
    pictures = torch.full((count, 24, 16, 3), level, dtype=torch.uint8)
    pictures[:, :, :, 2] = torch.arange(count)[:, None, None]
    captions = [[f"a woman in a {name}, {index}"] for index in range(count)]
    return Shown(name, CaptionedSet(pictures, captions), zones)


@pytest.fixture
def jacket():
    return shown("zwx jacket", 50, (2, 4, 14, 14))


@pytest.fixture
def bag():
    return shown("qvk bag", 200, (10, 10, 16, 18))


def test_the_smaller_one_lies_in_pictures_of_the_larger_one(jacket, bag):
    both = collages(bag, jacket, 8)
    assert both.name == "zwx jacket and qvk bag"
    assert len(both.data) == 4, "each of two with each of two"
    assert {texts[0] for texts in both.data.captions} == {
        f"a woman in a zwx jacket, {index}, with a qvk bag" for index in range(2)
    }
    for picture, zone, texts in zip(both.data.pictures, both.zones, both.data.captions, strict=True):
        pasted = picture[..., 0] == 200
        assert torch.equal(pasted, bag.zones[0])
        assert torch.equal(zone, bag.zones[0] | jacket.zones[0])
        assert picture[0, 0].tolist() == [50, 50, int(texts[0].split(", ")[1])]
    assert len({int(picture[12, 12, 2]) for picture in both.data.pictures}) == 2, "cut from both pictures of the bag"


def test_no_more_are_made_than_asked_for_and_the_same_again(jacket, bag):
    some, again, others = (collages(jacket, bag, 2, seed) for seed in (1, 1, 2))
    assert len(some.data) == 2
    assert torch.equal(some.data.pictures, again.data.pictures)
    assert not torch.equal(some.data.pictures, others.data.pictures)


def test_what_would_be_hidden_or_can_not_be_cut_out_is_left_out(jacket, bag):
    assert collages(shown("coat", 50, (9, 9, 16, 19)), shown("bag", 9, (9, 9, 16, 18)), 8) is None
    anywhere = Shown("hat", bag.data, torch.ones_like(bag.zones))
    assert collages(anywhere, anywhere, 8) is None
    over = collages(anywhere, jacket, 8)
    assert over.name == "hat and zwx jacket", "one without masks is what the other is laid on"
    bag.zones[0] = False
    assert len(collages(jacket, bag, 8).data) == 2, "a picture that doesn't show it"
