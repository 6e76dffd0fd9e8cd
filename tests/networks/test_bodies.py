"""Bodies in pictures: what fits cells best, garments laid over people, and folders that hold no such model."""

import numpy as np
import pytest
import torch

from igo.errors import CheckpointError
from igo.mini.triplets import triplet
from igo.networks.bodies import MINI, OUTPUTS, centres, fitted, inverse, laid, load_bodies, moved, read_off
from igo.wardrobe.placement import moved as placed_anew
from tests.builders import segformers

SIZE = (96, 128)


def between(first, second):
    """The 2×3 matrix from the pixels of one picture to those of another in which the same units lie elsewhere."""
    inverse = np.linalg.inv(first[:, :2])
    return placed_anew(np.column_stack([inverse, -inverse @ first[:, 2]]), second)


@pytest.fixture(scope="module")
def some():
    return [triplet(seed) for seed in range(4)]


def test_the_fit_finds_how_a_body_was_moved_turned_and_enlarged():
    answers = torch.zeros(2, 3, 8, 6)
    at = centres(answers, SIZE)
    assert at[0, [0, -1]].tolist() == [7.5 + 7.5j, 87.5 + 119.5j]
    a, b = torch.tensor([[0.9 + 0.1j], [1.2 - 0.3j]]), torch.tensor([[3 + 70j], [-8 + 20j]])
    units, error = a * at + b, torch.zeros(2, 48)
    units[:, :5] += 500  # nonsense, of which the model says that it is
    error[:, :5] = 6.0
    found = fitted(units, error, at)
    torch.testing.assert_close(found[0], a, atol=0.02, rtol=0)
    placement = inverse(a, b)[0]
    pixel = placement @ torch.tensor([units[0, 40].real, units[0, 40].imag, 1.0]).double()
    torch.testing.assert_close(pixel, torch.tensor([at[0, 40].real, at[0, 40].imag]).double(), atol=1e-3, rtol=0)


def test_a_model_that_knows_nothing_takes_everybody_to_fill_the_picture():
    answers = torch.zeros(1, 3, 8, 6)
    units, error = read_off(answers, SIZE)
    a, b = fitted(units, error, centres(answers, SIZE))
    assert a.item() == pytest.approx(0.9)
    assert (a * (48 + 64j) + b).item() == pytest.approx(90j, abs=1e-3)


def test_a_picture_lies_on_itself_as_it_was(some):
    one = some[0]
    pixels = torch.from_numpy(one.garments[:1]).permute(0, 3, 1, 2).float() / 127.5 - 1
    place = torch.from_numpy(one.placements[1:2])
    torch.testing.assert_close(moved(pixels, place, place), pixels, atol=1e-3, rtol=0)


def test_a_plain_ground_is_not_laid_over_anybody():
    shirt = torch.full((2, 3, 40, 30), 0.9)
    shirt[:, :, 10:30, 8:22] = -0.5
    shirt[1] += torch.linspace(-0.5, 0, 30)  # no plain ground
    place = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]], dtype=torch.float64).repeat(2, 1, 1)
    over = laid(shirt, place, place)
    inner = torch.zeros(40, 30, dtype=torch.bool)
    inner[11:29, 9:21] = True  # but for a pixel along the outline
    assert torch.equal(over[0].ne(0).all(0), inner)
    torch.testing.assert_close(over[0][:, inner], shirt[0][:, inner])
    torch.testing.assert_close(over[1], shirt[1], atol=1e-4, rtol=0)


def test_what_is_laid_over_somebody_is_what_they_wear(some):
    """By the true placements: its colours are those of the truth, where the reference shows it."""
    for one in some:
        pixels = torch.from_numpy(one.garments).permute(0, 3, 1, 2).float() / 127.5 - 1
        to = torch.from_numpy(one.placements[:1]).expand(2, 2, 3)
        over = laid(pixels, torch.from_numpy(one.placements[1:]), to)[0].permute(1, 2, 0)
        truth = torch.from_numpy(one.after).float() / 127.5 - 1
        inner = torch.from_numpy(one.garment) & (over != 0).any(-1)
        off, other = ((over - value).abs().mean(-1)[inner].median() for value in (truth, truth.flip(0)))
        assert off < 0.12
        assert off < 0.5 * other


def test_placements_lead_from_one_picture_to_the_other(some):
    one = some[1]
    there = between(one.placements[1], one.placements[0])
    unit = np.array([2.0, 60.0, 1.0])
    at = one.placements[1] @ unit
    np.testing.assert_allclose(there @ [*at, 1.0], one.placements[0] @ unit)


def test_other_models_are_refused(tmp_path):
    segformers.save(tmp_path / "parser", ["background", "hair", "top"])
    with pytest.raises(CheckpointError, match="parser' is no SegFormer that tells x, y, error; expected 'mini/body'"):
        load_bodies(str(tmp_path / "parser"), None, "cpu", torch.float32)
    with pytest.raises(CheckpointError, match=r"the body model 'nowhere' can't be loaded: .*expected 'mini/body'"):
        load_bodies("nowhere", None, "cpu", torch.float32)


def test_pictures_of_any_size_are_brought_to_the_models_own(tmp_path):
    segformers.save(tmp_path / "bodies", OUTPUTS, height=64, width=48)
    bodies = load_bodies(str(tmp_path / "bodies"), None, "cpu", torch.float32)
    picture = torch.rand(1, 3, 64, 48)
    one, other = (
        bodies.placements(shown)[0] for shown in (picture, picture.repeat_interleave(2, 2).repeat_interleave(2, 3))
    )
    unit = torch.tensor([0.0, 90.0, 1.0]).double()
    np.testing.assert_allclose(2 * (one @ unit) + 0.5, other @ unit, atol=1.0)
    assert bodies.identity.startswith("sha256:")
    bodies.model.decode_head.classifier.bias.data.fill_(torch.nan)
    with pytest.raises(CheckpointError, match="gives values that are no numbers"):
        bodies.placements(picture)


def test_the_embedded_one_sees_where_garments_lie(some):
    """Far nearer than somebody who hasn't looked would guess: within some units of a figure of 190."""
    from igo import embedded

    bodies = load_bodies(MINI, embedded.path("body"), "cpu", torch.float32)
    off = []
    for one in some:
        pictures = np.stack([one.before, *one.garments])
        found = bodies.placements(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255).numpy()
        for seen, true in zip(found, one.placements, strict=True):
            back = between(true, np.array([[1.0, 0, 0], [0, 1, 0]]))  # from pixels to units
            corners = np.array([[20, 20, 1], [75, 20, 1], [20, 100, 1], [75, 100, 1]], float).T
            units = back @ corners
            off.append(np.linalg.norm(seen @ np.vstack([units, np.ones(4)]) - corners[:2], axis=0).mean())
    assert np.median(off) < 4
