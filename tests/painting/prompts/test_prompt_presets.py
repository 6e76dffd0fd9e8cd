import pytest
from hypothesis import given
from hypothesis import strategies as st

from igo.errors import SettingsError
from igo.painting.prompts.presets import PRESETS, Preset, get_preset, preset_for
from igo.painting.prompts.syntax import parse

HOUSE = PRESETS["musinsaigo"]
ART = Preset("art", prefix="art", suffix="ink", negative_prompt="photo")


def test_house_template():
    prompt, negative = HOUSE.apply("a woman in a hoodie", "hat")
    assert prompt == (
        "RAW photo, a woman in a hoodie, (high detailed skin:1.2), 8k uhd, dslr, soft lighting, high quality, "
        "film grain, Fujifilm XT3"
    )
    assert negative == (
        "hat, (deformed iris, deformed pupils, semi-realistic, cgi, 3d, render, sketch, cartoon, drawing, anime:1.4), "
        "text, close up, cropped, out of frame, worst quality, low quality, jpeg artifacts, ugly, duplicate, morbid, "
        "mutilated, extra fingers, mutated hands, poorly drawn hands, poorly drawn face, mutation, deformed, blurry, "
        "dehydrated, bad anatomy, bad proportions, extra limbs, cloned face, disfigured, gross proportions, malformed "
        "limbs, missing arms, missing legs, extra arms, extra legs, fused fingers, too many fingers, long neck"
    )
    assert [round(fragment.weight, 6) for fragment in parse(negative)] == [1, 1.4, 1]


@pytest.mark.parametrize("prompt", ["", " , ", None])
def test_empty_texts_leave_no_stray_commas(prompt):
    assert ART.apply(prompt or "", prompt) == ("art, ink", "photo")


def test_parts_may_be_empty():
    assert Preset("bare").apply("a woman", "hat") == ("a woman", "hat")
    assert Preset("bare").apply("") == ("", "")


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("art of a cart", "art of a cart, ink"),
        ("Art, Ink", "Art, Ink"),
        ("artful inkwell", "art, artful inkwell, ink"),
        ("a pink ink drawing", "art, a pink ink drawing"),
        ("a woman, ", "art, a woman, ink"),
    ],
)
def test_what_is_there_already_is_not_added(prompt, expected):
    assert ART.apply(prompt)[0] == expected


@given(st.sampled_from([HOUSE, ART]), st.text(), st.text())
def test_applying_twice_changes_nothing(preset, prompt, negative):
    once = preset.apply(prompt, negative)
    assert preset.apply(*once) == once


@given(st.sampled_from([HOUSE, ART]), st.lists(st.sampled_from(["art", "ink", "photo", ",", " ", "RAW photo", "("])))
def test_applying_twice_changes_nothing_where_the_parts_occur(preset, words):
    once = preset.apply("".join(words), "".join(words))
    assert preset.apply(*once) == once


@pytest.mark.parametrize(
    "checkpoint",
    [
        "youngmki/musinsaigo-1.0",
        "youngmki/Musinsaigo-2.0",
        "./models/musinsaigo-1.0/",
        "/data/musinsaigo.safetensors",
        r"C:\models\musinsaigo_v1.safetensors",
        "/home/me/.cache/huggingface/hub/models--youngmki--musinsaigo-1.0/snapshots/4fa0d389",
    ],
)
def test_house_checkpoints_get_the_house_template(checkpoint):
    assert preset_for(checkpoint) is HOUSE


@pytest.mark.parametrize("checkpoint", ["mini", "", "runwayml/stable-diffusion-v1-5", "/home/musinsaigo/models/mini"])
def test_other_checkpoints_get_none(checkpoint):
    assert preset_for(checkpoint) is None


def test_presets_by_name():
    assert get_preset("musinsaigo") is HOUSE
    assert get_preset("none") is None
    with pytest.raises(SettingsError, match=r"no preset 'musinsago'; did you mean 'musinsaigo'\?"):
        get_preset("musinsago")
