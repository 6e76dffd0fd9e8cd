"""Part ``inpaint``: right only where the garment got its colour, and nothing but the colour changed."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image

import igo
from benchmarks.inpainting import evaluate_inpainting
from benchmarks.outcomes import hair_moved, outcome, pixels_left_alone, pixels_recolored
from benchmarks.recoloring import recolorings
from igo import wardrobe

COUNT = 11
KEPT = ("type kept", "other garment's colour kept", "hair colour kept", "background kept")


def drawn(figure):
    return Image.fromarray(wardrobe.draw(figure, 128, 192).image)


@dataclass(frozen=True)
class Redrawer:
    """Draws the figure that the prompt describes, changed by ``spoil``."""

    spoil: object = staticmethod(lambda figure: figure)

    @igo.hookimpl
    def generate(self, request):
        assert request.layers["mask"].getbbox()
        goals = {task.prompt: task.goal for task in recolorings(COUNT)}
        return [igo.Frame(drawn(self.spoil(goals[request.prompt])), request.seed)]


def everywhere(picture, texts):
    return np.ones((len(texts), picture.height, picture.width), bool)


def nowhere(picture, texts):
    return ~everywhere(picture, texts)


@pytest.fixture
def evaluated(monkeypatch, judge, silent):
    def run(painter, find=everywhere):
        monkeypatch.setattr(igo, "TextToImage", lambda base, inpaint_checkpoint: painter)
        found = evaluate_inpainting(judge, find, silent, garments=COUNT, steps=1)
        return found, {row.measure: row for row in found.rows}

    return run


def test_a_perfect_painter_is_as_good_as_the_ceiling(evaluated):
    found, rows = evaluated(Redrawer())
    for name in ("garment in the asked colour", "top in the asked colour", "bottom in the asked colour", *KEPT):
        assert rows[name].result == rows[name].ceiling >= 0.9, name
    assert rows["hair colour kept"].result == rows["garment's pixels recoloured"].result == 1
    assert rows["other pixels left alone"].result > 0.95
    assert rows["all of these at once"].result >= 0.8
    assert rows["the mask is empty"].result == 0
    assert rows["garment in the asked colour"].chance < 0.3
    assert len(found.samples) == COUNT
    assert len(found.samples[0].pictures) == 3


def test_an_empty_mask_fails_everything(evaluated):
    _, rows = evaluated(Redrawer(), nowhere)
    assert rows.pop("the mask is empty").result == rows.pop("other pixels left alone").result == 1
    assert {row.result for row in rows.values()} == {0}


def test_other_changes_are_noticed(evaluated):
    """Backgrounds that move and hair that turns gray are no recolouring of a garment, whatever its colour."""

    def spoil(figure):
        places = {"studio": "street", "street": "park", "park": "wall", "wall": "shop", "shop": "beach"}
        return replace(figure, background=places.get(figure.background, "studio"), hair_color="gray", hat="none")

    _, rows = evaluated(Redrawer(spoil))
    assert rows["garment in the asked colour"].result >= 0.9
    assert rows["background kept"].result == 0
    assert rows["hair colour kept"].result < 0.5
    assert rows["all of these at once"].result == 0


def test_an_untouched_picture_is_not_recoloured():
    task = next(task for task in recolorings(COUNT) if task.garment == "hoodie")
    figure = task.figure
    before = {name: getattr(figure, name) for name in ("top", "top_color", "bottom", "bottom_color", "background")}
    same = outcome(task, before, before, 0.0)
    assert {name for name, value in same.items() if value is False} == {
        "garment in the asked colour",
        "top in the asked colour",
        "all of these at once",
    }
    assert same["bottom in the asked colour"] is None
    done = outcome(task, before, before | {"top_color": task.color}, float("nan"))
    assert done["all of these at once"] is True
    assert done["hair colour kept"] is None
    other = outcome(task, before, before | {"top_color": task.color, "bottom_color": task.color}, 0.0)
    assert other["other garment's colour kept"] is False
    assert other["all of these at once"] is False


def test_pixels_are_nearer_to_the_new_colour_or_to_the_old():
    red, blue, mixed = (
        Image.new("RGB", (8, 8), "red"),
        Image.new("RGB", (8, 8), "blue"),
        Image.new("RGB", (8, 8), "red"),
    )
    mixed.paste((40, 0, 215), (0, 0, 8, 2))
    garment = np.zeros((8, 8), bool)
    garment[:4] = True
    assert pixels_recolored(red, mixed, blue, garment) == 0.5
    assert pixels_recolored(red, blue, blue, garment) == 1
    assert pixels_recolored(red, red, blue, garment) == 0
    assert pixels_left_alone(red, mixed, garment) == 1
    assert pixels_left_alone(red, mixed, ~garment) == 0.5


def test_hair_moves_by_the_distance_of_its_colours():
    black, gray = Image.new("RGB", (8, 8)), Image.new("RGB", (8, 8), (30, 40, 0))
    hair = np.ones((8, 8), bool)
    assert hair_moved(black, gray, hair) == 50
    assert np.isnan(hair_moved(black, gray, hair & False))


def test_a_picture_can_come_from_the_base(judge, silent, tiny_checkpoint):
    """With a real chain: painted, masked and painted again; outside the mask it stays as it was."""

    def left_half(picture, texts):
        mask = everywhere(picture, texts)
        mask[:, :, 64:] = False
        return mask

    found = evaluate_inpainting(judge, left_half, silent, str(tiny_checkpoint), None, 1, steps=1, source="base", grow=3)
    before, _, after = (np.asarray(picture) for picture in found.samples[0].pictures)
    assert (before[:, 67:] == after[:, 67:]).all()
    assert (before[:, 60:67] != after[:, 60:67]).any()
    assert all(np.isnan(row.ceiling) for row in found.rows)
