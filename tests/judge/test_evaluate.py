"""The evaluation: balanced prompts, honest shares, a table that can be read."""

import io
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from benchmarks import evaluate as module
from benchmarks.evaluate import evaluate, main, psnr
from benchmarks.measures import MEASURES, majority, share_right
from benchmarks.prompts import balanced_prompts, outfit, shown_outfits
from benchmarks.report import contact_sheet_of, table
from igo.errors import SettingsError
from igo.mini import wardrobe
from igo.mini.pictures import balanced_figures


@pytest.fixture(scope="module")
def wanted():
    return balanced_prompts(200)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Only a few outfits count as shown, and a few figures are spoilt."""
    monkeypatch.setattr(module, "shown_outfits", lambda pictures, seed: shown_outfits(14, seed))
    monkeypatch.setattr(module, "SPOILT", 2)


def counts(wanted, name):
    return Counter(value for w in wanted if (value := getattr(w.figure, name)) != "none")


def test_prompts_are_balanced(wanted):
    for name, choices, spread in (
        ("top", wardrobe.TOPS, 1),
        ("bottom", wardrobe.BOTTOMS, 1),
        ("top_color", wardrobe.COLORS, 1),
        ("bottom_color", wardrobe.COLORS, 8),
        ("background", wardrobe.BACKGROUNDS, 4),
    ):
        found = counts(wanted, name)
        assert set(found) == set(choices)
        assert max(found.values()) - min(found.values()) <= spread, (name, found)


def test_every_top_is_asked_for_in_every_colour(wanted):
    assert len({(w.figure.top, w.figure.top_color) for w in wanted}) == len(wardrobe.TOPS) * len(wardrobe.COLORS)


def test_prompts_say_what_is_judged_in_words_that_mini_knows(wanted):
    known = set(wardrobe.vocabulary())
    for w in wanted:
        assert f"{w.figure.top_color} {w.figure.top}" in w.prompt
        assert f"{w.figure.background} background" in w.prompt
        assert w.figure.bottom == "none" or f"{w.figure.bottom_color} {w.figure.bottom}" in w.prompt
        assert w.figure.top_color != w.figure.bottom_color
        assert set(wardrobe.words(w.prompt)) <= known


def test_prompts_are_held_out():
    shown = shown_outfits(2000, seed=0)
    wanted = balanced_prompts(60, shown)
    assert not {outfit(w.figure) for w in wanted if w.figure.top != "dress"} & shown
    assert {outfit(figure) for figure in balanced_figures(20, 0)} <= shown


def test_fewer_prompts_are_the_first_of_more(wanted):
    assert balanced_prompts(24) == wanted[:24]
    with pytest.raises(SettingsError, match="at least 1"):
        balanced_prompts(0)


def test_chance_is_the_most_common_answer():
    figures = [wardrobe.sample(i, top="coat", bottom=b) for i, b in enumerate(["jeans", "jeans", "trousers"])]
    figures.append(wardrobe.sample(9, top="dress"))
    assert majority("top type", figures) == 3 / 4
    assert majority("bottom type", figures) == 2 / 3
    assert majority("a face", figures) == 1
    assert np.isnan(majority("bottom type", figures[3:]))


def test_a_dress_is_not_asked_for_its_bottom():
    figures = [wardrobe.sample(1, top="dress"), wardrobe.sample(2, top="coat", bottom="jeans")]
    verdicts = [{"bottom": "skirt", "face": "yes"}, {"bottom": "jeans", "face": "no"}]
    assert share_right("bottom type", verdicts, figures) == 1
    assert share_right("a face", verdicts, figures) == 0.5


def test_psnr_is_that_of_the_error():
    black = np.zeros((2, 4, 4, 3), np.uint8)
    assert psnr(black, black + 51) == pytest.approx(10 * np.log10(25))


def test_an_evaluation_fills_the_table(tiny_checkpoint):
    result = evaluate(str(tiny_checkpoint), prompts=3, seeds=2, steps=1)
    assert len(result.pictures) == len(result.verdicts) == 6
    assert {image.size for image in result.pictures} == {(128, 192)}
    assert [row.measure for row in result.rows] == list(MEASURES)
    by_name = {row.measure: row for row in result.rows}
    assert by_name["background"].ceiling == 1
    assert by_name["two separate legs"].made < 0.5  # random weights paint noise
    assert 0 < result.seconds < 60
    console = Console(file=io.StringIO(), width=110)
    console.print(table(result))
    for word in (*MEASURES, "real renders", "chance", "dB", "seconds a picture"):
        assert word in console.file.getvalue()
    assert contact_sheet_of(result, 4).width > 4 * 192
    nothing_asked = replace(result, rows=[replace(by_name["bottom type"], made=float("nan"))])
    console.print(table(nothing_asked))


def test_the_command_writes_figures_and_samples(tiny_checkpoint, tmp_path, capsys):
    figures, sheet = tmp_path / "figures.json", tmp_path / "sheet.png"
    options = ["--prompts", "1", "--seeds", "1", "--steps", "1", "--json", str(figures), "--sheet", str(sheet)]
    main([str(tiny_checkpoint), *options])
    assert "top colour" in capsys.readouterr().out
    read = json.loads(figures.read_text())
    assert read["prompts"] == 1
    assert read["measures"]["top colour"]["chance"] == 1
    assert sheet.stat().st_size > 1000


@pytest.mark.parametrize(
    ("options", "told"),
    [(["--seeds", "0"], "seeds is 0"), (["--prompts", "0"], "prompts is 0"), (["nothing/here"], "nothing/here")],
)
def test_what_cannot_be_evaluated_is_one_line(options, told):
    with pytest.raises(SystemExit, match=told) as caught:
        main(options)
    assert str(caught.value).startswith("error: ")
    assert "\n" not in str(caught.value)
