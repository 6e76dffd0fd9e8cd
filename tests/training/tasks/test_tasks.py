"""The three tasks on tiny models: each must learn a handful of samples by heart."""

import json

import pytest
import torch

from igo.errors import SettingsError
from igo.training.data.latents import Latents
from igo.training.loop.loop import LoopSettings, train
from igo.training.tasks.conditioning import tokenize
from igo.training.tasks.diffusion import DiffusionObjective, DiffusionTask, SampleSettings, generate
from igo.training.tasks.text_encoder import TextEncoderTask
from igo.training.tasks.vae import VaeTask, encode, set_scaling_factor


def losses(folder, name="loss"):
    return [json.loads(line)[name] for line in (folder / "losses.jsonl").read_text().splitlines()]


@pytest.fixture
def vae_task(pipeline, pictures):
    return VaeTask(pipeline.vae, pictures.repeat(1, 2, 2, 1), pictures[:2], crop=32)


@pytest.mark.slow
def test_the_vae_learns_pictures(vae_task, tmp_path):
    settings = LoopSettings(steps=120, batch_size=4, learning_rate=1e-2, warmup=2, ema_decay=0.5)
    report = train(vae_task, settings, tmp_path, quiet=True)
    curve = losses(tmp_path, "pixel")
    assert sum(curve[-10:]) < 0.85 * sum(curve[:10])
    assert report.measures["psnr"] > 10
    assert (tmp_path / "samples" / "step-000120.png").exists()


def test_a_crop_that_the_vae_cannot_halve_is_refused(pipeline, pictures):
    with pytest.raises(SettingsError, match="multiple of 32"):
        VaeTask(pipeline.vae, pictures, pictures, crop=20)


def test_the_scaling_factor_gives_latents_unit_deviation(pipeline, pictures):
    mean, spread = encode(pipeline.vae, pictures)
    assert mean.shape == spread.shape == (8, 4, 12, 8)
    factor = set_scaling_factor(pipeline.vae, mean, spread)
    sampled = (mean.float() + spread.float() * torch.randn(mean.shape)) * factor
    assert sampled.std().item() == pytest.approx(1, abs=0.05)
    assert pipeline.vae.config.scaling_factor == factor


def test_the_text_encoder_learns_attributes(pipeline, tmp_path):
    captions = ["a red dress", "a blue dress", "a red coat", "a blue coat"]
    tokens = tokenize(pipeline, captions)[:, None]
    labels = torch.tensor([[0, 0], [1, 0], [0, 1], [1, -1]])[:, None]
    task = TextEncoderTask(pipeline.text_encoder, tokens, labels, classes=[2, 2])
    train(task, LoopSettings(steps=40, batch_size=8, learning_rate=2e-2, warmup=2), tmp_path, quiet=True)
    assert losses(tmp_path, "accuracy")[-1] == 1


def test_labels_that_do_not_fit_the_captions_are_refused(pipeline):
    with pytest.raises(SettingsError, match="don't fit 3 attributes"):
        TextEncoderTask(pipeline.text_encoder, torch.zeros(4, 1, 77), torch.zeros(4, 1, 2), classes=[2, 2, 2])


@pytest.fixture
def latents(pipeline):
    mean = torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1).repeat(1, 4, 8, 8).half()
    return Latents(mean, torch.zeros_like(mean), tokenize(pipeline, ["a red dress", "a blue coat"])[:, None])


def test_the_unet_learns_latents(pipeline, latents, tmp_path):
    pipeline.vae.register_to_config(scaling_factor=1.0)
    task = DiffusionTask(pipeline, latents, SampleSettings(["a red dress"] * 3, 32, 32, steps=2, columns=2))
    settings = LoopSettings(steps=60, batch_size=8, learning_rate=1e-2, warmup=5, ema_decay=0.5)
    train(task, settings, tmp_path, quiet=True)
    curve = losses(tmp_path)
    assert sum(curve[-10:]) < 0.8 * sum(curve[:10])
    assert (tmp_path / "samples" / "step-000060.png").exists()


def test_captions_are_left_out_as_often_as_asked(pipeline, latents):
    task = DiffusionTask(pipeline, latents, dropout=0.25)
    batch = task.batch(400, torch.Generator().manual_seed(0))
    left_out = (batch["tokens"] == task.empty).all(1).float().mean().item()
    assert left_out == pytest.approx(0.25, abs=0.06)
    assert batch["timesteps"].tolist() == sorted(batch["timesteps"].tolist())


def test_a_batch_is_of_one_size_and_pictures_come_by_their_weights(pipeline, latents):
    wide = Latents(
        latents.mean.transpose(2, 3)[..., :6], latents.spread[..., :6], latents.tokens, torch.tensor([3.0, 1])
    )
    task = DiffusionTask(pipeline, [latents, wide], mirror=False)
    shapes = [task.batch(1, torch.Generator().manual_seed(seed))["latents"].shape[-1] for seed in range(300)]
    assert shapes == [task.batch(1, torch.Generator().manual_seed(seed))["latents"].shape[-1] for seed in range(300)]
    assert shapes.count(6) / 300 == pytest.approx(4 / 6, abs=0.07)
    batch = task.batch(400, torch.Generator().manual_seed(2))
    below = (batch["latents"].mean((1, 2, 3)) < 0).float().mean().item()
    assert below == pytest.approx(0.75 if batch["latents"].shape[-1] == 6 else 0.5, abs=0.07)


def test_a_frozen_text_encoder_has_no_parameters_to_train(pipeline, latents):
    task = DiffusionTask(pipeline, latents, text_rate=0)
    assert len(task.parameter_groups()) == 1
    assert not any(p.requires_grad for p in pipeline.text_encoder.parameters())


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_loss_is_zero_for_a_perfect_prediction(pipeline, prediction):
    kept = pipeline.scheduler.alphas_cumprod
    pipeline.scheduler.register_to_config(prediction_type=prediction)
    objective = DiffusionObjective(pipeline)
    latents, noise, timesteps = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8), torch.tensor([3, 900])
    signal, sigma = (part.view(-1, 1, 1, 1) for part in (kept[timesteps].sqrt(), (1 - kept[timesteps]).sqrt()))
    answer = noise if prediction == "epsilon" else signal * noise - sigma * latents

    class Perfect(torch.nn.Module):
        def forward(self, noisy, timesteps, states, added_cond_kwargs):
            assert torch.equal(noisy, signal * latents + sigma * noise)
            return type("Output", (), {"sample": answer})

    objective.unet = Perfect()
    assert objective(latents, noise, timesteps, tokenize(pipeline, ["", ""]))["loss"].item() == 0


def test_another_prediction_type_is_refused(pipeline):
    pipeline.scheduler.register_to_config(prediction_type="sample")
    with pytest.raises(SettingsError, match="'sample' can't be trained"):
        DiffusionObjective(pipeline)


def test_pictures_depend_on_their_own_seed_only(pipeline):
    many = generate(pipeline, SampleSettings(["a", "b", "c"], 32, 32, steps=2, seed=5), batch_size=2)
    last = generate(pipeline, SampleSettings(["c"], 32, 32, steps=2, seed=7))
    assert many.shape == (3, 32, 32, 3)
    assert abs(many[2].astype(int) - last[0].astype(int)).max() <= 1
