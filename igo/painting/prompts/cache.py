"""A bounded memory of encoded texts, and what makes an encoder's answer another one."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from igo.errors import SettingsError

if TYPE_CHECKING:
    import torch


class PromptCache:
    """The results of the last ``size`` texts that were encoded; the one that was not asked for longest goes first.

    Hold one per loaded pipeline and give it to ``encode``. An entry is some 0.25 MB a chunk, on the encoder's device.
    Not for several threads at once, as a pipeline is not.

    Raises ``SettingsError`` for a size below 1.
    """

    def __init__(self, size: int = 64) -> None:
        if size < 1:
            raise SettingsError(f"the size of a prompt cache is {size}; expected at least 1")
        self.size = size
        self.hits = 0
        self.misses = 0
        self._entries: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable) -> Any | None:
        """The value, or None."""
        if key not in self._entries:
            self.misses += 1
            return None
        self.hits += 1
        self._entries.move_to_end(key)
        return self._entries[key]

    def put(self, key: Hashable, value: Any) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self.size:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)


def encoder_state(encoder: torch.nn.Module) -> Hashable:
    """What a text encoder's answer depends on beside its input: itself, its adapters, their scales, its weights.

    Adapters are read off PEFT's layers: which are active, at which scale, which are merged. A LoRA that was fused and
    then unloaded leaves no such trace, so two numbers of each parameter, its first and its last, are part of the state:
    any dense change shows in them, for some milliseconds instead of a checksum of everything.
    """
    adapters = tuple(
        (
            name,
            tuple(module.active_adapters),
            tuple(sorted(module.scaling.items())),
            tuple(module.merged_adapters),
            module.disable_adapters,
        )
        for name, module in encoder.named_modules()
        if isinstance(getattr(module, "scaling", None), dict) and hasattr(module, "merged_adapters")
    )
    return (id(encoder), str(encoder.dtype), adapters, weights_probe(encoder))


def weights_probe(network: torch.nn.Module) -> bytes:
    """The first and the last number of each parameter, as bytes; one transfer for each device and dtype."""
    import torch

    corners: defaultdict[tuple[torch.device, torch.dtype], list[torch.Tensor]] = defaultdict(list)
    for parameter in network.parameters():
        if parameter.numel() and not parameter.is_meta:  # sequential offloading keeps the weights elsewhere
            found = corners[parameter.device, parameter.dtype]
            found.append(parameter.detach()[(0,) * parameter.ndim])
            found.append(parameter.detach()[(-1,) * parameter.ndim])
    return b"".join(torch.stack(numbers).float().cpu().numpy().tobytes() for numbers in corners.values())
