"""The default backend: Real-ESRGAN's networks in torch, on any device."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from igo.errors import CheckpointError
from igo_plugins.realesrgan.models import GENERAL
from igo_plugins.realesrgan.tiles import Pixels

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from igo.networks.files import Network

ENOUGH = 80
"""Pixels of context after which a tile's border can't be seen in an RRDBNet's result, though it looks further: with
trained weights the error at a cut is one level at most from there on."""
TILES = {"SRVGGNetCompact": {"cpu": 384, "": 1024}, "RRDBNet": {"cpu": 768, "": 1024}}
"""By network and device: on a CPU the small network is fastest while a tile fits the cache; the large one needs about
2.5 KB for each pixel of a tile, and with small tiles would spend most of its time on context."""


class TorchEnlarger:
    """A network on a device. ``channels_last`` is faster on CPUs, and differs from the plain order of values by one
    level at most, where a value lies between two levels."""

    def __init__(
        self, network: Network, device: torch.device, dtype: torch.dtype, *, channels_last: bool = True
    ) -> None:
        import torch

        from igo.networks.weights import check_finite

        self.scale, self.multiple = network.scale, network.multiple
        self.context = min(network.radius, network.multiple * ENOUGH) if _is_large(network) else network.radius
        sizes = TILES[type(network).__name__]
        self.tile = sizes.get(device.type, sizes[""])
        self._order = torch.channels_last if channels_last else torch.contiguous_format
        self._device, self._dtype = device, torch.float32 if device.type == "cpu" else dtype
        self._network: Any = network.eval().requires_grad_(False).to(device, self._dtype)
        check_finite(self._network.state_dict(), f"in {str(self._dtype).removeprefix('torch.')} the network")
        for weight in self._network.parameters():
            if weight.ndim == 4:
                weight.data = weight.data.contiguous(memory_format=self._order)

    def __call__(self, piece: Pixels) -> Pixels:
        import torch

        try:
            with torch.inference_mode():
                values = torch.from_numpy(np.ascontiguousarray(piece)).to(self._device).permute(2, 0, 1)[None]
                values = (values.to(self._dtype) / 255).contiguous(memory_format=self._order)
                strips = self._network.strips(values) if _is_large(self._network) else [self._network(values)]
                return np.concatenate([pixels(strip) for strip in strips])
        except RuntimeError:
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
            raise


def load_state(files: tuple[Path, ...], model: str, denoise_strength: float) -> Mapping[str, Tensor]:
    """The weights of a model by name, from ``locate``'s files.

    Two files are mixed: ``denoise_strength`` of the first, the rest of the second, which keeps grain (deep network
    interpolation, Wang et al. 2019). Raises ``CheckpointError``.
    """
    from igo.networks.files import read_state
    from igo_plugins.realesrgan.ncnn_files import read_ncnn_state

    states = [read_ncnn_state(path) if path.suffix.lower() == ".param" else read_state(path) for path in files]
    if model != GENERAL:
        return states[0]
    denoising, grainy = states
    if {name: value.shape for name, value in denoising.items()} != {name: w.shape for name, w in grainy.items()}:
        raise CheckpointError(f"{files[0]} and {files[1]} are no pair; expected networks of one shape")
    return {name: denoise_strength * denoising[name] + (1 - denoise_strength) * grainy[name] for name in denoising}


def pixels(values: Tensor) -> Pixels:
    """1×3×H×W in 0..1 to H×W×3 levels on the CPU, rounded as upstream rounds. Raises ``CheckpointError`` for values
    that are no numbers."""
    import torch

    if torch.stack(values.aminmax()).isnan().any():
        raise CheckpointError("the network makes values that are no numbers; use float32, or another model")
    levels = (values[0].float().clamp(0, 1) * 255).round().to(torch.uint8)
    result: Pixels = levels.permute(1, 2, 0).cpu().numpy()
    return result


def _is_large(network: Any) -> bool:
    return hasattr(network, "strips")
