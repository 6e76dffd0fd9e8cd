"""Training a UNet to try garments on: the garment below the person, in one picture (see ``igo.networks.tryon``)."""

from __future__ import annotations

from typing import Any, Literal

import torch
from PIL import Image
from torch import Tensor, nn

from igo.networks.tryon import ROLLED_OUT, SETTLED, Method, below, context, try_on, without_text
from igo.training.data.latents import to_pictures
from igo.training.data.tryon_latents import Fittings
from igo.training.loop.grids import sheet
from igo.training.loop.task import Batch, Task
from igo.training.tasks.diffusion import DenoisingObjective

OUTSIDE = 0.2
"""How much a place outside the zone counts in the loss, against 1 inside."""
UNSEEN = 2.0
"""How much more a place counts of which the model is shown nothing, though it is shown the rest: its real task."""
HUBER = 0.15
"""Where the loss of estimates turns from the square to the distance, which gross errors rule less."""
CHUNK = 32
"""Pictures that are decoded at once."""


class TryOnObjective(DenoisingObjective):
    """The denoising loss on the person's half, weighted by place."""

    def __init__(self, unet: nn.Module, scheduler: Any, snr_gamma: float | None = 5.0) -> None:
        super().__init__(scheduler, snr_gamma)
        self.unet = unet

    def forward(
        self, people: Tensor, noise: Tensor, timesteps: Tensor, left: Tensor, masks: Tensor, garments: Tensor,
        shown: Tensor, weights: Tensor,
    ) -> dict[str, Tensor]:  # fmt: skip
        """``people``, ``left`` and ``garments`` N×C×h×w, ``noise`` N×C×2h×w, ``masks`` and ``weights`` N×1×h×w;
        ``shown`` N×1×1×1 is 0 where the garment is left out: clean, noised, all of it."""
        signal, sigma = self.shares(timesteps)
        own, fixed = torch.split(noise, people.shape[-2], dim=-2)
        predicted = self.told(signal * people + sigma * own, timesteps, fixed, left, masks, garments, shown)
        return self.losses(predicted, people, own, timesteps, weights)

    def told(
        self, noisy: Tensor, timesteps: Tensor, fixed: Tensor, left: Tensor, masks: Tensor, garments: Tensor,
        shown: Tensor,
    ) -> Tensor:  # fmt: skip
        """What the UNet says of a person's half (N×C×h×w), above the garment with the noise ``fixed``."""
        signal, sigma = self.shares(timesteps)
        other = (signal * garments + sigma * fixed) * shown
        seen = torch.cat([below(noisy, other), context(left, masks, garments * shown)], 1)
        answer: Tensor = self.unet(seen, timesteps, encoder_hidden_states=None).sample.float()
        return answer[..., : noisy.shape[-2], :]

    def emphasis(self, snr: Tensor) -> Tensor:
        """Where v is predicted, errors of the picture count alike at all timesteps with more noise than picture. There
        garment and zone settle colour and cut, and min-SNR gives such timesteps next to no weight."""
        return super().emphasis(snr) if self.prediction == "epsilon" else (snr + 1).clamp(max=2) / (snr + 1)


class UnrolledObjective(TryOnObjective):
    """The loss of what is painted in few steps, as it is painted, on the person's half.

    One step after another a model is given what it has painted itself, and no longer a picture with noise, from which
    it learns otherwise: errors of early steps add up. Where noise hides all but what is where, in which colours, it
    learns here from noise alone, and then from its own estimate, noised anew (as Zhang et al., DREAM: Diffusion
    Rectification and Estimation-Adaptive Models, do in one step): to be right on average. Below that it learns as ever,
    from pictures with noise: to be sharp."""

    def forward(
        self, people: Tensor, noise: Tensor, timesteps: Tensor, left: Tensor, masks: Tensor, garments: Tensor,
        shown: Tensor, weights: Tensor,
    ) -> dict[str, Tensor]:  # fmt: skip
        """``timesteps`` N×3: of noise alone, of the estimate from that, of the picture. ``noise`` is N×C×4h×w, a height
        for each, then the garment's; the rest as in ``TryOnObjective``. What an estimate comes from isn't learned
        through."""
        first, again, then = timesteps.unbind(1)
        *own, fixed = torch.split(noise, people.shape[-2], dim=-2)
        beside = fixed, left, masks, garments, shown
        estimates = [self.split(own[0], self.told(own[0], first, *beside), first)[0]]
        signal, sigma = self.shares(again)
        noisy = signal * estimates[0].detach() + sigma * own[1]
        estimates.append(self.split(noisy, self.told(noisy, again, *beside), again)[0])
        off = [(((each - people).square() + HUBER**2).sqrt() - HUBER) * weights for each in estimates]
        signal, sigma = self.shares(then)
        sharp = self.losses(self.told(signal * people + sigma * own[2], then, *beside), people, own[2], then, weights)
        whole = torch.stack(off).mean()
        return {"loss": (2 * whole + sharp["loss"]) / 3, "estimated": whole.detach(), "sharp": sharp["loss"].detach()}


class TryOnTask(Task):
    """Learn to paint people of ``data`` in the garments that they wear; ``held_out`` is for measuring.

    ``learn`` says what of the UNet is trained: its self-attentions alone, as CatVTON does, or all. A garment is left
    out with chance ``dropout``, for guidance; where there are pictures from before, the zone is, with chance
    ``unmasked``: the model then sees the person in other clothes, and a mask that is 1 everywhere. ``mirror`` flips
    half of the pairs.
    """

    name = "try-on"

    def __init__(
        self,
        unet: Any,
        vae: Any,
        scheduler: Any,
        data: Fittings,
        held_out: Fittings,
        *,
        learn: Literal["attention", "all"] = "attention",
        dropout: float = 0.1,
        unmasked: float = 0.15,
        mirror: bool = True,
        rollout: bool = False,
        steps: int = 20,
        guidance_scale: float = 2.5,
    ) -> None:
        self.unet, self.vae, self.scheduler = without_text(unet), vae, scheduler
        self.data, self.held_out = data, held_out
        self.dropout, self.unmasked, self.mirror = dropout, unmasked if len(data.before) else 0.0, mirror
        self.steps, self.guidance_scale = steps, guidance_scale
        for name, weight in unet.named_parameters():
            attention = ".attn1." in name
            weight.requires_grad_(attention or (learn == "all" and ".attn2." not in name))
        self.rollout = rollout
        self.module = (UnrolledObjective if rollout else TryOnObjective)(unet, scheduler)

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        if self.data.people.device.type != generator.device.type:
            self.data = self.data.to(generator.device)
        return self._drawn(self.data, size, generator)

    def _drawn(self, data: Fittings, size: int, generator: torch.Generator) -> Batch:
        device = generator.device

        def chance(*shape: int) -> Tensor:
            return torch.rand(shape, generator=generator, device=device)

        def number(below_it: int) -> Tensor:
            return (chance(size) * below_it).long().clamp(max=below_it - 1)

        row, zone, picture = number(len(data)), number(data.masks.shape[1]), number(data.worn.shape[1])
        people, garments = data.people[row].float(), data.garments[data.worn[row, picture]].float()
        left, masks = data.left[row, zone].float(), data.masks[row, zone].float()
        shown = (chance(size) >= self.dropout).view(-1, 1, 1, 1)
        if len(data.laid):
            left = torch.where(shown, data.laid[row, zone, picture].float(), left)
        weights = OUTSIDE + (1 - OUTSIDE) * masks
        if len(data.laid):
            weights = weights + UNSEEN * data.unseen[row, zone, picture].float()
        free = (chance(size) < self.unmasked).view(-1, 1, 1, 1)
        if self.unmasked:
            other = data.before[row].float()
            if len(data.over):
                other = torch.where(shown, data.over[row, picture].float(), other)
            left = torch.where(free, other, left)
            masks = torch.where(free, torch.ones_like(masks), masks)
        if self.mirror:
            flipped = (chance(size) < 0.5).view(-1, 1, 1, 1)
            people, garments, left, masks, weights = (
                torch.where(flipped, value.flip(-1), value) for value in (people, garments, left, masks, weights)
            )
        even = (torch.arange(size, device=device) + chance(size)) / size
        last = int(self.scheduler.config.num_train_timesteps)
        if self.rollout:
            again = SETTLED + chance(size) * (last - SETTLED)
            timesteps = torch.stack([torch.full_like(again, last), again, even * SETTLED], 1)
        else:
            timesteps = even * last
        heights = 1 + timesteps[0].numel()
        shape = (size, people.shape[1], heights * people.shape[2], people.shape[3])
        return {
            "people": people,
            "noise": torch.randn(shape, generator=generator, device=device),
            "timesteps": timesteps.long().clamp(max=last - 1),
            "left": left,
            "masks": masks,
            "garments": garments,
            "shown": shown.float(),
            "weights": weights / weights.mean((1, 2, 3), keepdim=True),
        }

    def measures(self) -> dict[str, float]:
        """The loss on held-out pairs, always with the same zones, noise and timesteps."""
        device = next(self.unet.parameters()).device
        generator = torch.Generator(device).manual_seed(0)
        held_out, size = self.held_out.to(device), min(len(self.held_out), 16)
        losses = [self.module(**self._drawn(held_out, size, generator))["loss"] for _ in range(4)]
        return {"held-out loss": float(torch.stack(losses).mean())}

    def samples(self) -> Image.Image:
        """Held-out people: without their zones, the garment, in it by the model, and as it is."""
        device = next(self.unet.parameters()).device
        few = min(len(self.held_out), 12)
        one = self.held_out.to(device)
        garments = one.garments[one.worn[:few, 0]].float()
        left, masks, people = one.left[:few, -1].float(), one.masks[:few, -1].float(), one.people[:few].float()
        shape = (few, people.shape[1], 2 * people.shape[2], people.shape[3])
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(device)
        made = try_on(
            self.unet,
            self.scheduler,
            left,
            masks,
            garments,
            noise,
            num_inference_steps=self.steps,
            guidance_scale=self.guidance_scale,
            laid=one.laid[:few, -1, 0].float() if len(one.laid) else None,
            method=ROLLED_OUT if self.rollout else Method(),
        )
        rows = torch.stack([left, garments, made, people], 1).flatten(0, 1)
        return sheet(to_pictures(self._decoded(rows)), columns=12)

    def _decoded(self, latents: Tensor) -> Tensor:
        values = latents.to(self.vae.device, self.vae.dtype) / float(self.vae.config.scaling_factor)
        with torch.no_grad():
            return torch.cat([self.vae.decode(part).sample.float().cpu() for part in torch.split(values, CHUNK)])
