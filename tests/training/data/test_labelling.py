"""Captions and masks for a folder: nothing twice, nothing lost, nothing half written."""

import json
import os
import subprocess
import sys

import pytest
from PIL import Image

from igo.errors import ImageError, NothingFoundError, SettingsError
from igo.training.data import labelling
from igo.training.data.labelling import caption_folder, mask_folder, worded


@pytest.fixture
def folder(tmp_path):
    """Five pictures, in two folders."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for index, name in enumerate(("a.png", "b.jpg", "c.png", "more/d.png", "more/e.webp")):
        Image.new("RGB", (20 + index, 30), "gray").save(folder / name)
    return folder


class Captioner:
    """Says how wide pictures are, and how often it was asked; it may be interrupted at a call."""

    def __init__(self, interrupted_at=None):
        self.batches, self.interrupted_at = [], interrupted_at

    def __call__(self, pictures):
        if len(self.batches) == self.interrupted_at:
            raise KeyboardInterrupt
        self.batches.append(len(pictures))
        return [f"A coat {picture.width} wide." for picture in pictures]


def rows(folder):
    return [json.loads(line) for line in (folder / "metadata.jsonl").read_text("utf-8").splitlines()]


def test_every_picture_gets_a_caption(folder):
    captioner, told = Captioner(), []
    done = caption_folder(folder, captioner, batch_size=2, progress=lambda *progress: told.append(progress))
    assert (done.written, done.kept, done.skipped) == (5, 0, [])
    assert captioner.batches == [2, 2, 1]
    assert told == [(0, 5), (2, 5), (4, 5), (5, 5)]
    assert rows(folder)[0] == {"file_name": "a.png", "text": "fashion photo of a coat 20 wide"}
    assert [row["file_name"] for row in rows(folder)] == ["a.png", "b.jpg", "c.png", "more/d.png", "more/e.webp"]
    before = (folder / "metadata.jsonl").stat()
    assert caption_folder(folder, captioner).kept == 5
    assert (folder / "metadata.jsonl").stat() == before
    assert len(captioner.batches) == 3


def test_what_is_there_stays_as_it_is(folder):
    """Captions, masks, other columns and their order; a line that only lacks its text gets that."""
    Image.new("L", (20, 30)).save(folder / "a-mask.png")
    (folder / "masks").mkdir()
    Image.new("L", (20, 30)).save(folder / "masks" / "left-behind.png")
    old = [
        '{"text": "mine" , "file_name": "./a.png", "licence": "CC0"}',
        '{"file_name": "b.jpg", "mask": "a-mask.png", "text": "the shirt"}',
        '{"licence": "CC BY 4.0", "file_name": "c.png", "source": "셔츠"}',
        '{"file_name": "gone.png", "text": "no longer there"}',
    ]
    (folder / "metadata.jsonl").write_text("\n".join(old), "utf-8")
    (folder / "more" / "d.txt").write_text("a red dress, park\n")
    done = caption_folder(folder, Captioner())
    assert (done.written, done.kept) == (3, 2)
    lines = (folder / "metadata.jsonl").read_text("utf-8").splitlines()
    assert [lines[0], lines[1], lines[3]] == [old[0], old[1], old[3]]
    filled = {"licence": "CC BY 4.0", "file_name": "c.png", "source": "셔츠", "text": "fashion photo of a coat 22 wide"}
    assert json.loads(lines[2]) == filled
    assert [(row["file_name"], row["text"]) for row in rows(folder)[4:]] == [
        ("more/d.png", "a red dress, park"),
        ("b.jpg", "fashion photo of a coat 21 wide"),
        ("more/e.webp", "fashion photo of a coat 24 wide"),
    ]


def test_whoever_is_interrupted_goes_on(folder, monkeypatch):
    monkeypatch.setattr(labelling, "SECONDS_BETWEEN_SAVES", 1e9)  # so that it is the end that saves
    with pytest.raises(KeyboardInterrupt):
        caption_folder(folder, Captioner(interrupted_at=2), batch_size=2)
    assert len(rows(folder)) == 4
    captioner = Captioner()
    assert caption_folder(folder, captioner, batch_size=2).written == 1
    assert captioner.batches == [1]


KILLED = """
import os, sys
from pathlib import Path
from igo.training.data import labelling

labelling.SECONDS_BETWEEN_SAVES = 0.0
done = []

def caption(pictures):
    if len(done) == 2:
        os.kill(os.getpid(), 9)
    done.append(len(pictures))
    return ["a coat"] * len(pictures)

labelling.caption_folder(Path(sys.argv[1]), caption, batch_size=1)
"""


def test_a_kill_leaves_a_whole_list_and_a_second_run_does_the_rest(folder):
    killed = subprocess.run([sys.executable, "-c", KILLED, folder], env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert killed.returncode == -9
    assert [row["file_name"] for row in rows(folder)] == ["a.png", "b.jpg"]
    assert caption_folder(folder, lambda pictures: ["a coat"] * len(pictures)).written == 3
    resumed = (folder / "metadata.jsonl").read_bytes()
    (folder / "metadata.jsonl").unlink()
    caption_folder(folder, lambda pictures: ["a coat"] * len(pictures))
    assert (folder / "metadata.jsonl").read_bytes() == resumed
    assert not list(folder.glob("*.partial"))


def test_bad_pictures_and_empty_answers_are_skipped_with_a_line(folder):
    (folder / "b.jpg").write_bytes((folder / "b.jpg").read_bytes()[:200])
    (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    done = caption_folder(folder, lambda pictures: ["" if one.width == 22 else "a coat" for one in pictures])
    assert done.written == 3
    assert len(done.skipped) == 3
    for line, told in zip(sorted(done.skipped), ("b.jpg' is a truncated", "HEI", "nothing to say"), strict=True):
        assert told in line
        assert "\n" not in line
    for path in folder.rglob("*.*"):
        path.write_bytes(b"broken")
    (folder / "metadata.jsonl").unlink()
    with pytest.raises(ImageError, match=r"none of the 6 pictures .* could be captioned: .*a\.png"):
        caption_folder(folder, Captioner())
    assert not (folder / "metadata.jsonl").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"template": "fashion photo"}, "expected one {} in it"),
        ({"template": "{} {}"}, "expected one {} in it"),
        ({"batch_size": 0}, "batch size is 0"),
    ],
)
def test_settings_that_can_not_be_meant(folder, options, told):
    with pytest.raises(SettingsError, match=told):
        caption_folder(folder, Captioner(), **options)


def test_a_broken_list_is_left_alone(folder):
    (folder / "metadata.jsonl").write_text('{"file_name": "a.png", "text": "mine"}\n{"file_name"')
    with pytest.raises(SettingsError, match="line 2 is not JSON"):
        caption_folder(folder, Captioner())
    assert (folder / "metadata.jsonl").read_text().endswith('{"file_name"')


@pytest.mark.parametrize(
    ("text", "template", "caption"),
    [
        ("a woman in a red dress", "fashion photo of {}", "fashion photo of a woman in a red dress"),
        ("A woman in a red dress.", "fashion photo of {}", "fashion photo of a woman in a red dress"),
        ("The photograph of  a man\nin Seoul", "fashion photo of {}", "fashion photo of a man in Seoul"),
        ("Fashion photo of a man", "fashion photo of {}", "Fashion photo of a man"),
        ("Korean street. At night.", "photo of {}, 35mm", "photo of Korean street. At night., 35mm"),
        ("A photo of a coat.", "{}", "A photo of a coat"),
        ("a coat", "ohwx style, {}", "ohwx style, a coat"),
    ],
)
def test_answers_are_put_into_the_house_wording(text, template, caption):
    assert worded(text, template) == caption


def left(picture):
    """The left half; nothing in pictures that are wider than 22."""
    if picture.width > 22:
        raise NothingFoundError("found no coat", area=0.0)
    mask = Image.new("L", picture.size)
    mask.paste(255, (0, 0, picture.width // 2, picture.height))
    return mask


def test_masks_become_files_and_lines(folder):
    caption_folder(folder, Captioner())
    (folder / "c.png").write_bytes(b"broken")
    done = mask_folder(folder, "The red coat", left)
    assert (done.written, done.kept, len(done.skipped)) == (2, 0, 3)
    assert any("d.png: found no coat" in line for line in done.skipped)
    assert rows(folder)[-1] == {"file_name": "b.jpg", "text": "The red coat", "mask": "masks/b.jpg.the-red-coat.png"}
    with Image.open(folder / "masks" / "b.jpg.the-red-coat.png") as mask:
        assert (mask.mode, mask.size) == ("L", (21, 30))
    again = mask_folder(folder, "The red coat", left)
    assert (again.written, again.kept) == (0, 2)
    assert caption_folder(folder, Captioner()).kept == 5  # masks are no pictures
    assert mask_folder(folder, "the-red coat", left).written == 2
    assert rows(folder)[-1]["mask"] == "masks/b.jpg.the-red-coat-2.png"
    assert mask_folder(folder, "코트", left).written == 2
    assert rows(folder)[-1]["mask"] == "masks/b.jpg.코트.png"


def test_other_errors_than_of_masks_end_it_and_lose_nothing(folder):
    def fails(picture):
        if picture.width == 21:
            raise SettingsError("no such model")
        return left(picture)

    with pytest.raises(SettingsError, match="no such model"):
        mask_folder(folder, "coat", fails)
    assert [row["file_name"] for row in rows(folder)] == ["a.png"]
