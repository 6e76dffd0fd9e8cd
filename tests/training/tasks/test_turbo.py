"""Distillation on tiny models: what is learned, that a killed run goes on the same, and what can't be distilled."""

import json
from copy import deepcopy

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, LCMScheduler, StableDiffusionPipeline
from safetensors import safe_open

import igo
from igo import cli
from igo.errors import CheckpointError, SettingsError
from igo.painting.checkpoints import checkpoint
from igo.training import finetune
from igo.training.adapters.lora import LoraSettings, add_lora
from igo.training.adapters.turbo import train_turbo
from igo.training.data.folders import CaptionedSet
from igo.training.data.latents import Latents
from igo.training.loop.effort import Effort
from igo.training.loop.loop import LoopSettings, train
from igo.training.tasks.conditioning import Conditions, TextConditioner, tokenize
from igo.training.tasks.turbo import TurboSettings, TurboTask
from igo.training.tasks.vae import encode
from igo_plugins import FewSteps

SETTINGS = TurboSettings((2.0, 4.0))


def task_of(pipeline, pictures, prediction, lora=True, **changes):
    config = {**pipeline.scheduler.config, "prediction_type": prediction}
    pipeline.scheduler = DDIMScheduler.from_config(config)
    if lora:
        torch.manual_seed(0)
        add_lora(pipeline, LoraSettings(8, targets="all"), text=False)
    tokens = tokenize(pipeline, ["", "a red dress", "a blue coat"])
    latents = Latents(*encode(pipeline.vae, pictures), tokens[1:].repeat(4, 1)[:, None].int())
    settings = TurboSettings(**{**vars(SETTINGS), **changes})
    return TurboTask(pipeline, [latents], Conditions.of(TextConditioner(pipeline), tokens.int()), settings)


def loss(task):
    """On one large batch, by the weights as they are, of which the target has the same."""
    task.module.eval()
    learning = dict(task.module.unet.named_parameters())
    for name, value in task.module.target.values().items():
        value.copy_(learning[name].detach())
    with torch.no_grad():
        found = float(task.module(**task.batch(64, torch.Generator().manual_seed(9)))["loss"])
    task.module.train()
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("prediction", "lora"), [("v_prediction", True), ("epsilon", False)])
def test_the_loss_falls_and_a_killed_run_goes_on_the_same(prediction, lora, pipeline, pictures, tmp_path):
    start = deepcopy(pipeline.components)
    task = task_of(pipeline, pictures, prediction, lora)
    before = loss(task)
    settings = LoopSettings(steps=30, batch_size=4, learning_rate=2e-2, warmup=2, ema_decay=0.5)
    train(task, settings, tmp_path / "whole", quiet=True)
    assert loss(task) < 0.9 * before
    for halt_at in (15, None):
        again = StableDiffusionPipeline(**deepcopy(start), requires_safety_checker=False)
        train(task_of(again, pictures, prediction, lora), settings, tmp_path / "killed", halt_at=halt_at, quiet=True)
    curves = [
        [json.loads(line)["loss"] for line in (tmp_path / name / "losses.jsonl").read_text().splitlines()]
        for name in ("whole", "killed")
    ]
    assert curves[0] == curves[1]
    assert len(curves[0]) == 30


def test_the_first_step_is_the_solvers_and_the_teachers(pipeline, pictures):
    """Without guidance to add, and at the way's end, the target is DDIM's own step."""
    task = task_of(pipeline, pictures, "v_prediction")
    batch = task.batch(4, torch.Generator().manual_seed(0))
    assert set(batch) == {"latents", "noise", "step", "guidance", "states", "empty"}
    assert 0 <= int(batch["step"].min()) <= int(batch["step"].max()) < 50
    assert bool(((batch["guidance"] >= 2) & (batch["guidance"] <= 4)).all())
    module, weights = task.module, task.module.teacher.values()
    start = torch.tensor([979, 19])
    noisy = torch.randn(2, 4, 12, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        clean, left = module._split(noisy, start, batch["states"][:2], weights)
        told = pipeline.unet(noisy, start, batch["states"][:2]).sample
        signal, sigma = module.shares(start - 20 + (start == 19))
        scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, timestep_spacing="trailing", steps_offset=0)
        scheduler.set_timesteps(50)
        stepped = scheduler.step(told[:1], 979, noisy[:1]).prev_sample
    assert torch.allclose((signal * clean + sigma * left)[:1], stepped, atol=1e-4)
    few = LCMScheduler.from_config(pipeline.scheduler.config)
    few.set_timesteps(4)
    assert set(few.timesteps.tolist()) <= {20 * step + 19 for step in range(50)}
    with torch.no_grad():
        found = module._consistent(noisy[:1], few.timesteps[:1], batch["states"][:1], {})
        told = pipeline.unet(noisy[:1], few.timesteps[:1], batch["states"][:1]).sample
        expected = few.step(told, few.timesteps[0], noisy[:1], generator=torch.Generator()).denoised
    assert torch.allclose(found, expected, atol=1e-4), "what is learned is what the scheduler samples"


def captioned():
    noise = torch.randint(256, (3, 48, 32, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return CaptionedSet(noise, [[f"a red hoodie {number}"] for number in range(3)])


@pytest.mark.parametrize("whole", [False, True])
def test_what_is_distilled_paints_in_four_steps(whole, tiny_checkpoint, tmp_path):
    base = finetune.load_base(str(tiny_checkpoint))
    out = tmp_path / ("turbo" if whole else "some.safetensors")
    effort = Effort(steps=2, batch_size=2, learning_rate=1e-2, quiet=True)
    report = train_turbo(
        base, captioned(), out, tmp_path / "work", effort, SETTINGS, None if whole else LoraSettings(2)
    )
    assert report.step == 2
    if not whole:
        with safe_open(out, "pt") as opened:
            assert opened.metadata()["igo_method"] == "lcm"
    steps = [igo.TextToImage(str(out))] if whole else [igo.TextToImage(str(tiny_checkpoint)), FewSteps(str(out))]
    look = igo.Chain(*steps).run("a red coat", seed=1, width=32, height=48)
    told = look.frames[0].told
    assert (told["num_inference_steps"], told["guidance_scale"], told["scheduler"]) == (4, 1.0, "LCMScheduler")
    assert np.asarray(look.image).std() > 0


def test_what_can_not_be_distilled_is_refused(tiny_checkpoint, tiny_inpaint_checkpoint, tmp_path, capsys, monkeypatch):
    for wrong in ({"guidance": (0.5, 3)}, {"guidance": (3, 2)}, {"guidance": (1, 2), "target_decay": 1}):
        with pytest.raises(SettingsError):
            TurboSettings(**wrong)
    loaded = checkpoint.load(str(tiny_inpaint_checkpoint), inpainting=True, dtype=torch.float32)
    work, effort = tmp_path / "work", Effort(steps=1, quiet=True)
    with pytest.raises(CheckpointError, match="has 9 channels, and can't be distilled"):
        train_turbo(loaded, captioned(), tmp_path / "a.safetensors", work, effort, SETTINGS, LoraSettings(2))
    base = finetune.load_base(str(tiny_checkpoint))
    with pytest.raises(SettingsError, match="solver_steps is 1001; expected at most 1000"):
        train_turbo(base, captioned(), tmp_path / "a", work, effort, TurboSettings((1, 2), 1001))
    monkeypatch.chdir(tmp_path)
    given = ["train", "turbo", "--drawn", "2", "--base", str(tiny_checkpoint)]
    for more, message in (
        (["--out", "turbo"], "--out is turbo; expected the name of a .safetensors file"),
        (["--out", "a.safetensors", "--whole"], "expected a folder, for --whole makes a checkpoint"),
        (["--out", "a.safetensors", "--guidance-low", "0", "--width", "32", "--height", "48"], "within 1 to 100"),
    ):
        assert cli.run_command([*given, *more]) == 2
        errors = capsys.readouterr().err
        assert message in errors
        assert errors.count("\n") == 1
    assert not (tmp_path / "a.safetensors").exists()
