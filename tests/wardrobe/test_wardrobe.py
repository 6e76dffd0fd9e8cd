"""The drawn world: seeded figures, pictures with aligned labels, captions in a closed vocabulary."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from igo import wardrobe
from igo.errors import SettingsError
from igo.wardrobe import BACKGROUNDS, BAGS, BOTTOMS, COLORS, HATS, PARSE, POSES, SHOES, TOPS, Figure, Part, draw, sample

PLAIN = {"top_pattern": "plain", "bottom_pattern": "plain", "hat": "none", "bag": "none", "warmth": 0.0}


def _mean(drawing: wardrobe.Drawing, part: Part) -> np.ndarray:
    return np.median(drawing.image[drawing.labels == part].astype(float), axis=0)


def _nearest_color(rgb: np.ndarray) -> str:
    return min(COLORS, key=lambda name: float(np.sum((np.array(COLORS[name]) - rgb) ** 2)))


def _some_colors(kinds: tuple[str, ...]) -> list[tuple[str, str]]:
    """Three colours for each kind, so that together the kinds wear all twelve."""
    names = list(COLORS)
    return [(kind, names[(i + 4 * j) % len(names)]) for i, kind in enumerate(kinds) for j in range(3)]


def test_same_figure_same_picture() -> None:
    first, second = draw(sample(3)), draw(sample(3))
    assert sample(3) == sample(3)
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.labels, second.labels)
    assert not np.array_equal(first.image, draw(sample(4)).image)


def test_drawing_leaves_the_global_generator_alone() -> None:
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    draw(sample(1), 64, 96)
    assert np.array_equal(before, np.random.get_state()[1])


@pytest.mark.parametrize("size", [(64, 96), (128, 192), (256, 384), (200, 150), (33, 96)])
def test_picture_and_labels_have_the_size_asked_for(size: tuple[int, int]) -> None:
    drawing = draw(sample(8), *size)
    assert drawing.image.shape == (size[1], size[0], 3)
    assert drawing.labels.shape == (size[1], size[0])
    assert drawing.image.dtype == drawing.labels.dtype == np.uint8
    assert drawing.figure == sample(8)


@pytest.mark.parametrize("seed", range(4))
def test_the_same_scene_at_every_size(seed: int) -> None:
    """Halved, the native picture is the small one but for fine detail and grain; so are its labels."""
    small, native = draw(sample(seed), 64, 96), draw(sample(seed), 128, 192)
    halved = native.image.reshape(96, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(halved - small.image).mean() < 5
    assert (native.labels[1::2, 1::2] == small.labels).mean() > 0.94


@pytest.mark.parametrize("seed", range(16))
def test_figures_stay_inside(seed: int) -> None:
    labels = draw(sample(seed, pose=POSES[seed % len(POSES)], hat=HATS[seed % 4], bag=BAGS[seed // 4 % 4])).labels
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    assert not edge.any()
    assert np.count_nonzero(labels == Part.SHOES) > 30
    assert np.count_nonzero(labels == Part.FACE) > 60


@pytest.mark.parametrize(("top", "color"), _some_colors(TOPS))
def test_tops_have_their_color_under_their_label(top: str, color: str) -> None:
    drawing = draw(sample(21, top=top, top_color=color, **PLAIN))
    assert np.count_nonzero(drawing.labels == Part.TOP) > 900
    assert _nearest_color(_mean(drawing, Part.TOP)) == color


@pytest.mark.parametrize(("bottom", "color"), _some_colors(BOTTOMS))
def test_bottoms_have_their_color_under_their_label(bottom: str, color: str) -> None:
    drawing = draw(sample(22, top="t-shirt", bottom=bottom, bottom_color=color, **PLAIN))
    assert np.count_nonzero(drawing.labels == Part.BOTTOM) > 500
    assert _nearest_color(_mean(drawing, Part.BOTTOM)) == color


def test_types_differ_in_outline() -> None:
    base = sample(30, gender="woman", pose="relaxed", **PLAIN)
    shapes = {top: draw(replace(base, top=top, bottom="jeans", bottom_color="blue")).labels for top in TOPS[:-1]}
    shapes["dress"] = draw(replace(base, top="dress", bottom="none", bottom_color="none")).labels
    for first in TOPS:
        for second in TOPS:
            if first != second:
                assert np.count_nonzero(shapes[first] != shapes[second]) > 100, (first, second)


def test_bare_legs_and_two_of_them() -> None:
    labels = draw(sample(5, top="t-shirt", bottom="shorts", pose="relaxed", shoes="sneakers", bag="none")).labels
    row = labels[145] == Part.SKIN
    assert np.count_nonzero(np.diff(row.astype(int)) == 1) == 2


@pytest.mark.parametrize("seed", range(6))
def test_a_parse_tells_more_than_the_labels_and_nothing_else(seed: int) -> None:
    worn = {"top": TOPS[seed], "bottom": "skirt" if seed % 2 else "shorts"} if seed < 5 else {"top": "dress"}
    drawing = draw(sample(seed, hat=HATS[seed % 4], bag=BAGS[seed % 4], **worn))
    known = {"background": Part.BACKGROUND, "face": Part.FACE, "hair": Part.HAIR, "shoes": Part.SHOES, "bag": Part.BAG}
    same = {**known, "hat": Part.HAT, "hands": Part.HANDS}
    for name, part in same.items():
        assert np.array_equal(drawing.parse == PARSE.index(name), drawing.labels == part), name
    skin = np.isin(drawing.parse, [PARSE.index(name) for name in ("arms", "legs", "torso")])
    assert np.array_equal(skin, drawing.labels == Part.SKIN)
    upper = drawing.parse == PARSE.index("dress" if seed == 5 else "top")
    assert np.array_equal(upper, np.isin(drawing.labels, [Part.TOP, Part.INNER]))
    lower = drawing.parse == PARSE.index("skirt" if seed % 2 else "pants")
    assert seed == 5 or (np.array_equal(lower, drawing.labels == Part.BOTTOM) and lower.any())


def test_bare_skin_is_parsed_by_its_place() -> None:
    parse = draw(sample(5, top="t-shirt", bottom="shorts", pose="relaxed", shoes="sneakers", bag="none")).parse
    heights = {name: np.nonzero(parse == PARSE.index(name))[0] for name in ("torso", "arms", "legs")}
    assert all(rows.size > 20 for rows in heights.values())
    assert heights["torso"].mean() < heights["arms"].mean() < heights["legs"].mean()
    assert heights["torso"].max() < heights["legs"].min()


def test_worn_things_are_labelled() -> None:
    for hat in HATS[1:]:
        assert np.count_nonzero(draw(sample(6, hat=hat)).labels == Part.HAT) > 60
    for bag in BAGS[1:]:
        assert np.count_nonzero(draw(sample(6, bag=bag, top="t-shirt")).labels == Part.BAG) > 60
    for shoes in SHOES:
        assert np.count_nonzero(draw(sample(6, shoes=shoes)).labels == Part.SHOES) > 30
    for top in ("jacket", "coat"):
        assert np.count_nonzero(draw(sample(6, top=top)).labels == Part.INNER) > 10


def test_backgrounds_differ_even_small() -> None:
    means = [draw(sample(9, background=name), 64, 96).image.astype(float) for name in BACKGROUNDS]
    for i, first in enumerate(means):
        for second in means[i + 1 :]:
            assert np.abs(first - second).mean() > 8


def test_fixed_attributes_hold_and_leave_the_others() -> None:
    free = sample(12, gender="man", top="hoodie")
    fixed = sample(12, gender="man", top="hoodie", top_color="red", background="beach", height=0.5, mirror=True)
    assert (fixed.top_color, fixed.background, fixed.height, fixed.mirror) == ("red", "beach", 0.5, True)
    assert (fixed.skin, fixed.hair, fixed.pose, fixed.bag) == (free.skin, free.hair, free.pose, free.bag)


def test_a_bottom_rules_out_a_dress_and_the_reverse() -> None:
    for seed in range(30):
        assert sample(seed, bottom="skirt").top != "dress"
        assert sample(seed, top="dress").bottom == "none"
        assert sample(seed, bottom="none").top == "dress"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"top": "toga"}, "choose from t-shirt, shirt, hoodie"),
        ({"bottom_color": "teal"}, "choose from black, white"),
        ({"tops": "coat"}, "no attribute 'tops'"),
        ({"height": 3}, "from 0 to 1"),
        ({"mirror": 1}, "True or False"),
        ({"top": "dress", "bottom": "jeans"}, "only a dress"),
        ({"top": "coat", "bottom": "none"}, "only a dress"),
        ({"seed": -1}, "from 0 up"),
    ],
)
def test_wrong_values_are_refused_in_one_line(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(SettingsError, match=told) as caught:
        sample(**{"seed": 0, **wrong})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [(8, 96), (64, 5000), (64.0, 96)])
def test_wrong_sizes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(SettingsError, match="32 to 2048"):
        draw(sample(0), *size)


def test_a_figure_survives_json() -> None:
    figure = sample(17)
    assert Figure(**json.loads(json.dumps(asdict(figure)))) == figure


def test_every_choice_is_sampled() -> None:
    figures = [sample(seed) for seed in range(400)]
    assert {f.top for f in figures} == set(TOPS)
    assert {f.bottom for f in figures} == {*BOTTOMS, "none"}
    assert {f.top_color for f in figures} == set(COLORS)
    assert {f.background for f in figures} == set(BACKGROUNDS)


def test_captions_tell_the_clothes() -> None:
    for seed in range(60):
        figure = sample(seed)
        texts = wardrobe.captions(figure)
        assert texts == wardrobe.captions(figure)
        assert len(set(texts)) >= 4
        assert all(f"{figure.top_color} {figure.top}" in text for text in texts)
        if figure.bottom != "none":
            assert all(f"{figure.bottom_color} {figure.bottom}" in text for text in texts)
        assert sum(figure.background in text for text in texts) >= 5


def test_bags_are_mentioned_more_often_than_not() -> None:
    figures = [f for f in map(sample, range(200)) if f.bag != "none"]
    told = [f"{f.bag_color} {f.bag}" in text for f in figures for text in wardrobe.captions(f)[:5]]
    assert np.mean(told) > 0.5


def test_the_vocabulary_is_closed_and_small() -> None:
    known = set(wardrobe.vocabulary())
    assert len(known) <= 200
    for seed in range(300):
        assert not {word for text in wardrobe.captions(sample(seed)) for word in wardrobe.words(text)} - known
    assert not set(wardrobe.words("fashion photo of a korean woman in a t-shirt and jeans")) - known
    assert not set(wardrobe.words("person picture street style")) - known


def test_colors_can_be_told_apart() -> None:
    values = [np.array(rgb, float) for rgb in COLORS.values()]
    gaps = [np.linalg.norm(a - b) for i, a in enumerate(values) for b in values[i + 1 :]]
    assert min(gaps) > 50
