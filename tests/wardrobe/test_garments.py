"""Garments that words can't name, worn and laid flat."""

import numpy as np
import pytest

from igo.errors import SettingsError
from igo.wardrobe import PARTS, Part, cloth, draw, held_out, lay_flat, sample, wearing


def extent(figure, *parts):
    """The rows that show these parts."""
    return np.flatnonzero(np.isin(draw(figure).labels, parts).any(1))


@pytest.mark.parametrize(
    ("top", "bottom"), [("t-shirt", "jeans"), ("shirt", "jeans"), ("coat", "jeans"), ("dress", "none")]
)
def test_a_longer_top_reaches_lower(top, bottom):
    rest = {"gender": "woman", "bottom": bottom} if bottom != "none" else {"gender": "woman"}
    lowest = [
        extent(sample(3, top=top, top_length=length, bag="none", **rest), Part.TOP)[-1] for length in (0.0, 0.5, 1.0)
    ]
    assert lowest[0] + 8 < lowest[1] < lowest[2] - 8


@pytest.mark.parametrize("bottom", ["trousers", "skirt", "shorts"])
def test_a_longer_bottom_reaches_lower(bottom):
    lowest = [
        extent(
            sample(4, gender="woman", top="shirt", bottom=bottom, bottom_length=length, shoes="sneakers"), Part.BOTTOM
        )[-1]
        for length in (0.0, 0.5, 1.0)
    ]
    assert lowest[0] + 4 < lowest[1] < lowest[2] - 4


def test_sleeves_of_any_length_leave_the_rest_of_the_arm_bare():
    skin = []
    for sleeve in (0.2, 0.6, 1.0):
        figure = sample(5, top="sweater", sleeve=sleeve, pose="open", bottom="jeans")
        skin.append(int((draw(figure).labels == Part.SKIN).sum()))
    assert skin[0] > skin[1] + 50 > skin[2] + 100


def test_a_cloth_is_the_same_for_the_same_number_and_shows_on_the_figure():
    assert cloth(7) is not cloth(8)
    assert cloth(7) == cloth(7)
    one = draw(sample(6, top="t-shirt", bottom="jeans", top_cloth=11))
    other = draw(sample(6, top="t-shirt", bottom="jeans", top_cloth=12))
    changed = (one.image != other.image).any(-1)
    near = np.isin(one.labels, (Part.TOP, Part.SKIN))
    assert changed[one.labels == Part.TOP].mean() > 0.5
    assert (changed & ~near).sum() < 0.02 * changed.size
    np.testing.assert_array_equal(one.labels, other.labels)


def test_a_print_lies_in_the_garments_own_coordinates():
    number = next(n for n in range(200) if cloth(n).glyph and cloth(n).weave == "plain")
    glyph = cloth(number).glyph
    xs, ys = np.arange(-20, 20, 0.5), np.arange(35, 80, 0.5)
    field = cloth(number).field(xs, ys)
    printed = np.argwhere((field == glyph.color).all(-1))
    rows, columns = ys[printed[:, 0]], xs[printed[:, 1]]
    assert abs(rows - glyph.y).max() <= 2 * glyph.size
    assert abs(columns - glyph.x).max() <= 2 * glyph.size
    assert len(printed) == pytest.approx(sum(map(sum, glyph.cells)) * (glyph.size / 0.5) ** 2, rel=0.15)


def test_some_cloth_is_kept_from_training():
    kept = [held_out(number) for number in range(600)]
    assert 0.02 < np.mean(kept) < 0.25
    prints = [cloth(number).glyph.cells for number in range(600) if held_out(number) and cloth(number).glyph]
    assert prints
    learned = {cloth(number).glyph.cells for number in range(600) if not held_out(number) and cloth(number).glyph}
    assert any(cells not in learned for cells in prints)


def test_wearing_changes_the_garment_alone():
    figure, other = sample(8, top="t-shirt", bottom="jeans"), sample(9, top="hoodie", bottom="skirt")
    dressed = wearing(figure, other, "upper")
    assert (dressed.top, dressed.top_color, dressed.bottom) == ("hoodie", other.top_color, "jeans")
    assert (dressed.seed, dressed.skin, dressed.pose) == (figure.seed, figure.skin, figure.pose)
    assert wearing(figure, other, "lower").top == "t-shirt"
    with pytest.raises(SettingsError, match="only a dress"):
        wearing(figure, sample(10, top="dress", gender="woman"), "upper")


@pytest.mark.parametrize("garment", ["upper", "lower"])
def test_a_flat_lay_shows_the_garment_on_its_ground(garment):
    figure = sample(11, top="sweater", bottom="skirt", top_color="red", bottom_color="green")
    ground = np.full((192, 128, 3), (200, 220, 240), np.uint8)
    flat = lay_flat(figure, garment, 128, 192, ground, tilt=5)
    assert flat.image.shape == (192, 128, 3)
    assert flat.shape.shape == (192, 128)
    assert 0.1 < flat.shape.mean() < 0.9
    assert (flat.image[:4] == ground[:4]).all()
    mean = flat.image[flat.shape > 0.9].mean(0)
    assert mean[0] > 2 * mean[1] if garment == "upper" else mean[1] > 1.4 * mean[0]
    np.testing.assert_array_equal(flat.image, lay_flat(figure, garment, 128, 192, ground, tilt=5).image)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"top_cloth": -1}, "whole number from 0 up, or None"),
        ({"bottom_cloth": True}, "whole number from 0 up, or None"),
        ({"sleeve": 0.0}, "from 0.1 to 1, or None"),
        ({"top_length": "long"}, "from 0 to 1, or None"),
    ],
)
def test_wrong_tailoring_is_refused(wrong, told):
    with pytest.raises(SettingsError, match=told):
        sample(0, **wrong)


def test_parts_have_their_names():
    assert PARTS[Part.TOP] == "top"
