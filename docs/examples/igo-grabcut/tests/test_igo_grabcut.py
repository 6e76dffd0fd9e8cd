"""GrabCut: what IGO wants of every plugin, and what this one does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import igo
import numpy as np
import pytest
from igo.errors import FoundEverythingError, LayerError, NothingFoundError, SettingsError
from igo.testing import DrawnFigure, PaintedBase, assert_color, assert_images_equal, check_plugin, draw_figure
from igo_plugins import VirtualStyling
from PIL import Image, ImageFilter

from igo_grabcut import GrabCut

WORN: dict[str, Any] = {
    "top": "hoodie",
    "top_color": "red",
    "top_pattern": "plain",
    "background": "studio",
    "hat": "none",
    "bag": "none",
}


@pytest.fixture(scope="module")
def figure() -> DrawnFigure:
    """A red hoodie in a studio: nothing else there is red."""
    return draw_figure(4, **WORN)


def around(mask: Image.Image, pixels: int = 3) -> tuple[float, float, float, float]:
    """The box of what is white in a mask, and some pixels more."""
    left, top, right, bottom = mask.getbbox() or (0, 0, 0, 0)
    return (max(left - pixels, 0), max(top - pixels, 0), right + pixels, bottom + pixels)


def overlap(mask: Image.Image, truth: Image.Image) -> float:
    """Intersection over union."""
    one, other = (np.asarray(picture) > 0 for picture in (mask, truth))
    return float((one & other).sum() / (one | other).sum())


def masked(plugin: GrabCut, image: Image.Image, **layers: Image.Image) -> Image.Image:
    request = igo.Request(image=image, layers=layers)
    mask = plugin.provide("mask", igo.Frame(image), request)
    assert mask is not None
    return mask


@pytest.mark.parametrize("box", [(0.2, 0.2, 0.8, 0.6), (32, 48, 96, 144)])
def test_it_keeps_the_rules(box: tuple[float, float, float, float], figure: DrawnFigure) -> None:
    check_plugin(GrabCut(box), image=figure.image)


def test_a_box_finds_the_garment_in_it(figure: DrawnFigure) -> None:
    top = figure.mask("top")
    assert overlap(masked(GrabCut(around(top), margin=0), figure.image), top) > 0.85


def test_the_same_mask_whatever_was_cut_before(figure: DrawnFigure) -> None:
    plugin = GrabCut(around(figure.mask("top")))
    first = masked(plugin, figure.image)
    masked(GrabCut((32, 48, 96, 144)), draw_figure(9).image)
    assert_images_equal(masked(plugin, figure.image), first)


def test_a_box_in_shares_is_that_in_pixels(figure: DrawnFigure) -> None:
    in_pixels = masked(GrabCut((32, 48, 96, 144)), figure.image)
    assert_images_equal(masked(GrabCut((0.25, 0.25, 0.75, 0.75)), figure.image), in_pixels)


def test_a_scribble_says_what_a_box_cannot(figure: DrawnFigure) -> None:
    """One of two things in the box."""
    both, top = figure.mask("top", "bottom"), figure.mask("top")
    scribble = Image.new("L", figure.image.size, 128)
    for part, tone in (("top", 255), ("bottom", 0)):
        scribble.paste(tone, mask=figure.mask(part).filter(ImageFilter.MinFilter(9)))
    plugin = GrabCut(around(both), margin=0)
    cut = masked(plugin, figure.image, scribble=scribble)
    assert overlap(cut, top) > 0.7 > 0.6 > overlap(masked(plugin, figure.image), top)
    assert not np.asarray(cut)[np.asarray(scribble) == 0].any()
    assert np.asarray(cut)[np.asarray(scribble) == 255].all()


def test_large_pictures_are_cut_small_and_the_mask_is_as_large(figure: DrawnFigure) -> None:
    large = draw_figure(4, 512, 768, **WORN)
    top = large.mask("top")
    mask = masked(GrabCut(around(top, 12), working_size=192, margin=0), large.image)
    assert mask.size == (512, 768)
    assert overlap(mask, top) > 0.85


def test_the_margin_grows_the_mask(figure: DrawnFigure) -> None:
    plain, grown = (masked(GrabCut((30, 50, 90, 110), margin=margin), figure.image) for margin in (0, 0.05))
    assert not (np.asarray(plain) & ~np.asarray(grown)).any()
    assert grown.histogram()[255] > 1.2 * plain.histogram()[255]


def test_a_chain_takes_it_in_place_of_the_text_mask_by_one_more_step(figure: DrawnFigure) -> None:
    """The chain stays as it is. CLIPSeg isn't even loaded: the model that is named doesn't exist."""
    box = around(figure.mask("top"))
    styling = VirtualStyling("hoodie", to="a green hoodie", mask_model="no/such/model")
    look = igo.Chain(PaintedBase(), GrabCut(box), styling).run(image=figure.image, seed=3)
    zone = masked(GrabCut(box), figure.image)
    assert look[0].history[-1].report["mask"] == "brought"
    assert look[0].layers["zone"] == zone
    assert_images_equal(look.image, figure.image, outside=zone)
    assert look.image != figure.image


def test_mini_repaints_what_was_cut_out(
    figure: DrawnFigure, mini_base: igo.TextToImage, mini_runtime: igo.Runtime
) -> None:
    chain = igo.Chain(
        mini_base,
        GrabCut(around(figure.mask("top"))),
        VirtualStyling("hoodie", to="a blue hoodie", prompt="fashion photo of a woman in a blue hoodie"),
        runtime=mini_runtime,
    )
    look = chain.run(image=figure.image, seed=3)
    assert_color(look.image, "blue", figure.mask("top"))


@pytest.mark.parametrize(
    ("settings", "layers", "error", "message"),
    [
        ({}, {}, LayerError, "nothing says what is meant; give box="),
        ({"box": (0, 0, 1, 1)}, {}, LayerError, "box and scribble mean all of the picture"),
        ({"box": (200, 0, 300, 9)}, {}, LayerError, "lies outside of the picture of 128x192"),
        ({}, {"scribble": Image.new("L", (128, 192), 128)}, LayerError, "box and scribble mean nothing"),
    ],
)
def test_what_leaves_nothing_to_tell_apart_is_one_line(
    settings: dict[str, Any], layers: dict[str, Image.Image], error: type[Exception], message: str, figure: DrawnFigure
) -> None:
    with pytest.raises(error, match=message):
        masked(GrabCut(**settings), figure.image, **layers)


def test_a_scribble_fits_the_picture_at_its_step_or_is_refused(figure: DrawnFigure) -> None:
    request = igo.Request(image=figure.image, layers={"scribble": Image.new("L", figure.image.size, 255)})
    with pytest.raises(LayerError, match="the scribble is 128x192; expected 64x96, like the picture at this step"):
        GrabCut().provide("mask", igo.Frame(figure.image.resize((64, 96))), request)


def test_masks_that_cannot_be_meant_are_refused_with_their_area() -> None:
    plain = Image.new("RGB", (100, 100), "gray")
    with pytest.raises(NothingFoundError, match=r"nothing in the box differs from its surroundings \(area 0") as none:
        masked(GrabCut((40, 40, 60, 60)), plain)
    assert none.value.area == 0
    plain.paste("red", (0, 0, 100, 99))
    with pytest.raises(FoundEverythingError, match="the mask is all of the picture") as everything:
        masked(GrabCut((0, 0, 100, 99)), plain)
    assert everything.value.area > 0.95


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"box": (5, 5, 5, 9)}, "expected left, top, right, bottom, with left < right"),
        ({"iterations": 0}, "iterations is 0; expected at least 1"),
        ({"working_size": 3}, "working_size is 3; expected at least 32"),
        ({"margin": 2}, "margin is 2; expected a number from 0 to 0.5"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        GrabCut(**settings)


def test_chain_files_know_it_by_name(tmp_path: Path) -> None:
    text = igo.Chain(PaintedBase(), GrabCut((1, 2, 3, 4))).to_toml()
    assert 'use = "grabcut"' in text
    (tmp_path / "chain.toml").write_text(text)
    plugin = igo.load_chain(tmp_path / "chain.toml").steps[1].plugin
    assert plugin == GrabCut((1, 2, 3, 4))
