"""A look at a folder: counts, buckets, what had better be mended, and the sheet."""

import json

import numpy as np
import pytest
from PIL import Image

from igo.errors import SettingsError
from igo.training.data.inspection import inspect_folder


def picture(seed, size=(32, 48)):
    """Noise in coarse blocks: no two alike."""
    blocks = np.random.default_rng(seed).integers(0, 255, (12, 8, 3), np.uint8)
    return Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST)


@pytest.fixture
def folder(tmp_path):
    for seed, name in enumerate(("a", "b", "c")):
        picture(seed).save(tmp_path / f"{name}.png")
    picture(0).save(tmp_path / "again.png", compress_level=1)
    picture(1).save(tmp_path / "b.jpg", quality=60)
    picture(5, (20, 30)).save(tmp_path / "small.png")
    picture(6, (200, 40)).save(tmp_path / "banner.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for name, size in {"half.png": (32, 48), "wrong.png": (9, 9)}.items():
        mask = Image.new("L", size)
        mask.paste(255, (0, 0, size[0] // 2, size[1]))
        mask.save(tmp_path / name)
    rows = [
        {"file_name": "a.png", "text": "a red dress", "licence": "CC0", "source": "mine"},
        {"file_name": "a.png", "text": "a dress"},
        {"file_name": "a.png", "text": "the dress", "mask": "half.png"},
        {"file_name": "a.png", "text": "a hat", "mask": None},
        {"file_name": "b.png", "text": "a coat", "licence": "CC BY 4.0"},
        {"file_name": "b.png", "text": "the coat", "mask": "wrong.png"},
        {"file_name": "gone.png", "text": "lost"},
    ]
    (tmp_path / "metadata.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return tmp_path


def test_all_there_is_to_say_of_a_folder(folder):
    found = inspect_folder(folder, (32, 48))
    assert (found.pictures, found.captioned, found.masks, found.absent) == (8, 2, 1, 1)
    assert found.columns == {"licence": 2, "source": 1}
    assert "mask" not in found.remarks
    assert found.buckets == {(32, 48): 6, (48, 24): 1}
    assert found.remarks["twice"] == ["a.png, again.png have the same pixels"]
    assert found.remarks["alike"] == ["b.jpg, b.png look alike"]
    assert found.remarks["small"] == ["small.png (20×30) is enlarged to 32×48"]
    assert found.remarks["cropped"] == ["banner.png (200×40) loses 60% in 48×24"]
    assert len(found.remarks["missing"]) == 6
    for line, told in zip(
        found.remarks["unreadable"], ("line 6: the mask wrong.png", "broken.png", "gone.png"), strict=True
    ):
        assert told in line
        assert "\n" not in line


def test_tiles_show_what_is_trained_on(folder):
    tiles = {text: picture for picture, text in inspect_folder(folder, (32, 48)).tiles}
    assert "a red dress | a dress" in tiles
    assert tiles["a red dress | a dress"] == picture(0)
    seen, plain = np.asarray(tiles["the dress"]).astype(int), np.asarray(picture(0)).astype(int)
    assert (seen[:, :16, 0] - seen[:, :16, 1]).mean() > 80  # red in the mask
    assert (seen[:, 16:] > plain[:, 16:]).mean() > 0.9  # paler outside
    assert sum(text == "(no caption)" for _, text in inspect_folder(folder, (32, 48)).tiles) == 5
    few = inspect_folder(folder, (32, 48), count=2)
    assert [text for _, text in few.tiles] == ["a red dress | a dress", "the dress"]
    sheet = inspect_folder(folder, (32, 48)).sheet()
    assert sheet.width > 6 * 256


def test_a_folder_of_which_nothing_can_be_read_has_no_sheet(tmp_path):
    (tmp_path / "a.png").write_bytes(b"broken")
    found = inspect_folder(tmp_path, (32, 48))
    assert (found.pictures, len(found.remarks["unreadable"])) == (1, 1)
    with pytest.raises(SettingsError, match="none could be read"):
        found.sheet()


def test_how_a_mask_is_read_is_remarked_and_a_map_of_parts_is_refused(folder):
    mask = Image.new("L", (32, 48))
    mask.paste(38, (0, 0, 16, 48))
    mask.save(folder / "half.png")
    found = inspect_folder(folder, (32, 48))
    assert found.remarks["mask"] == ["half.png: its two levels, 0 and 38, are read as no and yes"]
    mask.paste(75, (20, 0, 32, 48))
    mask.save(folder / "half.png")
    assert any("like a map of parts" in line for line in inspect_folder(folder, (32, 48)).remarks["unreadable"])
