"""What networks of diffusers' compute, with fewer operations: equal in algebra, other in the rounding of fp32 alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  (as everybody calls it)

from igo.painting.engines.calls import Call

Forward = Callable[..., Any]
_BLOCKS = {"DownBlock2D", "CrossAttnDownBlock2D", "UNetMidBlock2DCrossAttn", "CrossAttnUpBlock2D", "UpBlock2D"}
"""Of a UNet: those where a text comes to a picture in a ``Transformer2DModel`` and nowhere else."""


@contextmanager
def replaced(forwards: Mapping[nn.Module, Forward]) -> Iterator[None]:
    """Within, layers compute by other forwards than their own."""
    for layer, forward in forwards.items():
        vars(layer)["forward"] = forward
    try:
        yield
    finally:
        for layer in forwards:
            del vars(layer)["forward"]


def rewritten(network: nn.Module) -> dict[nn.Module, Forward]:
    """The forwards by which the network computes so; a layer that holds an adapter, or another layer than torch's own,
    has none."""
    return {layer: forward for layer in network.modules() if (forward := _rewritten(layer)) is not None}


def halved(network: nn.Module, call: Call) -> Call | None:
    """The call of a UNet as guidance makes it, each latent with two texts: with each latent once, which a network that
    is ``rewritten`` repeats where the texts come in. None for other calls and networks."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    if not isinstance(network, UNet2DConditionModel) or len(call.tensors) != 3:  # a ControlNet's, say, are others
        return None
    blocks = [*network.down_blocks, network.mid_block, *network.up_blocks]
    sample, timestep, texts = call.tensors
    paired = sample.ndim == 4 and len(sample) % 2 == 0 and timestep.ndim == 0 and texts.shape[:1] == sample.shape[:1]
    if not paired or not {type(one).__name__ for one in blocks} <= _BLOCKS:
        return None
    first, second = sample.chunk(2)
    if not torch.equal(first, second):
        return None
    return replace(call, tensors=[first, *call.tensors[1:]], rest=(call.rest, "halved"))


def _rewritten(layer: nn.Module) -> Forward | None:
    """What the layer computes, rewritten; None where nothing is to be had."""
    from diffusers.models.activations import GEGLU
    from diffusers.models.resnet import ResnetBlock2D
    from diffusers.models.transformers.transformer_2d import Transformer2DModel
    from diffusers.models.unets.unet_2d_blocks import CrossAttnUpBlock2D, UpBlock2D
    from diffusers.models.upsampling import Upsample2D

    kind = type(layer)
    if kind is Upsample2D:
        return _upsampling(layer)
    if kind is GEGLU and type(layer.proj) is nn.Linear:
        return _gating(layer.proj)
    if kind is Transformer2DModel:
        return _with_texts(layer)
    if kind is ResnetBlock2D:
        return _with_time(layer)
    return _with_skips(layer) if kind in (CrossAttnUpBlock2D, UpBlock2D) else None


def _upsampling(layer: Any) -> Forward | None:
    """A convolution of 3×3 over pixels that stand twice in each direction meets 2×2 others: a transposed convolution of
    4×4, with less than half of the products."""
    conv = getattr(layer, "conv", None) or getattr(layer, "Conv2d_0", None)
    usual = (3, 3), (1, 1), (1, 1), (1, 1), 1, "zeros"
    if type(conv) is not nn.Conv2d or layer.norm is not None or not layer.interpolate:
        return None
    if (conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.groups, conv.padding_mode) != usual:
        return None
    plain = layer.forward

    def forward(hidden_states: torch.Tensor, output_size: Any = None) -> Any:
        if output_size is not None:
            return plain(hidden_states, output_size)
        turned = conv.weight.transpose(0, 1).flip(2, 3)
        kernel = torch.stack([F.pad(turned, (x, 1 - x, y, 1 - y)) for x in (0, 1) for y in (0, 1)]).sum(0)
        return F.conv_transpose2d(hidden_states, kernel, conv.bias, stride=2, padding=1)

    return forward


def _gating(linear: nn.Linear) -> Forward:
    """Two products whose answers needn't be cut apart."""

    def forward(hidden_states: torch.Tensor) -> torch.Tensor:
        (weight, gate), biases = linear.weight.chunk(2), (None, None) if linear.bias is None else linear.bias.chunk(2)
        return F.linear(hidden_states, weight, biases[0]) * F.gelu(F.linear(hidden_states, gate, biases[1]))

    return forward


def _with_texts(layer: nn.Module) -> Forward:
    plain = layer.forward

    def forward(hidden_states: torch.Tensor, encoder_hidden_states: Any = None, **others: Any) -> Any:
        return plain(_for_each(hidden_states, encoder_hidden_states), encoder_hidden_states, **others)

    return forward


def _with_time(layer: nn.Module) -> Forward:
    plain = layer.forward

    def forward(input_tensor: torch.Tensor, temb: torch.Tensor | None = None) -> Any:
        return plain(input_tensor, temb if temb is None else _for_each(temb, input_tensor))

    return forward


def _with_skips(layer: nn.Module) -> Forward:
    plain = layer.forward

    def forward(hidden_states: torch.Tensor, res_hidden_states_tuple: Any, *args: Any, **others: Any) -> Any:
        skips = tuple(_for_each(one, hidden_states) for one in res_hidden_states_tuple)
        return plain(hidden_states, skips, *args, **others)

    return forward


def _for_each(latents: torch.Tensor, others: Any) -> torch.Tensor:
    """Once more where there are twice as many others."""
    twice = isinstance(others, torch.Tensor) and len(others) == 2 * len(latents)
    return torch.cat([latents, latents]) if twice else latents
