"""What `mini` learns from: balanced figures, and their attributes as numbers."""

import pytest

from igo import embedded, wardrobe
from igo.errors import CheckpointError, SettingsError
from igo.mini.attributes import ATTRIBUTES, AttributeCoder
from igo.mini.pictures import balanced_figures
from igo.mini.recipe import Recipe


def test_every_top_is_drawn_equally_often():
    tops = [figure.top for figure in balanced_figures(70, seed=0)]
    assert {top: tops.count(top) for top in wardrobe.TOPS} == dict.fromkeys(wardrobe.TOPS, 10)


def test_other_seeds_give_other_figures():
    one, other = balanced_figures(7, seed=0), balanced_figures(7, seed=1)
    assert one == balanced_figures(7, seed=0)
    assert not set(one) & set(other)


def test_attributes_are_numbered_and_meaningless_ones_marked():
    figures = balanced_figures(70, seed=0)
    coder = AttributeCoder(figures)
    labels = coder.encode(figures)
    assert labels.shape == (70, len(ATTRIBUTES))
    top = ATTRIBUTES.index("top")
    assert [coder.values["top"][number] for number in labels[:, top].tolist()] == [figure.top for figure in figures]
    bare = [figure.hat == "none" for figure in figures]
    assert (labels[:, ATTRIBUTES.index("hat_color")] < 0).tolist() == bare


@pytest.mark.parametrize("wrong", [{"minutes": 0}, {"pictures": 3}, {"batch_scale": 0}])
def test_recipes_that_cannot_be_cooked_are_refused(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        Recipe(**wrong)


@pytest.mark.parametrize("part", ["nothing", "", "..", "../wardrobe"])
def test_weights_that_are_not_there_are_named(part):
    with pytest.raises(CheckpointError, match="no embedded weights"):
        embedded.path(part)
