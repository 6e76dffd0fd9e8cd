"""Training a small decoder (diffusers' ``AutoencoderTiny``, after Bohan's TAESD) to paint what a VAE's own paints."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from igo.errors import CheckpointError
from igo.files import writing_whole
from igo.training.data.latents import load_pictures, to_model, to_pictures
from igo.training.data.weights import replacing, write_weights
from igo.training.loop.grids import sheet
from igo.training.loop.hardware import processes
from igo.training.loop.task import Batch, Task

CARD = """---
license: other
---

A small decoder in the layout of diffusers' AutoencoderTiny, trained by `igo train decoder` to paint what the decoder of
the checkpoint paints that it was made for, whose licence holds for it too. Its encoder has not learned anything.
"""
EDGE = 2
"""Cells at the border of a crop that nothing is learned from where the picture goes on, and would say more."""


def build_decoder(vae: AutoencoderKL, channels: int) -> AutoencoderTiny:
    """One of ``channels`` throughout, with random weights, for the latents of ``vae``; its encoder is as small as can
    be, and stays as it is."""
    levels = len(vae.config.block_out_channels)
    return AutoencoderTiny(
        latent_channels=int(vae.config.latent_channels),
        encoder_block_out_channels=(1,) * levels,
        decoder_block_out_channels=(channels,) * levels,
        num_encoder_blocks=(0,) * levels,
        num_decoder_blocks=(*(3,) * (levels - 1), 1),
        scaling_factor=1.0,
    )


def decoded(vae: Any, latents: Tensor, path: Path) -> Tensor:
    """What ``vae`` paints of ``latents`` (N×C×h×w, unscaled): N×H×W×3 uint8, painted once and kept in ``path``."""
    with processes().main_process_first():
        if not path.exists():
            vae.to(processes().device)
            with torch.no_grad():
                parts = [
                    to_pictures(vae.decode(part.to(vae.device, vae.dtype)).sample).cpu().numpy()
                    for part in torch.split(latents, 8)
                ]
            with writing_whole(path, CheckpointError) as file:
                np.save(file, np.concatenate(parts))
    return load_pictures(path)


class DecoderObjective(nn.Module):
    """How far a small decoder's pictures lie from those of the VAE: pixels, edges and flat colours (see
    ``VaeObjective``)."""

    def __init__(self, tiny: AutoencoderTiny) -> None:
        super().__init__()
        self.decoder = tiny.decoder

    def forward(self, latents: Tensor, pictures: Tensor, seen: Tensor) -> dict[str, Tensor]:
        """``latents`` N×C×h×w, scaled; ``pictures`` N×3×H×W in -1..1; ``seen`` N×1×H×W, 1 where to learn, else 0."""
        error = (self.decoder(latents).float() - pictures) * seen / seen.mean()
        pixel = error.abs().mean()
        edges = sum(error.diff(dim=side).abs().mean() for side in (-1, -2))
        flat = functional.avg_pool2d(error, 8).abs().mean()
        return {"loss": pixel + 0.5 * edges + flat, "pixel": pixel}


class DecoderTask(Task):
    """Learn to paint ``pictures`` (N×H×W×3 uint8) from ``latents`` (N×C×h×w, scaled) in crops of ``crop`` cells a side;
    the last ``held_out`` are for measuring. Mirrored ones are of other latents, and not learned."""

    name = "tiny decoder"

    def __init__(self, tiny: AutoencoderTiny, latents: Tensor, pictures: Tensor, held_out: int, crop: int = 32) -> None:
        self.tiny, self.module = tiny, DecoderObjective(tiny)
        self.latents, self.pictures = latents[:-held_out], pictures[:-held_out]
        self.shown = latents[-held_out:], pictures[-held_out:]
        self.factor = pictures.shape[1] // latents.shape[2]
        self.crop = [min(crop, side) for side in latents.shape[2:]]

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        device = generator.device
        chance = torch.rand(3, size, generator=generator, device=device).cpu()
        parts: list[Batch] = []
        for pick, *places in chance.T.tolist():
            index, cells, pixels = int(pick * len(self.latents)), [], []
            seen = torch.ones(1, *(side * self.factor for side in self.crop))
            for axis, (place, side, full) in enumerate(
                zip(places, self.crop, self.latents.shape[2:], strict=True), start=1
            ):
                start = int(place * (full - side + 1))
                cells.append(slice(start, start + side))
                pixels.append(slice(start * self.factor, (start + side) * self.factor))
                edge, length = EDGE * self.factor, side * self.factor
                if start > 0:
                    seen.narrow(axis, 0, min(edge, length)).zero_()
                if start + side < full:
                    seen.narrow(axis, max(length - edge, 0), min(edge, length)).zero_()
            pictures = to_model(self.pictures[index, pixels[0], pixels[1]][None])[0]
            latents = self.latents[index, :, cells[0], cells[1]].float()
            parts.append({"latents": latents, "pictures": pictures, "seen": seen})
        return {name: torch.stack([part[name] for part in parts]).to(device) for name in parts[0]}

    def measures(self) -> dict[str, float]:
        """PSNR in dB between what both decoders paint of held-out latents."""
        errors = [
            (self._painted(latents).float() - pictures.float()).square().mean((1, 2, 3))
            for latents, pictures in zip(*(torch.split(part, 16) for part in self.shown), strict=True)
        ]
        return {"psnr": float((10 * torch.log10(255**2 / torch.cat(errors).clamp(min=1e-3))).mean())}

    def samples(self) -> Image.Image:
        """What the VAE paints of held-out latents, above what the small decoder does."""
        latents, pictures = (part[:8] for part in self.shown)
        return sheet(torch.cat([pictures, self._painted(latents)]), columns=len(pictures))

    def _painted(self, latents: Tensor) -> Tensor:
        device = next(self.module.parameters()).device
        return to_pictures(self.tiny.decoder(latents.float().to(device)).float()).cpu()


def export_decoder(tiny: AutoencoderTiny, folder: Path, dtype: torch.dtype = torch.float16) -> int:
    """Write a folder that ``AutoencoderTiny`` of diffusers loads; return the size in bytes of the weights.

    A folder of weights that was there is replaced only when the new one is complete. Raises ``CheckpointError`` for
    weights that overflow in ``dtype``.
    """
    with replacing(folder) as partial:
        tiny.save_config(partial)
        (partial / "README.md").write_text(CARD, encoding="utf-8")
        return write_weights(tiny.state_dict(), partial / "diffusion_pytorch_model.safetensors", dtype)
