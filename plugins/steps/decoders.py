"""Small decoders (diffusers' ``AutoencoderTiny``, Bohan's TAESD) in the place of a VAE's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from igo import embedded
from igo.errors import CheckpointError
from igo.licensing import License

if TYPE_CHECKING:
    from igo import Runtime

OWN = "mini/tiny"
KIND = "AutoencoderTiny"
EXPECTED = "name a folder in diffusers' layout, or a hub's AutoencoderTiny such as 'madebyollin/taesd'"


def find(model: str, revision: str | None, runtime: Runtime) -> tuple[Path, str, License]:
    """The folder of a decoder, fetched if need be, which weights are in it, and their licence. Raises
    ``CheckpointError``."""
    from igo.networks import folders

    what = f"the decoder {model!r}"

    def found() -> tuple[Path, str]:
        own = str(embedded.path("tiny")) if model == OWN else model
        place = folders.place_of(own, what, EXPECTED, revision, runtime.permit)
        kind = folders.description(place / "config.json").get("_class_name")
        if kind != KIND:
            has = "it has no config.json of diffusers'" if kind is None else f"it has a {kind}"
            raise CheckpointError(f"{what} can't be loaded: {has}; {EXPECTED}")
        return place, folders.identity(place, model)

    place, identity = runtime.model(("tiny decoder", model, revision), found)
    return place, identity, runtime.permit(model, place)


def put_in(pipeline: Any, place: Path, model: str) -> None:
    """Let the pipeline's VAE decode by the one in ``place``; it encodes as before. Raises ``CheckpointError`` for one
    that can't be loaded, or was made for other latents."""
    from diffusers import AutoencoderKL, AutoencoderTiny

    from igo.networks.folders import load_model, one_line
    from igo.networks.quiet import quietly

    what, vae = f"the decoder {model!r}", getattr(pipeline, "vae", None)
    if not isinstance(vae, AutoencoderKL):
        raise CheckpointError(
            f"a {type(pipeline).__name__} has no AutoencoderKL, in whose place {what} could paint; leave it out"
        )
    with quietly(), one_line(what, EXPECTED):
        tiny = load_model(AutoencoderTiny, place, what, dtype=vae.dtype).eval()
    sizes = [
        (int(one.config.latent_channels), int(factor ** (len(one.config[name]) - 1)))
        for one, name, factor in (
            (tiny, "decoder_block_out_channels", tiny.config.upsampling_scaling_factor),
            (vae, "block_out_channels", 2),
        )
    ]
    if sizes[0] != sizes[1]:
        told = [f"{channels} channels, {factor} pixels a side" for channels, factor in sizes]
        raise CheckpointError(f"{what} is for latents of {told[0]}, this checkpoint's have {told[1]}; name another")
    vae.decoder = Decoder(tiny, vae)
    if vae.post_quant_conv is not None:
        vae.post_quant_conv = Passed(vae.post_quant_conv)


class Decoder(nn.Module):
    """From a VAE's latents to its pixels by a small network, which has learned them as denoisers see them."""

    def __init__(self, tiny: Any, vae: Any) -> None:
        super().__init__()
        self.inner = tiny.decoder
        self.scale = float(vae.config.scaling_factor) / float(tiny.config.scaling_factor)
        self.shift = float(vae.config.shift_factor or 0.0)

    def forward(self, latents: Tensor, *_: Any) -> Tensor:
        """N×C×h×w, unscaled, to N×3×H×W in -1..1."""
        pixels: Tensor = self.inner((latents - self.shift) * self.scale)
        return pixels


class Passed(nn.Module):
    """What the VAE does to latents for its own decoder, left out; its weights stay, by which pipelines tell dtypes."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """The latents as they are."""
        return latents
