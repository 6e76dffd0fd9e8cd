"""A UNet in two halves, each of which is a UNet itself: what lies deep in it, and its outermost layers.

They share its layers, and so weights and adapters, and run what diffusers runs; nothing within the UNet is hooked.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from copy import copy
from typing import Any

from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from igo.painting.engines.part import HALVES

_SELF, *TAKEN = inspect.signature(UNet2DConditionModel.forward).parameters.values()
"""What a UNet is given."""
_KEPT = inspect.Parameter("kept", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Tensor)
_OWN = ("forward", "_diffusers_hook", HALVES)
"""What was put into a UNet that its halves are without."""


class _Half(nn.Module, ABC):
    """A part of ``unet``, of which ``branch`` layers more than one lie outermost on either side."""

    def __init__(self, unet: Any, branch: int) -> None:
        super().__init__()
        self.branch = branch
        self.follow(unet)

    @property
    def config(self) -> Any:
        """The UNet's."""
        return self.unet.config

    def follow(self, unet: Any) -> None:
        """Be a part of this UNet as it is now."""
        self.unet = self._of(unet, deepest(unet) - self.branch)

    @abstractmethod
    def _of(self, unet: Any, deep: int) -> Any:
        """The UNet of this half; ``deep`` layers of the last block on the way up lie deep."""


class Deep(_Half):
    """The UNet without its outermost layers on the way up: what those are given, of what the UNet is given."""

    def _of(self, unet: Any, deep: int) -> Any:
        last = unet.up_blocks[-1]
        end = _with(last, **_layers(last, slice(None, deep)), upsamplers=None) if deep else _End()
        ups = nn.ModuleList([*unet.up_blocks[:-1], end])
        return _with(unet, up_blocks=ups, conv_norm_out=None, conv_out=nn.Identity())

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Called as the UNet is."""
        return self.unet(*args, **kwargs)[0]

    forward.__signature__ = inspect.Signature([_SELF, *TAKEN])  # type: ignore[attr-defined]


class Shallow(_Half):
    """The outermost layers on both sides: what the UNet gives, of what it is given and what ``Deep`` gave.

    Not for two threads at once.
    """

    def _of(self, unet: Any, deep: int) -> Any:
        first, last = unet.down_blocks[0], unet.up_blocks[-1]
        downs = _with(first, **_layers(first, slice(None, self.branch)), downsamplers=None)
        ups = _with(last, **_layers(last, slice(deep, None)))
        return _with(unet, down_blocks=nn.ModuleList([downs]), mid_block=_Kept(), up_blocks=nn.ModuleList([ups]))

    def forward(self, kept: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Called as the UNet is, with what was kept before all else."""
        between: Any = self.unet.mid_block
        between.kept = kept
        try:
            return self.unet(*args, **kwargs)
        finally:
            between.kept = None

    forward.__signature__ = inspect.Signature([_SELF, _KEPT, *TAKEN])  # type: ignore[attr-defined]


class _Kept(nn.Module):
    """Where the blocks between were: what they gave."""

    kept: Tensor | None = None

    def forward(self, *_: Any, **__: Any) -> Tensor | None:
        return self.kept


class _End(nn.Module):
    """Where a block was of which no layer lies deep: what it is given."""

    resnets = ("all",)
    """A skip connection for each is given to a block, which has one at least."""

    def forward(self, hidden_states: Tensor, **_: Any) -> Tensor:
        return hidden_states


def deepest(unet: Any) -> int:
    """How many layers of the last block on the way up can lie deep at most."""
    return len(unet.up_blocks[-1].resnets) - 1


def _layers(block: Any, which: slice) -> dict[str, Any]:
    """The lists of a block's layers, with some of them."""
    kinds = [kind for kind in ("resnets", "attentions") if isinstance(getattr(block, kind, None), nn.ModuleList)]
    return {kind: nn.ModuleList(list(getattr(block, kind))[which]) for kind in kinds}


def _with(module: Any, **children: nn.Module | None) -> Any:
    """A module that shares all with another one, but for some of its own modules."""
    other = copy(module)
    for name in _OWN:
        vars(other).pop(name, None)
    vars(other)["_modules"] = {**module._modules, **children}
    return other
