"""The training loop."""

import errno
import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from igo.errors import CheckpointError, ImageError, SettingsError
from igo.training.loop.loop import LoopSettings, step_generator, train
from igo.training.loop.optimizers import optimizer_of

SETTINGS = LoopSettings(steps=60, batch_size=8, learning_rate=0.1, warmup=5, ema_decay=0.9, seed=3)


def losses(folder):
    return [json.loads(line) for line in (folder / "losses.jsonl").read_text().splitlines()]


def test_a_task_is_learned_and_left_with_averaged_weights(line_task, tmp_path):
    task = line_task()
    report = train(task, SETTINGS, tmp_path, quiet=True)
    assert report.step == 60
    assert report.samples == 480
    assert losses(tmp_path)[-1]["loss"] < 0.1 < losses(tmp_path)[0]["loss"]
    assert task.module.layer.weight.item() == pytest.approx(2, abs=0.2)
    assert report.measures["slope"] == task.module.layer.weight.item()


def test_a_killed_run_goes_on_with_the_same_losses(line_task, tmp_path):
    whole, broken = line_task(), line_task()
    train(whole, SETTINGS, tmp_path / "whole", quiet=True)
    train(line_task(), SETTINGS, tmp_path / "broken", halt_at=20, quiet=True)
    with (tmp_path / "broken" / "losses.jsonl").open("a") as log:  # steps taken after the last checkpoint
        log.write(json.dumps({"step": 20, "loss": 123.0}) + "\n")
    report = train(broken, SETTINGS, tmp_path / "broken", quiet=True)
    assert report.samples == 40 * 8
    assert losses(tmp_path / "whole") == losses(tmp_path / "broken")
    for one, other in zip(whole.module.parameters(), broken.module.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has Muon from 2.9 on")
def test_muon_learns_and_goes_on_after_a_kill(line_task, tmp_path):
    settings = replace(SETTINGS, learning_rate=0.5, optimizer="muon")
    whole, broken = line_task(), line_task()
    train(whole, settings, tmp_path / "whole", quiet=True)
    assert whole.module.layer.weight.item() == pytest.approx(2, abs=0.3)
    train(line_task(), settings, tmp_path / "broken", halt_at=20, quiet=True)
    train(broken, settings, tmp_path / "broken", quiet=True)
    assert losses(tmp_path / "whole") == losses(tmp_path / "broken")
    with pytest.raises(CheckpointError, match="a model of another shape"):
        train(line_task(), replace(SETTINGS, steps=80), tmp_path / "whole", quiet=True)  # by AdamW


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has Muon from 2.9 on")
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_muon_steps_along_every_direction_of_a_kernel_alike(layout):
    """Its update has singular values near 1, as large all in all as AdamW's usually is; vectors take AdamW's step."""
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(16, 8, 3).to(memory_format=layout)
    before = [value.detach().clone() for value in layer.parameters()]
    layer(torch.randn(4, 16, 8, 8)).square().sum().backward()
    optimizer_of("muon", [{"params": list(layer.parameters())}], 1e-2, 0.0).step()
    kernel, bias = (old - new.detach() for old, new in zip(before, layer.parameters(), strict=True))
    values = torch.linalg.svdvals(kernel.flatten(1)) / (1e-2 * 0.2 * 144**0.5)
    assert 0.5 < values.min() <= values.max() < 1.3
    assert bias.abs().allclose(torch.tensor(1e-2), rtol=1e-3)


def test_batches_made_ahead_are_the_same_ones(line_task, tmp_path):
    waiting, ahead = line_task(), line_task()
    ahead.ahead = True
    settings = replace(SETTINGS, accumulation=2)
    train(waiting, settings, tmp_path / "waiting", quiet=True)
    train(ahead, settings, tmp_path / "ahead", halt_at=20, quiet=True)
    train(ahead, settings, tmp_path / "ahead", quiet=True)
    assert losses(tmp_path / "waiting") == losses(tmp_path / "ahead")


def test_a_batch_that_can_not_be_made_ahead_stops_the_run(line_task, tmp_path):
    def batch(size, generator):
        raise ImageError("this picture is broken")

    task = line_task()
    task.ahead, task.batch = True, batch
    with pytest.raises(ImageError, match="this picture is broken"):
        train(task, SETTINGS, tmp_path, quiet=True)


def test_a_finished_run_returns_at_once_with_its_result_and_says_so(line_task, tmp_path, capsys):
    first, again = line_task(), line_task()
    report = train(first, SETTINGS, tmp_path, quiet=True)
    second = train(again, SETTINGS, tmp_path)
    assert "finished before; give more steps" in capsys.readouterr().out
    assert second.samples == 0
    assert second.measures == report.measures
    assert torch.equal(first.module.layer.weight, again.module.layer.weight)


def test_accumulation_averages_the_micro_batches(line_task, tmp_path):
    task = line_task()
    report = train(task, replace(SETTINGS, accumulation=2), tmp_path, quiet=True)
    assert report.samples == 960
    assert task.module.layer.weight.item() == pytest.approx(2, abs=0.2)


def test_frozen_parameters_stay_out_of_checkpoints(line_task, tmp_path):
    """Of an adapter's training, which leaves nearly everything as it is, only the adapter is saved."""
    first = line_task()
    first.module.layer.bias.requires_grad_(False)
    train(first, replace(SETTINGS, steps=20), tmp_path, quiet=True)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert list(state["module"]) == ["layer.weight"]
    again = line_task()
    again.module.layer.bias.requires_grad_(False).fill_(7)
    train(again, replace(SETTINGS, steps=20), tmp_path, quiet=True)
    assert torch.equal(again.module.layer.weight, first.module.layer.weight)
    assert again.module.layer.bias.item() == 7


def test_the_logged_loss_is_the_mean_of_all_micro_batches(line_task, tmp_path):
    task = line_task()
    train(task, replace(SETTINGS, steps=1, learning_rate=0, accumulation=3), tmp_path, quiet=True)
    places = [step_generator(torch.device("cpu"), SETTINGS.seed, 0, part) for part in range(3)]
    expected = [line_task().module(**task.batch(SETTINGS.batch_size, place))["loss"].item() for place in places]
    assert losses(tmp_path)[0]["loss"] == pytest.approx(sum(expected) / 3)


@pytest.mark.skipif(find_spec("bitsandbytes") is not None, reason="bitsandbytes is installed")
def test_a_missing_optimizer_is_one_line(line_task, tmp_path):
    with pytest.raises(SettingsError, match="adamw8bit needs bitsandbytes; install it"):
        train(line_task(), replace(SETTINGS, optimizer="adamw8bit"), tmp_path, quiet=True)


def test_a_folder_of_another_run_is_refused(line_task, tmp_path):
    train(line_task(), SETTINGS, tmp_path, halt_at=1, quiet=True)
    with pytest.raises(CheckpointError, match="seed 3, not to 'line' with seed 4"):
        train(line_task(), replace(SETTINGS, seed=4), tmp_path, quiet=True)


def test_a_folder_that_learned_from_something_else_is_refused(line_task, tmp_path):
    train(line_task(), SETTINGS, tmp_path, halt_at=1, quiet=True)
    task = line_task()
    task.source = "other pictures"
    with pytest.raises(CheckpointError, match="has learned from another base, pictures, captions or settings"):
        train(task, SETTINGS, tmp_path, quiet=True)


def test_a_model_of_another_shape_is_refused(line_task, tmp_path):
    train(line_task(), SETTINGS, tmp_path, halt_at=1, quiet=True)
    other = line_task()
    other.module.layer = torch.nn.Linear(2, 1)
    with pytest.raises(CheckpointError, match="another shape"):
        train(other, SETTINGS, tmp_path, quiet=True)


def test_a_lost_loss_stops_the_run_and_keeps_the_checkpoint(line_task, tmp_path):
    task = line_task()
    train(line_task(), SETTINGS, tmp_path, halt_at=20, quiet=True)
    task.batch = lambda size, generator: {"x": torch.full((size, 1), torch.inf), "y": torch.zeros(size, 1)}
    before = (tmp_path / "state.pt").read_bytes()
    with pytest.raises(CheckpointError, match="not finite at step 40"):
        train(task, SETTINGS, tmp_path, quiet=True)
    assert (tmp_path / "state.pt").read_bytes() == before


@pytest.mark.parametrize("file", ["losses.jsonl", "measures.jsonl", "state.pt.partial"])
def test_a_full_disk_is_one_line_and_the_checkpoint_stays(file, line_task, tmp_path, monkeypatch):
    train(line_task(), SETTINGS, tmp_path, halt_at=20, quiet=True)
    before, own = (tmp_path / "state.pt").read_bytes(), Path.open

    def full(path, mode="r", *more, **options):
        if path.name == file and mode != "r":
            raise OSError(errno.ENOSPC, "No space left on device")
        return own(path, mode, *more, **options)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(CheckpointError, match=r"can't be written: No space left on device") as caught:
        train(line_task(), SETTINGS, tmp_path, quiet=True)
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    if file != "measures.jsonl":  # which come last of all
        assert (tmp_path / "state.pt").read_bytes() == before
    assert train(line_task(), SETTINGS, tmp_path, quiet=True).step == SETTINGS.steps


def test_the_rate_warms_up_and_falls_to_its_floor():
    settings = replace(SETTINGS, floor=0.1)
    assert settings.rate(0) == pytest.approx(0.02)
    assert settings.rate(5) == pytest.approx(0.1)
    assert settings.rate(60) == pytest.approx(0.01)


def test_chance_depends_on_seed_and_place_only():
    def draw(*place):
        return torch.rand(1, generator=step_generator(torch.device("cpu"), *place)).item()

    assert draw(0, 1, 2) == draw(0, 1, 2)
    assert len({draw(0, 1, 2), draw(1, 1, 2), draw(0, 2, 2), draw(0, 1, 3)}) == 4


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"batch_size": 0}, {"ema_decay": 1.0}, {"precision": "fp8"}, {"optimizer": "sgd"}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        replace(SETTINGS, **wrong)
