"""What try-on learns from as a VAE sees it: people without zones, with garments laid over these, and garments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from igo.errors import CheckpointError
from igo.files import refusing
from igo.networks.bodies import Bodies, laid
from igo.networks.limbs import limbs_under, skin_of
from igo.networks.tryon import OUTLINE
from igo.networks.weights import read
from igo.training.data.latents import to_model
from igo.training.data.tryon import TryOnSet
from igo.training.data.weights import write_tensors

BLANK = 4
"""Of so many people, one is seen without all that the zone holds, as where somebody brings a mask."""
CHUNK = 32
"""Pictures that are encoded at once."""
Bare = tuple[Tensor, Tensor]
"""Pictures N×H×W×3 uint8, and where in them bare limbs are drawn, N×H×W bool."""
Over = Callable[[slice], tuple[Tensor, Tensor]]
"""What gives the garments of some people as they lie over them, and where."""


@dataclass(frozen=True)
class Fittings:
    """A ``TryOnSet`` as a VAE sees it, half precision, scaled: ``people`` N×C×h×w, ``left`` of them without each zone
    N×Z×C×h×w, ``garments`` M×C×h×w, ``before`` N×C×h×w or empty; ``masks`` N×Z×1×h×w uint8; ``worn`` N×G. ``laid``
    (N×Z×G×C×h×w, or empty): the same as ``left``, with each picture of the garment laid over the zone; ``unseen``
    (N×Z×G×1×h×w, or empty): the share of each cell in which that shows nothing that anybody has seen. ``over``
    (N×G×C×h×w, or empty): the same as ``before``, with each picture of the garment laid over it."""

    people: Tensor
    left: Tensor
    masks: Tensor
    garments: Tensor
    worn: Tensor
    before: Tensor
    laid: Tensor
    unseen: Tensor
    over: Tensor

    def __len__(self) -> int:
        return len(self.people)

    def to(self, device: torch.device) -> Fittings:
        """The same on another device."""
        return replace(self, **{item.name: getattr(self, item.name).to(device) for item in fields(self)})


@torch.no_grad()
def fittings(vae: Any, data: TryOnSet, cache: Path | None = None, bodies: Bodies | None = None) -> Fittings:
    """``data`` encoded by ``vae``, with garments laid over people where ``bodies`` says where those are, and all else
    in zones gray but what is seen there of the people before, without what they take off, if that is known: with bare
    limbs in place of it, as far as those can be told; kept in the file ``cache``, whose caller names it by what it is
    made of."""
    if cache is not None and cache.exists():
        return Fittings(**read(cache))

    def encoded(pictures: Tensor) -> Tensor:
        mode: Tensor = vae.encode(pictures.to(vae.device, vae.dtype)).latent_dist.mode()
        return (mode.float() * float(vae.config.scaling_factor)).half().cpu()

    def every(pictures: Tensor) -> Tensor:
        parts = [encoded(to_model(part)) for part in torch.split(pictures, CHUNK)] if len(pictures) else []
        return torch.cat(parts) if parts else torch.empty(0)

    people = every(data.people)
    size = people.shape[-2], people.shape[-1]
    over, bare = list[Over](), list[Bare | None]()
    if bodies is not None:
        own = _placed(bodies, data.before if len(data.before) else data.people)
        over = [_over(data, number, bodies, own) for number in range(data.worn.shape[1])]
        bare = [_bared(data, one, own) for one in over]

    def seen(zone: int, over: Over | None = None, bare: Bare | None = None) -> tuple[Tensor, Tensor]:
        left, unseen = [], []
        for start in range(0, len(data), CHUNK):
            pictures, gray = _seen(data, slice(start, start + CHUNK), zone, over, bare)
            left.append(encoded(pictures))
            unseen.append(functional.adaptive_avg_pool2d(gray.float(), size).half())
        return torch.cat(left), torch.cat(unseen)

    def worn_over(one: Over) -> Tensor:
        parts = []
        for start in range(0, len(data), CHUNK):
            above, where = one(slice(start, start + CHUNK))
            parts.append(encoded(torch.where(where, above, to_model(data.before[start : start + CHUNK]))))
        return torch.cat(parts)

    zones = range(data.zones.shape[1])
    each = [[seen(zone, *one) for one in zip(over, bare, strict=True)] for zone in zones]
    laid, unseen = (
        torch.stack([torch.stack([one[part] for one in of_zone], 1) for of_zone in each], 1) if over else torch.empty(0)
        for part in (0, 1)
    )
    made = Fittings(
        people=people,
        left=torch.stack([seen(zone)[0] for zone in zones], 1),
        masks=functional.interpolate(data.zones.to(torch.uint8), size=size)[:, :, None],
        garments=every(data.garments),
        worn=data.worn,
        before=every(data.before),
        laid=laid,
        unseen=unseen,
        over=torch.stack([worn_over(one) for one in over], 1) if over and len(data.before) else torch.empty(0),
    )
    if cache is not None:
        with refusing(cache.parent, CheckpointError):
            cache.parent.mkdir(parents=True, exist_ok=True)
            write_tensors({item.name: getattr(made, item.name) for item in fields(made)}, cache)
    return made


def _seen(data: TryOnSet, rows: slice, zone: int, over: Over | None, bare: Bare | None) -> tuple[Tensor, Tensor]:
    """Some of the people with a zone of theirs as it is shown, N×3×H×W, and where that is nothing that anybody has
    seen, N×1×H×W."""
    inside = data.zones[rows, zone, None]
    if len(data.old):
        blank = (torch.arange(len(data))[rows] % BLANK == 0).view(-1, 1, 1, 1)
        pictures, guessed = data.before[rows], torch.zeros_like(inside)
        if bare is not None:
            pictures, guessed = bare[0][rows], bare[1][rows, None] & ~blank
        hidden = functional.max_pool2d(data.old[rows, None].float(), 2 * OUTLINE + 1, 1, OUTLINE) > 0
        hidden |= blank
        shown = torch.where(hidden & ~guessed, 0.0, to_model(pictures))
    else:
        hidden = torch.ones_like(inside)
        shown = torch.zeros_like(to_model(data.people[rows]))
    if over is not None:
        above, where = over(rows)
        shown, hidden = torch.where(where, above, shown), hidden & ~where
    return torch.where(inside, shown, to_model(data.people[rows])), inside & hidden


def _bared(data: TryOnSet, over: Over, placements: Tensor) -> Bare | None:
    """The people before with bare limbs in place of what they take off, as far as garments that lie ``over`` them leave
    some bare; None where nobody knows what they take off."""
    if not len(data.old):
        return None
    pictures, where = [], []
    for start in range(0, len(data), CHUNK):
        rows = slice(start, start + CHUNK)
        new = over(rows)[1][:, 0].numpy()
        some = zip(data.before[rows].numpy(), data.old[rows].numpy(), new, placements[rows].numpy(), strict=True)
        for picture, old, cloth, place in some:
            limbs = limbs_under(picture, old, cloth, place, skin_of(picture, place))
            pixels, bare = limbs.bared(picture, old)
            pictures.append(pixels)
            where.append(bare)
    return torch.from_numpy(np.stack(pictures)), torch.from_numpy(np.stack(where))


def _placed(bodies: Bodies, pictures: Tensor) -> Tensor:
    """Where bodies lie in pictures (N×H×W×3 uint8), N×5×2×3."""
    parts = torch.split(pictures, CHUNK)
    return torch.cat([bodies.placements((to_model(part) + 1) / 2) for part in parts])


def _over(data: TryOnSet, number: int, bodies: Bodies, people: Tensor) -> Over:
    """What gives garments, in the picture of a ``number`` of each, as they lie over some of the people, in whose
    pictures, those in other clothes if there are such, bodies lie as ``people`` says."""
    garments = _placed(bodies, data.garments[data.worn[:, number]])

    def over(rows: slice) -> tuple[Tensor, Tensor]:
        pictures = to_model(data.garments[data.worn[rows, number]])
        return laid(pictures, garments[rows], people[rows], (pictures.shape[3], pictures.shape[2]))

    return over
