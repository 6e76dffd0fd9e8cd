"""Training a SegFormer to tell where on a body each place of a picture lies (see ``igo.networks.bodies``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from igo.networks.bodies import centres, fitted, moved, read_off, stretched, units_of
from igo.training.data.bodies import BodySet
from igo.training.data.latents import to_model
from igo.training.loop.task import Batch, Task
from igo.training.tasks.preprocessing import Preprocessing

WHOLE = 1.0
"""How much the error of the trunk's fit counts, beside that of single cells."""
ARMS = 0.5
"""And that of arms."""
NAMES = 2.0
"""And whether parts are told from each other."""
TURNED, ANGLES = 0.1, (1.5, 20.0)
"""How many pictures are turned far, and by what deviation, in degrees, the others and those are."""
ZOOM, MOVE = 1.13, 0.03
"""By what factor pictures are enlarged or shrunk, at most, and moved, in the mean, as a share of their width."""


class BodyObjective(nn.Module):
    """How far off cells are, by their own opinion (Laplace's likelihood, as Kendall and Gal, What Uncertainties Do We
    Need in Bayesian Deep Learning for Computer Vision?, weigh losses), and how far what fits them best."""

    def __init__(self, model: Any, size: tuple[int, int]) -> None:
        super().__init__()
        self.model, self.size = model, size
        self.train()

    def train(self, mode: bool = True) -> BodyObjective:
        """Dropout and dropped paths would draw chance here, and the statistics of a batch are noise to what is to be
        exact: a parser has come with its own."""
        super().train(False)
        self.training = mode
        return self

    def forward(self, pixels: Tensor, units: Tensor) -> dict[str, Tensor]:
        """``pixels`` N×3×H×W normalised; ``units`` N×5×2×2, the true ``a`` and ``b`` of the parts, as ``fitted`` has
        them (real, imaginary)."""
        answers = self.model(pixel_values=pixels).logits.float()
        found, error, scores = read_off(answers, self.size)
        at = centres(answers, self.size)
        a, b = torch.view_as_complex(units.contiguous()).unbind(2)
        truth, part = stretched(a, b, at)
        cells = ((found - truth).abs() * torch.exp(-error) + 2 * error).mean()
        a, b, _ = fitted(found, error, at, part)
        off = ((a.gather(1, part) * at + b.gather(1, part)) - truth).abs()
        whole, arms = ((off * where).sum() / where.sum().clamp(min=1) for where in (part == 0, part > 0))
        loss = cells + WHOLE * whole + ARMS * arms + NAMES * functional.cross_entropy(scores, part)
        return {"loss": loss, "cells": cells.detach(), "whole": whole.detach(), "arms": arms.detach()}


class BodyTask(Task):
    """Learn from pictures of people and of garments that are each moved, turned and enlarged by chance."""

    name = "bodies"

    def __init__(self, model: Any, preprocessing: Preprocessing, data: BodySet, held_out: BodySet) -> None:
        self.model, self.preprocessing, self.data, self.held_out = model, preprocessing, data, held_out
        self.module = BodyObjective(model, preprocessing.size)

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        device = generator.device
        chance = torch.rand(2, size, generator=generator, device=device).cpu()
        normal = torch.randn(3, size, generator=generator, device=device).cpu()
        row = (chance[0] * len(self.data)).long().clamp(max=len(self.data) - 1)
        pictures = to_model(self.data.pictures[row])
        placements = self.data.placements[row].double()
        spread = torch.where(torch.arange(size) < TURNED * size, ANGLES[1], ANGLES[0])
        changed = _changed(placements, pictures.shape, normal, spread, ZOOM ** (2 * chance[1] - 1))
        values = (moved(pictures, placements[:, 0], changed[:, 0]).clamp(-1, 1) + 1) / 2
        return {
            "pixels": self.preprocessing.normalise(values).to(device),
            "units": _units(changed).to(device),
        }

    def measures(self) -> dict[str, float]:
        """How far the fits of trunks and arms are off on held-out pictures, in the body's units, averaged over each."""
        found = []
        for start in range(0, len(self.held_out), 32):
            part = slice(start, start + 32)
            pixels = self.preprocessing.apply(self.held_out.pictures[part]).to(next(self.model.parameters()).device)
            told = self.module(pixels, _units(self.held_out.placements[part].double()).to(pixels.device))
            found.append(torch.stack([told["whole"], told["arms"]]) * len(pixels))
        trunks, arms = (torch.stack(found).sum(0) / len(self.held_out)).tolist()
        return {"units off": trunks, "units off, arms": arms}


def _changed(placements: Tensor, shape: Sequence[int], normal: Tensor, spread: Tensor, zoom: Tensor) -> Tensor:
    """Where bodies lie once their pictures are turned and enlarged about their middle, and moved."""
    middle = torch.tensor([(shape[3] - 1) / 2, (shape[2] - 1) / 2], dtype=placements.dtype)
    angle = torch.deg2rad(normal[0] * spread).double()
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], -1).view(-1, 2, 2) * zoom.view(-1, 1, 1)
    turned = turn[:, None] @ torch.cat([placements[..., :2], placements[..., 2:] - middle.view(2, 1)], -1)
    turned[..., 2] += (middle + normal[1:].T * MOVE * shape[3])[:, None]
    return turned


def _units(placements: Tensor) -> Tensor:
    """``a`` and ``b`` of ``a * pixel + b``, N×5×2×2 (real, imaginary)."""
    return torch.view_as_real(torch.stack(units_of(placements), 2)).to(torch.float32)
