"""Labels of published parsers and words of users, in one vocabulary."""

import pytest

from igo.wardrobe import BAGS, BOTTOMS, HATS, SHOES, TOPS
from igo.wardrobe.parsing import PARSE
from igo_plugins.parsing.labels import LABELS, PARTS, Part, labels_in, labels_of, part_of
from igo_plugins.styling.vocabulary import GARMENTS, SYNONYMS
from tests.builders.segformers import ATR, FASHN, LIP, MINI, SETS


@pytest.mark.parametrize("labels", SETS.values(), ids=SETS)
def test_every_label_of_the_sets_is_known(labels):
    assert Part.OTHER not in map(part_of, labels)
    assert {Part.BACKGROUND, Part.TOP, Part.SKIRT, Part.PANTS, Part.DRESS} <= set(map(part_of, labels))


def test_the_drawn_worlds_labels_are_known():
    assert PARSE == MINI
    assert [PARTS[part_of(name)] for name in PARSE] == list(PARSE)


def test_left_and_right_and_spellings_are_one_part():
    for label in ("Left-leg", "right_leg", "LEGS", "leg", "Right leg"):
        assert part_of(label) is Part.LEGS
    assert part_of("Upper-clothes") is part_of("upper_clothes") is part_of("top") is Part.TOP
    assert part_of("Sunglasses") is part_of("glasses") is Part.GLASSES
    for label in ("wall", "", "LABEL_3", "building;edifice", "left"):
        assert part_of(label) is Part.OTHER


@pytest.mark.parametrize(
    ("phrase", "atr", "fashn", "lip"),
    [
        ("t-shirt", ["Upper-clothes"], ["top"], ["Upper-clothes"]),
        ("The Jackets", ["Upper-clothes"], ["top"], ["Coat"]),
        ("upper body", ["Upper-clothes"], ["top"], ["Upper-clothes", "Coat"]),
        ("a pair of jeans", ["Pants"], ["pants"], ["Pants"]),
        ("bottoms", ["Skirt", "Pants"], ["skirt", "pants"], ["Pants", "Skirt"]),
        ("jumpsuit", ["Dress"], ["dress"], ["Jumpsuits"]),
        ("boots", ["Left-shoe", "Right-shoe"], ["feet"], ["Left-shoe", "Right-shoe"]),
        ("left arm", ["Left-arm"], None, ["Left-arm"]),
        ("hands", [], ["hands"], []),
        ("socks", [], [], ["Socks"]),
        ("bare skin", ["Left-arm", "Right-arm"], ["arms", "torso"], ["Left-arm", "Right-arm"]),
        ("head", ["Hat", "Hair", "Sunglasses", "Face"], ["face", "hair", "hat", "glasses"],
         ["Hat", "Hair", "Sunglasses", "Face"]),
        ("striped shirt", None, None, None),
        ("the red t-shirt", None, None, None),
        ("guitar", None, None, None),
        ("...", None, None, None),
        ("", None, None, None),
    ],
)  # fmt: skip
def test_words_name_labels(phrase, atr, fashn, lip):
    for labels, wanted in ((ATR, atr), (FASHN, fashn), (LIP, lip)):
        found = labels_of(phrase, labels)
        assert (found if found is None else [labels[number] for number in found]) == wanted


def test_every_word_of_fashion_that_styling_knows_is_some_label():
    words = (*GARMENTS, *TOPS, *BOTTOMS, *SHOES, *HATS[1:], *BAGS[1:], *(word for names in SYNONYMS for word in names))
    for word in words:
        assert labels_of(word, MINI), word


def test_a_label_of_somebodys_own_is_found_by_its_name():
    labels = (*MINI, "Wrist watch")
    assert labels_of("the wrist watch", labels) == (len(MINI),)
    assert part_of("Wrist watch") is Part.OTHER
    assert labels_of("top", labels) == (MINI.index("top"),)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("a red hoodie", "top"),
        ("denim skirt", "skirt"),
        ("a shirt dress with flowers", "dress"),
        ("wide jeans in dark blue", "pants"),
        ("something floral", None),
    ],
)
def test_a_garment_is_found_in_what_is_said_of_it(text, label):
    assert labels_in(text, MINI) == (() if label is None else (MINI.index(label),))


def test_no_name_stands_for_two_parts():
    names = [name for named in LABELS.values() for name in named]
    assert len(names) == len(set(names))
