"""Text masks as a layer of their own."""

import numpy as np
import pytest
from PIL import Image

import igo
from igo.errors import FoundEverythingError, NothingFoundError, SettingsError, UnsureError
from igo.testing import PaintedBase
from igo_plugins import TextMask, VirtualStyling
from tests.builders.masks import PLACES, SIZE


@pytest.fixture
def photo():
    image = Image.new("RGB", SIZE, "gray")
    image.paste("white", PLACES["t-shirt"])
    return image


def test_the_mask_is_the_thing_and_nothing_more(boxes, photo):
    mask = igo.Chain(TextMask("t-shirt")).layer("mask", photo)
    left, top, right, bottom = PLACES["t-shirt"]
    assert mask.mode == "L"
    inside = np.asarray(mask)[top:bottom, left:right]
    assert inside.mean() > 250
    assert np.count_nonzero(mask) == np.count_nonzero(inside)
    grown = igo.Chain(TextMask("t-shirt", margin=0.05)).layer("mask", photo)
    assert np.count_nonzero(grown) > 1.2 * np.count_nonzero(mask)


def test_steps_without_a_text_of_their_own_get_it(boxes, photo):
    """A garment's mask is what another step says it is: the first provider in the chain."""
    chain = igo.Chain(PaintedBase(), TextMask("jeans"), VirtualStyling("t-shirt", to="a red hoodie"))
    look = chain.run(image=photo, seed=1)
    changed = (np.asarray(look.image) != np.asarray(photo)).any(2)
    left, top, right, bottom = PLACES["jeans"]
    assert changed[top:bottom, left:right].mean() > 0.5
    assert not changed[:top].any()


def test_other_layers_are_not_its_own(boxes, photo):
    with pytest.raises(igo.IGOError, match="provides a layer 'depth'"):
        igo.Chain(TextMask("t-shirt")).layer("depth", photo)


def test_what_can_not_be_believed_is_an_error(boxes, photo):
    with pytest.raises(NothingFoundError, match="found no 'hat'"):
        igo.Chain(TextMask("hat")).layer("mask", photo)
    with pytest.raises(FoundEverythingError, match="nearly everywhere"):
        igo.Chain(TextMask("everything")).layer("mask", photo)
    boxes.certainty = 0.55
    with pytest.raises(UnsureError, match=r"not sure .* or lower confidence \(0\.6\)"):
        igo.Chain(TextMask("t-shirt")).layer("mask", photo)
    assert igo.Chain(TextMask("t-shirt", confidence=0.5)).layer("mask", photo).getbbox()


@pytest.mark.parametrize(("settings", "told"), [({"target": " , "}, "target is empty"), ({"margin": 2}, "margin is 2")])
def test_settings_that_can_not_be_meant(settings, told):
    with pytest.raises(SettingsError, match=told):
        TextMask(**{"target": "coat", **settings})
