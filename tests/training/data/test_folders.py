"""A user's folder of pictures, captions and masks as training data."""

import json

import numpy as np
import pytest
from PIL import Image

from igo.errors import ImageError, SettingsError
from igo.training.data.folders import load_buckets, load_captioned, load_masks, load_repaints


@pytest.fixture
def folder(tmp_path):
    Image.new("RGB", (20, 30), "red").save(tmp_path / "a.png")
    mask = Image.new("L", (20, 30))
    mask.paste(255, (0, 0, 10, 30))
    mask.save(tmp_path / "mask.png")
    return tmp_path


def write(folder, *rows):
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / "metadata.jsonl").write_text("\n".join(lines))


def row(**other):
    return {"file_name": "a.png", "mask": "mask.png", "text": "the shirt"} | other


def test_a_folder_of_masks_is_read(folder, tokenizer):
    whole = Image.new("L", (20, 30), 255)
    whole.save(folder / "whole.png")
    rows = [
        row(),
        row(mask="whole.png", text="red"),
        row(mask=None, text="a hat"),
        *[row(text=f"x{i}") for i in range(7)],
    ]
    write(folder, *rows)
    masks = load_masks(folder, tokenizer, 16)
    assert masks.pictures.shape == (2, 16, 16, 3)  # a picture carries eight masks
    found = masks.masks(masks.labels, masks.members)
    assert found[0, 0, :, :8].all()
    assert not found[0, 0, :, 8:].any()
    assert found[0, 1].all()
    assert not found[0, 2].any()
    assert masks.weights[1].tolist() == [1, 1, 0, 0, 0, 0, 0, 0]
    learn, held_out = masks.hold_out(1)
    assert (len(learn), len(held_out)) == (1, 1)
    with pytest.raises(SettingsError, match="can't hold out 2 of 2"):
        masks.hold_out(2)


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("{", "line 2 is not JSON"),
        ("[]", "line 2: each line needs"),
        (row(text=" "), "line 2: each line needs"),
        (row(mask=3), "line 2: each line needs"),
    ],
)
def test_a_bad_line_is_named(folder, tokenizer, bad, told):
    write(folder, row(), bad)
    with pytest.raises(SettingsError, match=told) as caught:
        load_masks(folder, tokenizer, 16)
    assert "\n" not in str(caught.value)


def test_files_that_do_not_fit_are_named(folder, tokenizer):
    write(folder, row(file_name="missing.png"))
    with pytest.raises(ImageError, match=r"line 1: .*missing\.png"):
        load_masks(folder, tokenizer, 16)
    Image.new("L", (20, 20)).save(folder / "mask.png")
    write(folder, row())
    with pytest.raises(ImageError, match=r"mask\.png has 20×20 pixels, its picture 20×30"):
        load_masks(folder, tokenizer, 16)
    (folder / "metadata.jsonl").write_text("\n")
    with pytest.raises(SettingsError, match="is empty"):
        load_masks(folder, tokenizer, 16)
    (folder / "metadata.jsonl").write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="is not text in UTF-8"):
        load_masks(folder, tokenizer, 16)


def test_captions_of_whole_pictures_have_no_place_among_masks(folder, tokenizer):
    write(folder, row(), {"file_name": "a.png", "text": "a red dress"})
    masks = load_masks(folder, tokenizer, 16)
    assert masks.weights.tolist() == [[1, 0, 0, 0, 0, 0, 0, 0]]
    write(folder, {"file_name": "a.png", "text": "a red dress"})
    with pytest.raises(SettingsError, match="has no masks; to make some, run: igo dataset mask"):
        load_masks(folder, tokenizer, 16)


def test_captions_of_whole_pictures_are_read(folder):
    Image.new("RGB", (60, 30), "blue").save(folder / "wide.png")
    whole = {"file_name": "a.png", "text": "a red dress"}
    write(folder, whole, row(), {**whole, "text": "a dress"}, {"file_name": "wide.png", "text": "a coat"})
    captioned = load_captioned(folder, (16, 24))
    assert captioned.pictures.shape == (2, 24, 16, 3)
    assert captioned.captions == [["a red dress", "a dress"], ["a coat"]]
    assert (captioned.pictures[1].numpy() == (0, 0, 255)).all()  # cropped, no bars
    write(folder, row())
    with pytest.raises(SettingsError, match="describes no picture as a whole"):
        load_captioned(folder, (16, 24))


def test_what_may_be_repainted_is_read(folder, tokenizer):
    write(folder, row(), {"file_name": "a.png", "text": "a red dress"}, row(mask=None, text="a hat"))
    masks = load_repaints(folder, tokenizer, (16, 24))
    assert masks.pictures.shape == (1, 24, 16, 3)
    assert masks.tokens.shape == (2, 1, 77)
    found = masks.masks(masks.labels, masks.members)[0]
    assert np.count_nonzero(masks.weights) == 2
    assert found[0, :, :8].all()
    assert not found[0, :, 8:].any()
    assert not found[1].any()
    write(folder, row(mask=None, text="a hat"))
    with pytest.raises(SettingsError, match="nothing that could be repainted"):
        load_repaints(folder, tokenizer, (16, 24))


@pytest.fixture
def shapes(tmp_path):
    """Pictures of three shapes, captions beside them."""
    for name, size in {"tall": (40, 60), "taller": (41, 60), "wide": (90, 60), "square": (50, 50)}.items():
        Image.new("RGB", size, "red").save(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.txt").write_text(f"{name}\n\nvery {name}\n")
    return tmp_path


def test_captions_lie_beside_pictures_where_there_is_no_list(shapes):
    captioned = load_captioned(shapes, (16, 24))
    assert captioned.captions[0] == ["square", "very square"]
    assert captioned.size == (16, 24)
    (shapes / "square.txt").write_text(" \n")
    with pytest.raises(SettingsError, match=r"no \.txt beside 1 of 4 .*square\.png; .* run: igo caption"):
        load_captioned(shapes, (16, 24))
    write(shapes, {"file_name": "square.png", "text": "listed"}, {"file_name": "tall.png", "text": "also listed"})
    captioned = load_captioned(shapes, (16, 24))
    assert captioned.captions == [["listed"], ["also listed"], ["taller", "very taller"], ["wide", "very wide"]]


def test_a_folder_without_pictures_is_named(tmp_path):
    with pytest.raises(SettingsError, match="holds no pictures; expected files that end in"):
        load_captioned(tmp_path, (16, 24))
    with pytest.raises(SettingsError, match="is not a folder"):
        load_captioned(tmp_path / "nowhere", (16, 24))


def test_pictures_are_sorted_into_buckets_of_their_shapes(shapes):
    buckets = load_buckets(shapes, (32, 48), multiple=8)
    assert [bucket.size for bucket in buckets] == [(32, 32), (32, 48), (48, 32)]
    assert sum(len(bucket) for bucket in buckets) == 4
    tall = next(bucket for bucket in buckets if bucket.size == (32, 48))
    assert tall.captions == [["tall", "very tall"], ["taller", "very taller"]]


def test_unreadable_pictures_are_told_or_fatal(shapes):
    (shapes / "tall.png").write_bytes((shapes / "tall.png").read_bytes()[:60])
    with pytest.raises(ImageError, match=r"^tall\.txt: .*tall\.png.* damaged"):
        load_captioned(shapes, (16, 24))
    told = []
    assert len(load_captioned(shapes, (16, 24), told.append)) == 3
    assert sum(len(bucket) for bucket in load_buckets(shapes, 32 * 48, on_unreadable=told.append)) == 3
    assert len(told) == 2
    for path in shapes.glob("*.png"):
        path.write_bytes(b"no picture")
    with pytest.raises(ImageError, match="no picture that can be read, of 4"):
        load_captioned(shapes, (16, 24), told.append)


def test_what_is_transparent_is_white(shapes):
    Image.new("RGBA", (40, 60), (0, 0, 0, 0)).save(shapes / "tall.png")
    captioned = load_captioned(shapes, (16, 24))
    assert captioned.captions[1][0] == "tall"
    assert (captioned.pictures[1] == 255).all()
