"""What people upload is read or refused in one line; what was painted is kept with its record."""

import os

import pytest
from PIL import Image

import igo
from igo.errors import ImageError, MaskError
from igo.images import read_text
from igo.page import files, telling, zones
from igo.page.painting import Progress
from igo.testing import PaintedBase


def test_uploads_are_read_and_what_is_wrong_is_one_line_without_a_path(photo, tmp_path):
    place = tmp_path / "me.png"
    photo.save(place)
    assert files.uploaded(place, "Somebody").image == photo
    wrong = {"text.png": b"no picture", "empty.png": b"", "cut.png": place.read_bytes()[:90]}
    for name, data in wrong.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ImageError, match=r"^the picture for 'Somebody' ") as error:
            files.uploaded(tmp_path / name, "Somebody")
        assert str(tmp_path) not in str(error.value)
        assert "\n" not in str(error.value)
    with pytest.raises(ImageError, match="there is no picture"):
        files.uploaded(None, "Somebody")


def test_bombs_and_files_that_are_too_large_are_refused(tmp_path):
    bomb = tmp_path / "bomb.png"
    Image.new("1", (9000, 8000)).save(bomb, compress_level=1)
    with pytest.raises(ImageError, match=r"72\.0 MP"):
        files.uploaded(bomb, "Somebody")
    with (tmp_path / "large.png").open("wb") as large:
        large.truncate(200 * 2**20)
    with pytest.raises(ImageError, match="has 200 MB; expected at most 64 MB"):
        files.uploaded(tmp_path / "large.png", "Somebody")


def test_what_is_kept_carries_its_record_under_a_name_that_nobody_guesses(tmp_path):
    chain = igo.Chain(PaintedBase())
    look = chain.run("a coat", seed=3, num_images=2)
    kept, small = files.keep(look, tmp_path)
    with Image.open(small) as thumbnail:
        assert thumbnail.size == (64, 96)
    assert [path.name for path in kept] == ["igo-3-1.png", "igo-3-2.png"]
    assert len(kept[0].parent.name) >= 32
    assert files.keep(look, tmp_path)[1].parent != kept[0].parent
    assert any("a coat" in text for text in read_text(kept[0]).values())
    assert igo.replay(kept[1]).identical


def test_looks_of_one_photo_hold_it_once_and_old_folders_go(photo, tmp_path):
    photo.save(tmp_path / "me.png")
    first = files.uploaded(tmp_path / "me.png", "Somebody")
    assert files.uploaded(tmp_path / "me.png", "Somebody") is first
    old, new = files.new_folder(tmp_path / "looks"), files.new_folder(tmp_path / "looks")
    os.utime(old, (0, 0))
    newest = files.new_folder(tmp_path / "looks")
    assert set((tmp_path / "looks").iterdir()) == {new, newest}


def test_pictures_are_compared_where_they_show_the_same():
    small, large, huge, wide = (Image.new("RGB", size) for size in ((40, 60), (160, 240), (2000, 3000), (60, 60)))
    assert [one.size for one in files.pair(small, large)] == [(160, 240)] * 2
    assert [one.size for one in files.pair(small, huge)] == [(683, 1024)] * 2
    assert files.pair(small, wide) is None
    assert files.pair(None, small) is None


def test_a_zone_that_is_shown_is_read_back_and_one_that_is_drawn_has_the_pictures_size(tmp_path):
    Image.new("RGB", (1600, 1200), "white").save(tmp_path / "me.png")
    picture = files.uploaded(tmp_path / "me.png", "Somebody")
    mask = Image.new("L", (1600, 1200))
    mask.paste(255, (400, 300, 800, 900))
    shown = zones.shown(picture, mask)["background"]
    assert shown.size == (768, 576)
    assert shown.getpixel((10, 10)) == (255, 255, 255) != shown.getpixel((240, 240))
    layer = Image.new("RGBA", (768, 576))
    layer.paste((194, 85, 106, 150), (192, 144, 384, 432))
    drawn = zones.drawn({"layers": [layer]}, (1600, 1200))
    assert (drawn.mode, drawn.size, set(drawn.tobytes())) == ("L", (1600, 1200), {0, 255})
    assert all(abs(one - other) <= 3 for one, other in zip(drawn.getbbox(), mask.getbbox(), strict=True))
    assert zones.drawn(None, (4, 4)) is None
    assert zones.drawn({"layers": [Image.new("RGBA", (8, 8))]}, (4, 4)) is None


def test_a_zone_that_was_found_is_added_to_and_taken_from():
    found, drawn = Image.new("L", (8, 8)), Image.new("L", (8, 8))
    found.paste(255, (0, 0, 4, 4))
    drawn.paste(255, (2, 0, 8, 4))
    assert zones.edited(found, drawn, adding=True).getbbox() == (0, 0, 8, 4)
    assert zones.edited(found, drawn, adding=False).getbbox() == (0, 0, 2, 4)
    assert zones.edited(found, None, adding=False) == found
    assert zones.edited(None, drawn, adding=True) == drawn
    assert zones.edited(None, None, adding=True) is None
    with pytest.raises(MaskError, match="nothing is left"):
        zones.edited(found, found, adding=False)


def test_what_is_told_is_escaped():
    assert "<b>" not in telling.said("<b>hello")
    told = telling.told(Progress(3.2, "<i>step", 2, 8, 100.0, Image.new("RGB", (4, 4))))
    assert "&lt;i&gt;step: 2 of 8, about 2 min left (3.2 s so far)" in told
    assert "data:image/webp;base64," in told
