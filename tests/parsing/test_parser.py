"""Parsers: published layouts, answers as transformers gives them, and what can't be one."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import igo
from igo.errors import CheckpointError, SettingsError
from igo_plugins.parsing.labels import Part, part_of
from igo_plugins.parsing.parser import load
from tests.builders import segformers
from tests.builders.parses import drawn

SIZES = [(128, 192), (37, 53), (400, 300), (16, 16), (900, 30)]


@pytest.fixture(scope="module")
def picture():
    return Image.fromarray(drawn(3)[0])


@pytest.mark.parametrize("size", SIZES)
def test_labels_are_those_of_transformers_own_reading(parsers, picture, size):
    parser, image = parsers["atr"], picture.resize(size)
    with torch.no_grad():
        answer = parser.model(parser.processor(images=image, return_tensors="pt").pixel_values)
    (wanted,) = parser.processor.post_process_semantic_segmentation(answer, [size[::-1]])
    found = parser.numbered(image)
    assert found.shape == size[::-1]
    assert (found == wanted.numpy()).mean() > 0.999
    assert np.array_equal(parser.parse(image), np.array([part_of(name) for name in segformers.ATR])[found])


@pytest.mark.parametrize("name", segformers.SETS)
def test_each_set_gives_the_same_parts(parsers, picture, name):
    """As far as it tells them: ATR's arms have hands, and nobody's torso is of its own."""
    parse = drawn(3)[1]
    found = segformers.knowing(parsers[name], parse).parse(picture)
    known = {part_of(label) for label in parsers[name].labels}
    for part in {Part(number) for number in np.unique(parse)} & known:
        assert np.array_equal(found == part, parse == part) or part is Part.BACKGROUND, part


def test_how_sure_it_is_sums_to_one_over_all_labels(parsers, picture):
    parser = parsers["fashn"]
    every = parser.soft(picture, segformers.FASHN)
    assert every.shape == (18, 192, 128)
    assert np.allclose(every.sum(axis=0), 1, atol=1e-4)
    upper = parser.soft(picture, ("clothes", "hands"))
    assert (upper[0] >= every[segformers.FASHN.index("top")] - 1e-6).all()
    atr = parsers["atr"].soft(picture, ("hands",))
    assert atr.shape == (1, 192, 128)
    assert not atr.any()


def test_a_picture_is_looked_at_once(parsers, picture, monkeypatch):
    parser, calls = parsers["mini"], []
    asked = type(parser)._asked
    monkeypatch.setattr(type(parser), "_asked", lambda self, image: calls.append(1) or asked(self, image))
    parser.parse(picture)
    parser.soft(picture.copy(), ("hair", "jeans"))
    assert len(calls) == 1
    parser.parse(picture.rotate(180))
    assert len(calls) == 2


def test_what_is_no_part_is_told(parsers, picture):
    with pytest.raises(SettingsError, match=r"'the striped shirt' is no part that the parser .* CLIPSeg as mask_model"):
        parsers["atr"].soft(picture, ("hair", "the striped shirt"))
    with pytest.raises(SettingsError, match="knows no garment in 'flowers', and can't choose between candidates"):
        parsers["atr"].evidence(picture, "flowers")
    with pytest.raises(SettingsError, match=r"has no label for 'hands', but 'Background', 'Hat', .* and 13 more"):
        parsers["atr"].mask(picture, ("hands",), 0, 0)


def changed(folder, tmp_path, **settings):
    """A copy of a folder whose config.json says something else."""
    made = tmp_path / "changed"
    made.mkdir()
    for path in folder.iterdir():
        (made / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (made / "config.json").write_text(json.dumps({**config, **settings}), encoding="utf-8")
    return made


ROOMS = {str(number): name for number, name in enumerate(["wall", "building", "sky", "floor", "tree", *["x"] * 13])}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"id2label": ROOMS}, "has no label for a garment, but 'wall', 'building', 'sky', 'floor', 'tree' and 13 more"),
        ({"id2label": {str(number): f"LABEL_{number}" for number in range(18)}}, "has no label for a garment"),
        ({"id2label": {"0": "top", "1": "skirt"}}, "which it describes as"),
        ({"id2label": {str(number): None for number in range(18)}}, "has no label for a garment"),
        ({"id2label": {"top": "top"}}, "can't be loaded"),
        ({"id2label": ["top"]}, "can't be loaded"),
        ({"id2label": None, "num_labels": 10**9}, "claims num_labels=1000000000; expected at most"),
        ({"model_type": "clipseg"}, "is of the kind 'clipseg'; expected a SegFormer"),
        ({"model_type": None}, "is of the kind None; expected a SegFormer"),
        ({"model_type": ["segformer"]}, r"is of the kind \['segformer'\]"),
        ({"depths": [1, 1, 1]}, "can't be loaded"),
        ({"num_channels": 1}, "which it describes as"),
    ],
)
def test_what_is_no_parser_is_refused(folders, tmp_path, settings, told):
    with pytest.raises(CheckpointError, match=told):
        load(str(changed(folders["atr"], tmp_path, **settings)), igo.Runtime("cpu"))


def test_what_is_not_there_is_refused(tmp_path, folders):
    for name in ("no-such-folder", str(tmp_path), str(folders["atr"] / "config.json")):
        with pytest.raises(CheckpointError, match="the parser"):
            load(name, igo.Runtime("cpu"))


def test_answers_that_are_no_numbers_are_told(parsers, picture):
    parser = parsers["lip"]
    with torch.no_grad():
        parser.model.decode_head.classifier.bias.fill_(float("nan"))
    with pytest.raises(CheckpointError, match="gives values that are no numbers"):
        parser.parse(picture)
