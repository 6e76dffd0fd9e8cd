"""What a model is shown of a garment laid over somebody, and whose pixels are where it kept that."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from igo.wardrobe import PARSE, draw, sample
from igo.wardrobe.placement import moved, posed
from igo_plugins.fitting.framing import View
from igo_plugins.fitting.garment import Garment
from igo_plugins.fitting.laying import GRAY, Laying

SIZE = (48, 64)
ZONE = np.zeros((64, 48), np.bool_)
ZONE[16:56, 8:40] = True
WHITE = np.uint8(255)
SHORTS = {"top": "t-shirt", "bottom": "shorts", "bottom_color": "blue", "bag": "none", "hat": "none"}


def striped(width, height, period, low=60, high=200):
    """Stripes of two grays."""
    rows = np.where(np.arange(height) // (period // 2) % 2, low, high).astype(np.uint8)
    return np.broadcast_to(rows[:, None, None], (height, width, 3)).copy()


def shirt(times=1):
    """Fine stripes on white, so many times as large as the canvas."""
    image = np.full((SIZE[1] * times, SIZE[0] * times, 3), WHITE)
    image[20 * times : 44 * times, 12 * times : 36 * times] = striped(24 * times, 24 * times, 4)
    return Image.fromarray(image)


@pytest.fixture
def street():
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 48, 3)).astype(np.uint8))


def lain(picture, garment, hidden=ZONE, view=None, zone=ZONE):
    place = torch.from_numpy(posed(np.eye(2, 3), ()))[None]
    whole = View((0, 0, *SIZE), (0, 0, *SIZE), SIZE)
    shown = Garment(garment.resize(SIZE, Image.Resampling.LANCZOS), garment, "upper", False, None)
    return Laying(picture, view or whole, zone, hidden, shown, place, place)


def test_what_the_model_is_shown(street):
    """The street around the zone, the garment but for a pixel along its outline, and gray where nothing is known."""
    seen = np.asarray(lain(street, shirt()).seen)
    assert np.array_equal(seen[~ZONE], np.asarray(street)[~ZONE])
    cloth = np.zeros_like(ZONE)
    cloth[21:43, 13:35] = True
    assert np.array_equal(seen[cloth], np.asarray(shirt())[cloth])
    assert (seen[ZONE & ~cloth] == GRAY).all()
    inside = np.asarray(lain(street, shirt(), np.zeros_like(ZONE)).seen)  # nothing is hidden
    assert np.array_equal(inside[~cloth], np.asarray(street)[~cloth])


def test_detail_that_the_model_was_shown_and_kept_is_that_of_the_pictures(street):
    """Painted are the same colours without detail; the stripes are the garment's, the noise is the street's."""
    hidden = np.zeros_like(ZONE)
    hidden[16:56, 30:40] = True  # the old garment
    laying = lain(street, shirt(), hidden)
    painted = np.full((64, 48, 3), 127, np.uint8)  # what both are on average
    result = np.asarray(laying.back(Image.fromarray(painted)))
    stripes = (slice(24, 40), slice(16, 32))
    np.testing.assert_allclose(result[stripes].astype(int), np.asarray(shirt())[stripes], atol=8)
    unseen = (slice(47, 54), slice(34, 38))
    assert (result[unseen] == 127).all()


def test_what_the_model_made_something_else_of_is_as_it_made_it(street):
    """Where it painted an arm across the garment there is an arm."""
    painted = np.asarray(lain(street, shirt()).seen).copy()
    painted[:, 20:28] = (250, 10, 10)
    result = np.asarray(lain(street, shirt()).back(Image.fromarray(painted)))
    assert np.array_equal(result[24:40, 22:26], painted[24:40, 22:26])
    assert np.array_equal(result[24:40, 31:33], np.asarray(shirt())[24:40, 31:33])


def test_detail_is_as_fine_as_the_pictures_are():
    """A photo of four times the model's width, and a reference as large: stripes finer than the model's pixels."""
    width, height = 4 * SIZE[0], 4 * SIZE[1]
    photo = Image.new("RGB", (width, height), (130, 130, 130))
    view = View((0, 0, width, height), (0, 0, *SIZE), SIZE)
    laying = lain(photo, shirt(4), view=view)
    result = np.asarray(laying.back(laying.seen))
    inner = (slice(96, 160), slice(64, 128))
    np.testing.assert_allclose(result[inner].astype(int), np.asarray(shirt(4))[inner], atol=8)
    assert result.std() > 3 * np.asarray(view.back(laying.seen, photo))[inner].std()


def test_detail_that_the_picture_cannot_hold_is_no_noise():
    """A reference of four times the picture's width: its fine stripes are gray there, and no coarser ones."""
    image = np.full((256, 192, 3), WHITE)
    image[80:176, 48:144] = striped(96, 96, 6)  # of less than a pixel of the picture each
    laying = lain(Image.new("RGB", SIZE, (130, 130, 130)), Image.fromarray(image))
    result = np.asarray(laying.back(laying.seen))
    np.testing.assert_allclose(result[26:38, 18:30].astype(int), 130, atol=12)


def test_a_view_of_a_part_of_the_picture(street):
    """What lies where on the canvas lies there in the picture."""
    wide = Image.new("RGB", (100, 90), (130, 130, 130))
    view = View((30, 10, 78, 70), (0, 2, 48, 62), SIZE)
    laying = lain(wide, shirt(), view=view)
    result = np.asarray(laying.back(laying.seen))
    x, y = 30, 10 - 2
    np.testing.assert_allclose(
        result[y + 26 : y + 38, x + 16 : x + 32].astype(int), np.asarray(shirt())[26:38, 16:32], atol=2
    )
    assert (result[:10] == 130).all()


def test_limbs_under_the_old_garment_are_bare_in_the_picture_and_on_the_canvas():
    """The picture is three times as fine as the canvas; who stands in it does so beside its middle."""
    figure = replace(sample(7_000_000), **SHORTS, pose="open")
    drawing = draw(replace(figure, bottom="trousers"), 288, 432)
    picture = Image.new("RGB", (400, 460), (90, 120, 90))
    picture.paste(Image.fromarray(drawing.image), (80, 20))
    old = np.zeros((460, 400), np.bool_)
    old[20:452, 80:368] = drawing.parse == PARSE.index("pants")
    view = View((80, 20, 368, 452), (2, 0, 94, 138), (96, 138))
    place = moved(drawing.placements, np.array([[92 / 288, 0, 2.0], [0, 138 / 432, 0.0]]))
    hidden = np.asarray(view.mask(Image.fromarray(old.astype(np.uint8) * 255), 1)) > 0
    nothing = Image.new("RGB", (96, 138), "white")
    flat = Garment(nothing, nothing, "lower", False, None)
    body = torch.from_numpy(place)[None]
    taken = Image.fromarray(old.astype(np.uint8) * 255)
    laying = Laying(picture, view, np.ones_like(hidden), hidden, flat, body, body, taken)
    seen = np.asarray(laying.seen)
    limbs = hidden & ~(seen == GRAY).all(2)
    color, bare = np.median(seen[limbs], axis=0), np.asarray(laying.back(laying.seen))
    assert np.array_equal(bare[:20], np.asarray(picture)[:20])
    new = (np.abs(bare - color).max(2) < 25) & old
    legs = np.zeros_like(old)
    short = draw(figure, 288, 432).parse
    legs[20:452, 80:368] = (short == PARSE.index("legs")) & old[20:452, 80:368]
    hidden = old.copy()
    hidden[20:452, 80:368] &= np.isin(short, [PARSE.index(name) for name in ("legs", "background")])
    assert (new & legs).sum() / ((new & hidden) | legs).sum() > 0.75
    shown = np.asarray(view.mask(Image.fromarray(new.astype(np.uint8) * 255), 1)) > 0
    assert (limbs & shown).sum() / (limbs | shown).sum() > 0.75
