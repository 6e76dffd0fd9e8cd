"""CLIPSeg itself, as the text masks run it: mini's."""

import pytest
import torch

import igo
from igo.errors import NothingFoundError
from igo.testing import PaintedBase, draw_figure
from igo_plugins import TextMask, VirtualStyling
from igo_plugins.styling.text_mask import load

LONG = "jacket " + "of very fine red wool " * 40


@pytest.fixture(scope="module")
def masks():
    return load("mini", igo.Runtime("cpu"))


@pytest.fixture(scope="module")
def picture():
    return draw_figure(top="jacket", top_color="navy").image


@pytest.mark.parametrize("phrases", [["jacket"], ["jacket", "face", "long red hair", "hands"]])
def test_the_masks_are_those_of_transformers_own_call(masks, picture, phrases):
    inputs = masks.processor(text=phrases, images=[picture] * len(phrases), padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = masks.model(**inputs).logits
    masks.seen.clear()
    found = torch.from_numpy(masks._logits(picture, phrases))
    torch.testing.assert_close(found, expected.view(found.shape), rtol=0, atol=1e-5)


def test_a_picture_is_encoded_once_however_many_phrases_are_asked_for(masks, picture, monkeypatch):
    encoder, calls = masks.model.clip.vision_model, []
    forward = encoder.forward
    monkeypatch.setattr(encoder, "forward", lambda *given, **named: calls.append(1) or forward(*given, **named))
    masks.last.clear()
    masks.soft(picture, ("jacket", "face", "hair"))
    masks.soft(picture.copy(), ("face", "bare legs"))
    assert len(calls) == 1
    masks.soft(picture.rotate(180), ("jacket",))
    assert len(calls) == 2


@pytest.mark.parametrize("phrase", [LONG, "x" * 3000, "🙂" * 200, "日本" * 200, " ", "\t"])
def test_phrases_of_any_length_have_a_mask(masks, picture, phrase):
    assert masks.soft(picture, (phrase,)).shape == (1, 192, 128)


def test_what_is_read_of_a_long_phrase_is_told(masks):
    assert masks.shortened("a red hoodie") is None
    assert masks.shortened("red " * 75) is None
    assert masks.shortened("red " * 76) == " ".join(["red"] * 75)


def test_every_phrase_that_goes_into_a_text_mask_may_be_long(picture):
    styling = VirtualStyling("jacket", to=LONG, protect=f"face, {LONG}", candidates=2)
    report = igo.Chain(PaintedBase(), styling).run(image=picture, seed=1)[0].history[-1].report
    assert report["note"].startswith("of a long phrase the text mask read only 'jacket of very fine")
    assert len(report["scores"]) == 2
    for plugin in (VirtualStyling(LONG, to="a coat"), TextMask(LONG)):
        with pytest.raises(NothingFoundError, match="found no 'jacket of very fine red wool") as caught:
            igo.Chain(plugin).layer("mask", picture)
        assert len(str(caught.value)) < 300
