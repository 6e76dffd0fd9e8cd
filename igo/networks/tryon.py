"""Try-on by laying the garment below the person, in one picture: CatVTON's method (Chong et al., CatVTON: Concatenation
Is All You Need for Virtual Try-On with Diffusion Models), with the mends of DeCo-VTON (arXiv 2511.18775).

An inpainting UNet of 9 channels (noisy latents, the mask, the latents of what the mask leaves) sees a picture of twice
the height: the person above, the garment below. The garment's half of the mask is 0, and what the mask leaves of it is
the garment, whole. No text: each cross-attention gives back what it is given (see ``without_text``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from igo.errors import CheckpointError


@dataclass(frozen=True)
class Method:
    """What tells one published method from another; the defaults are those of `igo train tryon`.

    ``renew``: each step puts the clean garment, noised anew with one fixed noise, into its half, which is else denoised
    like the person's. ``forget``: the unconditional branch loses the noised garment too, and not the clean one alone.
    ``eta`` is DDIM's, 0 for no further noise. Guidance acts at timesteps below ``guided`` (Kynkäänniemi et al.,
    Applying Guidance in a Limited Interval). ``context`` is what a model is shown around a zone, as a multiple of its
    longer side: `mini/tryon` learned from pictures that the garment nearly fills, CatVTON from whole people.
    """

    renew: bool = True
    forget: bool = True
    eta: float = 0.0
    guided: int = 1000
    context: float = 0.1


CATVTON = Method(renew=False, forget=False, eta=1.0, context=0.5)
"""As CatVTON's own weights were made to be used."""
OUTLINE = 2
"""Pixels by which an old garment is hidden beyond where it was found."""
SETTLED = 600
"""Above this timestep, where noise hides all but what is where, a rollout learns from its own estimates."""
ROLLED_OUT = Method(guided=SETTLED)
"""As a rollout is made to be used, by LCM's scheduler: guidance would distort what it estimates at once."""


class Returned:
    """An attention processor that gives back what the attention is asked with, as CatVTON's weights expect it: a
    transformer block then adds its normalised input to its input."""

    def __call__(self, attn: Any, hidden_states: Tensor, *_: Any, **__: Any) -> Tensor:  # noqa: ARG002 (diffusers')
        return hidden_states


def without_text(unet: Any) -> Any:
    """The UNet, changed in place, with its cross-attentions (``attn2``) skipped; it takes no text (None)."""
    processors = {
        name: Returned() if ".attn2." in name else processor for name, processor in unet.attn_processors.items()
    }
    unet.set_attn_processor(processors)
    return unet


def attentions(unet: Any) -> dict[str, Tensor]:
    """The weights of all self-attentions as CatVTON publishes them: ``"0.to_q.weight"`` and so on, numbered in the
    order of ``named_modules()`` over all modules whose name ends in ``attn1``."""
    return {
        f"{number}.{name}": value
        for number, module in enumerate(_attn1(unet))
        for name, value in module.state_dict().items()
    }


def load_attentions(unet: Any, state: Mapping[str, Tensor], what: str) -> None:
    """Put numbered self-attention weights into ``unet``. Raises ``CheckpointError``, which begins with ``what``, where
    they are others than it has, or of other shapes."""
    own = attentions(unet)
    if set(own) != set(state):
        odd = sorted(set(own) ^ set(state))[0]
        raise CheckpointError(
            f"{what} holds {len(state)} weights of self-attentions, and the UNet has {len(own)} ('{odd}' is only in "
            "one); name the base that it was made for"
        )
    for name, value in state.items():
        if value.shape != own[name].shape:
            raise CheckpointError(
                f"{what} holds {name} with shape {tuple(value.shape)}, and the UNet has {tuple(own[name].shape)}; "
                "name the base that it was made for"
            )
    for number, module in enumerate(_attn1(unet)):
        prefix = f"{number}."
        module.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})


def _attn1(unet: Any) -> list[Any]:
    return [module for name, module in unet.named_modules() if name.endswith("attn1")]


def below(person: Tensor, garment: Tensor) -> Tensor:
    """The two halves, N×C×h×w each, as one picture N×C×2h×w."""
    return torch.cat([person, garment], dim=-2)


def context(left: Tensor, mask: Tensor, garment: Tensor) -> Tensor:
    """The channels beside the noisy latents, N×(1+C)×2h×w: the mask (N×1×h×w, 1 where to paint) over nothing, and what
    the mask leaves of the person over the garment (N×C×h×w each)."""
    return torch.cat([below(mask, torch.zeros_like(mask)), below(left, garment)], dim=1)


@torch.no_grad()
def try_on(
    unet: Any,
    scheduler: Any,
    left: Tensor,
    mask: Tensor,
    garment: Tensor,
    noise: Tensor,
    *,
    num_inference_steps: int,
    guidance_scale: float,
    laid: Tensor | None = None,
    method: Method = Method(),
    generator: Any = None,
    on_step: Callable[[int, int, Tensor], None] | None = None,
) -> Tensor:
    """The person's latents (N×C×h×w, scaled as the VAE scales them) in the garment.

    ``left`` are the latents of the person without the zone, ``mask`` N×1×h×w its zone (1), ``garment`` those of the
    garment, ``noise`` N×C×2h×w. A model that has learned it is shown ``laid`` in place of ``left``: the latents of the
    person with the garment laid over the zone. With ``guidance_scale`` above 1 each step below ``method.guided`` asks
    twice: with the garment, and with zeros in its place and nothing laid over the zone. ``generator`` (one, or one for
    each) draws what schedulers add.
    ``on_step(done, all, latents)`` is told after each step, with the person's latents as they are by then.
    """
    height = left.shape[-2]
    scheduler.set_timesteps(num_inference_steps, device=left.device)
    known = context(left if laid is None else laid, mask, garment)
    unknown = context(left, mask, torch.zeros_like(garment))
    latents = noise * scheduler.init_noise_sigma
    fixed = noise[..., height:, :]
    further = {
        name: value
        for name, value in (("eta", method.eta), ("generator", generator))
        if name in inspect.signature(scheduler.step).parameters
    }
    for number, timestep in enumerate(scheduler.timesteps):
        if method.renew:
            noised = scheduler.add_noise(garment, fixed, timestep.reshape(1))
            latents = below(latents[..., :height, :], noised)
        seen = scheduler.scale_model_input(latents, timestep)
        asked = torch.cat([seen, known], 1)
        guided = guidance_scale > 1 and float(timestep) < method.guided
        if guided:
            blank = below(seen[..., :height, :], torch.zeros_like(garment)) if method.forget else seen
            asked = torch.cat([torch.cat([blank, unknown], 1), asked])
        told = unet(asked, timestep, encoder_hidden_states=None, return_dict=False)[0]
        if guided:
            without, within = told.chunk(2)
            told = without + guidance_scale * (within - without)
        latents = scheduler.step(told, timestep, latents, **further, return_dict=False)[0]
        if on_step is not None:
            on_step(number + 1, len(scheduler.timesteps), latents[..., :height, :])
    person: Tensor = latents[..., :height, :]
    return person
