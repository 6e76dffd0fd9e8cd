"""Latent consistency distillation: a denoiser learns to say at once where its own many guided steps lead (Luo et al.,
Latent Consistency Models; Luo et al., LCM-LoRA: A Universal Stable-Diffusion Acceleration Module)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from igo.errors import SettingsError
from igo.painting.samplers import choose
from igo.painting.schedulers import set_scheduler
from igo.training.data.latents import Latents
from igo.training.loop.task import Batch
from igo.training.tasks.conditioning import Conditions
from igo.training.tasks.diffusion import DiffusionObjective, DiffusionTask, SampleSettings

SIGMA_DATA, TIME_SCALING = 0.5, 10.0
"""Of the boundary condition: what diffusers' ``LCMScheduler`` samples with."""
HUBER = 0.001
"""Where the loss turns from the square to the distance (Song & Dhariwal, Improved Techniques for Training Consistency
Models, call it c)."""


@dataclass(frozen=True)
class TurboSettings:
    """How a distillation goes. Raises ``SettingsError``.

    ``solver_steps`` are those of DDIM that the teacher's way is cut into, of which the student learns to take all that
    are left at once: the ones that ``LCMScheduler`` chooses its own from. ``guidance`` is the range from which the
    teacher's guidance is drawn, as pipelines count it. ``target_decay`` is that of the moving average of weights that
    gives the student's target; 0 is the student itself.
    """

    guidance: tuple[float, float]
    solver_steps: int = 50
    target_decay: float = 0.95

    def __post_init__(self) -> None:
        low, high = self.guidance
        if not 1 <= low <= high <= 100:
            raise SettingsError(f"guidance is {low:g} to {high:g}; expected a range within 1 to 100")
        if not 0 <= self.target_decay < 1:
            raise SettingsError(f"target_decay is {self.target_decay:g}; expected at least 0 and below 1")


class Weights(nn.Module):
    """Other values of some parameters of a model, by their names. ``kept`` ones belong to what training changes."""

    def __init__(self, learning: dict[str, nn.Parameter], kept: bool) -> None:
        super().__init__()
        self.names = list(learning)
        for number, value in enumerate(learning.values()):
            self.register_buffer(f"value_{number}", value.detach().clone(), persistent=kept)

    def values(self) -> dict[str, Tensor]:
        """By name."""
        return {name: getattr(self, f"value_{number}") for number, name in enumerate(self.names)}


class ConsistencyObjective(DiffusionObjective):
    """How far what the UNet says of noisy latents lies from what it says one step further on the teacher's way.

    The teacher is the UNet with the weights that it has now, of which those that require gradients are about to learn.
    """

    def __init__(self, pipeline: Any, settings: TurboSettings) -> None:
        super().__init__(pipeline)
        self.conditioner.requires_grad_(False)
        self.settings = settings
        self.times = len(self.alphas_cumprod) // settings.solver_steps
        learning = {name: value for name, value in self.unet.named_parameters() if value.requires_grad}
        self.teacher, self.target = Weights(learning, kept=False), Weights(learning, kept=True)

    def forward(  # type: ignore[override]  # of other things
        self, latents: Tensor, noise: Tensor, step: Tensor, guidance: Tensor, states: Tensor, empty: Tensor
    ) -> dict[str, Tensor]:
        """``latents`` (scaled to unit variance) and ``noise`` N×C×h×w; ``step`` N integers, which of the solver's;
        ``guidance`` N; ``states`` and ``empty`` N×L×D, what the captions and no caption say."""
        start = (step + 1) * self.times - 1
        end = (start - self.times).clamp(min=0)
        signal, sigma = self.shares(start)
        noisy = signal * latents + sigma * noise
        with torch.no_grad():
            self._follow()
            asked = torch.cat([noisy, noisy]), torch.cat([start, start]), torch.cat([empty, states])
            told = self._split(*asked, self.teacher.values())
            (without, within), (drawn, wanted) = (part.chunk(2) for part in told)
            scale = guidance.view(-1, 1, 1, 1)
            clean, left = without + scale * (within - without), drawn + scale * (wanted - drawn)
            signal, sigma = self.shares(end)
            further = signal * clean + sigma * left
            target = self._consistent(further, end, states, self.target.values())
        error = self._consistent(noisy, start, states, {}) - target
        return {"loss": ((error.square() + HUBER**2).sqrt() - HUBER).mean()}

    def _consistent(self, noisy: Tensor, timesteps: Tensor, states: Tensor, weights: dict[str, Tensor]) -> Tensor:
        """Where the way from ``noisy`` leads, which is itself where there is no noise left."""
        scaled = (timesteps * TIME_SCALING).view(-1, 1, 1, 1).float()
        keep = SIGMA_DATA**2 / (scaled.square() + SIGMA_DATA**2)
        take = scaled / (scaled.square() + SIGMA_DATA**2).sqrt()
        return keep * noisy + take * self._split(noisy, timesteps, states, weights)[0]

    def _split(
        self, noisy: Tensor, timesteps: Tensor, states: Tensor, weights: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """What of ``noisy`` is latents and what is noise, as the UNet says with other ``weights``."""
        told = functional_call(self.unet, weights, (noisy, timesteps, states)).sample.float()
        return self.split(noisy, told, timesteps)

    def _follow(self) -> None:
        """Let the target's weights follow the student's, in training."""
        if self.training:
            learning = dict(self.unet.named_parameters())
            own, theirs = zip(*((value, learning[name]) for name, value in self.target.values().items()), strict=True)
            torch._foreach_lerp_(list(own), [value.detach() for value in theirs], 1 - self.settings.target_decay)


class TurboTask(DiffusionTask):
    """Learn to paint in a few steps what ``pipeline`` paints in many with guidance.

    What learns is what of its UNet requires gradients. The pipeline's scheduler becomes the one for few steps.
    ``conditions`` are the captions of ``latents``, encoded; see ``DiffusionTask`` for the rest.
    """

    name = "turbo"
    conditions: Conditions
    module: ConsistencyObjective

    def __init__(
        self,
        pipeline: Any,
        latents: Sequence[Latents],
        conditions: Conditions,
        settings: TurboSettings,
        show: SampleSettings | None = None,
        *,
        mirror: bool = False,
    ) -> None:
        super().__init__(pipeline, latents, show, dropout=0.0, text_rate=0.0, mirror=mirror, conditions=conditions)
        if not 1 <= settings.solver_steps <= self.steps:
            raise SettingsError(
                f"solver_steps is {settings.solver_steps}; expected at most {self.steps}, the steps of training"
            )
        self.settings, self.module = settings, ConsistencyObjective(pipeline, settings)
        options = {"original_inference_steps": settings.solver_steps, "timestep_scaling": TIME_SCALING}
        set_scheduler(pipeline, choose("LCM", options))

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        batch = super().batch(size, generator)
        low, high = self.settings.guidance
        batch["step"] = batch.pop("timesteps") * self.settings.solver_steps // self.steps
        batch["guidance"] = low + (high - low) * torch.rand(size, generator=generator, device=generator.device)
        empty = self.conditions.look_up(self.empty[None].to(generator.device))["states"]
        batch["empty"] = empty.expand(size, -1, -1)
        return batch
