"""Training an autoencoder: the first stage of a latent diffusion model."""

import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from igo.errors import SettingsError
from igo.training.data.latents import random_crops, to_model, to_pictures
from igo.training.loop.grids import sheet
from igo.training.loop.task import Batch, Task


class VaeObjective(nn.Module):
    """Reconstruction without a discriminator, and latents in which colour can be read off.

    L1 keeps edges, an L1 on horizontal and vertical differences keeps them sharp, an L1 on 8×8 means keeps flat
    colours exact, and a small KL term keeps latents near unit variance (Kingma & Welling, Auto-Encoding Variational
    Bayes; Rombach et al., High-Resolution Image Synthesis with Latent Diffusion Models). ``anchor`` pulls the first
    three latent channels to the standardised mean colour of their patch: a small denoiser then learns colours as
    colours, where a free latent space scatters them.
    """

    colour_mean: Tensor
    colour_spread: Tensor

    def __init__(
        self, vae: AutoencoderKL, colour_mean: Tensor, colour_spread: Tensor, kl: float = 8e-4, anchor: float = 0.02
    ) -> None:
        super().__init__()
        self.vae, self.kl, self.anchor = vae, kl, anchor
        self.register_buffer("colour_mean", colour_mean.view(1, 3, 1, 1))
        self.register_buffer("colour_spread", colour_spread.view(1, 3, 1, 1))

    def forward(self, pictures: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """``pictures`` N×3×H×W in -1..1; ``noise`` standard normal in the latents' shape."""
        posterior = self.vae.encode(pictures).latent_dist
        mean, logvar = posterior.mean.float(), posterior.logvar.float()
        decoded = self.vae.decode(mean + (0.5 * logvar).exp() * noise).sample.float()
        pixel = (decoded - pictures).abs().mean()
        edges = sum((decoded.diff(dim=side) - pictures.diff(dim=side)).abs().mean() for side in (-1, -2))
        flat = functional.avg_pool2d(decoded - pictures, 8).abs().mean()
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        factor = pictures.shape[-1] // noise.shape[-1]
        colour = (functional.avg_pool2d(pictures, factor) - self.colour_mean) / self.colour_spread
        anchor = (mean[:, :3] - colour).square().mean()
        loss = pixel + 0.5 * edges + flat + self.kl * kl + self.anchor * anchor
        return {"loss": loss, "pixel": pixel, "kl": kl, "anchor": anchor}


class VaeTask(Task):
    """Learn to encode and decode square crops of ``pictures`` (N×H×W×3 uint8); ``held_out`` are whole pictures.

    A quarter of every batch shows twice the area at half the scale, so that shrunk pictures can be encoded too; the
    pictures' sides must be at least ``2 * crop``. With ``decoder_only`` the encoder stays as it is, and so do all
    latents made with it: a decoder may go on learning after, or while, a denoiser is trained.
    """

    def __init__(
        self, vae: AutoencoderKL, pictures: Tensor, held_out: Tensor, crop: int = 64, decoder_only: bool = False
    ) -> None:
        self.name = "decoder" if decoder_only else "vae"
        self.vae, self.pictures, self.held_out, self.crop = vae, pictures, held_out, crop
        self.factor = 2 ** (len(vae.config.block_out_channels) - 1)
        if crop % (8 * self.factor):
            raise SettingsError(f"a crop of {crop} pixels can't be used; choose a multiple of {8 * self.factor}")
        for part in (vae.encoder, vae.quant_conv):
            part.requires_grad_(not decoder_only)
        patches = functional.avg_pool2d(to_model(pictures[:: max(len(pictures) // 256, 1)]), self.factor)
        spread, mean = torch.std_mean(patches, dim=(0, 2, 3))
        self.module = VaeObjective(vae, mean, spread.clamp(min=0.05))

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        if self.pictures.device.type != generator.device.type:
            self.pictures = self.pictures.to(generator.device)
        pictures = random_crops(self.pictures, size - size // 4, self.crop, self.crop, generator)
        if size >= 4:
            wide = random_crops(self.pictures, size // 4, 2 * self.crop, 2 * self.crop, generator)
            pictures = torch.cat([pictures, functional.avg_pool2d(wide, 2)])
        side = self.crop // self.factor
        shape = (size, int(self.vae.config.latent_channels), side, side)
        return {"pictures": pictures, "noise": torch.randn(shape, generator=generator, device=generator.device)}

    def measures(self) -> dict[str, float]:
        """PSNR in dB of the held-out pictures after a round trip through 8 bit."""
        error = torch.cat(
            [
                (to_pictures(self._decode(part)).float() - part.to(self.vae.device).float()).square().mean((1, 2, 3))
                for part in torch.split(self.held_out, 16)
            ]
        )
        return {"psnr": float((10 * torch.log10(255**2 / error.clamp(min=1e-3))).mean())}

    def samples(self) -> Image.Image:
        """Held-out pictures above what the autoencoder makes of them."""
        originals = self.held_out[:8]
        return sheet(torch.cat([originals, to_pictures(self._decode(originals)).cpu()]), columns=len(originals))

    def _decode(self, pictures: Tensor) -> Tensor:
        latents = self.vae.encode(to_model(pictures.to(self.vae.device))).latent_dist.mean
        decoded: Tensor = self.vae.decode(latents).sample
        return decoded


@torch.no_grad()
def encode(vae: AutoencoderKL, pictures: Tensor, batch_size: int = 64) -> tuple[Tensor, Tensor]:
    """Posterior mean and standard deviation of N×H×W×3 uint8 pictures: two N×C×h×w tensors in half precision."""
    means, spreads = [], []
    for part in torch.split(pictures, batch_size):
        posterior = vae.encode(to_model(part.to(vae.device))).latent_dist
        means.append(posterior.mean.half().cpu())
        spreads.append(posterior.std.half().cpu())
    return torch.cat(means), torch.cat(spreads)


def set_scaling_factor(vae: AutoencoderKL, mean: Tensor, spread: Tensor) -> float:
    """Choose the factor that gives sampled latents a standard deviation of 1, store it in ``vae`` and return it."""
    variance = mean.float().var() + spread.float().square().mean()
    factor = float(1 / variance.sqrt())
    vae.register_to_config(scaling_factor=factor)
    return factor
