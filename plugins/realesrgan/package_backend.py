"""An optional backend: the package ``realesrgan`` itself, by its authors. Slower; it is here to be compared with."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from igo.errors import CheckpointError
from igo_plugins.realesrgan.tiles import Pixels

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from igo_plugins.realesrgan.torch_backend import TorchEnlarger

_GONE = "torchvision.transforms.functional_tensor"


class PackageEnlarger:
    """``RealESRGANer`` with weights that were read safely. Tiles and margins are IGO's own: the package's reuse the
    pixels of the tile before where one fails, and pad only right and bottom.

    Raises ``CheckpointError`` if the package isn't installed or can't be imported.
    """

    def __init__(self, state: Mapping[str, Tensor], like: TorchEnlarger, device: torch.device) -> None:
        import torch

        realesrganer = import_realesrgan().RealESRGANer
        self.scale, self.multiple, self.context, self.tile = like.scale, like.multiple, like.context, like.tile
        with TemporaryDirectory() as folder:
            path = Path(folder) / "weights.pth"  # it takes nothing but a file
            torch.save({"params": dict(state)}, path)
            self.upsampler = realesrganer(
                scale=self.scale,
                model_path=str(path),
                model=_network(state, self.scale),
                tile=0,
                pre_pad=0,
                half=device.type == "cuda",
                device=device,
            )

    def __call__(self, piece: Pixels) -> Pixels:
        result: Pixels = self.upsampler.enhance(np.ascontiguousarray(piece[:, :, ::-1]))[0][:, :, ::-1]
        return result


def import_realesrgan() -> Any:
    """The package, imported with the module of torchvision that it misses put in its place.

    ``basicsr`` 1.4.2 wants ``rgb_to_grayscale`` from a module that torchvision took away in 0.17. Raises
    ``CheckpointError``, one line.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about its use of other libraries, which nobody here can change
            from torchvision.transforms import functional

            if _GONE not in sys.modules:
                stand_in = ModuleType(_GONE)
                stand_in.rgb_to_grayscale = functional.rgb_to_grayscale  # type: ignore[attr-defined]
                sys.modules[_GONE] = stand_in
            import realesrgan
    except Exception as error:  # old code on new libraries fails in more ways than ImportError
        reason = " ".join(str(error).split())
        raise CheckpointError(
            f"backend='realesrgan' needs the package realesrgan ({type(error).__name__}: {reason}); "
            "pip install realesrgan (Python ≤ 3.12), or use backend='torch'"
        ) from error
    return realesrgan


def _network(state: Mapping[str, Tensor], scale: int) -> Any:
    """The package's own network of the weights' shape."""
    if "conv_first.weight" in state:
        from basicsr.archs.rrdbnet_arch import RRDBNet

        blocks = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("body."))
        growth = len(state["body.0.rdb1.conv1.weight"])
        features = len(state["conv_first.weight"])
        return RRDBNet(3, 3, scale=scale, num_feat=features, num_block=blocks, num_grow_ch=growth)
    from realesrgan.archs.srvgg_arch import SRVGGNetCompact

    last = max(int(name.split(".")[1]) for name in state)
    features = len(state["body.0.weight"])
    return SRVGGNetCompact(3, 3, num_feat=features, num_conv=last // 2 - 1, upscale=scale, act_type="prelu")
