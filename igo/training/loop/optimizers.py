"""What takes the steps of the training loop: AdamW, the same in 8 bits, or Muon."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from igo.errors import SettingsError

Optimizer = Literal["adamw", "adamw8bit", "muon"]


def check_optimizer(name: str) -> None:
    """Raise ``SettingsError`` for one that isn't known or can't be had here."""
    if name not in get_args(Optimizer):
        *others, last = get_args(Optimizer)
        raise SettingsError(f"optimizer is '{name}'; choose {', '.join(others)} or {last}")
    if name == "adamw8bit" and find_spec("bitsandbytes") is None:
        raise SettingsError("adamw8bit needs bitsandbytes; install it (pip install bitsandbytes), or choose adamw")
    if name == "muon" and not hasattr(torch.optim, "Muon"):
        raise SettingsError(f"muon needs torch 2.9 or newer, and {torch.__version__} is installed; choose adamw")


def optimizer_of(name: str, groups: list[dict[str, Any]], lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """The optimizer of a name, of ``groups`` of parameters; 8 bits are bitsandbytes' (Dettmers et al., 8-bit Optimizers
    via Block-wise Quantization). Raises what ``check_optimizer`` raises."""
    check_optimizer(name)
    if name == "muon":
        return Muon(groups, lr, weight_decay)
    kind: Any = torch.optim.AdamW
    if name == "adamw8bit":
        import bitsandbytes

        kind = bitsandbytes.optim.AdamW8bit
    made: torch.optim.Optimizer = kind(groups, lr=lr, weight_decay=weight_decay)
    return made


class Muon(torch.optim.Optimizer):
    """torch's Muon (Jordan, Muon: An optimizer for hidden layers in neural networks) for weights of two dimensions and
    more, convolutions' as matrices with a row for each output channel; AdamW for all others.

    Rates are those of AdamW: an update is as large as AdamW's usually is (Liu et al., Muon is Scalable for LLM
    Training).
    """

    def __init__(self, groups: list[dict[str, Any]], lr: float, weight_decay: float) -> None:
        super().__init__(groups, {"lr": lr})
        self._matrices: list[tuple[Tensor, nn.Parameter]] = []
        matrices: list[dict[str, Any]] = []
        others: list[dict[str, Any]] = []
        for group in self.param_groups:
            pairs = [(one, nn.Parameter(one.detach().flatten(1).clone())) for one in group["params"] if one.ndim > 1]
            self._matrices += pairs
            matrices.append({"params": [matrix for _, matrix in pairs]})
            others.append({"params": [one for one in group["params"] if one.ndim < 2]})
        muon: Any = torch.optim.Muon  # from torch 2.9 on
        self._parts: dict[str, torch.optim.Optimizer] = {
            "muon": muon(matrices, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
            "adamw": torch.optim.AdamW(others, lr=lr, weight_decay=weight_decay),
        }

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """One step, by the gradients that there are; ``closure`` isn't called."""
        for weight, matrix in self._matrices:  # copies: a kernel in channels_last has no such view
            matrix.copy_(weight.flatten(1))
            matrix.grad = None if weight.grad is None else weight.grad.flatten(1)
        for part in self._parts.values():
            for own, group in zip(part.param_groups, self.param_groups, strict=True):
                own["lr"] = group["lr"]
            part.step()
        for weight, matrix in self._matrices:
            weight.copy_(matrix.view_as(weight))

    def state_dict(self) -> dict[str, Any]:
        """What both keep, by ``"muon"`` and ``"adamw"``."""
        return {name: part.state_dict() for name, part in self._parts.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave. Raises ``KeyError`` or ``ValueError`` for another optimizer's."""
        for name, part in self._parts.items():
            part.load_state_dict(state_dict[name])
