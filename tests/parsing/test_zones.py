"""Zones for new garments: they hold the old one and the place of any new one, and nothing that is protected."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from igo.errors import NothingFoundError, SettingsError
from igo.wardrobe import sample
from igo_plugins.parsing.build import build_of
from igo_plugins.parsing.labels import Part, shows
from igo_plugins.parsing.zones import STRONG, WEAK, garment_zone
from igo_plugins.styling.text_mask import grown
from tests.builders.parses import drawn

UPPER = ("t-shirt", "shirt", "hoodie", "sweater", "jacket", "coat")
LOWER = ("skirt", "shorts", "jeans", "trousers")
LOWER_PARTS = (Part.SKIRT, Part.PANTS)
PARTS = {"upper": (Part.TOP,), "lower": LOWER_PARTS, "dress": (Part.DRESS, Part.TOP, *LOWER_PARTS)}
FOUND = {"upper": (Part.TOP, Part.DRESS), "lower": LOWER_PARTS, "dress": (Part.DRESS,)}


def worn(seed, category):
    """A figure, and the same in another garment of any kind and length."""
    random = np.random.default_rng(seed)
    figure = sample(seed, top=UPPER[seed % len(UPPER)])
    if category == "lower":
        bottom = LOWER[random.integers(len(LOWER))]
        return figure, replace(figure, bottom=bottom, bottom_length=float(random.random()))
    new = {"top_length": float(random.random()), "sleeve": float(random.uniform(0.1, 1))}
    if category == "dress":
        return figure, replace(figure, top="dress", bottom="none", bottom_color="none", **new)
    return figure, replace(figure, top=UPPER[random.integers(len(UPPER))], **new)


@pytest.mark.parametrize("category", ["upper", "lower", "dress"])
@pytest.mark.parametrize("seed", range(12))
def test_the_zone_holds_the_old_garment_and_any_new_one(seed, category):
    old, new = (drawn(figure)[1] for figure in worn(seed, category))
    found = garment_zone(old, category)
    assert found.zone[shows(old, PARTS[category])].all()
    assert np.array_equal(found.garment, shows(old, PARTS[category]))
    assert found.area == pytest.approx(found.garment.mean())
    place = shows(new, FOUND[category]) & ~shows(old, (*STRONG, *WEAK))
    if category == "lower":
        place &= old != Part.TOP
    assert (place & ~found.zone).sum() <= 0.005 * place.sum()


@pytest.mark.parametrize("shape", ["hull", "tight", "box"])
@pytest.mark.parametrize("category", ["upper", "lower", "dress"])
@pytest.mark.parametrize("seed", range(6))
def test_what_is_protected_stays(seed, category, shape):
    parse = drawn(worn(seed, category)[0])[1]
    found = garment_zone(parse, category, shape, hem=0.1)
    assert not (found.zone & found.protect).any()
    assert not found.zone[shows(parse, STRONG)].any()
    assert found.zone[found.garment].all()
    if shape != "box":
        assert not found.zone[shows(parse, WEAK)].any()
        if category == "lower":
            assert not found.zone[parse == Part.TOP].any()
            assert not found.zone[(parse == Part.ARMS) & ~grown(found.garment, 5)].any()


def test_a_top_reaches_over_what_is_worn_below_down_to_its_hem():
    parse = drawn(sample(5, top="t-shirt", bottom="jeans"))[1]
    lower, build = parse == Part.PANTS, build_of(parse)
    entered = {hem: garment_zone(parse, "upper", hem=hem).zone & lower for hem in (0.0, 0.3, 0.6)}
    areas = [entered[hem].sum() / lower.sum() for hem in (0.0, 0.3, 0.6)]
    assert areas[0] < 0.2 < areas[1] < 0.5 < areas[2] < 0.85
    for hem, zone in entered.items():
        assert np.flatnonzero(zone.any(1))[-1] <= max(build.row(hem), build.row(0.1)) + 0.03 * build.height
    assert not (garment_zone(parse, "upper", "tight").zone & lower).any()


def test_sleeves_take_as_much_of_bare_arms_as_they_need():
    parse = drawn(sample(5, top="t-shirt", sleeve=0.1, pose="open"))[1]
    arms = parse == Part.ARMS
    shares = [(garment_zone(parse, "upper", sleeve=sleeve).zone & arms).sum() / arms.sum() for sleeve in (0, 0.5, 1)]
    assert shares[0] < 0.25 < 0.4 < shares[1] < 0.8 < 0.99 < shares[2]
    assert garment_zone(parse, "upper").zone[arms].all()


def test_the_hull_hides_how_long_the_old_garment_was():
    """Whatever was worn there: the zone for a short one over a long one is about as wide."""
    figure = sample(3, bottom="shorts", bottom_length=0.0, pose="relaxed")
    short, long = (drawn(replace(figure, bottom=bottom))[1] for bottom in ("shorts", "trousers"))
    zones = [garment_zone(parse, "lower").zone for parse in (short, long)]
    shared = shows(short, STRONG) | shows(long, STRONG)
    assert ((zones[0] ^ zones[1]) & ~shared).sum() < 0.06 * zones[0].sum()
    legs = garment_zone(long, "lower", hem=0.1).zone
    between = np.flatnonzero(legs[build_of(long).row(0.6)])
    assert len(between) == between[-1] - between[0] + 1  # no legs are seen apart in it


def test_shapes_hold_each_other():
    parse = drawn(7)[1]
    tight, hull, box = (garment_zone(parse, "upper", shape).zone for shape in ("tight", "hull", "box"))
    assert (hull | ~tight).all()
    assert (box | ~hull).all()
    assert tight.sum() < hull.sum() < box.sum()


def test_somebody_in_a_dress():
    """A dress is what a new top or new trousers have to replace, where there are no others."""
    parse = drawn(sample(4, top="dress"))[1]
    for category in ("upper", "lower", "dress"):
        assert garment_zone(parse, category).garment[parse == Part.DRESS].all()
    jacket = parse.copy()
    jacket[(parse == Part.DRESS) & (np.arange(len(parse)) < 80)[:, None]] = Part.COAT
    found = garment_zone(jacket, "upper", hem=0)
    assert np.array_equal(found.garment, jacket == Part.COAT)
    assert not found.zone[(jacket == Part.DRESS) & (np.arange(len(parse)) > 110)[:, None]].any()


@pytest.mark.parametrize("crop", [(0, 0.55, 0, 1), (0, 0.75, 0, 1), (0.16, 1, 0, 1), (0, 1, 0.4, 1)])
@pytest.mark.parametrize("seed", range(4))
def test_pictures_that_show_a_part_of_somebody(seed, crop):
    top, bottom, left, right = (round(share * side) for share, side in zip(crop, (192, 192, 128, 128), strict=True))
    old, new = (drawn(figure)[1][top:bottom, left:right] for figure in worn(seed, "upper"))
    found = garment_zone(old, "upper")
    place = shows(new, FOUND["upper"]) & ~shows(old, (*STRONG, *WEAK))
    assert (place & ~found.zone).sum() <= 0.03 * place.sum()


def test_sets_without_limbs_use_what_is_there():
    parse = drawn(sample(3, top="t-shirt", hat="none"))[1]
    bare = np.where(shows(parse, (Part.ARMS, Part.LEGS, Part.TORSO, Part.HANDS, Part.FACE, Part.HAIR)), 0, parse)
    found = garment_zone(bare.astype(np.uint8), "upper")
    assert found.zone[parse == Part.TOP].all()
    assert not found.zone[parse == Part.SHOES].any()


def test_large_parses_have_zones_of_their_own_size():
    parse = cv2.resize(drawn(9)[1], (1501, 2253), interpolation=cv2.INTER_NEAREST)
    found = garment_zone(parse, "upper")
    assert found.zone.shape == parse.shape
    assert found.zone[parse == Part.TOP].all()
    assert not found.zone[shows(parse, (*STRONG, *WEAK))].any()
    small = garment_zone(cv2.resize(parse, (128, 192), interpolation=cv2.INTER_NEAREST), "upper")
    assert found.zone.mean() == pytest.approx(small.zone.mean(), rel=0.08)


def test_nobody_who_wears_it_is_an_error():
    parse = drawn(sample(3, top="t-shirt", bottom="jeans"))[1]
    for category, gone in (("upper", Part.TOP), ("lower", Part.PANTS)):
        with pytest.raises(NothingFoundError, match=f"found no {category} garment .area 0.0%") as caught:
            garment_zone(np.where(parse == gone, 0, parse).astype(np.uint8), category)
        assert caught.value.area == 0
    with pytest.raises(NothingFoundError, match="found no dress or anything in its place"):
        garment_zone(np.zeros((9, 9), np.uint8), "dress")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"category": "hat"}, "category is 'hat'; choose upper, lower, dress"),
        ({"mask": "none"}, "mask is 'none'; choose hull, tight, box"),
        ({"sleeve": 1.5}, "sleeve is 1.5; expected a number from 0 to 1"),
        ({"hem": -0.1}, "hem is -0.1"),
        ({"margin": 2}, "margin is 2"),
        ({"parse": np.zeros((4, 4, 3), np.uint8)}, "a parse of shape"),
    ],
)
def test_values_that_can_not_be_meant(settings, told):
    with pytest.raises(SettingsError, match=told):
        garment_zone(**{"parse": np.full((8, 8), Part.TOP, np.uint8), "category": "upper", **settings})


def test_parses_of_noise_have_zones_or_are_refused():
    random = np.random.default_rng(0)
    for trial in range(40):
        parse = random.integers(0, len(Part), random.integers(1, 50, 2)).astype(np.uint8)
        if trial % 2:
            parse[:] = random.integers(0, len(Part))
        for shape in ("hull", "tight", "box"):
            try:
                found = garment_zone(parse, ("upper", "lower", "dress")[trial % 3], shape, hem=trial / 40)
            except NothingFoundError:
                continue
            assert found.zone[found.garment].all()
            assert not (found.zone & found.protect).any()
