"""A user's folder of pictures, captions and masks as training data."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from igo.errors import ImageError, SettingsError
from igo.training.data.folders import load_buckets, load_captioned, load_masks, load_repaints
from igo.training.data.lengths import least_tokens, tell_cut
from igo.training.data.metadata import Metadata, read_lines


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
    with pytest.raises(SettingsError, match=r"no \.txt or \.caption beside 1 of 4 .*square\.png; .* run: igo caption"):
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


def described(folder):
    return [(line.picture.name, line.text, line.mask and line.mask.name) for line in read_lines(folder)]


def test_captions_of_other_tools_are_read(shapes):
    for name in ("tall", "wide"):
        (shapes / f"{name}.txt").rename(shapes / f"{name}.caption")
    (shapes / "wide.txt").write_bytes("mine\r\n\r\n그림\r\n".encode("utf-8-sig"))
    assert described(shapes)[:2] == [("square.png", "square", None), ("square.png", "very square", None)]
    assert ("tall.png", "very tall", None) in described(shapes)
    assert [text for name, text, _ in described(shapes) if name == "wide.png"] == ["mine", "그림"]


def test_a_table_with_commas_is_a_list(folder):
    table = 'file_name,text,mask,licence\na.png,"a dress, red",,CC0\na.png,the dress,mask.png,CC0\n'
    (folder / "metadata.csv").write_bytes(table.replace("\n", "\r\n").encode("utf-8-sig"))
    assert described(folder) == [("a.png", "a dress, red", None), ("a.png", "the dress", "mask.png")]
    metadata = Metadata(folder)
    assert [row.values["licence"] for row in metadata.rows] == ["CC0", "CC0"]
    assert metadata.uncaptioned() == []
    metadata.add(folder / "a.png", "a coat")
    metadata.save()
    (folder / "metadata.csv").write_text("not read, when there is metadata.jsonl")
    assert described(folder)[2:] == [("a.png", "a coat", None)]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file_name,caption\na.png,a dress\n", 'metadata.csv line 2: each line needs "file_name" and "text"'),
        ("file_name,text\na.png,a dress, red\n", "metadata.csv line 2 has another number of columns"),
        ("file_name,text\na.png\n", "metadata.csv line 2 has another number of columns"),
        ('file_name,text\na.png,"a dress\n', "metadata.csv is no table with commas after line 1"),
        ("file_name;text\na.png;a dress\n", 'metadata.csv line 2: each line needs "file_name" and "text"'),
        ("file_name,text\n", "metadata.csv is empty"),
    ],
)
def test_a_table_that_can_not_be_understood_is_named(table, message, folder):
    (folder / "metadata.csv").write_text(table)
    with pytest.raises(SettingsError) as caught:
        read_lines(folder)
    assert message in str(caught.value)


def test_a_data_set_in_several_folders_is_one(folder, tmp_path_factory):
    whole = tmp_path_factory.mktemp("whole")
    for part in ("train", "test"):
        shutil.copytree(folder, whole / part)
    write(whole / "train", row(), {"file_name": "a.png", "text": "a dress"})
    (whole / "test" / "metadata.csv").write_text("file_name,text\na.png,a coat\n")
    lines = read_lines(whole)
    assert [(line.picture, line.text) for line in lines] == [
        (whole / "test" / "a.png", "a coat"),
        (whole / "train" / "a.png", row()["text"]),
        (whole / "train" / "a.png", "a dress"),
    ]
    assert lines[1].mask == whole / "train" / "mask.png"
    (whole / "test" / "mask.png").unlink()
    metadata = Metadata(whole)
    assert metadata.uncaptioned() == []
    metadata.add(whole / "test" / "a.png", "another")
    metadata.save()
    assert len(read_lines(whole)) == 4


def test_captions_that_are_cut_are_told(tokenizer, capsys):
    captions = ["a red dress", "a red dress " * 40, "a red dress " * 40, "a coat " * 37, "a coat " * 38]
    tell_cut(tokenizer, captions[:1])
    assert capsys.readouterr().err == ""
    exact = sum(len(tokenizer(text, verbose=False).input_ids) > 77 for text in dict.fromkeys(captions))
    tell_cut(tokenizer, captions)
    assert capsys.readouterr().err.startswith(f"{exact} of 4 captions have more than 75 tokens: ")
    for text in captions:
        assert least_tokens(text) <= len(tokenizer(text, verbose=False).input_ids) - 2
    assert least_tokens("a (red) hoodie, size 42!") == 10


def test_a_training_mask_means_what_a_painters_does(folder, tokenizer):
    with Image.open(folder / "a.png") as picture:
        size = picture.size
    rows = []
    for number, (no, yes) in enumerate([(0, 255), (0, 1), (1, 255)]):
        mask = Image.new("L", size, no)
        mask.paste(yes, (0, 0, size[0] // 2, size[1]))
        mask.save(folder / f"half-{number}.png")
        rows.append({"file_name": "a.png", "text": f"the coat {number}", "mask": f"half-{number}.png"})
    (folder / "metadata.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    found = load_masks(folder, tokenizer, 16)
    masks = found.masks(found.labels, found.members[:, :3])[0]
    assert masks[0].any()
    assert not masks[0].all()
    assert (masks == masks[0]).all()
