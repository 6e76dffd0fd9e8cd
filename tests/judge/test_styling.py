"""Part ``styling``: two garments in a row are two garments changed, and what is skipped fails."""

import re
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from PIL import Image

import igo
from benchmarks import styling
from benchmarks.recoloring import recolorings
from igo import wardrobe
from igo_plugins.styling import mask_models

COUNT = 4


@dataclass(frozen=True)
class Redresser:
    """Draws the figure of the picture that it is given with the garment and the colour that the prompt stresses."""

    figures: dict = field(default_factory=dict)

    def draw(self, figure):
        image = Image.fromarray(wardrobe.draw(figure, 128, 192).image)
        self.figures[image.tobytes()] = figure
        return image

    @igo.hookimpl
    def generate(self, request):
        if not request.layers:
            return None
        color, garment = re.search(r"\((?:an? )?(\w+) ([\w-]+):1.2\)", request.prompt).groups()
        figure = self.figures[request.image.tobytes()]
        slot = "top" if garment in wardrobe.TOPS else "bottom"
        return [igo.Frame(self.draw(replace(figure, **{f"{slot}_color": color})), request.seed)]


class Below:
    """Finds everything below the top tenth of the picture, if there is something to be found."""

    def __init__(self, certainty):
        self.certainty = certainty

    def soft(self, image, asked):
        found = np.zeros((len(asked), image.height, image.width), np.float32)
        found[0, image.height // 8 :] = self.certainty
        return found

    def shortened(self, phrase):
        return None


@pytest.fixture
def evaluated(monkeypatch, judge, silent):
    def run(certainty):
        painter = Redresser()
        for task in recolorings(COUNT):
            painter.draw(task.figure)
        monkeypatch.setattr(igo, "TextToImage", lambda base, inpaint_checkpoint: painter)
        monkeypatch.setattr(mask_models, "load", lambda name, runtime: Below(certainty))
        monkeypatch.setattr(styling, "Upscaling", Doubled)
        found = styling.evaluate_styling(judge, silent, garments=COUNT, steps=1)
        return {row.measure: row for row in found.rows}, found

    return run


@dataclass(frozen=True)
class Doubled:
    scale: int
    model: str

    @igo.hookimpl
    def postprocess(self, frame):
        width, height = frame.image.size
        return frame.with_image(frame.image.resize((2 * width, 2 * height)))


def test_perfect_stylings_are_all_right(evaluated):
    rows, found = evaluated(0.95)
    for name in ("garment in the asked colour", "two stylings, upscaled: both colours", "background kept"):
        assert rows[name].result == 1, name
    assert rows["garment's pixels recoloured"].result > 0.95
    assert rows["the mask is not believed"].result == 0
    assert len(found.samples) == COUNT


def test_what_is_skipped_fails(evaluated):
    rows, _ = evaluated(0.3)
    assert rows["the mask is not believed"].result == 1
    assert rows["garment in the asked colour"].result == rows["two stylings, upscaled: both colours"].result == 0
    assert rows["other pixels left alone"].result == 1


def test_second_colours_are_new():
    for task in recolorings(40):
        if task.other:
            assert styling.other_color(task) not in (task.color, task.figure.top_color, task.figure.bottom_color)
