"""Weights that a checkpoint and its inpainting checkpoint have in common, held in memory once.

Text encoder, autoencoder and safety checker are mostly the same in both. Each pipeline keeps modules of its own, with
their hooks, memory modes and dtypes; only the numbers behind equal tensors are shared, and nothing that paints writes
into those. A chain's ``prepare`` steps may, so what they have seen is never shared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from igo.painting.diffusion import Diffusion


def hold_once(new: Diffusion, others: Iterable[Diffusion]) -> None:
    """Let each tensor of ``new`` that equals one of ``others``, bit by bit, in the same place of the same kind of
    model and on the same device, lie where that one lies."""
    for other in others:
        for model in _models(new):
            for known in (one for one in _models(other) if type(one) is type(model)):
                tensors = dict(_tensors(known))
                for name, tensor in _tensors(model):
                    if name in tensors and _equal(tensor, tensors[name]):
                        tensor.data = tensors[name].data


def _models(diffusion: Diffusion) -> Iterator[torch.nn.Module]:
    checker = diffusion.checker[0] if diffusion.checker else None
    for part in (*diffusion.pipeline.components.values(), checker):
        if isinstance(part, torch.nn.Module):
            yield part


def _tensors(model: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from model.named_parameters()
    yield from model.named_buffers()


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors are the same bits: 0 and -0, which compare as equal, are not."""
    if one.is_meta or other.is_meta or type(one.data) is not type(other.data):
        return False
    if (one.shape, one.dtype, one.device, one.stride()) != (other.shape, other.dtype, other.device, other.stride()):
        return False
    return torch.equal(one.detach().reshape(-1).view(torch.uint8), other.detach().reshape(-1).view(torch.uint8))
