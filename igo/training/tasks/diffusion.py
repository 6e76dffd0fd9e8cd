"""Training a denoiser and its text encoder on latents: the last stage of a latent diffusion model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from igo.errors import SettingsError
from igo.training.data.latents import Latents
from igo.training.loop.grids import sheet
from igo.training.loop.task import Batch, Task
from igo.training.tasks.conditioning import Conditions, TextConditioner, tokenize

PREDICTIONS = ("epsilon", "v_prediction")


class DenoisingObjective(nn.Module):
    """The denoising loss, weighted by min-SNR (Hang et al., Efficient Diffusion Training via Min-SNR Weighting
    Strategy), on noise or on velocity (Salimans & Ho, Progressive Distillation for Fast Sampling)."""

    alphas_cumprod: Tensor

    def __init__(self, scheduler: Any, snr_gamma: float | None = 5.0) -> None:
        super().__init__()
        prediction = scheduler.config.prediction_type
        if prediction not in PREDICTIONS:
            wanted = " or ".join(PREDICTIONS)
            raise SettingsError(f"prediction type '{prediction}' can't be trained; choose {wanted}")
        self.prediction, self.snr_gamma = str(prediction), snr_gamma
        self.register_buffer("alphas_cumprod", scheduler.alphas_cumprod.clone(), persistent=False)

    def shares(self, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """How much of the latents, and how much noise, is in what is noisy: N×1×1×1 each."""
        kept = self.alphas_cumprod[timesteps].view(-1, 1, 1, 1)
        return kept.sqrt(), (1 - kept).sqrt()

    def split(self, noisy: Tensor, told: Tensor, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """What of ``noisy`` is latents and what is noise, by what the UNet has ``told`` of it, N×C×h×w each."""
        signal, sigma = self.shares(timesteps)
        if self.prediction == "epsilon":
            return (noisy - sigma * told) / signal, told
        return signal * noisy - sigma * told, sigma * noisy + signal * told

    def losses(
        self, predicted: Tensor, latents: Tensor, noise: Tensor, timesteps: Tensor, weights: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Of a prediction for ``latents`` with ``noise``, N×C×h×w each; ``weights`` N×1×h×w say how much each place
        counts."""
        signal, sigma = self.shares(timesteps)
        kept = self.alphas_cumprod[timesteps]
        target = noise if self.prediction == "epsilon" else signal * noise - sigma * latents
        error = (predicted - target).square()
        error = (error if weights is None else error * weights).mean((1, 2, 3))
        return {"loss": (self.emphasis(kept / (1 - kept)) * error).mean(), "unweighted": error.mean()}

    def emphasis(self, snr: Tensor) -> Tensor:
        """How much the errors at timesteps of these signal-to-noise ratios count, N each."""
        if self.snr_gamma is None:
            return torch.ones_like(snr)
        return snr.clamp(max=self.snr_gamma) / (snr if self.prediction == "epsilon" else snr + 1)


class DiffusionObjective(DenoisingObjective):
    """The denoising loss of a pipeline's UNet on what its text encoders say."""

    conditioner: TextConditioner

    def __init__(self, pipeline: Any, snr_gamma: float | None = 5.0) -> None:
        super().__init__(pipeline.scheduler, snr_gamma)
        self.unet, self.conditioner = pipeline.unet, TextConditioner(pipeline)

    def forward(
        self,
        latents: Tensor,
        noise: Tensor,
        timesteps: Tensor,
        tokens: Tensor | None = None,
        states: Tensor | None = None,
        pooled: Tensor | None = None,
        time_ids: Tensor | None = None,
        context: Tensor | None = None,
        weights: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """``latents`` (scaled to unit variance) and ``noise`` N×C×h×w, ``timesteps`` N integers.

        What the captions say comes as ``tokens`` (N×L, or N×2×L) or, encoded before, as ``states`` and ``pooled`` (see
        ``TextConditioner``). ``time_ids`` N×6 are XL's sizes. ``context`` N×c×h×w are further channels that the UNet
        sees as they are; ``weights`` N×1×h×w say how much each place counts, 1 on average.
        """
        signal, sigma = self.shares(timesteps)
        if tokens is not None:
            said = self.conditioner(tokens)
            states, pooled = said["states"], said.get("pooled")
        added = None if pooled is None else {"text_embeds": pooled, "time_ids": time_ids}
        noisy = signal * latents + sigma * noise
        seen = noisy if context is None else torch.cat([noisy, context], 1)
        predicted = self.unet(seen, timesteps, states, added_cond_kwargs=added).sample.float()
        return self.losses(predicted, latents, noise, timesteps, weights)


@dataclass(frozen=True)
class SampleSettings:
    """How the sample sheets of a run are made: one picture per prompt, ``width``×``height`` pixels."""

    prompts: Sequence[str]
    width: int
    height: int
    steps: int = 20
    guidance_scale: float = 5.0
    columns: int = 8
    seed: int = 0


class DenoisingTask(Task):
    """What every training of the UNet and text encoders of ``pipeline`` shares; a caption is left out with chance
    ``dropout``.

    Leaving captions out teaches the unconditional prediction that guidance needs (Ho & Salimans, Classifier-Free
    Diffusion Guidance). Trained is what requires gradients; ``text_rate`` is the text encoders' learning rate as a
    multiple of the UNet's; 0 freezes them. ``offset_noise`` adds that much noise that is equal all over a channel
    (Guttenberg, Diffusion with Offset Noise): pictures may then become darker or brighter as a whole. ``snr_gamma`` is
    min-SNR's limit, None to weigh all timesteps alike.
    """

    def __init__(
        self,
        pipeline: Any,
        dropout: float,
        text_rate: float,
        offset_noise: float = 0.0,
        snr_gamma: float | None = 5.0,
    ) -> None:
        self.pipeline, self.dropout, self.text_rate, self.offset_noise = pipeline, dropout, text_rate, offset_noise
        self.steps = int(pipeline.scheduler.config.num_train_timesteps)
        self.module: DiffusionObjective = DiffusionObjective(pipeline, snr_gamma)
        if not text_rate:
            self.module.conditioner.requires_grad_(False)
        self.empty = tokenize(pipeline, [""])[0]

    def parameter_groups(self) -> list[dict[str, object]]:
        groups: list[dict[str, object]] = []
        for part, rate in (("unet", 1.0), ("conditioner", self.text_rate)):
            learning = [p for name, p in self.module.named_parameters() if p.requires_grad and name.startswith(part)]
            if learning:
                groups.append({"params": learning, "rate": rate})
        return groups

    def noised(self, latents: Tensor, tokens: Tensor, generator: torch.Generator) -> Batch:
        """A batch of ``latents`` (N×C×h×w, scaled) with noise, timesteps and ``tokens`` (N×L, N×2×L), some emptied."""
        size, device = len(latents), generator.device
        chance = torch.rand(2, size, generator=generator, device=device)
        # One timestep from each of `size` equal intervals: the same mean loss, at a smaller variance.
        even = (torch.arange(size, device=device) + chance[1]) / size
        noise = torch.randn(latents.shape, generator=generator, device=device)
        if self.offset_noise:
            whole = torch.randn(*latents.shape[:2], 1, 1, generator=generator, device=device)
            noise = noise + self.offset_noise * whole
        left_out = (chance[0] < self.dropout).view(-1, *[1] * (tokens.ndim - 1))
        return {
            "latents": latents,
            "noise": noise,
            "timesteps": (even * self.steps).long().clamp(max=self.steps - 1),
            "tokens": torch.where(left_out, self.empty.to(device), tokens),
        }


class DiffusionTask(DenoisingTask):
    """Learn to paint latents from their captions: of one size, or a few sizes, of which a batch has one.

    ``mirror`` flips half of the latents left to right, which is exact enough for an autoencoder of small pictures.
    ``conditions`` are the captions as the text encoders say them, if these don't learn; else they are encoded anew.
    """

    name = "unet"

    def __init__(
        self,
        pipeline: Any,
        latents: Latents | Sequence[Latents],
        show: SampleSettings | None = None,
        *,
        dropout: float = 0.1,
        text_rate: float = 0.3,
        mirror: bool = True,
        offset_noise: float = 0.0,
        snr_gamma: float | None = 5.0,
        conditions: Conditions | None = None,
    ) -> None:
        super().__init__(pipeline, dropout, text_rate, offset_noise, snr_gamma)
        self.buckets = [latents] if isinstance(latents, Latents) else list(latents)
        self.show, self.mirror, self.conditions = show, mirror, conditions

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        device = generator.device
        if self.buckets[0].mean.device.type != device.type:
            self.buckets = [bucket.to(device) for bucket in self.buckets]
        latents, tokens, zones = self._bucket(generator).draw(size, generator)
        latents = latents * float(self.pipeline.vae.config.scaling_factor)
        if self.mirror:
            flipped = torch.rand(size, 1, 1, 1, generator=generator, device=device) < 0.5
            latents = torch.where(flipped, latents.flip(-1), latents)
            zones = None if zones is None else torch.where(flipped, zones.flip(-1), zones)
        batch = self.noised(latents, tokens, generator)
        if zones is not None:
            batch["weights"] = zones
        if self.conditions is not None:
            if self.conditions.states.device.type != device.type:
                self.conditions = self.conditions.to(device)
            batch |= self.conditions.look_up(batch.pop("tokens"))
        if self.module.conditioner.text_encoder_2 is not None:
            sides = [side * int(self.pipeline.vae_scale_factor) for side in latents.shape[-2:]]
            # Original size, the crop's corner, and the size that is wanted: nothing is said to be scaled or cut.
            batch["time_ids"] = torch.tensor([[*sides, 0, 0, *sides]], device=device).float().expand(size, -1)
        return batch

    def _bucket(self, generator: torch.Generator) -> Latents:
        """One of them, as often as what it holds is to be drawn."""
        if len(self.buckets) == 1:
            return self.buckets[0]
        totals = torch.tensor([float(bucket.weights.sum()) for bucket in self.buckets], device=generator.device)
        return self.buckets[int(torch.multinomial(totals, 1, generator=generator))]

    def samples(self) -> Image.Image | None:
        if self.show is None:
            return None
        unet = self.pipeline.unet
        self.pipeline.to(unet.device)
        half = unet.dtype != torch.float32  # an adapter's base may be: the rest of the pipeline is not
        with torch.autocast(unet.device.type, unet.dtype if half else None, enabled=half):
            pictures = generate(self.pipeline, self.show)
        return sheet(torch.from_numpy(pictures), self.show.columns)


@torch.no_grad()
def generate(pipeline: Any, show: SampleSettings, batch_size: int = 16) -> np.ndarray:
    """One picture per prompt, by the plain pipeline: N×H×W×3 uint8. Picture i always starts from seed ``seed + i``."""
    pipeline.set_progress_bar_config(disable=True)
    pictures = []
    for start in range(0, len(show.prompts), batch_size):
        prompts = list(show.prompts[start : start + batch_size])
        generators = [torch.Generator("cpu").manual_seed(show.seed + start + i) for i in range(len(prompts))]
        made = pipeline(
            prompts,
            width=show.width,
            height=show.height,
            num_inference_steps=show.steps,
            guidance_scale=show.guidance_scale,
            generator=generators,
            output_type="np",
        ).images
        pictures.append((made * 255).round().astype(np.uint8))
    return np.concatenate(pictures)
