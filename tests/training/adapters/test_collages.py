"""Pictures of two subjects, pasted from pictures of each."""

from dataclasses import replace

import pytest
import torch

from igo.training.adapters.collages import Shown, collages, in_company
from igo.training.data.folders import CaptionedSet


def shown(name, level, box, count=2):
    """``count`` pictures of one gray level, with the subject in ``box`` (left, top, right, bottom)."""
    left, top, right, bottom = box
    zones = torch.zeros(count, 24, 16, dtype=torch.bool)
    zones[:, top:bottom, left:right] = True
    pictures = torch.full((count, 24, 16, 3), level, dtype=torch.uint8)
    pictures[:, :, :, 2] = torch.arange(count)[:, None, None]
    captions = [[f"a woman in a {name}, {index}"] for index in range(count)]
    return Shown(name, CaptionedSet(pictures, captions), zones)


def anywhere(one):
    """``one`` without masks."""
    return replace(one, zones=torch.ones_like(one.zones))


@pytest.fixture
def jacket():
    return shown("zwx jacket", 50, (2, 4, 14, 14))


@pytest.fixture
def bag():
    return shown("qvk bag", 200, (10, 10, 16, 18))


def test_one_lies_in_pictures_of_the_other(jacket, bag):
    both = collages(bag, jacket, 8)
    assert both.name == "zwx jacket and qvk bag"
    assert len(both.data) == 4, "each of two with each of two"
    for picture, zone, texts in zip(both.data.pictures, both.zones, both.data.captions, strict=True):
        pasted = picture[..., 0] == 200
        assert torch.equal(pasted, bag.zones[0])
        assert torch.equal(zone, bag.zones[0] | jacket.zones[0])
        assert picture[0, 0].tolist() == [50, 50, int(texts[0].split(", ")[1])]
    assert len({int(picture[12, 12, 2]) for picture in both.data.pictures}) == 2, "cut from both pictures of the bag"


def test_captions_name_it_at_the_end_and_in_the_middle(jacket, bag):
    captions = {tuple(texts) for texts in collages(bag, jacket, 8).data.captions}
    named = [
        (f"a woman in a zwx jacket, {i}, with a qvk bag", f"a woman in a zwx jacket, with a qvk bag, {i}")
        for i in (0, 1)
    ]
    assert captions == set(named)
    jacket.data.captions[0] = jacket.data.captions[1] = ["a zwx jacket"]
    assert collages(bag, jacket, 1).data.captions == [["a zwx jacket, with a qvk bag"]]


def test_no_more_are_made_than_asked_for_and_the_same_again(jacket, bag):
    some, again, others = (collages(bag, jacket, 2, seed) for seed in (1, 1, 2))
    assert len(some.data) == 2
    assert torch.equal(some.data.pictures, again.data.pictures)
    assert not torch.equal(some.data.pictures, others.data.pictures)


def test_what_would_be_hidden_is_left_out(jacket, bag):
    assert collages(shown("bag", 9, (9, 9, 16, 18)), shown("coat", 50, (9, 9, 16, 19)), 8) is None
    bag.zones[0] = False
    assert len(collages(bag, jacket, 8).data) == 2, "a picture that doesn't show it"


def test_the_smaller_one_of_two_keeps_company_with_the_larger_one_and_with_others(jacket, bag):
    people = [anywhere(shown("bag", 120, (0, 0, 1, 1), 3)), anywhere(shown("jacket", 90, (0, 0, 1, 1), 3))]
    both, alone = in_company([bag, jacket], people, 8)
    assert both.name == "zwx jacket and qvk bag"
    assert alone.name == "jacket and qvk bag"
    assert len(alone.data) == 6
    for picture, zone in zip(alone.data.pictures, alone.zones, strict=True):
        assert torch.equal(picture[..., 0] == 200, bag.zones[0])
        assert torch.equal(picture[..., 0] == 90, ~bag.zones[0])
        assert torch.equal(zone, bag.zones[0]), "what is around it was learned when the others were"
    assert [len(company.data) for company in in_company([jacket, bag], people[::-1], 2)] == [2, 2]
    assert [company.name for company in in_company([jacket, bag], [], 8)] == ["zwx jacket and qvk bag"]
    assert in_company([bag], people[:1], 8) == []


def test_what_would_hide_the_larger_one_is_not_laid_over_others_of_its_class_either(jacket):
    people = [anywhere(shown(name, 90, (0, 0, 1, 1))) for name in ("jacket", "coat")]
    coat = shown("coat", 200, (3, 5, 14, 14))
    assert in_company([jacket, coat], people, 8) == []
    coat.zones[0] = False
    coat.zones[0, 12:20, 12:] = True
    assert [len(company.data) for company in in_company([jacket, coat], people, 8)] == [2, 2]


def test_one_without_masks_is_what_the_other_is_laid_on(jacket, bag):
    hat = anywhere(shown("hat", 10, (0, 0, 1, 1)))
    assert [company.name for company in in_company([hat, jacket], [], 8)] == ["hat and zwx jacket"]
    assert in_company([hat, anywhere(bag)], [], 8) == []
