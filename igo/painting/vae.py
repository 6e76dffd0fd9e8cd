"""What a VAE gets beside diffusers: a memory of what it encoded, and fp32 where half precision overflows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch

from igo.errors import OverflowInVAEError
from igo.painting.prompts.cache import weights_probe

KEPT = 4
"""Encodings that are remembered: of a picture and of the same without its zone, and some that come between."""


def care_for(vae: Any) -> None:
    """Add both to a VAE, in place. A pipeline may have none, or one of another make: what isn't there is left out."""
    for part in ("encoder", "decoder"):
        network = getattr(vae, part, None)
        if network is not None:
            network.register_forward_hook(_redo_in_fp32, with_kwargs=True)
    if hasattr(vae, "encode"):
        vae.encode = _remembering(vae)


def _remembering(vae: Any) -> Callable[..., Any]:
    """``vae.encode``, which knows the last pictures again that it was given, to the last bit: all garments of a
    lookbook begin with the same, and so do all candidates for a zone.

    What is remembered is the distribution, and generators draw from it as ever: no picture becomes another one.
    """
    encode, known = vae.encode, deque[tuple[Any, torch.Tensor, Any]](maxlen=KEPT)

    @wraps(encode)
    def remembered(pixels: torch.Tensor, *options: Any, **named: Any) -> Any:
        if options or named or torch.is_grad_enabled():
            return encode(pixels, *options, **named)
        state = (pixels.dtype, pixels.device, pixels.shape, getattr(vae, "use_tiling", False), weights_probe(vae))
        for key, seen, answer in known:
            if key == state and torch.equal(seen, pixels):
                return answer
        answer = encode(pixels)
        if hasattr(answer, "latent_dist"):  # others give bare tensors, which a pipeline may change in place
            known.append((state, pixels.clone(), answer))
        return answer

    return remembered


def _redo_in_fp32(network: Any, inputs: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
    """Half precision overflows in some VAEs, and the picture turns black: then the network runs once more in fp32."""
    if torch.isfinite(output).all():
        return output
    if not torch.isfinite(inputs[0]).all():
        raise OverflowInVAEError("the denoiser gave no finite latents; try dtype='bfloat16' or 'float32'")
    dtype = next(network.parameters()).dtype
    if dtype != torch.float32:
        network.to(torch.float32)
        try:
            output = network.forward(inputs[0].float(), *inputs[1:], **kwargs)
        finally:
            network.to(dtype)
    if not torch.isfinite(output).all():
        raise OverflowInVAEError("the VAE gave no finite pixels, in fp32 too; the checkpoint's VAE may be damaged")
    narrow = output.to(dtype)
    return narrow if torch.isfinite(narrow).all() else output
