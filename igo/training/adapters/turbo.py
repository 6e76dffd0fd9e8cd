"""Distilling a checkpoint so that it paints in a few steps: to an adapter, or to a whole checkpoint."""

from dataclasses import asdict
from pathlib import Path

import torch

from igo.errors import CheckpointError
from igo.painting.checkpoints import checkpoint
from igo.training.adapters.adapt import check_file, conditions_of, lighten, write_adapter
from igo.training.adapters.lora import LoraSettings, add_lora
from igo.training.data.export import export
from igo.training.data.folders import CaptionedSet
from igo.training.data.weights import check_replaceable
from igo.training.loop.effort import Effort, digest
from igo.training.loop.hardware import precision, processes
from igo.training.loop.loop import TrainingReport
from igo.training.tasks.diffusion import SampleSettings
from igo.training.tasks.encoding import encoded
from igo.training.tasks.turbo import TurboSettings, TurboTask

STEPS = 4
"""Of the sample sheets, and what a whole checkpoint says that it paints best in."""
METHOD = "lcm"
"""What an adapter's file says that it is made by, for who loads it."""


def check_distillable(base: checkpoint.Loaded) -> None:
    """Raise ``CheckpointError`` for a checkpoint that is none for pictures from text, or was distilled so that it is
    told the guidance."""
    unet = base.pipeline.unet.config
    if unet.in_channels != unet.out_channels or unet.time_cond_proj_dim is not None:
        why = f"has {unet.in_channels} channels" if unet.time_cond_proj_dim is None else "is told its guidance already"
        raise CheckpointError(f"the checkpoint {why}, and can't be distilled; name one that paints from text in 4")


def train_turbo(
    base: checkpoint.Loaded,
    data: CaptionedSet,
    out: Path,
    work: Path,
    effort: Effort,
    settings: TurboSettings,
    lora: LoraSettings | None = None,
    *,
    mirror: bool = False,
    gradient_checkpointing: bool = False,
) -> TrainingReport:
    """Distil ``base`` on ``data`` and write it to ``out``: with ``lora`` an adapter, a ``.safetensors`` file (in 16
    bit, as such are published); without, a folder with a whole checkpoint, whose scheduler and defaults are those for
    few steps.

    A run that was killed goes on in ``work``. Raises ``SettingsError`` for places that can't be written to, and
    what ``check_distillable`` raises.
    """
    (check_file if lora is not None else check_replaceable)(out)
    check_distillable(base)
    torch.manual_seed(effort.seed)
    latents = encoded(base.pipeline, data, work)
    conditions = conditions_of(base.pipeline, [latents], work)
    if lora is not None:
        add_lora(base.pipeline, lora, text=False)
        lighten(base.pipeline, precision(effort.precision), gradient_checkpointing)
    elif gradient_checkpointing:
        base.pipeline.unet.enable_gradient_checkpointing()
    height, width = (int(side) for side in data.pictures.shape[1:3])
    prompts = [captions[0] for captions in data.captions[:8]]
    show = SampleSettings(prompts, width, height, STEPS, guidance_scale=1.0)
    task = TurboTask(base.pipeline, [latents], conditions, settings, show, mirror=mirror)
    task.name = "turbo" if lora is None else "turbo lora"
    report = effort.train(task, work, digest(base.identity, settings, lora, data))
    if lora is not None:
        told = {"distilled": asdict(settings), "lora": asdict(lora)}
        write_adapter(base, base.pipeline, out, "diffusers", told, {"method": METHOD}, torch.float16)
    elif processes().is_main_process:
        best = {"width": width, "height": height, "num_inference_steps": STEPS, "guidance_scale": 1.0}
        export(base.pipeline, out, defaults=best)
    return report
