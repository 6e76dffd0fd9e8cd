"""What a picture looks like while it is painted: its latents, made small and decoded, for whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from PIL.Image import Image

Preview = Callable[[], "Image | None"]
CELLS = 32
"""The longer side of what is decoded, in cells of the latents: 256 pixels with most autoencoders."""


def preview_of(pipeline: Any, latents: Any, index: int) -> Preview | None:
    """What makes a preview of picture ``index`` of a batch's ``latents``; None where that would be no picture, of a
    family that packs its latents, or cost too much: where an engine would compile the decoder for another size, or
    accelerate move models to and fro, either of which stands in the place of a network's ``forward``."""
    vae = getattr(pipeline, "vae", None)
    channels = getattr(getattr(vae, "config", None), "latent_channels", None)
    networks = [network for network in (vae, getattr(vae, "decoder", None)) if network is not None]
    replaced = any("forward" in vars(network) for network in networks)
    if replaced or not isinstance(latents, torch.Tensor) or latents.ndim != 4 or latents.shape[1] != channels:
        return None
    return partial(_decoded, vae, latents[index : index + 1])


def _decoded(vae: Any, latents: torch.Tensor) -> Image | None:
    """RGB of about 256 pixels. A preview is never a reason for a painting to fail: what can't be decoded is None."""
    from PIL.Image import fromarray

    height, width = latents.shape[-2:]
    scale = min(1, CELLS / max(height, width))
    try:
        with torch.no_grad():
            small = torch.nn.functional.interpolate(
                latents.float(), (max(1, round(height * scale)), max(1, round(width * scale))), mode="area"
            ).to(vae.dtype)
            shift = getattr(vae.config, "shift_factor", None) or 0
            pixels = vae.decode(small / vae.config.scaling_factor + shift, return_dict=False)[0]
    except Exception:  # an autoencoder of somebody else's, or no memory left
        return None
    plain = (pixels[0].float() / 2 + 0.5).clamp(0, 1).permute(1, 2, 0).mul(255).round().to(torch.uint8)
    return fromarray(plain.cpu().numpy())
