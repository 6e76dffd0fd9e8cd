"""What is asked for: balanced, held out, always the same, in words that `mini` knows."""

from collections import Counter

import pytest

from benchmarks.prompts import balanced_prompts, outfit, shown_outfits
from benchmarks.recoloring import GARMENTS, recolorings
from igo import wardrobe
from igo.errors import SettingsError
from igo.mini.pictures import balanced_figures


@pytest.fixture(scope="module")
def wanted():
    return balanced_prompts(200)


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


def test_recolorings_are_balanced():
    tasks = recolorings(110)
    assert set(Counter(task.garment for task in tasks).values()) == {10}
    assert {task.garment for task in tasks} == set(GARMENTS)
    colors = Counter(task.color for task in tasks)
    assert set(colors) == set(wardrobe.COLORS)
    assert max(colors.values()) - min(colors.values()) <= 10, colors


def test_recolorings_ask_for_a_colour_that_is_not_worn():
    for task in recolorings(110):
        figure, goal = task.figure, task.goal
        assert getattr(figure, task.slot) == getattr(goal, task.slot) == task.garment
        assert task.color not in (figure.top_color, figure.bottom_color)
        assert figure.top_color != figure.bottom_color
        assert getattr(goal, f"{task.slot}_color") == task.color
        assert f"{task.color} {task.garment}" in task.prompt
        if task.other is not None:
            kept = getattr(figure, f"{task.other}_color")
            assert getattr(goal, f"{task.other}_color") == kept
            assert f"{kept} {getattr(figure, task.other)}" in task.prompt
        assert (task.other is None) == (task.garment == "dress")


def test_fewer_recolorings_are_the_first_of_more():
    assert recolorings(13) == recolorings(30)[:13]
