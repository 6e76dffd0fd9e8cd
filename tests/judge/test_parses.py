"""Part ``parser``: the true parse scores 1, none scores nothing, and transformers' own classes are what is asked."""

import numpy as np
import pytest
from PIL import Image

from benchmarks.masks import SEED, SIX
from benchmarks.parses import Parser, evaluate_parser
from igo.errors import CheckpointError
from igo.mini.parser import PREPROCESSING, alone, build_parser, tailored, worn
from igo.mini.pictures import balanced_figures
from igo.training.tasks.parser import export_parser
from igo.wardrobe import PARSE, draw

COUNT = 7


@pytest.fixture(scope="module")
def truth():
    """A parser that knows the answers."""
    odd = [tailored(figure) for figure in balanced_figures(COUNT, SEED + 1)]
    drawn = [worn(figure, 128, 192) for figure in (*balanced_figures(COUNT, SEED), *odd)]
    drawn += [alone(figure, 128, 192) for figure in odd]
    known = {image.tobytes(): labels for image, labels in drawn}
    return lambda picture: known[np.asarray(picture).tobytes()]


def test_the_true_parse_scores_one_and_none_nothing(truth, silent):
    found = evaluate_parser(truth, silent, "stand-in", COUNT)
    rows = {row.measure: row for row in found.rows}
    assert {row.result for row in found.rows if row.unit == ""} == {1}
    assert {f"parser: IoU: {name}" for name in (*SIX, "arms", "torso")} <= set(rows)
    assert rows["parser: IoU, mean of six"].verdict == "aim"
    assert rows["parser: IoU, mean of six"].chance < 0.9
    assert len(found.samples) == 3 * COUNT
    nothing = evaluate_parser(lambda picture: truth(picture) & 0, silent, "stand-in", COUNT)
    rows = {row.measure: row.result for row in nothing.rows}
    assert rows["garment alone: its kind told"] == rows["garment alone: IoU"] == 0
    assert rows["parser: IoU: top"] == 0
    assert 0.5 < rows["parser: IoU: background"] < 1


def test_a_folder_is_asked_through_transformers(tmp_path):
    export_parser(build_parser(), PREPROCESSING, tmp_path / "parser")
    picture = Image.fromarray(draw(balanced_figures(1, SEED)[0], 100, 150).image)
    found = Parser(tmp_path / "parser")(picture)
    assert found.shape == (150, 100)
    assert found.max() < len(PARSE)


def test_a_folder_of_something_else_is_one_line(tmp_path):
    for names in (None, ("rest", "top")):
        if names:
            export_parser(build_parser(names), PREPROCESSING, tmp_path)
        with pytest.raises(CheckpointError, match=r"can't be loaded|knows rest, top; expected") as caught:
            Parser(tmp_path)
        assert "\n" not in str(caught.value)
