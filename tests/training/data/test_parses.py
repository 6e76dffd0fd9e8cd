"""Pictures with maps of labels: what is read of them, and one line for all that can't be learned from."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from igo.errors import ImageError, SettingsError
from igo.training.data.parses import IGNORED, ParseSet, load_parses, mirrored, read_names

NAMES = ["background", "top", "left shoe", "Right-shoe", "Left-shoe"]


def parts():
    values = np.zeros((24, 16), np.uint8)
    values[4:12, 4:12], values[20:, :8], values[:2] = 1, 4, IGNORED
    return values


@pytest.fixture
def folder(tmp_path):
    """A picture whose map lies in ``labels`` (with a palette), and one whose map lies beside it (gray)."""
    (tmp_path / "labels").mkdir()
    for name in ("a.png", "b.jpg"):
        Image.new("RGB", (16, 24), "red").save(tmp_path / name)
    colours = Image.fromarray(parts())
    colours = colours.convert("P")
    colours.putpalette([200, 10, 90] * 256)
    colours.save(tmp_path / "labels" / "a.png")
    Image.fromarray(parts()).save(tmp_path / "b.png")
    (tmp_path / "labels.json").write_text(json.dumps(NAMES))
    return tmp_path


def test_pictures_and_maps_are_read_by_their_values(folder):
    read = load_parses(folder, (16, 24))
    assert read.names == tuple(NAMES)
    assert read.pictures.shape == (2, 24, 16, 3)
    assert (read.pictures[..., 0] > 250).all()
    for labels in read.labels:
        assert np.array_equal(labels.numpy(), parts())
    stretched = load_parses(folder, (32, 12))
    assert stretched.labels.shape == (2, 12, 32)
    assert np.array_equal(np.unique(stretched.labels), [0, 1, 4, IGNORED]), "labels are never mixed"


@pytest.mark.parametrize(
    "content",
    [NAMES, {str(value): name for value, name in enumerate(NAMES)}, {"id2label": dict(enumerate(NAMES)), "dtype": "x"}],
)
def test_names_come_as_a_list_a_table_or_a_models_configuration(content, tmp_path):
    (tmp_path / "labels.json").write_text(json.dumps(content))
    assert read_names(tmp_path / "labels.json") == tuple(NAMES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ('{"0": "a", "2": "b"}', "names no values from 0 up"),
        ('["a", 3]', "names no values from 0 up"),
        ('{"id2label": 3}', "names no values from 0 up"),
        ('["a"]', "has 1 names; expected 2 to 255"),
        ('["a", "A"]', "has 2 names; expected 2 to 255, all different"),
        (None, "has no labels.json: expected the names of the values"),
    ],
)
def test_names_that_cannot_be_used_are_one_line(content, message, tmp_path):
    if content is not None:
        (tmp_path / "labels.json").write_text(content)
    with pytest.raises(SettingsError, match=message) as caught:
        read_names(tmp_path / "labels.json")
    assert "\n" not in str(caught.value)


def spoil(folder, what):
    path = folder / "labels" / "a.png"
    if what == "size":
        Image.new("L", (8, 24)).save(path)
    elif what == "value":
        Image.fromarray(np.full((24, 16), 5, np.uint8)).save(path)
    elif what == "colours":
        Image.new("RGB", (16, 24)).save(path)
    elif what == "broken":
        path.write_bytes(path.read_bytes()[:60])
    elif what == "missing":
        path.unlink()
    elif what == "empty":
        for file in (*folder.glob("*.png"), *folder.glob("*.jpg"), path):
            file.unlink()


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("size", r"labels/a\.png has 8×24 pixels, its picture 16×24; they must be equal"),
        ("value", r"labels/a\.png has the value 5, which labels\.json doesn't name; expected 0 to 4"),
        ("colours", r"labels/a\.png is a picture in colours \(RGB\)"),
        ("broken", r"labels/a\.png is a truncated"),
        ("missing", r"1 of 2 pictures in .* have no map, such as a\.png; expected labels/a\.png"),
        ("empty", "holds no pictures"),
    ],
)
def test_maps_that_cannot_be_used_are_one_line(what, message, folder):
    spoil(folder, what)
    with pytest.raises((SettingsError, ImageError), match=message) as caught:
        load_parses(folder, (16, 24))
    assert "\n" not in str(caught.value)


def test_folders_in_it_have_their_maps_in_the_same_folders(folder):
    inner = folder / "two"
    inner.mkdir()
    shutil.copy(folder / "b.jpg", inner / "c.jpg")
    (folder / "labels" / "two").mkdir()
    shutil.copy(folder / "b.png", folder / "labels" / "two" / "c.png")
    assert len(load_parses(folder, (16, 24))) == 3


def test_a_left_shoe_is_a_right_one_in_a_mirror():
    assert mirrored(NAMES) == [0, 1, 2, 4, 3]
    assert mirrored(("left", "top", "RIGHT")) == [2, 1, 0]


def test_too_much_cannot_be_held_out(folder):
    read = load_parses(folder, (16, 24))
    learned, held_out = read.hold_out(1)
    assert (len(learned), len(held_out)) == (1, 1)
    for count in (0, 2):
        with pytest.raises(SettingsError, match=f"can't hold out {count} of 2"):
            ParseSet.hold_out(read, count)
