"""Training a denoiser and its text encoder on latents: the last stage of a latent diffusion model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPTextModel

from igo.errors import SettingsError
from igo.training.data import Latents
from igo.training.grids import sheet
from igo.training.task import Batch, Task

PREDICTIONS = ("epsilon", "v_prediction")


class DiffusionObjective(nn.Module):
    """The denoising loss, weighted by min-SNR (Hang et al., Efficient Diffusion Training via Min-SNR Weighting
    Strategy), on noise or on velocity (Salimans & Ho, Progressive Distillation for Fast Sampling)."""

    alphas_cumprod: Tensor

    def __init__(
        self,
        unet: UNet2DConditionModel,
        text_encoder: CLIPTextModel,
        alphas_cumprod: Tensor,
        prediction: str,
        snr_limit: float = 5.0,
    ) -> None:
        super().__init__()
        if prediction not in PREDICTIONS:
            raise SettingsError(f"prediction type '{prediction}' can't be trained; choose {' or '.join(PREDICTIONS)}")
        self.unet, self.text_encoder = unet, text_encoder
        self.prediction, self.snr_limit = prediction, snr_limit
        self.register_buffer("alphas_cumprod", alphas_cumprod.clone(), persistent=False)

    def forward(
        self,
        latents: Tensor,
        noise: Tensor,
        timesteps: Tensor,
        tokens: Tensor,
        context: Tensor | None = None,
        weights: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """``latents`` (scaled to unit variance) and ``noise`` N×C×h×w, ``timesteps`` N integers, ``tokens`` N×L.

        ``context`` N×c×h×w are further channels that the UNet sees as they are; ``weights`` N×1×h×w say how much each
        place counts, 1 on average.
        """
        kept = self.alphas_cumprod[timesteps].view(-1, 1, 1, 1)
        signal, sigma = kept.sqrt(), (1 - kept).sqrt()
        snr = (kept / (1 - kept)).flatten()
        states = self.text_encoder(input_ids=tokens).last_hidden_state
        noisy = signal * latents + sigma * noise
        seen = noisy if context is None else torch.cat([noisy, context], 1)
        predicted = self.unet(seen, timesteps, states).sample.float()
        if self.prediction == "epsilon":
            target, weight = noise, snr.clamp(max=self.snr_limit) / snr
        else:
            target, weight = signal * noise - sigma * latents, snr.clamp(max=self.snr_limit) / (snr + 1)
        error = (predicted - target).square()
        error = (error if weights is None else error * weights).mean((1, 2, 3))
        return {"loss": (weight * error).mean(), "unweighted": error.mean()}


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
    """What every training of the UNet and text encoder of ``pipeline`` shares; a caption is left out with chance
    ``dropout``.

    Leaving captions out teaches the unconditional prediction that guidance needs (Ho & Salimans, Classifier-Free
    Diffusion Guidance). ``text_rate`` is the text encoder's learning rate as a multiple of the UNet's; 0 freezes it.
    """

    def __init__(self, pipeline: StableDiffusionPipeline, dropout: float, text_rate: float) -> None:
        self.pipeline, self.dropout, self.text_rate = pipeline, dropout, text_rate
        scheduler = pipeline.scheduler
        pipeline.text_encoder.requires_grad_(text_rate > 0)
        self.steps = int(scheduler.config.num_train_timesteps)
        self.module = DiffusionObjective(
            pipeline.unet, pipeline.text_encoder, scheduler.alphas_cumprod, str(scheduler.config.prediction_type)
        )
        self.empty = tokenize(pipeline, [""])[0]

    def parameter_groups(self) -> list[dict[str, object]]:
        groups: list[dict[str, object]] = [{"params": list(self.pipeline.unet.parameters()), "rate": 1.0}]
        if self.text_rate > 0:
            groups.append({"params": list(self.pipeline.text_encoder.parameters()), "rate": self.text_rate})
        return groups

    def noised(self, latents: Tensor, tokens: Tensor, generator: torch.Generator) -> Batch:
        """A batch of ``latents`` (N×C×h×w, scaled) with noise, timesteps and ``tokens`` (N×L), some of them emptied."""
        size, device = len(latents), generator.device
        chance = torch.rand(2, size, generator=generator, device=device)
        # One timestep from each of `size` equal intervals: the same mean loss, at a smaller variance.
        even = (torch.arange(size, device=device) + chance[1]) / size
        return {
            "latents": latents,
            "noise": torch.randn(latents.shape, generator=generator, device=device),
            "timesteps": (even * self.steps).long().clamp(max=self.steps - 1),
            "tokens": torch.where((chance[0] < self.dropout)[:, None], self.empty.to(device), tokens),
        }


class DiffusionTask(DenoisingTask):
    """Learn to paint ``latents`` from their captions.

    ``mirror`` flips half of the latents left to right, which is exact enough for an autoencoder of small pictures.
    """

    name = "unet"

    def __init__(
        self,
        pipeline: StableDiffusionPipeline,
        latents: Latents,
        show: SampleSettings | None = None,
        *,
        dropout: float = 0.1,
        text_rate: float = 0.3,
        mirror: bool = True,
    ) -> None:
        super().__init__(pipeline, dropout, text_rate)
        self.latents, self.show, self.mirror = latents, show, mirror

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        device = generator.device
        if self.latents.mean.device.type != device.type:
            self.latents = self.latents.to(device)
        latents, tokens = self.latents.draw(size, generator)
        latents = latents * float(self.pipeline.vae.config.scaling_factor)
        if self.mirror:
            flipped = torch.rand(size, 1, 1, 1, generator=generator, device=device) < 0.5
            latents = torch.where(flipped, latents.flip(-1), latents)
        return self.noised(latents, tokens, generator)

    def samples(self) -> Image.Image | None:
        if self.show is None:
            return None
        pictures = generate(self.pipeline, self.show)
        return sheet(torch.from_numpy(pictures), self.show.columns)


def tokenize(pipeline: StableDiffusionPipeline, captions: Sequence[str]) -> Tensor:
    """Captions as the pipeline itself would tokenize them: N×L, padded and cut to the model's length."""
    tokenizer = pipeline.tokenizer
    encoded = tokenizer(
        list(captions),
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    tokens: Tensor = encoded.input_ids
    return tokens


@torch.no_grad()
def generate(pipeline: StableDiffusionPipeline, show: SampleSettings, batch_size: int = 16) -> np.ndarray:
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
