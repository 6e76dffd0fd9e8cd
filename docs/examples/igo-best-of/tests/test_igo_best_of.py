"""BestOf: what IGO wants of every plugin, and what this one does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import igo
import pytest
from igo.errors import SettingsError
from igo.testing import DrawnFigure, PaintedBase, assert_images_equal, check_plugin, draw_figure
from PIL import Image, ImageFilter

from igo_best_of import BestOf
from igo_best_of.scores import palette_score, sharpness


@dataclass(frozen=True)
class Blurring:
    """A base whose pictures are blurred by the last digit of their seed."""

    @igo.hookimpl
    def generate(self, request: igo.Request) -> list[igo.Frame]:
        seed = request.seed or 0
        image = draw_figure(1).image.filter(ImageFilter.GaussianBlur(seed % 10))
        return [igo.Frame(image, seed) for _ in range(request.num_images)]


@pytest.mark.parametrize("plugin", [BestOf(3), BestOf(2, by="palette", palette=("navy", "#e0c020"))])
def test_it_keeps_the_rules(plugin: BestOf) -> None:
    check_plugin(plugin)


def test_the_sharpest_is_kept_and_all_scores_are_told() -> None:
    look = igo.Chain(Blurring(), BestOf(6)).run("a coat", seed=9)
    report = look[0].history[-1].report
    assert len(report["scores"]) == 6
    assert report["kept"] == report["scores"].index(max(report["scores"]))
    assert look[0].seed == report["seeds"][report["kept"]]
    assert look[0].seed % 10 == min(seed % 10 for seed in report["seeds"])
    assert report["seeds"][0] == 9


def test_one_candidate_is_what_the_base_paints() -> None:
    plain = igo.Chain(PaintedBase()).run("a coat", seed=7)
    assert_images_equal(igo.Chain(PaintedBase(), BestOf(1)).run("a coat", seed=7).image, plain.image)


def test_each_picture_of_a_batch_has_candidates_of_its_own() -> None:
    look = igo.Chain(PaintedBase(), BestOf(3)).run("a coat", seed=7, num_images=2)
    seeds = [seed for frame in look for seed in frame.history[-1].report["seeds"]]
    assert len(set(seeds)) == 6


def test_the_palette_decides() -> None:
    wanted, other = (draw_figure(1, top="coat", top_color=color).image for color in ("red", "green"))
    red, both = [(206, 34, 42)], [(206, 34, 42), (42, 140, 72)]
    assert palette_score(wanted, None, red) > palette_score(other, None, red) + 10
    half = Image.new("RGB", (10, 10), (206, 34, 42))
    assert palette_score(half, None, both) < -20
    half.paste((42, 140, 72), (0, 0, 10, 5))
    assert palette_score(half, None, both) == 0
    assert palette_score(Image.new("RGB", (9, 9)), None, [(255, 255, 255)]) == pytest.approx(-100, abs=0.1)


def test_only_what_was_painted_counts_within_a_mask(drawn_figure: DrawnFigure) -> None:
    mask = Image.new("L", drawn_figure.image.size)
    mask.paste(255, (0, 0, 128, 96))
    below = drawn_figure.image.copy()
    below.paste("black", (0, 110, 128, 192))
    assert sharpness(below, mask) == sharpness(drawn_figure.image, mask)
    assert sharpness(below) != sharpness(drawn_figure.image)


def test_a_photo_that_is_taken_as_it_is_is_taken_once(drawn_figure: DrawnFigure) -> None:
    asked: list[int | None] = []

    def inner(request: igo.Request) -> list[igo.Frame]:
        asked.append(request.seed)
        return [igo.Frame(request.image, request.seed or 0)]  # type: ignore[arg-type]

    request = igo.Request(image=drawn_figure.image, seed=3)
    frames = BestOf(5).generate(request, inner, lambda frames, request: None, igo.Runtime("cpu"))
    assert asked == [3]
    assert_images_equal(frames[0].image, drawn_figure.image)


@dataclass(frozen=True)
class Blurry:
    """A step for which the largest last digit of a seed is the best."""

    @igo.hookimpl
    def score(self, frame: igo.Frame) -> float:
        return float(frame.seed % 10)


def test_a_step_of_the_chain_that_scores_is_listened_to() -> None:
    look = igo.Chain(Blurring(), BestOf(6), Blurry()).run("a coat", seed=0)
    report = look[0].history[-1].report
    assert report["by"] == "the chain"
    assert look[0].seed % 10 == max(seed % 10 for seed in report["seeds"])


def test_progress_is_told() -> None:
    @dataclass
    class Hears:
        told: Callable[[str], None]

        @igo.hookimpl
        def observe(self, event: igo.Event) -> None:
            if event.kind == "progress" and event.step == "best-of":
                self.told(f"{event.done}/{event.total}")

    told: list[str] = []
    igo.Chain(PaintedBase(), BestOf(2)).run("a coat", seed=1, num_images=2, observers=[Hears(told.append)])
    assert told == ["0/4", "1/4", "2/4", "3/4", "4/4"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"candidates": 0}, "candidates is 0; expected at least 1"),
        ({"by": "beauty"}, "by is 'beauty'; choose sharpness or palette"),
        ({"by": "palette"}, "by='palette' goes with palette="),
        ({"palette": ("navy",)}, "by='palette' goes with palette="),
        ({"by": "palette", "palette": ("sunny",)}, "palette has 'sunny'"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        BestOf(**settings)


def test_chain_files_know_it_by_name(tmp_path: Path) -> None:
    plugin = BestOf(2, by="palette", palette=("navy", "white"))
    text = igo.Chain(PaintedBase(), plugin).to_toml()
    assert 'use = "best-of"' in text
    (tmp_path / "chain.toml").write_text(text)
    assert igo.load_chain(tmp_path / "chain.toml").steps[1].plugin == plugin
