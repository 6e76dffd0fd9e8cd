"""People and garments in a user's folder, as what try-on learns from."""

import json

import numpy as np
import pytest
from PIL import Image

from igo.errors import IGOError
from igo.training.data.fittings import laid_out, load_fittings
from igo.training.data.zones import FITTING, fitting_zone

SIZE = (48, 64)


def folder(tmp_path, rows, size=(60, 80)):
    """A person in a blue square, the same in a red one, and a blue garment."""
    for name, colour in (("a", "blue"), ("b", "blue"), ("before", "red")):
        picture = Image.new("RGB", size, "white")
        picture.paste(colour, (20, 20, 40, 60))
        picture.save(tmp_path / f"{name}.png")
    mask = Image.new("L", size)
    mask.paste(255, (20, 20, 40, 60))
    mask.save(tmp_path / "mask.png")
    Image.new("L", size).save(tmp_path / "nothing.png")
    Image.new("RGBA", (30, 30), (0, 0, 255, 255)).save(tmp_path / "garment.png")
    Image.new("RGB", (10, 10)).save(tmp_path / "small.png")
    (tmp_path / "metadata.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return tmp_path


def test_many_people_may_wear_one_garment(tmp_path):
    rows = [{"file_name": f"{name}.png", "garment": "garment.png", "mask": "mask.png"} for name in "ab"]
    found = load_fittings(folder(tmp_path, rows), SIZE)
    assert found.people.shape == (2, 64, 48, 3)
    assert found.garments.shape == (1, 64, 48, 3)
    assert found.worn.tolist() == [[0], [0]]
    assert found.zones.shape == (2, len(FITTING), 64, 48)
    blue = (found.people[0].numpy() == (0, 0, 255)).all(-1)
    assert all((blue <= zone.numpy()).all() for zone in found.zones[0])
    assert not len(found.before)


def test_what_they_take_off_may_be_told(tmp_path):
    row = {"file_name": "a.png", "garment": "garment.png", "mask": "mask.png", "before": "before.png"}
    found = load_fittings(folder(tmp_path, [{**row, "before_mask": "mask.png"}]), SIZE)
    red = (found.before[0].numpy() == (255, 0, 0)).all(-1)
    assert (red & found.old[0].numpy()).sum() > 0.9 * red.sum()
    assert not len(load_fittings(folder(tmp_path, [row]), SIZE).old)
    for rows, message in (
        ([{**row, "before_mask": "mask.png"}, row], '1 of 2 lines have a "before_mask"; give it on all or none'),
        ([{**row, "before_mask": "none.png"}], "line 1: .*none.png"),
        ([{name: row[name] for name in ("file_name", "garment", "mask")} | {"before_mask": "mask.png"}], "isn't given"),
    ):
        with pytest.raises(IGOError, match=message):
            load_fittings(folder(tmp_path, rows), SIZE)


def test_there_may_be_several_pictures_of_a_garment(tmp_path):
    rows = [
        {"file_name": "a.png", "garment": ["garment.png", "small.png"], "mask": "mask.png"},
        {"file_name": "b.png", "garment": "small.png", "mask": "mask.png"},
    ]
    found = load_fittings(folder(tmp_path, rows), SIZE)
    assert found.worn.tolist() == [[0, 1], [1, 1]]
    assert len(found.garments) == 2


def test_a_person_without_a_mask_is_asked_for_one(tmp_path):
    rows = [{"file_name": "a.png", "garment": "garment.png", "before": "before.png"}]
    asked = []

    def mask_of(person, garment):
        asked.append((person.size, garment.size))
        return Image.open(tmp_path / "mask.png")

    found = load_fittings(folder(tmp_path, rows), SIZE, mask_of)
    assert asked == [((60, 80), (30, 30))]
    assert (found.before[0].numpy()[32, 24] == (255, 0, 0)).all()


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"file_name": "a.png"}, 'metadata.jsonl line 1: each line needs "file_name"'),
        ({"file_name": "a.png", "garment": 3}, "each line needs"),
        ({"file_name": "a.png", "garment": "no.png", "mask": "mask.png"}, "line 1: .*no.png"),
        ({"file_name": "no.png", "garment": "garment.png", "mask": "mask.png"}, "line 1: .*no.png"),
        ({"file_name": "a.png", "garment": "garment.png"}, "line 1: it has no mask"),
        ({"file_name": "a.png", "garment": "garment.png", "mask": "small.png"}, "10×10 pixels, its picture 60×80"),
        ({"file_name": "a.png", "garment": "garment.png", "mask": "nothing.png"}, "shows no garment"),
        (
            {"file_name": "a.png", "garment": "garment.png", "mask": "mask.png", "before": "small.png"},
            "before has 10×10 pixels",
        ),
    ],
)
def test_a_bad_line_is_told(tmp_path, row, told):
    with pytest.raises(IGOError, match=told) as caught:
        load_fittings(folder(tmp_path, [row]), SIZE)
    assert "\n" not in str(caught.value)


def test_pictures_from_before_are_there_for_all_or_for_none(tmp_path):
    row = {"file_name": "a.png", "garment": "garment.png", "mask": "mask.png"}
    with pytest.raises(IGOError, match='1 of 2 lines have a "before"'):
        load_fittings(folder(tmp_path, [row, {**row, "before": "before.png"}]), SIZE)


def test_a_folder_without_a_list_is_told_what_it_lacks(tmp_path):
    with pytest.raises(IGOError, match=r"has no metadata\.jsonl"):
        load_fittings(tmp_path, SIZE)


def test_a_garment_is_laid_out_whole():
    laid = np.asarray(laid_out(Image.new("RGB", (100, 20), "green"), SIZE))
    green = (laid == (0, 128, 0)).all(-1)
    assert laid.shape == (64, 48, 3)
    assert 0.8 < green.any(0).mean() <= 1
    assert (laid[0] == 255).all()


@pytest.mark.parametrize("kind", FITTING)
def test_a_zone_covers_the_garment_whatever_is_kept(kind):
    rng = np.random.default_rng(0)
    mask = np.zeros((64, 48), bool)
    mask[20:30, 10:20] = mask[30:40, 14:18] = True
    kept = np.ones_like(mask)
    for _ in range(20):
        zone = fitting_zone(kind, mask, kept, rng)
        assert (mask <= zone).all()
    wide = fitting_zone(kind, mask, np.zeros_like(mask), rng)
    assert mask.sum() < wide.sum() < (wide.size if kind == "box" else 4 * mask.sum())
