"""Virtual styling: the zone, the plugin in a chain."""

import numpy as np
import pytest
from PIL import Image

import igo
from igo.chains.config import parse_chain
from igo.errors import ChainError, CheckpointError, FoundEverythingError, NothingFoundError, SettingsError, UnsureError
from igo.records.provenance import parameters
from igo.testing import PaintedBase
from igo_plugins import Outpainting, Upscaling, VirtualStyling
from igo_plugins.styling.text_mask import TextMasks, cleaned, grown, refined, working_size
from igo_plugins.styling.zone import find
from tests.builders.masks import PLACES, SIZE, Boxes


@pytest.fixture
def photo():
    image = Image.new("RGB", SIZE, "gray")
    for colour, name in (("white", "t-shirt"), ("navy", "jeans"), ("pink", "face")):
        image.paste(colour, PLACES[name])
    return image


def inside(name, size=SIZE):
    mask = np.zeros(size[::-1], bool)
    left, top, right, bottom = (round(edge * size[0] / SIZE[0]) for edge in PLACES[name])
    mask[top:bottom, left:right] = True
    return mask


def changed(look, photo):
    return (np.asarray(look.image) != np.asarray(photo)).any(2)


def test_the_zone_is_the_garment_with_a_margin_and_without_what_is_protected(photo):
    found = find(Boxes(), photo, ("t-shirt",), ("face", "hands"), (), 0.5, 0.02)
    zone, garment = (np.asarray(layer) > 0 for layer in (found.zone, found.garment))
    assert zone[grown(inside("t-shirt"), 1)].all()
    assert not zone[inside("face")].any()
    assert np.logical_xor(garment, inside("t-shirt")).sum() < 40  # corners are rounded
    assert found.confidence == pytest.approx(0.9, abs=0.02)
    assert found.area == pytest.approx(inside("t-shirt").mean(), abs=0.01)


def test_limbs_join_the_zone_and_protected_hands_do_not(photo):
    zone = np.asarray(find(Boxes(), photo, ("t-shirt",), ("face", "hands"), ("arms",), 0.5, 0.0).zone) > 0
    arms = inside("bare skin") & ~inside("hands")
    assert zone[arms & grown(inside("t-shirt"), 8)].all()
    assert not zone[inside("hands")].any()


def test_large_pictures_get_masks_of_their_own_size():
    photo = Image.new("RGB", (1501, 2250), "white")
    found = find(Boxes(), photo, ("t-shirt",), (), (), 0.5, 0.0)
    assert found.zone.size == photo.size
    truth = inside("t-shirt", photo.size)
    found = np.asarray(found.zone) > 0
    assert (found & truth).sum() / (found | truth).sum() > 0.97
    assert working_size(photo.size) == (512, 768)


def test_masks_follow_the_edges_of_the_picture():
    image = Image.new("L", (64, 64))
    image.paste(255, (32, 0, 64, 64))
    soft = np.tile(np.clip((np.arange(64, dtype=np.float32) - 22) / 16, 0, 1), (64, 1))  # its middle is 2 pixels off
    found = refined(soft, image)[20:40] >= 0.5
    assert (soft >= 0.5).argmax(axis=1).tolist() == [30] * 64
    assert (abs(found.argmax(axis=1) - 32) <= 1).all()


def test_fragments_go_and_small_holes_are_filled():
    mask = np.zeros((60, 60), bool)
    mask[10:50, 10:50] = True
    whole = mask.copy()
    mask[20:24, 20:24] = False
    mask[2:5, 2:5] = True
    assert np.array_equal(cleaned(mask), whole)
    mask[26:44, 26:44] = False  # what a large hole shows is meant
    assert not cleaned(mask)[35, 35]
    assert not cleaned(np.zeros((4, 4), bool)).any()


def test_only_the_garment_changes(boxes, photo):
    chain = igo.Chain(PaintedBase(), VirtualStyling("t-shirt", to="a red t-shirt"))
    look = chain.run(image=photo, seed=7)
    assert changed(look, photo)[inside("t-shirt")].mean() > 0.9
    assert not changed(look, photo)[inside("face") | inside("jeans")][200:].any()
    assert not changed(look, photo)[~grown(inside("t-shirt"), 2)].any()
    entry = look.frames[0].history[-1].report
    assert entry["confidence"] == pytest.approx(0.9, abs=0.02)
    assert entry["prompt"] == "fashion photo of a person in (a red t-shirt:1.2)"
    zone = np.asarray(look.frames[0].layers["zone"]) > 0
    assert not changed(look, photo)[~zone].any()


def test_a_chain_that_paints_nothing_is_told(boxes, photo):
    with pytest.raises(ChainError, match="no step of this chain paints the zone"):
        igo.Chain(VirtualStyling("t-shirt", to="a hoodie")).run(image=photo, seed=3)


def test_the_text_that_other_tools_read_says_how_a_photo_was_repainted(boxes, photo):
    base = igo.TextToImage("mini")
    chain = igo.Chain(base, VirtualStyling("t-shirt", to="a hoodie", num_inference_steps=1), Outpainting(left=8))
    text = parameters(igo.Request(), chain.run(image=photo, seed=3).frames[0])
    assert text.startswith("fashion photo of a person in (a hoodie:1.2)\n")
    assert "Steps: 1, Sampler: DDIM, CFG scale: 3, Seed: 3, Size: " in text
    assert "Model: mini" in text


def test_stylings_come_in_order_and_later_ones_know_of_earlier_ones(boxes, photo):
    first, second = VirtualStyling("t-shirt", to="a hoodie"), VirtualStyling("jeans", to="a skirt")
    scene = "a woman in a t-shirt and jeans"
    look = igo.Chain(PaintedBase(64, 96), first, second).run(scene, seed=3)
    prompts = [entry.report["prompt"] for entry in look.frames[0].history if "styled" in entry.report]
    assert prompts == ["a woman in (a hoodie:1.2) and jeans", "a woman in a hoodie and (a skirt:1.2)"]
    other = igo.Chain(PaintedBase(64, 96), second, first).run(scene, seed=3)
    assert look.image != other.image


def test_the_same_seed_is_the_same_look_and_seeds_differ(boxes, photo):
    chain = igo.Chain(PaintedBase(), VirtualStyling("t-shirt", to="a hoodie"))
    assert chain.run(image=photo, seed=1).image == chain.run(image=photo, seed=1).image
    assert chain.run(image=photo, seed=1).image != chain.run(image=photo, seed=2).image


def test_a_users_mask_takes_the_place_of_the_text(boxes, photo):
    mask = Image.new("L", SIZE)
    mask.paste(255, (0, 0, 10, 10))
    look = igo.Chain(PaintedBase(), VirtualStyling("t-shirt", to="a hoodie")).run(image=photo, layers={"mask": mask})
    assert changed(look, photo)[:10, :10].any()
    assert not changed(look, photo)[inside("t-shirt")].any()
    assert boxes.asked == []
    with pytest.raises(NothingFoundError, match="the mask is empty"):
        igo.Chain(VirtualStyling("t-shirt", to="a hoodie")).run(image=photo, layers={"mask": Image.new("L", SIZE)})


def test_a_users_mask_follows_through_outpainting_and_upscaling(boxes, photo):
    mask = Image.new("L", SIZE)
    mask.paste(255, (10, 20, 30, 40))
    styling = VirtualStyling("t-shirt", to="a hoodie")
    chain = igo.Chain(PaintedBase(), Outpainting(left=16), Upscaling(2, strength=0), styling)
    look = chain.run("a man in a t-shirt", image=photo, layers={"mask": mask}, strength=0, seed=3)
    assert look.image.size == (160, 192)
    zone = np.asarray(look[0].layers["zone"]) > 0
    expected = np.zeros_like(zone)
    expected[40:80, 52:92] = True
    assert zone[expected].all()
    assert not zone[~grown(expected, 2)].any()
    assert boxes.asked == []


def test_another_steps_mask_takes_the_place_of_the_text(boxes, photo):
    class Corner:
        provides = ("mask",)

        @igo.hookimpl
        def provide(self, name, frame):
            mask = Image.new("L", frame.image.size)
            mask.paste(255, (0, 0, 10, 10))
            return mask if name == "mask" else None

    look = igo.Chain(PaintedBase(), Corner(), VirtualStyling("t-shirt", to="a hoodie")).run(image=photo, seed=1)
    assert changed(look, photo)[:10, :10].any()
    assert not changed(look, photo)[12:].any()
    assert boxes.asked == []


def test_the_candidate_that_shows_the_garment_best_is_taken(boxes, photo, monkeypatch):
    seen = []

    def soft(image, asked):
        found = Boxes.soft(boxes, image, asked)
        if asked == ("a hoodie",):
            seen.append(image)
            found[:] = (0.2, 0.7, 0.4)[len(seen) - 1]
        return found

    monkeypatch.setattr(boxes, "soft", soft)
    chain = igo.Chain(PaintedBase(), VirtualStyling("t-shirt", to="a hoodie", candidates=3))
    look = chain.run(image=photo, seed=7)
    assert len(seen) == 3
    assert look.image == seen[1]
    assert look[0].history[-1].report["scores"] == pytest.approx([0.2, 0.7, 0.4])


@pytest.mark.parametrize("best", [0, 2])
def test_a_step_that_scores_takes_the_place_of_the_text_mask(best, boxes, photo):
    seen = []

    class Judge:
        @igo.hookimpl
        def score(self, frame, request):
            seen.append((frame.image, request.prompt, request.layers["mask"]))
            return len(seen) - 1 == best

    chain = igo.Chain(PaintedBase(), VirtualStyling("t-shirt", to="a hoodie", candidates=3), Judge())
    look = chain.run("a man in a t-shirt", image=photo, seed=7, strength=0)
    assert len(seen) == 3
    assert look.image == seen[best][0]
    assert {prompt for _, prompt, _ in seen} == {"a man in a hoodie"}
    assert seen[0][2] == look[0].layers["zone"]
    assert ("a hoodie",) not in boxes.asked


def test_what_was_found_in_a_picture_is_remembered_until_the_next_one(photo, monkeypatch):
    masks, asked = TextMasks(None, None), []
    monkeypatch.setattr(
        TextMasks, "_found", lambda self, image, new: asked.append(new) or np.full((len(new), 2, 2), len(asked), float)
    )
    assert masks.soft(photo, ("a", "b"))[:, 0, 0].tolist() == [1, 1]
    assert masks.soft(photo.copy(), ("b", "c", "c"))[:, 0, 0].tolist() == [1, 2, 2]
    assert masks.soft(Image.new("RGB", SIZE), ("b",))[:, 0, 0].tolist() == [3]
    assert asked == [["a", "b"], ["c"], ["b"]]


def test_the_zone_can_be_seen_without_painting(boxes, photo):
    styling = VirtualStyling("t-shirt", to="a hoodie")
    zone = igo.Chain(styling).layer("mask", photo)
    assert zone == igo.Chain(PaintedBase(), styling).run(image=photo, seed=1)[0].layers["zone"]
    with pytest.raises(NothingFoundError, match="found no 'hat'"):
        igo.Chain(VirtualStyling("hat", to="a cap")).layer("mask", photo)


def test_to_other_steps_the_zone_is_no_mask(boxes, photo):
    first, second = VirtualStyling("t-shirt", to="a hoodie"), VirtualStyling("jeans", to="a skirt")
    look = igo.Chain(PaintedBase(), first, second).run(image=photo, seed=1)
    zone = np.asarray(look[0].layers["zone"]) > 0
    assert zone[inside("jeans")].mean() > 0.9
    assert not zone[inside("t-shirt")][: 20 * 24].any()


def test_what_cannot_be_seen_is_not_painted(boxes, photo):
    """Whatever colours lie under it."""
    alpha = Image.new("L", SIZE, 255)
    alpha.paste(0, (0, 0, 32, 96))
    looks = []
    for color in ("white", "black"):
        under = Image.composite(photo, Image.new("RGB", SIZE, color), alpha)
        under.putalpha(alpha)
        looks.append(igo.Chain(PaintedBase(), VirtualStyling("t-shirt", to="a hoodie")).run(image=under, seed=1))
        zone = np.asarray(looks[-1][0].layers["zone"])
        assert not zone[:, :32].any()
        assert zone[30:44, 34:42].all()
    assert looks[0][0].layers["zone"] == looks[1][0].layers["zone"]
    gone = photo.copy()
    gone.putalpha(Image.composite(Image.new("L", SIZE, 255), Image.new("L", SIZE), Image.new("L", SIZE)))
    with pytest.raises(NothingFoundError, match="transparent where 't-shirt' was found"):
        igo.Chain(PaintedBase(), VirtualStyling("t-shirt", to="a hoodie")).run(image=gone, seed=1)


@pytest.mark.parametrize(
    ("target", "certainty", "error", "told"),
    [
        ("hat", 0.9, NothingFoundError, "found no 'hat'"),
        ("everything", 0.9, FoundEverythingError, "nearly everywhere"),
        ("t-shirt", 0.55, UnsureError, "not sure that this is 't-shirt'"),
    ],
)
def test_masks_that_cannot_be_believed_are_typed_errors(target, certainty, error, told, boxes, photo):
    boxes.certainty = certainty
    with pytest.raises(error, match=told) as caught:
        igo.Chain(PaintedBase(), VirtualStyling(target, to="a hoodie")).run(image=photo, seed=1)
    assert caught.value.step == "virtual-styling"
    assert 0 <= caught.value.area <= 1
    assert 0 < caught.value.confidence < 1
    assert "\n" not in str(caught.value)
    skipped = igo.Chain(PaintedBase(), VirtualStyling(target, to="a hoodie", on_doubt="skip")).run(image=photo, seed=1)
    assert skipped.image == photo
    assert told in skipped.frames[0].history[-1].report["skipped"]


def test_doubts_can_be_painted_over_and_nothing_cannot(boxes, photo):
    boxes.certainty = 0.55
    look = igo.Chain(PaintedBase(), VirtualStyling("t-shirt", to="a hoodie", on_doubt="paint")).run(image=photo, seed=1)
    assert changed(look, photo).any()
    kept = igo.Chain(PaintedBase(), VirtualStyling("hat", to="a cap", on_doubt="paint")).run(image=photo, seed=1)
    assert kept.image == photo


@pytest.mark.parametrize(
    "wrong",
    [
        {"target": " , "}, {"to": ""}, {"margin": -1}, {"threshold": 2}, {"confidence": -0.1}, {"limbs": "tails"},
        {"on_doubt": "cry"}, {"candidates": 0}, {"weight": 0},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        VirtualStyling(**{"target": "coat", "to": "a dress"} | wrong)


def test_settings_travel_through_a_chain_file():
    chain = igo.Chain(igo.TextToImage("mini"), VirtualStyling("t-shirt", to="a red hoodie", candidates=2))
    text = chain.to_toml()
    assert 'use = "virtual-styling"' in text
    assert parse_chain(text).chain.steps[1].plugin == chain.steps[1].plugin


def test_a_mask_model_that_is_not_there_is_one_line(photo, tmp_path):
    chain = igo.Chain(PaintedBase(), VirtualStyling("t-shirt", to="a hoodie", mask_model=str(tmp_path / "nowhere")))
    with pytest.raises(CheckpointError, match=r"text-mask model .* can't be loaded") as caught:
        chain.run(image=photo, seed=1)
    assert "\n" not in str(caught.value)
