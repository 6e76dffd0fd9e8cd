"""Drawn triplets: exact, the same for the same seed, and in cloth that is learned or held out."""

import json

import numpy as np
import pytest
from diffusers import UNet2DConditionModel

from igo import embedded
from igo.mini.bodies import train_bodies
from igo.mini.fittings import drawn_bodies, drawn_fittings, write_triplets
from igo.mini.triplets import DIFFERENT, SIZE, triplet
from igo.mini.tryon import train_tryon
from igo.networks.bodies import MINI
from igo.training.data.fittings import load_fittings
from igo.training.loop.effort import Effort
from igo.wardrobe import held_out


@pytest.fixture(scope="module")
def some():
    return [triplet(seed) for seed in range(10)]


def test_outside_of_its_zones_nothing_changes(some):
    for one in some:
        changed = np.abs(one.before.astype(int) - one.after).max(-1) > DIFFERENT
        for zone in one.zones:
            assert (changed <= zone).mean() > 0.999
        assert one.garment.any()
        assert one.old.any()
        assert (one.old <= one.zones[1]).mean() > 0.999
        assert one.before.shape == one.after.shape == one.garments.shape[1:] == (SIZE[1], SIZE[0], 3)


def test_they_are_of_all_kinds(some):
    assert {one.category for one in some} == {"upper", "lower", "dress"}
    assert any(one.figures[1].top_cloth is not None for one in some)
    assert any(one.figures[1].sleeve is not None for one in some)


def test_a_seed_draws_the_same_again():
    one, other = triplet(3), triplet(3)
    assert all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("before", "after", "garments", "zones")
    )


def test_cloth_that_is_held_out_is_never_learned(some):
    def cloths(triplets):
        return [
            number
            for one in triplets
            for number in (one.figures[1].top_cloth, one.figures[1].bottom_cloth)
            if number is not None
        ]

    worn = [one for one in some if one.category == "upper"]
    assert not any(held_out(number) for number in cloths(worn))
    kept = [triplet(seed, kept=True) for seed in range(4)]
    assert all(any(held_out(n) for n in cloths([one])) for one in kept)


def test_they_are_drawn_once(tmp_path, monkeypatch):
    monkeypatch.setattr("igo.mini.fittings.CHUNK", 3)
    first = drawn_fittings(tmp_path, 4, 0)
    assert len(first) == 4
    assert first.garments.shape[0] == 8
    monkeypatch.setattr("igo.mini.fittings.triplet", None)  # nothing is left to draw
    again = drawn_fittings(tmp_path, 4, 0)
    assert np.array_equal(first.zones, again.zones)
    assert np.array_equal(first.old[1], triplet(1).old)
    assert first.worn.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    bodies, one = drawn_bodies(tmp_path, 4, 0), triplet(1)
    assert np.array_equal(bodies.pictures[4:8], np.stack([one.after, one.before, *one.garments]))
    assert np.array_equal(bodies.placements[4:8], one.placements[[0, 0, 1, 2]])


def test_they_are_written_as_they_are_read_again(tmp_path):
    write_triplets(tmp_path, 5, 2)
    found = load_fittings(tmp_path, SIZE)
    one = triplet(5)
    assert np.array_equal(found.people[0], one.after)
    assert np.array_equal(found.before[0], one.before)
    assert found.garments.shape[0] == 4
    assert np.array_equal(found.old[0], one.old)
    assert (one.zones[0] <= found.zones[0, 0].numpy()).all()


@pytest.mark.slow
def test_a_try_on_is_made_of_what_repaints(tmp_path, monkeypatch):
    monkeypatch.setattr("igo.mini.fittings.CHUNK", 3)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    effort = Effort(steps=1, batch_size=1, quiet=True)
    bodies = train_bodies(embedded.path("parser"), tmp_path, tmp_path / "made" / "body", effort, held_out=2, triplets=3)
    assert bodies.step == 1
    base, body = embedded.path("inpaint"), tmp_path / "made" / "body"
    report = train_tryon(base, body, tmp_path, tmp_path / "out", effort, held_out=1, triplets=3)
    assert report.step == 1
    told = json.loads((tmp_path / "out" / "igo.json").read_text())
    assert (told["bodies"], told["inside"]) == (MINI, True)
    unet = UNet2DConditionModel.from_pretrained(tmp_path / "out" / "unet")
    assert unet.config.down_block_types[0] == "CrossAttnDownBlock2D"
    written = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*.safetensors"))
    assert written < 15e6
