"""Exponential moving average of weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class EMA:
    """Moving average of a module's trainable parameters (Polyak averaging).

    The decay grows from 0.1 to ``decay`` as ``(1 + step) / (10 + step)``, so that short runs aren't dominated by the
    random start. Buffers and frozen parameters are not averaged: they are shared with the module.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self._live = {name: p for name, p in module.named_parameters() if p.requires_grad}
        self.average = {name: p.detach().clone() for name, p in self._live.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Fold the module's present weights in, after optimizer step number ``step`` (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.average.values()), [p.detach() for p in self._live.values()], 1 - decay)

    @torch.no_grad()
    def load(self, average: dict[str, Tensor]) -> None:
        """Take over a saved average; names and shapes must be the module's."""
        for name, value in self.average.items():
            value.copy_(average[name])

    @torch.no_grad()
    def apply(self) -> None:
        """Overwrite the module's weights with the average."""
        for name, live in self._live.items():
            live.copy_(self.average[name])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within the block the module has the averaged weights; after it, its own again."""
        own = {name: live.detach().clone() for name, live in self._live.items()}
        self.apply()
        try:
            yield
        finally:
            with torch.no_grad():
                for name, live in self._live.items():
                    live.copy_(own[name])
