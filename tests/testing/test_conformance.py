"""Every rule of ``check_plugin`` is named by a plugin that breaks it and no other; what IGO brings breaks none."""

import importlib
import sys
from dataclasses import dataclass

import pytest
from PIL import Image

import igo
from igo.errors import ImageError
from igo.testing import RULES, ConformanceError, PaintedBase, check_plugin, draw_figure
from igo_plugins import Adapter, Caching, Captioning, HumanParsing, Outpainting, TextMask, Upscaling, VirtualStyling
from tests.builders import broken
from tests.builders.broken import BROKEN

CASES = [pytest.param(rule, kind, id=f"{rule}-{kind.__name__}") for rule, kinds in BROKEN.items() for kind in kinds]


@pytest.fixture
def torch_as_it_was():
    import torch

    grad, threads, state = torch.is_grad_enabled(), torch.get_num_threads(), torch.get_rng_state()
    yield
    torch.set_grad_enabled(grad)
    torch.set_num_threads(threads)
    torch.set_rng_state(state)


@pytest.mark.parametrize(("rule", "kind"), CASES)
def test_a_broken_rule_is_named(rule, kind, torch_as_it_was):
    with pytest.raises(ConformanceError) as caught:
        check_plugin(kind())
    assert caught.value.rule == rule, caught.value
    assert str(caught.value).startswith(f"the rule '{rule}' is broken: ")
    assert str(caught.value).endswith(f"; {caught.value.remedy}")
    assert isinstance(caught.value, AssertionError)


def test_every_rule_has_a_plugin_that_breaks_it():
    assert set(RULES) - set(BROKEN) == {"imports"}


ODD = """
from dataclasses import dataclass
import igo

@dataclass
class Odd:
    @igo.hookimpl
    def observe(self, event): ...
"""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("import cv2", "importing odd_igo imports cv2; import them inside the hooks"),
        ("import sys; 'tests' in sys.modules or open('/no/such/file')", "FileNotFoundError: .* '/no/such/file'; mend"),
        ("import os, sys; 'tests' in sys.modules or os._exit(3)", "Python ended with exit code 3"),
    ],
)
def test_what_a_module_imports_is_seen_in_a_fresh_process(line, message, tmp_path, monkeypatch):
    """Here cv2 is there already, and nobody could tell."""
    import cv2  # noqa: F401

    (tmp_path / "odd_igo.py").write_text(line + ODD)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "odd_igo", raising=False)
    odd = importlib.import_module("odd_igo")
    with pytest.raises(ConformanceError, match=message) as caught:
        check_plugin(odd.Odd())
    assert caught.value.rule == "imports"


def test_a_class_that_nobody_can_import_breaks_the_rule_of_settings():
    @dataclass(frozen=True)
    class Inside(broken.Mirror):
        pass

    with pytest.raises(ConformanceError, match="can't be imported") as caught:
        check_plugin(Inside())
    assert caught.value.rule == "settings"


def test_a_plugin_that_declares_what_it_does_passes():
    check_plugin(broken.Mirror(3))


@dataclass(frozen=True)
class Square:
    """Changes the size, and says so."""

    resizes = True
    needs = ("parts",)

    @igo.hookimpl
    def postprocess(self, frame, layer):
        cut = Image.composite(frame.image, Image.new("RGB", frame.image.size), layer("parts"))
        return frame.with_image(cut.resize((50, 50)))


def test_layers_of_any_name_are_made_for_a_plugin_that_needs_them():
    check_plugin(Square())


@dataclass(frozen=True)
class Sevens:
    """Works with one photo and one layer only."""

    needs = ("parts",)

    @igo.hookimpl
    def postprocess(self, frame, layer):
        if frame.image.getpixel((0, 0)) != (0, 0, 128) or layer("parts").tobytes() != b"\x07" * 12:
            raise ImageError("not these")
        return frame.noted(ok=True)


def test_a_photo_and_layers_may_be_brought():
    photo, parts = Image.new("RGB", (3, 4), "navy"), Image.new("L", (3, 4), 7)
    check_plugin(Sevens(), image=photo, layers={"parts": parts})
    with pytest.raises(ConformanceError, match="give check_plugin a prompt, image, layers or references with which it"):
        check_plugin(Sevens())


@dataclass(frozen=True)
class Wears:
    """Works with a reference, which its setting names, of one colour only."""

    reference: str = "garment"
    color: tuple[int, int, int] | None = None

    @property
    def needs_references(self):
        return (self.reference,)

    @igo.hookimpl
    def postprocess(self, frame, request):
        garment = request.references[self.reference]
        if self.color not in (None, garment.getpixel((0, 0))):
            raise ImageError("not this")
        image = frame.image.copy()
        image.paste(garment.resize((9, 9)), (3, 3))
        return frame.with_image(image)


def test_references_are_made_for_a_plugin_that_needs_them():
    check_plugin(Wears("style"))


def test_references_may_be_brought():
    check_plugin(Wears(color=(0, 0, 128)), references={"garment": Image.new("RGB", (3, 4), "navy")})
    with pytest.raises(ConformanceError, match="give check_plugin a prompt, image, layers or references with which"):
        check_plugin(Wears(color=(0, 0, 128)))


def test_the_base_for_tests_is_a_plugin_as_well():
    check_plugin(PaintedBase())


def test_outpainting():
    check_plugin(Outpainting(to="3:4"))


@pytest.mark.slow
def test_upscaling():
    check_plugin(Upscaling(2))


@pytest.mark.slow
def test_virtual_styling():
    figure = draw_figure(top="hoodie", top_color="gray", top_pattern="plain")
    check_plugin(VirtualStyling("hoodie", to="a red coat"), image=figure.image, prompt=figure.prompt, strength=0)


@pytest.mark.slow
def test_text_mask():
    figure = draw_figure(top="hoodie", top_color="gray", top_pattern="plain")
    check_plugin(TextMask("hoodie"), image=figure.image)


@pytest.mark.slow
def test_human_parsing(tmp_path):
    from tests.builders.segformers import ATR, save  # here: it imports torch, and with it this module would

    every = ", ".join(ATR)  # what random weights see is something of this
    check_plugin(HumanParsing(str(save(tmp_path, ATR)), every, confidence=0))


@pytest.mark.slow
def test_captioning(tmp_path):
    from tests.builders.captioners import save_blip2  # here: it imports torch, and with it this module would

    check_plugin(Captioning(str(save_blip2(tmp_path)), num_beams=2, max_new_tokens=5))


@pytest.mark.slow
def test_adapter(tiny_checkpoint, tmp_path):
    import torch

    from igo.painting.checkpoints.checkpoint import load
    from igo.training.adapters.lora import LoraSettings, add_lora, write_lora

    pipeline = load(str(tiny_checkpoint), dtype=torch.float32).pipeline
    add_lora(pipeline, LoraSettings(rank=2), text=True)
    write_lora(pipeline, tmp_path / "adapter.safetensors")
    base = igo.TextToImage(str(tiny_checkpoint))
    asked = {"num_inference_steps": 2, "width": 16, "height": 16}
    check_plugin(Adapter(str(tmp_path / "adapter.safetensors")), base=base, **asked)
    check_plugin(Caching(2), base=base, **{**asked, "num_inference_steps": 5})


def test_text_to_image(tiny_checkpoint):
    check_plugin(igo.TextToImage(str(tiny_checkpoint)), num_inference_steps=2, width=16, height=16)
