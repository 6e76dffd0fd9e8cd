"""Learning where bodies lie in pictures: what a batch shows, and that it is learned."""

import pytest
import torch

from igo.errors import SettingsError
from igo.networks.bodies import OUTPUTS, centres
from igo.training.data.bodies import BodySet
from igo.training.loop.loop import LoopSettings, step_generator, train
from igo.training.tasks.bodies import BodyTask
from igo.training.tasks.preprocessing import Preprocessing
from tests.builders import segformers


def dots(count: int = 8) -> BodySet:
    """Pictures, 64×64, of a bright spot at the body's (0, 90), anywhere."""
    generator = torch.Generator().manual_seed(0)
    at = torch.rand(count, 2, generator=generator) * 32 + 16
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    far = (x - at[:, 0, None, None]).square() + (y - at[:, 1, None, None]).square()
    pictures = (255 * torch.exp(-far / 30)).byte()[..., None].expand(-1, -1, -1, 3).contiguous()
    placements = torch.full((count, 5, 2, 3), torch.nan, dtype=torch.float64)  # without arms
    placements[:, 0] = 0
    placements[:, 0, 0, 0] = placements[:, 0, 1, 1] = 1 / 0.9
    placements[:, 0, :, 2] = at - torch.tensor([0.0, 100.0])
    return BodySet(pictures, placements)


@pytest.fixture
def task(tmp_path):
    from transformers import SegformerForSemanticSegmentation

    model = SegformerForSemanticSegmentation.from_pretrained(segformers.save(tmp_path / "model", OUTPUTS))
    return BodyTask(model, Preprocessing((64, 64)), *dots().hold_out(2))


def test_a_batch_says_where_its_pictures_show_the_body(task):
    """However a picture was moved, turned and enlarged: the spot is where the batch says."""
    batch = task.batch(6, step_generator(torch.device("cpu"), 0, 1, 0))
    a, b = torch.view_as_complex(batch["units"])[:, 0].unbind(1)
    at = centres(torch.zeros(1, 3, 64, 64), (64, 64))
    units = a[:, None] * at + b[:, None]
    brightest = batch["pixels"][:, 0].flatten(1).argmax(1)
    spot = units[torch.arange(6), brightest]
    assert (spot - 90j).abs().max() < 2
    assert len({round(float(one), 3) for one in a.abs()}) == 6
    again = task.batch(6, step_generator(torch.device("cpu"), 0, 1, 0))
    assert all(torch.equal(batch[name].nan_to_num(9), again[name].nan_to_num(9)) for name in batch)


def test_where_the_body_is_is_learned(task, tmp_path):
    before = task.measures()["units off"]
    train(
        task,
        LoopSettings(steps=80, batch_size=6, learning_rate=1e-2, warmup=5, ema_decay=0.9, optimizer="muon"),
        tmp_path,
    )
    assert task.measures()["units off"] < 0.8 * before


def test_where_arms_are_is_learned_too(task):
    """Of arms that nobody sees nothing is asked; of others, each part's own fit."""
    batch = task.batch(2, step_generator(torch.device("cpu"), 0, 1, 0))
    assert task.module(**batch)["arms"] == 0
    trunk = torch.view_as_complex(batch["units"])[:, :1]
    units = torch.cat([trunk, 1j * trunk, 1j * trunk, -1j * trunk, -1j * trunk], 1)  # arms that hang, on either side
    told = task.module(batch["pixels"], torch.view_as_real(units))
    assert told["arms"] > 0
    told["loss"].backward()
    assert all(torch.isfinite(one.grad).all() for one in task.model.parameters() if one.grad is not None)


def test_a_set_can_hold_pictures_back():
    learned, measured = dots(5).hold_out(2)
    assert (len(learned), len(measured)) == (3, 2)
    with pytest.raises(SettingsError, match="5 of 5 pictures can't be held out"):
        dots(5).hold_out(5)
