"""Bodies in pictures: what fits cells best, garments laid over people, and folders that hold no such model."""

import numpy as np
import pytest
import torch

from igo.errors import CheckpointError
from igo.mini.triplets import triplet
from igo.networks.bodies import (
    ARM,
    MINI,
    OUTPUTS,
    SHOULDER,
    centres,
    fitted,
    inverse,
    laid,
    load_bodies,
    moved,
    read_off,
    stretched,
    units_of,
)
from igo.wardrobe import Part, draw, lay_flat, sample
from igo.wardrobe.body import pose
from igo.wardrobe.placement import moved as placed_anew
from igo.wardrobe.placement import posed
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
    answers = torch.zeros(2, 8, 8, 6)
    at = centres(answers, SIZE)
    assert at[0, [0, -1]].tolist() == [7.5 + 7.5j, 87.5 + 119.5j]
    a, b = torch.tensor([[0.9 + 0.1j], [1.2 - 0.3j]]), torch.tensor([[3 + 70j], [-8 + 20j]])
    units, error = a * at + b, torch.zeros(2, 48)
    units[:, :5] += 500  # nonsense, of which the model says that it is
    error[:, :5] = 6.0
    found = fitted(units, error, at, torch.zeros(2, 48, dtype=torch.long))
    torch.testing.assert_close(found[0][:, :1], a, atol=0.02, rtol=0)
    assert (found[2][:, 0] > 40).all()
    assert not found[2][:, 1:].any()
    placement = inverse(a, b)[0, 0]
    pixel = placement @ torch.tensor([units[0, 40].real, units[0, 40].imag, 1.0]).double()
    torch.testing.assert_close(pixel, torch.tensor([at[0, 40].real, at[0, 40].imag]).double(), atol=1e-3, rtol=0)


def test_a_model_that_knows_nothing_takes_everybody_to_fill_the_picture():
    answers = torch.zeros(1, 8, 8, 6)
    units, error, scores = read_off(answers, SIZE)
    assert scores.shape == (1, 5, 48)
    a, b, _ = fitted(units, error, centres(answers, SIZE), torch.zeros(1, 48, dtype=torch.long))
    assert a[0, 0].item() == pytest.approx(0.9)
    assert (a * (48 + 64j) + b)[0, 0].item() == pytest.approx(90j, abs=1e-3)


def test_a_picture_lies_on_itself_as_it_was(some):
    one = some[0]
    pixels = torch.from_numpy(one.garments[:1]).permute(0, 3, 1, 2).float() / 127.5 - 1
    place = torch.from_numpy(one.placements[1:2, 0])
    torch.testing.assert_close(moved(pixels, place, place), pixels, atol=1e-3, rtol=0)


def test_a_plain_ground_is_not_laid_over_anybody():
    shirt = torch.full((2, 3, 40, 30), 0.9)
    shirt[:, :, 10:30, 8:22] = -0.5
    shirt[1] += torch.linspace(-0.5, 0, 30)  # no plain ground
    place = torch.from_numpy(posed(np.eye(2, 3), ())).expand(2, 5, 2, 3)
    over, where = laid(shirt, place, place, (30, 40))
    inner = torch.zeros(40, 30, dtype=torch.bool)
    inner[11:29, 9:21] = True  # but for a pixel along the outline
    assert torch.equal(over[0].ne(0).all(0), inner)
    assert torch.equal(where[0, 0], inner)
    assert where[1].all()
    torch.testing.assert_close(over[0][:, inner], shirt[0][:, inner])
    torch.testing.assert_close(over[1], shirt[1], atol=1e-4, rtol=0)


def test_what_is_laid_over_somebody_is_what_they_wear(some):
    """By the true placements: its colours are those of the truth, where the reference shows it."""
    for one in some:
        pixels = torch.from_numpy(one.garments).permute(0, 3, 1, 2).float() / 127.5 - 1
        to = torch.from_numpy(one.placements[:1]).expand(2, 5, 2, 3)
        over, where = (part[0] for part in laid(pixels, torch.from_numpy(one.placements[1:]), to, SIZE))
        over = over.permute(1, 2, 0)
        truth = torch.from_numpy(one.after).float() / 127.5 - 1
        inner = torch.from_numpy(one.garment) & where[0]
        off, other = ((over - value).abs().mean(-1)[inner].median() for value in (truth, truth.flip(0)))
        assert off < 0.12
        assert off < 0.5 * other


def test_placements_lead_from_one_picture_to_the_other(some):
    one = some[1]
    there = between(one.placements[1, 0], one.placements[0, 0])
    unit = np.array([2.0, 60.0, 1.0])
    at = one.placements[1, 0] @ unit
    np.testing.assert_allclose(there @ [*at, 1.0], one.placements[0, 0] @ unit)


def test_an_arm_is_one_piece_from_its_shoulder_to_its_wrist():
    """Both of its parts put the elbow where it is drawn, and the stretched arm's ends where its joints are."""
    drawing = draw(sample(4, pose="wave", top="shirt"), 96, 144)
    arms = pose(drawing.figure).arms
    for index, side in enumerate((-1, 1)):
        upper, fore = drawing.placements[1 + 2 * index : 3 + 2 * index]
        ends = [side * (SHOULDER[0] + down) for down in (0, ARM[0], sum(ARM))]
        shoulder, elbow, wrist = (drawing.placements[0] @ [*joint, 1] for joint in arms[index])
        for part, x, at in ((upper, ends[0], shoulder), (upper, ends[1], elbow), (fore, ends[1], elbow)):
            np.testing.assert_allclose(part @ [x, SHOULDER[1], 1], at, atol=1e-6)
        np.testing.assert_allclose(fore @ [ends[2], SHOULDER[1], 1], wrist, atol=1e-6)


def test_arms_are_told_from_what_they_hang_before():
    places = torch.from_numpy(draw(sample(4, pose="hip", top="shirt"), *SIZE).placements)[None]
    pixels = centres(torch.zeros(1, 3, 128, 96), SIZE)
    units, part = stretched(*units_of(places), pixels.to(torch.complex128))
    assert set(part.unique().tolist()) == {0, 1, 2, 3, 4}
    found, moves, _ = fitted(units, torch.zeros(1, part.shape[1]), pixels, part)
    torch.testing.assert_close(inverse(found, moves), places, atol=1e-3, rtol=1e-3)
    unseen = torch.from_numpy(posed(places[0, 0].numpy(), ()))[None]
    assert not stretched(*units_of(unseen), pixels.to(torch.complex128))[1].any()


def test_sleeves_go_where_arms_are():
    """A shirt that lies flat, on somebody who waves: as in the truth, up to the wrist, and not where its sleeve lay."""
    figure = sample(4, pose="wave", top="sweater", top_color="red", top_pattern="plain", bag="none")
    truth, flat = draw(figure, *SIZE), lay_flat(figure, "upper", *SIZE, (255, 255, 255))
    pixels = torch.from_numpy(flat.image).permute(2, 0, 1)[None].float() / 127.5 - 1
    worn, person = (torch.from_numpy(one.placements)[None] for one in (flat, truth))
    top = np.isin(truth.labels, [Part.TOP])
    shares = []
    for arms in (slice(1, None), slice(0, 0)):  # with arms, and without any
        known = worn.clone()
        known[:, 1:] = torch.nan
        known[:, arms] = worn[:, arms]
        there = laid(pixels, known, person, SIZE)[1][0, 0].numpy()
        shares.append((there & top).sum() / (there | top).sum())
    assert shares[0] > 0.85 > 0.75 > shares[1]


def test_other_models_are_refused(tmp_path):
    segformers.save(tmp_path / "parser", ["background", "hair", "top"])
    with pytest.raises(
        CheckpointError, match=r"parser' is no SegFormer that tells x, y, error, trunk, .*; expected 'mini/body'"
    ):
        load_bodies(str(tmp_path / "parser"), None, "cpu", torch.float32)
    with pytest.raises(CheckpointError, match=r"the body model 'nowhere' can't be loaded: .*expected 'mini/body'"):
        load_bodies("nowhere", None, "cpu", torch.float32)


def test_pictures_of_any_size_are_brought_to_the_models_own(tmp_path):
    segformers.save(tmp_path / "bodies", OUTPUTS, height=64, width=48)
    bodies = load_bodies(str(tmp_path / "bodies"), None, "cpu", torch.float32)
    picture = torch.rand(1, 3, 64, 48)
    one, other = (
        bodies.placements(shown)[0, 0] for shown in (picture, picture.repeat_interleave(2, 2).repeat_interleave(2, 3))
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
    off, arms = [], []
    for one in some:
        pictures = np.stack([one.before, *one.garments])
        found = bodies.placements(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255).numpy()
        for places, truths in zip(found, one.placements, strict=True):
            seen, true = places[0], truths[0]
            wrists = [
                np.linalg.norm((places - truths)[part] @ [side * (SHOULDER[0] + sum(ARM)), SHOULDER[1], 1])
                for part, side in ((2, -1), (4, 1))
            ]
            arms += [off_by for off_by in wrists if not np.isnan(off_by)]
            back = between(true, np.array([[1.0, 0, 0], [0, 1, 0]]))  # from pixels to units
            corners = np.array([[20, 20, 1], [75, 20, 1], [20, 100, 1], [75, 100, 1]], float).T
            units = back @ corners
            off.append(np.linalg.norm(seen @ np.vstack([units, np.ones(4)]) - corners[:2], axis=0).mean())
    assert np.median(off) < 4
    assert len(arms) >= 12
    assert np.median(arms) < 4
