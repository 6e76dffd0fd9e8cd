"""Part ``clipseg``: the true masks score 1, their opposites 0, and transformers' own classes are what is asked."""

import numpy as np
import pytest
from PIL import Image

from benchmarks.masks import SEED, SIX, TextMasks, constant_overlap, evaluate_masks, iou
from igo.errors import CheckpointError
from igo.mini.clipseg import PREPROCESSING, build_clipseg, build_clipseg_tokenizer, with_legs
from igo.mini.phrases import answer, phrases, things
from igo.mini.pictures import balanced_figures
from igo.training.tasks.clipseg import export_clipseg
from igo.wardrobe import draw

COUNT = 8


@pytest.fixture(scope="module")
def tokenizer():
    return build_clipseg_tokenizer()


@pytest.fixture(scope="module")
def truth():
    """A finder that knows the answers."""
    by_text = {phrase.text: phrase for phrase in phrases()}
    known = {}
    for figure in balanced_figures(COUNT, SEED):
        drawing = draw(figure, 128, 192)
        known[drawing.image.tobytes()] = with_legs(drawing.labels), things(figure)

    def find(picture, texts):
        labels, found = known[np.asarray(picture).tobytes()]
        codes = np.array([answer(by_text[text], found) for text in texts])
        return (codes[:, None, None] >> labels.astype(int)) & 1 == 1

    return find


def rows_of(find, tokenizer, silent):
    found = evaluate_masks(find, tokenizer, silent, "stand-in", COUNT)
    return found, {row.measure: row for row in found.rows}


def test_true_masks_score_one(truth, tokenizer, silent, capsys):
    found, rows = rows_of(truth, tokenizer, silent)
    assert {row.result for row in found.rows} == {1}
    for group in SIX:
        assert 0 <= rows[f"IoU: {group}"].chance < 1
    assert rows["IoU: background"].chance > 0.8
    assert rows["absent thing: empty mask"].verdict == rows["IoU, mean of six"].verdict == "aim"
    assert len(found.samples) == COUNT
    assert {len(sample.pictures) for sample in found.samples} == {5}


def test_opposite_masks_score_nothing(truth, tokenizer, silent, capsys):
    _, rows = rows_of(lambda picture, texts: ~truth(picture, texts), tokenizer, silent)
    assert rows["IoU, mean of six"].result == 0
    assert rows["absent thing: empty mask"].result == 0
    assert rows["present thing: found"].result == 1


def test_saying_nothing_is_right_only_for_absent_things(truth, tokenizer, silent, capsys):
    _, rows = rows_of(lambda picture, texts: truth(picture, texts) & False, tokenizer, silent)
    assert rows["IoU, mean of six"].result == 0
    assert rows["absent thing: empty mask"].result == 1
    assert rows["present thing: found"].result == 0


def test_overlap_is_intersection_over_union():
    left, top = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    left[:, :2] = top[:2] = True
    assert iou(left, top) == 4 / 12
    assert iou(left & False, left & False) == 1


def test_the_best_constant_mask_is_found():
    masks = np.zeros((3, 1, 8), bool)
    masks[:, 0, :4] = True
    masks[0, 0, 4] = True
    assert constant_overlap(masks) == pytest.approx((4 / 5 + 1 + 1) / 3)


def test_a_folder_is_asked_through_transformers(tmp_path, tokenizer):
    """Of one phrase as of many, at the picture's size."""
    export_clipseg(build_clipseg(tokenizer), tokenizer, PREPROCESSING, tmp_path / "clipseg")
    masks = TextMasks(tmp_path / "clipseg")
    pixels = masks.model.decoder.transposed_convolution[-1]
    pixels.bias.data.fill_(0)
    pixels.weight.data.mul_(20)
    picture = Image.fromarray(draw(balanced_figures(1, SEED)[0], 100, 150).image)
    several = masks(picture, ["hair", "the red hoodie", "dog"] * 5)
    assert several.shape == (15, 150, 100)
    assert several.dtype == bool
    assert 0 < several.mean() < 1
    assert (masks(picture, ["hair"])[0] == several[0]).mean() > 0.99


@pytest.mark.parametrize("folder", ["nothing", "."])
def test_a_folder_of_something_else_is_one_line(tmp_path, folder):
    with pytest.raises(CheckpointError, match="can't be loaded") as caught:
        TextMasks(tmp_path / folder)
    assert "\n" not in str(caught.value)
