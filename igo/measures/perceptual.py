"""LPIPS, where the package ``lpips`` and the weights of its network are at hand. Nothing is downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from igo.errors import ImageError, SettingsError
from igo.files import reason

WEIGHTS = "alexnet-owt-7be5be79.pth"
"""What torchvision calls AlexNet's weights, under which name they lie among what torch's hub has fetched."""
SMALLEST = 64
"""Pixels of the shorter side, below which nothing is left of the picture in AlexNet's last layers."""


@dataclass(frozen=True)
class Learned:
    """LPIPS of two pictures: of the whole, and the map H×W where it is asked for."""

    whole: float
    map: NDArray[np.float64]


def lpips_missing() -> str | None:
    """Why LPIPS can't be measured, and what to do, in one line; None where it can."""
    if find_spec("lpips") is None or find_spec("torchvision") is None:
        return "LPIPS needs the package lpips, which is not installed; run: pip install 'igo[lpips]'"
    if not _weights().is_file():
        return (
            f"LPIPS needs AlexNet's weights as {_weights()}, which is not there; "
            "run: python -c 'import lpips; lpips.LPIPS()', which downloads them (244 MB)"
        )
    return None


def lpips_maps(one: NDArray[np.uint8], other: NDArray[np.uint8], mapped: bool) -> Learned:
    """LPIPS of two pictures H×W×3. Raises ``ImageError`` for pictures that are too small, ``IGOError`` for weights that
    can't be read."""
    import torch

    if min(one.shape[:2]) < SMALLEST:
        raise ImageError(
            f"LPIPS is not defined for {one.shape[1]}x{one.shape[0]} pixels: expected sides of at least {SMALLEST}; "
            "leave it out (lpips=False)"
        )
    network = _network()
    tensors = [torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 127.5 - 1 for pixels in (one, other)]
    with torch.no_grad():
        network.spatial = False
        whole = float(network(*tensors))
        network.spatial = True
        found = network(*tensors)[0, 0].double().numpy() if mapped else np.full(one.shape[:2], whole)
    return Learned(whole, found)


def _weights() -> Path:
    from torch.hub import get_dir

    return Path(get_dir()) / "checkpoints" / WEIGHTS


@cache
def _network() -> Any:
    """LPIPS' network. AlexNet's weights are read here, as all weights are: by itself ``lpips`` would have torchvision
    fetch and unpickle them."""
    from igo.networks.quiet import quietly
    from igo.networks.weights import read

    try:
        with quietly():
            import lpips

            network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    except Exception as error:  # such as a torchvision that was built for another torch
        raise SettingsError(
            f"the package lpips can't be used ({reason(error)}); install it anew, or leave it out"
        ) from error
    path = _weights()
    weights = read(path)
    try:
        state = {name: weights[_published(name)] for name, _ in network.net.named_parameters()}
        network.net.load_state_dict(state)
    except (KeyError, TypeError, RuntimeError) as error:
        raise SettingsError(f"{path} isn't AlexNet's weights; remove it, and have it downloaded again") from error
    return network.eval()


def _published(name: str) -> str:
    """The name in torchvision's file of what ``lpips``, which cuts the network into slices, calls slice2.3.weight."""
    return f"features.{name.partition('.')[2]}"
