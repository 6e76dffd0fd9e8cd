"""What a network's answer depends on beside its input, cheap enough to be looked at in each step."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

_OF_TORCH = frozenset(vars(nn.Module())) | {"name_or_path"}
"""What every module has, or what only says where it came from."""
_SIMPLE = (bool, int, float, str, type(None))


@dataclass(frozen=True)
class State:
    """``told``: kinds and settings of all modules, the scales of adapters and the processors of attentions among them.
    ``weights``: which tensors they hold, and the first and last number of each parameter, in which any dense change
    shows. ``patched`` names a module within that does other than its class says."""

    told: Hashable
    weights: Hashable
    patched: str | None = None


class Watch:
    """A network's state, looked at again and again."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self._names: dict[nn.Module, tuple[int, list[str]]] = {}
        self._places: tuple[int, ...] = ()
        self._ends: list[list[torch.Tensor]] = []

    def look(self, weights: bool = True) -> State:
        """The state as it is now; without the ``weights`` where what computes reads them anew each time."""
        told: list[Hashable] = []
        parameters: list[torch.Tensor] = []
        left = [self.network]
        while left:
            module = left.pop()
            if module is not self.network and _is_patched(module):
                return State((), (), next(name for name, one in self.network.named_modules() if one is module))
            told.append(id(type(module)))
            told.append(module.training)
            own = vars(module)
            if (known := self._names.get(module)) is None or known[0] != len(own):
                known = self._names[module] = len(own), _names(module)
            if known[1]:
                told += _settings(own, known[1])
            if module._parameters:
                parameters += [one for one in module._parameters.values() if one is not None]
            if module._modules:
                left += [one for one in module._modules.values() if one is not None]
        return State(tuple(told), self._seen(parameters) if weights else ())

    def _seen(self, parameters: list[torch.Tensor]) -> Hashable:
        places = tuple([one.data_ptr() for one in parameters])
        if places != self._places:
            kinds: dict[Hashable, list[torch.Tensor]] = {}
            for end in (end for one in parameters for end in _ends(one.detach())):
                kinds.setdefault((end.dtype, end.device), []).append(end)
            self._places, self._ends = places, list(kinds.values())
        versions = tuple([0 if one.is_inference() else one._version for one in parameters])
        numbers = [torch.cat(ends) for ends in self._ends]
        return places, versions, b"".join(one.cpu().view(torch.uint8).numpy().tobytes() for one in numbers)


def digest(network: nn.Module) -> str:
    """SHA-256 over kinds, settings and all numbers of a network on the CPU: equal for those that compute the same."""
    total = hashlib.sha256()
    config = getattr(network, "config", {})
    config = config.to_dict() if hasattr(config, "to_dict") else dict(config)
    total.update(repr(sorted((key, repr(value)) for key, value in config.items() if key[0] != "_")).encode())
    for name, module in network.named_modules():
        kind = type(module)
        settings = [module.training, *_settings(vars(module), _names(module))]
        total.update(f"{name} {kind.__module__}.{kind.__qualname__} {settings!r}\n".encode())
        for key, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is not None:
                total.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
                total.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy())
    return total.hexdigest()


def _is_patched(module: nn.Module) -> bool:
    return bool("forward" in vars(module) or module._forward_hooks or module._forward_pre_hooks)


def _names(module: nn.Module) -> list[str]:
    """What it has beside what every module has."""
    return [name for name in vars(module) if name not in _OF_TORCH]


def _settings(own: Mapping[str, Any], names: Sequence[str]) -> list[Hashable]:
    """What a module knows beside weights and modules: numbers and words, and lists and tables of them."""
    found: list[Hashable] = []
    for name in names:
        value: Any = own.get(name)
        kind: Any = type(value)
        if kind in _SIMPLE:
            found.append(value)
        elif kind in (list, tuple, set, dict):
            inner = [*value, *value.values()] if kind is dict else value
            found.append(repr(value) if all(_is_simple(one) for one in inner) else len(value))
        elif name == "processor":  # of an attention, whose computation it is
            found.append(f"{kind.__module__}.{kind.__qualname__}")
            found.extend(repr(one) for one in getattr(value, "__dict__", {}).values() if _is_simple(one))
    return found


def _ends(tensor: torch.Tensor) -> list[torch.Tensor]:
    """Views of the first and the last number."""
    if tensor.is_meta:  # what is offloaded has its numbers elsewhere
        return []
    if tensor.is_contiguous() and tensor.numel() > 1:
        return [tensor.as_strided((2,), (tensor.numel() - 1,), tensor.storage_offset())]
    return [tensor[(end,) * tensor.ndim].reshape(1) for end in (0, -1)] if tensor.numel() else []


def _is_simple(value: Any) -> bool:
    return type(value) in _SIMPLE or (type(value) in (list, tuple) and all(type(one) in _SIMPLE for one in value))
