"""How pipelines fit the memory of their device: as many pictures in a call, in as fast a mode as it holds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch

from igo.errors import CheckpointError, SettingsError, out_of_memory

T = TypeVar("T")
R = TypeVar("R")
MEMORY_MODES = ("full", "slicing", "offload", "tiling", "sequential")
"""From fastest to smallest; each includes the savings of those before. ``tiling`` changes large pictures a little."""


class Memory:
    """The memory mode of a pipeline and its siblings on ``device``.

    ``mode`` is one of ``MEMORY_MODES`` or ``"auto"``: the fastest that fits the device, and the next smaller one each
    time that memory runs out. Raises ``SettingsError`` for one that this device doesn't have (see ``check_mode``).
    """

    def __init__(self, pipeline: Any, device: torch.device, mode: str = "auto") -> None:
        check_mode(mode, device)
        self.device = device
        self.at_once = 1 if device.type == "cpu" else sys.maxsize
        """Pictures in a call."""
        self.mode = _fitting(pipeline, device) if mode == "auto" else mode
        self._auto = mode == "auto"
        self._placed: list[Any] = []

    def place(self, pipeline: Any) -> None:
        """Put a pipeline on the device, in the way of the mode; and again with each change of it."""
        self._placed.append(pipeline)
        self._put(pipeline)

    def within(self, items: Sequence[T], do: Callable[[Sequence[T]], R]) -> R:
        """What ``do`` makes of the first items: as many of them, in as fast a mode, as there is memory for.

        Raises ``CheckpointError`` where it runs out for one item in the smallest mode.
        """
        while True:
            some = items[: self.at_once]
            try:
                return do(some)
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
            if len(some) > 1:
                self.at_once = len(some) // 2
            elif not self._saves_more():
                smaller = "" if self.device.type == "cpu" else ", or for memory='sequential'"
                raise CheckpointError(
                    f"out of memory on {self.device} for a single picture; ask for a smaller one{smaller}"
                )

    def _put(self, pipeline: Any) -> None:
        level = MEMORY_MODES.index(self.mode)
        if level >= MEMORY_MODES.index("slicing"):
            pipeline.vae.enable_slicing()
            pipeline.enable_attention_slicing()
        if level >= MEMORY_MODES.index("tiling"):
            pipeline.vae.enable_tiling()
        if self.mode == "sequential":
            pipeline.enable_sequential_cpu_offload(device=self.device)
        elif level >= MEMORY_MODES.index("offload") and self.device.type != "cpu":
            pipeline.enable_model_cpu_offload(device=self.device)
        else:
            pipeline.to(self.device)

    def _saves_more(self) -> bool:
        """Go to the next smaller mode; ``False`` if there is none, or the user chose one."""
        modes = MEMORY_MODES if self.device.type != "cpu" else ("full", "slicing", "tiling")
        position = modes.index(self.mode) + 1
        if not self._auto or position == len(modes):
            return False
        self.mode = modes[position]
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        for pipeline in self._placed:
            self._put(pipeline)
        return True


def check_mode(mode: str, device: torch.device) -> None:
    """Raise ``SettingsError`` for a mode that moves weights off a GPU where there is none."""
    if mode in ("offload", "sequential") and device.type == "cpu":
        raise SettingsError(f"memory='{mode}' moves weights off a GPU; on the CPU use 'slicing' or 'tiling'")


def _fitting(pipeline: Any, device: torch.device) -> str:
    """The fastest mode whose weights leave a fifth of the device's free memory to the activations."""
    if device.type != "cuda":
        return "full"
    free = torch.cuda.mem_get_info(device)[0] * 0.8
    sizes = [
        sum(weight.numel() * weight.element_size() for weight in part.parameters())
        for part in pipeline.components.values()
        if isinstance(part, torch.nn.Module)
    ]
    return "full" if sum(sizes) < free else "offload" if max(sizes) < free else "sequential"
