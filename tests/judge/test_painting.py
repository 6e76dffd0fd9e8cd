"""Part ``base``: a painter who draws what is asked for gets all of it right, one who paints noise nothing."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

import igo
from benchmarks import painting
from benchmarks.painting import evaluate_base
from benchmarks.prompts import balanced_prompts, shown_outfits
from igo import wardrobe
from igo.errors import SettingsError

WHOLE = ("a face", "two separate legs", "all of these at once")
ASKED = ("top colour", "bottom colour", "background", "top type", "bottom type")


@dataclass(frozen=True)
class Draughtsman:
    """Draws the figures that the prompts describe."""

    figures: dict = field(default_factory=dict)

    @igo.hookimpl
    def generate(self, request):
        image = Image.fromarray(wardrobe.draw(self.figures[request.prompt], request.width, request.height).image)
        return [igo.Frame(image, request.seed + k) for k in range(request.num_images)]


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Only a few outfits count as shown, a few figures are spoilt, and one picture is timed."""
    monkeypatch.setattr(painting, "shown_outfits", lambda: shown_outfits(14))
    monkeypatch.setattr(painting, "SPOILT", 4)
    monkeypatch.setattr(painting, "TIMED", 1)


def results(found):
    return {row.measure: row.result for row in found.rows}


def test_a_perfect_painter_is_as_good_as_the_ceiling(monkeypatch, judge, silent, tiny_checkpoint):
    figures = {each.prompt: each.figure for each in balanced_prompts(6, shown_outfits(14))}
    monkeypatch.setattr(igo, "TextToImage", lambda checkpoint: Draughtsman(figures))
    found = evaluate_base(judge, silent, str(tiny_checkpoint), prompts=6, seeds=2, steps=1)
    rows = {row.measure: row for row in found.rows}
    for name in (*ASKED, *WHOLE):
        assert rows[name].result == rows[name].ceiling >= 5 / 6, name
    assert rows["top colour"].chance == pytest.approx(1 / 6)
    assert rows["two separate legs"].chance <= 0.5
    assert len(found.samples) == 12
    assert found.samples[0].caption.startswith("ok: ")


def test_noise_is_told_from_figures(judge, silent, tiny_checkpoint):
    found = evaluate_base(judge, silent, str(tiny_checkpoint), prompts=3, seeds=2, steps=1)
    rows = {row.measure: row for row in found.rows}
    assert rows["all of these at once"].result == 0
    assert rows["background"].ceiling == 1
    assert rows["VAE: judged, relative"].result < 0.6
    assert rows["VAE: PSNR"].result < 20
    assert 0 < rows["one 128×192 picture"].result < 60
    assert {sample.pictures[0].size for sample in found.samples} == {(128, 192)}
    assert found.settings["threads"] >= 1
    assert found.settings["guidance"] > 1


def test_numbers_that_cannot_be_are_told(judge, silent, tiny_checkpoint):
    with pytest.raises(SettingsError, match="at least 1"):
        evaluate_base(judge, silent, str(tiny_checkpoint), prompts=0)


def test_a_perfect_autoencoder_loses_nothing(monkeypatch, judge):
    from benchmarks import autoencoder

    drawings = [wardrobe.draw(each.figure, 128, 192) for each in balanced_prompts(4)]
    monkeypatch.setattr(autoencoder, "round_trip", lambda vae, pictures: pictures)
    relative, quality = autoencoder.autoencoder_rows(judge, None, drawings)
    assert (relative.result, relative.verdict, quality.verdict) == (1, "aim", "aim")
    monkeypatch.setattr(autoencoder, "round_trip", lambda vae, pictures: np.full_like(pictures, 128))
    assert autoencoder.autoencoder_rows(judge, None, drawings)[0].result < 0.5
