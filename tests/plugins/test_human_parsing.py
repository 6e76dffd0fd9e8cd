"""Human parsing in chains: the layers, and parsers in the place of text masks."""

from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

import igo
from igo.errors import NothingFoundError, SettingsError, UnsureError
from igo.testing import PaintedBase
from igo.wardrobe import sample
from igo_plugins import HumanParsing, TextMask, VirtualStyling
from igo_plugins.parsing.labels import Part
from igo_plugins.parsing.parser import load
from igo_plugins.styling import text_mask
from igo_plugins.styling.mask_models import NamesAndWords
from igo_plugins.styling.text_mask import grown
from tests.builders import segformers
from tests.builders.masks import Boxes
from tests.builders.parses import drawn


@pytest.fixture(scope="module")
def worn():
    """A picture and who wears what in it."""
    image, parse = drawn(sample(3, top="t-shirt", bottom="skirt", gender="woman", hat="none"))
    return Image.fromarray(image), parse


@pytest.fixture(scope="module", params=["atr", "fashn", "lip"])
def folder(request, tmp_path_factory):
    return segformers.save(tmp_path_factory.mktemp("parser") / request.param, segformers.SETS[request.param])


@pytest.fixture
def runtime(folder, worn):
    """With a parser in ``folder`` that knows the picture by heart."""
    runtime = igo.Runtime("cpu")
    segformers.knowing(load(str(folder), runtime), worn[1])
    return runtime


def test_the_parse_has_the_same_numbers_whatever_the_models_are(folder, runtime, worn):
    layer = igo.Chain(HumanParsing(str(folder)), runtime=runtime).layer("parse", worn[0])
    assert layer.mode == "L"
    for part in (Part.TOP, Part.SKIRT, Part.HAIR, Part.ARMS):
        assert np.array_equal(np.asarray(layer) == part, worn[1] == part)


@pytest.mark.parametrize(("part", "shown"), [("t-shirt", [Part.TOP]), ("skirt, the hair", [Part.SKIRT, Part.HAIR])])
def test_the_mask_is_the_garment(folder, runtime, worn, part, shown):
    mask = igo.Chain(HumanParsing(str(folder), part), runtime=runtime).layer("mask", worn[0])
    truth = np.isin(worn[1], shown)
    found = np.asarray(mask) > 0
    assert (found & truth).sum() / (found | truth).sum() > 0.98


@dataclass(frozen=True)
class Asks:
    """Keep the mask of a target that another step makes."""

    target: str

    @igo.hookimpl
    def postprocess(self, frame: igo.Frame, layer) -> igo.Frame:
        return frame.with_layer("found", layer("mask", target=self.target))


def test_steps_that_ask_get_what_they_ask_for_and_a_margin(folder, runtime, worn):
    """The user's own words for the plugin win."""
    for settings, target, shown in (((), "the t-shirt", Part.TOP), (("skirt",), "t-shirt", Part.SKIRT)):
        chain = igo.Chain(PaintedBase(), HumanParsing(str(folder), *settings), Asks(target), runtime=runtime)
        found = np.asarray(chain.run(image=worn[0], strength=0)[0].layers["found"]) > 0
        plain = igo.Chain(HumanParsing(str(folder), settings[0] if settings else target), runtime=runtime)
        outline = np.asarray(plain.layer("mask", worn[0])) > 0
        assert (outline & (worn[1] == shown)).sum() > 0.98 * outline.sum()
        assert np.array_equal(found, grown(outline, 4))


def test_one_parser_serves_all_stylings_of_a_chain(folder, runtime, worn):
    picture, parse = worn
    first, second = VirtualStyling("t-shirt", to="a red hoodie"), VirtualStyling("skirt", to="blue jeans")
    chain = igo.Chain(PaintedBase(), HumanParsing(str(folder), margin=0), first, second, runtime=runtime)
    look = chain.run(image=picture, seed=1, strength=0)
    changed = (np.asarray(look.image) != np.asarray(picture)).any(2)
    assert changed[parse == Part.TOP].mean() > 0.9
    assert changed[parse == Part.SKIRT].mean() > 0.9
    assert not changed[(parse != Part.TOP) & (parse != Part.SKIRT)].mean() > 0.01
    areas = [entry.report["area"] for entry in look[0].history if "styled" in entry.report]
    assert areas == pytest.approx([(parse == part).mean() for part in (Part.TOP, Part.SKIRT)], rel=0.03)


def test_what_only_words_can_name_is_left_to_them(folder, runtime, worn, boxes):
    styling = VirtualStyling("the striped shirt, t-shirt", to="a hoodie")
    chain = igo.Chain(PaintedBase(), HumanParsing(str(folder)), styling, runtime=runtime)
    report = chain.run(image=worn[0], seed=1)[0].history[-1].report
    assert report["mask"] == "mini"
    assert boxes.asked[0][:2] == ("the striped shirt", "t-shirt")
    with pytest.raises(igo.IGOError, match="layer 'mask'"):
        igo.Chain(HumanParsing(str(folder)), runtime=runtime).layer("mask", worn[0])


class Words(Boxes):
    """Sees a t-shirt where there is one, and a dog in the corner."""

    def __init__(self, parse):
        super().__init__()
        self.places = {"t-shirt": parse == Part.TOP, "dog": np.indices(parse.shape).sum(0) < 60}

    def soft(self, image, asked):
        self.asked.append(asked)
        return np.stack([0.9 * self.places.get(phrase, np.zeros((192, 128))) for phrase in asked]).astype(np.float32)


def test_a_parser_outlines_what_words_agree_with(folder, runtime, worn):
    picture, parse = worn
    words = Words(parse)
    both = NamesAndWords(load(str(folder), runtime), words)
    shirt, hoodie, dog, hair, skirt = both.soft(picture, ("t-shirt", "hoodie", "dog", "hair", "skirt"))
    for soft, part in ((shirt, Part.TOP), (hair, Part.HAIR), (skirt, Part.SKIRT)):
        assert np.array_equal(soft >= 0.5, parse == part)
    assert hoodie.max() == 0  # of the tops that are there none is one
    assert dog[0, 0] > 0.5
    assert words.asked == [("t-shirt", "hoodie", "dog")]
    both.soft(picture, ("hair", "skirt"))
    assert len(words.asked) == 1


def test_other_layers_are_not_its_own(folder, runtime, worn):
    with pytest.raises(igo.IGOError, match="provides a layer 'depth'"):
        igo.Chain(HumanParsing(str(folder), "skirt"), runtime=runtime).layer("depth", worn[0])


def test_what_can_not_be_believed_is_an_error(folder, runtime, worn):
    with pytest.raises(NothingFoundError, match="found no 'hat'") as caught:
        igo.Chain(HumanParsing(str(folder), "hat"), runtime=runtime).layer("mask", worn[0])
    assert caught.value.area == 0
    segformers.knowing(load(str(folder), runtime), worn[1], certainty=2.0)
    load(str(folder), runtime).last.clear()
    with pytest.raises(UnsureError, match=r"not sure that this is 'skirt' .* wanted 0\.6"):
        igo.Chain(HumanParsing(str(folder), "skirt"), runtime=runtime).layer("mask", worn[0])
    assert igo.Chain(HumanParsing(str(folder), "skirt", confidence=0), runtime=runtime).layer("mask", worn[0]).getbbox()


def test_words_that_name_no_part_are_for_text_masks(folder, runtime, worn):
    for plugin in (HumanParsing(str(folder), "the striped shirt"), TextMask("cosy thing", mask_model=str(folder))):
        with pytest.raises(SettingsError, match=r"is no part that the parser .* CLIPSeg as mask_model"):
            igo.Chain(plugin, runtime=runtime).layer("mask", worn[0])


@pytest.mark.parametrize("settings", [{"margin": 2}, {"confidence": -1}])
def test_settings_that_can_not_be_meant(settings):
    with pytest.raises(SettingsError, match="expected a number from 0 to 1"):
        HumanParsing(**settings)


def test_photographs_are_for_other_models_than_minis(monkeypatch, worn):
    monkeypatch.setattr(text_mask, "is_photograph", lambda image: True)
    with pytest.raises(UnsureError, match="looks like a photograph"):
        igo.Chain(HumanParsing()).layer("parse", worn[0])


def test_a_parser_takes_the_place_of_text_masks(folder, runtime, worn):
    picture, parse = worn
    mask = igo.Chain(TextMask("t-shirt", mask_model=str(folder)), runtime=runtime).layer("mask", picture)
    found, truth = np.asarray(mask) > 0, parse == Part.TOP
    assert (found & truth).sum() / (found | truth).sum() > 0.9
    styling = VirtualStyling("skirt", to="a red skirt", mask_model=str(folder), candidates=2)
    look = igo.Chain(PaintedBase(), styling, runtime=runtime).run(image=picture, seed=1)
    changed = (np.asarray(look.image) != np.asarray(picture)).any(2)
    assert changed[parse == Part.SKIRT].mean() > 0.9
    assert not changed[np.isin(parse, (Part.FACE, Part.HAIR, Part.SHOES))].any()
    report = look[0].history[-1].report
    assert report["mask"] == str(folder)
    assert report["confidence"] > 0.9
    assert len(report["scores"]) == 2


def test_bare_arms_join_the_zone_of_longer_sleeves(folder, runtime, worn):
    picture, parse = worn
    zones = {
        to: np.asarray(
            igo.Chain(VirtualStyling("t-shirt", to=to, mask_model=str(folder)), runtime=runtime).layer("mask", picture)
        )
        for to in ("a red t-shirt", "a red sweater")
    }
    arms = parse == Part.ARMS
    assert (zones["a red t-shirt"][arms] > 0).mean() < 0.5 < 0.9 < (zones["a red sweater"][arms] > 0).mean()


def test_a_parser_that_can_not_judge_candidates_says_so(folder, runtime, worn):
    styling = VirtualStyling("skirt", to="something in red", mask_model=str(folder), candidates=2)
    with pytest.raises(SettingsError, match="can't choose between candidates"):
        igo.Chain(PaintedBase(), styling, runtime=runtime).run(image=worn[0], seed=1)
