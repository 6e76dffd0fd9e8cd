"""Photographs and drawings are told from each other."""

from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import igo
from igo.errors import UnsureError
from igo.images import is_photograph
from igo.testing import PaintedBase, draw_figure
from igo_plugins import TextMask, VirtualStyling
from igo_plugins.styling import mask_models
from tests.builders.masks import Boxes

PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")


def as_jpeg(image, quality=60):
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def variants(image, *scales):
    yield image
    yield as_jpeg(image)
    for scale in scales:
        yield image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)


def synthetic():
    """What a camera's picture has, without a camera: light of all scales, dim, blurred in places, and noise."""
    rng = np.random.default_rng(3)
    light = np.zeros((300, 200, 3))
    for side in (3, 8, 20, 60, 120):
        part = rng.normal(0, 1, (side, side, 3)).astype(np.float32) * 28
        part = part.mean(2, keepdims=True) * 0.8 + part * 0.2
        light += np.stack([np.asarray(Image.fromarray(part[..., k]).resize((200, 300), 3)) for k in range(3)], -1)
    return Image.fromarray(np.clip(light + 90 + rng.normal(0, 6, light.shape), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("name", PHOTOS)
def test_photographs_of_any_size_are_photographs(name):
    package = find_spec("skimage")
    if package is None:
        pytest.skip("scikit-image, in whose wheel the photographs lie, isn't installed: igo[benchmarks]")
    with Image.open(Path(package.origin).parent / "data" / name) as file:
        photo = file.convert("RGB")
    for variant in variants(photo, 192 / max(photo.size), 0.5):
        assert is_photograph(variant), variant.size


def test_what_varies_as_light_does_is_a_photograph():
    for variant in variants(synthetic(), 0.5, 2):
        assert is_photograph(variant), variant.size


@pytest.mark.parametrize("seed", range(200, 230))
def test_drawings_are_none(seed):
    figure = draw_figure(seed)
    for variant in variants(figure.image, 0.5, 2, 3.7):
        assert not is_photograph(variant), variant.size


def test_pictures_by_mini_are_none():
    chain = igo.Chain(igo.TextToImage("mini"), runtime=igo.Runtime("cpu"))
    for seed in range(3):
        prompt = "fashion photo of a man in a navy coat and black trousers, street background"
        picture = chain.run(prompt, seed=seed, num_inference_steps=6).image
        for variant in variants(picture, 2):
            assert not is_photograph(variant)


@pytest.mark.parametrize("color", ["black", "gray", "white", "red"])
@pytest.mark.parametrize("size", [(1, 1), (64, 96), (3000, 20)])
def test_plain_surfaces_are_none(color, size):
    assert not is_photograph(Image.new("RGB", size, color))
    assert not is_photograph(Image.new("RGB", size, color).filter(ImageFilter.BLUR))


@pytest.fixture
def boxes(monkeypatch):
    made = Boxes()
    monkeypatch.setattr(mask_models, "load", lambda name, runtime: made)
    return made


def test_mini_masks_doubt_photographs_and_name_the_models_for_them(boxes):
    photo = synthetic()
    styling = {"target": "t-shirt", "to": "a hoodie"}
    with pytest.raises(UnsureError, match=r"looks like a photograph.*mask_model='CIDAS/clipseg.*on_doubt='paint'"):
        igo.Chain(PaintedBase(), VirtualStyling(**styling)).run(image=photo, seed=1)
    with pytest.raises(UnsureError, match="looks like a photograph"):
        igo.Chain(TextMask("t-shirt")).layer("mask", photo)
    assert boxes.asked == []
    skipped = igo.Chain(PaintedBase(), VirtualStyling(**styling, on_doubt="skip")).run(image=photo, seed=1)
    assert skipped.image == photo
    assert "looks like a photograph" in skipped[0].history[-1].report["skipped"]
    painted = igo.Chain(PaintedBase(), VirtualStyling(**styling, on_doubt="paint")).run(image=photo, seed=1)
    assert painted.image != photo
    other = igo.Chain(PaintedBase(), VirtualStyling(**styling, mask_model="some/clipseg")).run(image=photo, seed=1)
    assert other.image != photo
    assert igo.Chain(TextMask("t-shirt", confidence=0)).layer("mask", photo).getbbox()


def test_mini_itself_says_so_of_a_photograph_that_it_paints_in():
    mask = Image.new("L", (200, 300))
    mask.paste(255, (60, 100, 140, 200))
    chain = igo.Chain(igo.TextToImage("mini"), runtime=igo.Runtime("cpu"))
    settings = {"layers": {"mask": mask}, "seed": 1, "num_inference_steps": 1}
    assert "mini paints drawings" in chain.run("a coat", image=synthetic(), **settings)[0].history[-1].report["note"]
    figure = draw_figure(3, 200, 300).image
    assert "note" not in chain.run("a coat", image=figure, **settings)[0].history[-1].report
