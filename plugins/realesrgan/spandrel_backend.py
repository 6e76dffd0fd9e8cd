"""Architectures that IGO doesn't know, by spandrel: ``pip install 'igo[spandrel]'``, which brings torchvision."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from igo.errors import CheckpointError
from igo_plugins.realesrgan.torch_backend import pixels

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from igo_plugins.realesrgan.tiles import Pixels

CONTEXT = 64
"""Pixels around a tile: how far an unknown network looks isn't known, and few look further than can be seen."""
TILE = 256


class SpandrelEnlarger:
    """Any network that spandrel knows and that makes RGB of RGB.

    Raises ``CheckpointError`` for the weights of others, and if spandrel isn't installed.
    """

    context = CONTEXT
    tile = TILE

    def __init__(self, state: Mapping[str, Tensor], source: Path, device: torch.device) -> None:
        import torch

        ours = f"{source} holds neither an RRDBNet nor an SRVGGNetCompact"
        try:
            from spandrel import ImageModelDescriptor, ModelLoader, canonicalize_state_dict
        except Exception as error:  # torchvision fails in its own ways where it doesn't fit torch
            hint = "for other architectures pip install 'igo[spandrel]'"
            raise CheckpointError(f"{ours}, and spandrel can't be imported ({type(error).__name__}); {hint}") from error
        try:
            model: Any = ModelLoader(device).load_from_state_dict(canonicalize_state_dict(dict(state)))
        except Exception as error:  # whatever its detection of architectures stumbles on
            raise CheckpointError(f"{ours}, nor anything that spandrel knows ({type(error).__name__})") from error
        if not isinstance(model, ImageModelDescriptor) or (model.input_channels, model.output_channels) != (3, 3):
            raise CheckpointError(f"{source} holds {model.architecture.name} for other than RGB pictures")
        self.scale, self.multiple = model.scale, max(model.size_requirements.multiple_of, 1)
        self._device, self._model = device, model.eval().to(torch.float32)

    def __call__(self, piece: Pixels) -> Pixels:
        import torch

        with torch.inference_mode():
            values = torch.from_numpy(np.ascontiguousarray(piece)).to(self._device).permute(2, 0, 1)[None].float() / 255
            return pixels(self._model(values))
