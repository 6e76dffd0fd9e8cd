"""GroupNorm with SiLU after it as one kernel of OpenAI's Triton: what a UNet does most often beside its products.

The method is that of Wu and He, "Group Normalization" (2018): one program for each picture and group takes the mean in
a first pass, the variance around it in a second, and writes in a third, all in fp32, with nothing written between. For
inference alone: it has no gradients. Needs Triton, which this module imports.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import torch
import triton
import triton.language as tl
from torch import nn
from torch.nn import functional as F  # noqa: N812  (as everybody calls it)

from igo.painting.engines import cache as disk
from igo.painting.engines.dynamo import compiled

VERSION = 1
"""Of the kernel, raised with each change that makes it quicker or slower."""
BLOCK = 4096
"""Numbers that a program takes at once, at most."""


@triton.jit  # type: ignore[untyped-decorator]
def _kernel(  # type: ignore[no-untyped-def]
    given, weight, bias, made, size, channels, eps, width: tl.constexpr, last: tl.constexpr, block: tl.constexpr
):
    """Groups are ``width`` channels of ``size`` numbers; channels lie ``last``, or one after another."""
    group, count = tl.program_id(1), size * width
    picture = tl.program_id(0).to(tl.int64) * size * channels
    lanes = tl.arange(0, block)
    total = tl.zeros([block], tl.float32)
    for start in range(0, count, block):
        place = start + lanes
        at = (place // width) * channels + group * width + place % width if last else group * count + place
        total += tl.load(given + picture + at, mask=place < count, other=0.0).to(tl.float32)
    mean = tl.sum(total, 0) / count
    total = tl.zeros([block], tl.float32)
    for start in range(0, count, block):
        place = start + lanes
        at = (place // width) * channels + group * width + place % width if last else group * count + place
        apart = tl.load(given + picture + at, mask=place < count, other=0.0).to(tl.float32) - mean
        total += tl.where(place < count, apart * apart, 0.0)
    scale = 1.0 / tl.sqrt(tl.sum(total, 0) / count + eps)
    for start in range(0, count, block):
        place = start + lanes
        at = (place // width) * channels + group * width + place % width if last else group * count + place
        channel = group * width + (place % width if last else place // size)
        value = (tl.load(given + picture + at, mask=place < count, other=0.0).to(tl.float32) - mean) * scale
        value *= tl.load(weight + channel, mask=place < count, other=0.0).to(tl.float32)
        value += tl.load(bias + channel, mask=place < count, other=0.0).to(tl.float32)
        value *= tl.sigmoid(value)
        tl.store(made + picture + at, value.to(made.dtype.element_ty), mask=place < count)


@torch.library.custom_op("igo::group_norm_silu", mutates_args=())
def group_norm_silu(
    given: torch.Tensor, groups: int, weight: torch.Tensor, bias: torch.Tensor, eps: float
) -> torch.Tensor:
    """``silu(group_norm(given))`` of pictures (batch, channels, height, width), laid out as they are."""
    last = _is_last(given)
    given = given if last else given.contiguous()
    batch, channels, height, across = given.shape
    made, size = torch.empty_like(given), height * across
    block = min(BLOCK, triton.next_power_of_2(size * (channels // groups)))
    _kernel[batch, groups](
        given, weight, bias, made, size, channels, eps, width=channels // groups, last=last, block=block, num_warps=8
    )
    return made


@group_norm_silu.register_fake
def _(given: torch.Tensor, *_: object) -> torch.Tensor:
    return torch.empty_like(given if _is_last(given) else given.contiguous())


def _is_last(given: torch.Tensor) -> bool:
    return given.is_contiguous(memory_format=torch.channels_last) and not given.is_contiguous()


def pairs(network: nn.Module) -> Iterator[tuple[nn.GroupNorm, nn.Module]]:
    """The norms of a network of diffusers' that SiLU follows, and the layers that compute it."""
    from diffusers.models.resnet import ResnetBlock2D

    for layer in network.modules():
        found: list[tuple[Any, Any]]
        if type(layer) is ResnetBlock2D and layer.time_embedding_norm == "default":
            found = [(layer.norm1, layer.nonlinearity), (layer.norm2, layer.nonlinearity)]
        else:
            found = [(getattr(layer, "conv_norm_out", None), getattr(layer, "conv_act", None))]
        if all(type(norm) is nn.GroupNorm and norm.affine and type(act) is nn.SiLU for norm, act in found):
            yield from found


def forwards(network: nn.Module, run: Callable[[], Any]) -> tuple[dict[nn.Module, Callable[..., Any]], int]:
    """The forwards by which a network computes its pairs, in the places of the norms: for what they are given in a
    ``run`` of the network, by the kernel where that ``is_quicker``; and how many are."""
    found = dict(pairs(network))
    asked: dict[nn.GroupNorm, torch.Tensor] = {}

    def ask(norm: nn.GroupNorm, given: tuple[torch.Tensor, ...]) -> None:
        asked[norm] = torch.empty_like(given[0], device="meta")

    hooks = [norm.register_forward_pre_hook(ask) for norm in found]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    by_kernel = {norm for norm, given in asked.items() if is_quicker(given, norm)}
    made: dict[nn.Module, Callable[..., Any]] = {}
    for norm, act in found.items():
        made[norm] = partial(_fused if norm in by_kernel else _apart, norm)
        made[act] = _passing  # pictures come to it from a norm; what else it is asked are embeddings of time steps
    return made, len(by_kernel)


def is_quicker(given: torch.Tensor, norm: nn.GroupNorm) -> bool:
    """Whether the kernel takes less than inductor's own does, for such pictures on this GPU: timed once, and then kept
    in the cache, so that other processes choose alike."""
    gpu = norm.weight.device
    about = [list(given.shape), list(given.stride()), str(given.dtype), norm.num_groups]
    about += [torch.cuda.get_device_name(gpu), torch.__version__, triton.__version__]
    key = hashlib.sha256(json.dumps(["group_norm_silu", VERSION, *about]).encode()).hexdigest()
    if (kept := disk.find(key)) is None:
        picture, own = torch.randn_like(given, device=gpu), compiled(_apart, dynamic=False)
        times = [_seconds(lambda: _fused(norm, picture)), _seconds(lambda: own(norm, picture))]
        with suppress(OSError):
            disk.keep(key, lambda _: {"about": about, "seconds": times})
    else:
        times = kept[1]["seconds"]
    return bool(times[0] < times[1])


def _seconds(compute: Callable[[], Any], rounds: int = 20) -> float:
    """The median by the GPU's own clock."""
    for _ in range(3):
        compute()
    event: Any = torch.cuda.Event
    marks = [(event(enable_timing=True), event(enable_timing=True)) for _ in range(rounds)]
    for start, end in marks:
        start.record()
        compute()
        end.record()
    torch.cuda.synchronize()
    return float(statistics.median(start.elapsed_time(end) for start, end in marks)) / 1000


def _fused(norm: nn.GroupNorm, given: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = group_norm_silu(given, norm.num_groups, norm.weight, norm.bias, norm.eps)
    return found


def _apart(norm: nn.GroupNorm, given: torch.Tensor) -> torch.Tensor:
    return F.silu(F.group_norm(given, norm.num_groups, norm.weight, norm.bias, norm.eps))


def _passing(given: torch.Tensor) -> torch.Tensor:
    return given if given.ndim == 4 else F.silu(given)
