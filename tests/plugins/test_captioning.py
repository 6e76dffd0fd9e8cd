"""Captions by tiny models of random weights: each family is loaded and asked as its own kind."""

import json
import shutil

import pytest
from PIL import Image

import igo
from igo.errors import CheckpointError, SettingsError
from igo_plugins import Captioning
from igo_plugins.captions import captioner, chat
from tests.builders import captioners

SHORT = {"max_new_tokens": 6, "num_beams": 2}


@pytest.fixture(scope="session")
def blip2(tmp_path_factory):
    return str(captioners.save_blip2(tmp_path_factory.mktemp("blip2")))


@pytest.fixture(scope="session")
def llava(tmp_path_factory):
    """A model that chats."""
    return str(captioners.save_llava(tmp_path_factory.mktemp("llava")))


@pytest.fixture(scope="session")
def pictures():
    """Three that differ, in sizes and in what they show, and the first one again."""
    shapes = {"red": (40, 60), "navy": (60, 40), "lime": (28, 28)}
    photos = [Image.new("RGB", size, colour) for colour, size in shapes.items()]
    photos[1].paste("white", (10, 10, 30, 30))
    return [*photos, photos[0].copy()]


@pytest.mark.parametrize("family", ["blip2", "blip", "git", "llava", "pair"])
def test_each_family_says_what_pictures_show(family, tmp_path, pictures):
    model = getattr(captioners, f"save_{family}")(tmp_path / family)
    chain = igo.Chain(Captioning(str(model), **SHORT))
    for prompt in ("", "a photo of"):
        texts = chain.caption(pictures, prompt)
        assert texts[0] == texts[3]
        assert len(set(texts)) > 1
        assert all(len(text.split()) <= 6 for text in texts)  # words of its own, none of the prompt's


def test_the_prompt_is_read_and_not_repeated(blip2, pictures):
    chain = igo.Chain(Captioning(blip2, **SHORT))
    assert chain.caption(pictures, "a woman in") != chain.caption(pictures, "the")


def test_a_batch_says_what_single_pictures_would(blip2, pictures):
    chain = igo.Chain(Captioning(blip2, **SHORT))
    assert chain.caption(pictures) == [chain.caption([picture])[0] for picture in pictures]


def test_the_model_is_loaded_once(blip2, pictures, monkeypatch):
    chain = igo.Chain(Captioning(blip2, **SHORT))
    chain.caption(pictures)
    monkeypatch.setattr(captioner, "_read", None)
    igo.Chain(Captioning(blip2, num_beams=1), runtime=chain.runtime).caption(pictures)


def test_a_model_that_does_not_fit_is_offloaded_and_says_the_same(blip2, pictures, monkeypatch):
    texts = igo.Chain(Captioning(blip2, **SHORT)).caption(pictures)
    monkeypatch.setattr("accelerate.utils.get_max_memory", lambda: {"cpu": 212_000})
    chain = igo.Chain(Captioning(blip2, **SHORT))
    assert chain.caption(pictures) == texts
    loaded = captioner.load(blip2, None, False, chain.runtime)
    assert "disk" in loaded.model.hf_device_map.values()


def test_a_model_that_needs_a_prompt_asks_for_one(tmp_path, pictures):
    model = captioners.save_llava(tmp_path / "llava")
    (model / "chat_template.jinja").unlink()
    chain = igo.Chain(Captioning(str(model), **SHORT))
    with pytest.raises(SettingsError, match=r"can't be asked without a prompt \(.*\); give one$"):
        chain.caption(pictures)
    assert len(chain.caption(pictures, "<image> a photo of")) == 4


def test_older_copies_of_blip2_work(tmp_path, pictures):
    model = captioners.save_blip2(tmp_path / "old", image_token=False)
    assert json.loads((model / "config.json").read_text()).get("image_token_index") is None
    texts = igo.Chain(Captioning(str(model), **SHORT)).caption(pictures, "a photo of")
    assert texts[0] == texts[3] != texts[1]


def test_weights_that_are_missing_are_not_made_up(blip2, tmp_path, pictures):
    from safetensors.torch import load_file, save_file

    model = shutil.copytree(blip2, tmp_path / "damaged")
    weights = load_file(model / "model.safetensors")
    del weights["language_projection.weight"]
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks 1 weights, such as language_projection\.weight"):
        igo.Chain(Captioning(str(model))).caption(pictures)


@pytest.mark.parametrize("content", [None, '{"model_type": "clip_text_model"}'])
def test_what_is_no_captioner_is_one_line(content, tmp_path, pictures):
    if content:
        (tmp_path / "config.json").write_text(content)
    told = r"^step 'captioning' \(caption\): the captioner .* can't be loaded: .*; name a folder, or a hub's"
    with pytest.raises(CheckpointError, match=told) as caught:
        igo.Chain(Captioning(str(tmp_path))).caption(pictures)
    assert "\n" not in str(caught.value)


TEMPLATES = {
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}": "takes more than 1 seconds",
    "{% set all = namespace(of=['x' * 999]) %}{% for a in range(60) %}{% set all.of = all.of + all.of %}{% endfor %}": (
        "takes more than 1 seconds or 1024 MB|fails"
    ),
    "{{ 'x' * 10 ** 10 }}": "takes more than 1 seconds or 1024 MB",
    "{{ 'x' * 10 ** 6 }}": r"fails \(ValueError: 1000000 characters; expected at most 100000\)",
    "{{ messages.__class__.__mro__[1].__subclasses__() }}": r"fails \(SecurityError",
    "{% if %}": r"fails \(TemplateSyntaxError",
}


@pytest.mark.parametrize("template", TEMPLATES)
def test_chat_templates_have_limits(template, llava, tmp_path, pictures, monkeypatch):
    monkeypatch.setattr(chat, "SECONDS", 1)
    model = shutil.copytree(llava, tmp_path / "model")
    (model / "chat_template.jinja").write_text(template)
    with pytest.raises(CheckpointError, match=f"fails when it is asked: .*its chat template ({TEMPLATES[template]})"):
        igo.Chain(Captioning(str(model), **SHORT)).caption(pictures)


def test_a_chat_template_says_what_it_says_in_transformers(llava, pictures):
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(llava)
    question = "a 'quoted' {{ 1 }} \\n \\\\ é 漢 🙂 {% endraw %}\nline"
    talk = [{"role": "user", "content": [{"type": "image", "image": pictures[0]}, {"type": "text", "text": question}]}]
    own = processor.apply_chat_template(talk, add_generation_prompt=True)
    talk[0]["content"][0].pop("image")
    assert chat.rendered(processor.chat_template, talk, {}) == own
    assert question in own
    assert processor.apply_chat_template(talk, chat_template=chat.literally(own)) == own


def test_eight_bits_need_bitsandbytes(blip2, pictures, monkeypatch):
    monkeypatch.setattr(captioner, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"needs bitsandbytes, .* pip install 'igo\[quantization\]'"):
        igo.Chain(Captioning(blip2, load_in_8bit=True)).caption(pictures)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": " "}, "model is empty"),
        ({"num_beams": 0}, "num_beams is 0; expected at least 1"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0; expected at least 1"),
    ],
)
def test_settings_that_can_not_be_meant(settings, message):
    with pytest.raises(SettingsError, match=message):
        Captioning(**settings)
