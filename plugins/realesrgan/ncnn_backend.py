"""An optional backend: the official models by ncnn on the CPU, without torch. ``pip install 'igo[realesrgan]'``"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from igo.errors import CheckpointError
from igo_plugins.realesrgan.ncnn_files import read_ncnn
from igo_plugins.realesrgan.tiles import Pixels

CONTEXT = 80
TILE = 512


class NcnnEnlarger:
    """A model in ncnn's files. Raises ``CheckpointError`` if ncnn isn't installed or can't read them.

    The binding in the wheel of the models was rejected: it needs a Vulkan driver, crashes on pictures that aren't RGB,
    and with a driver in software wraps values around. This one needs no driver and runs on the CPU.
    """

    multiple = 1
    context = CONTEXT
    tile = TILE

    def __init__(self, param: Path) -> None:
        try:
            import ncnn
        except ImportError as error:
            raise CheckpointError("the package ncnn is not installed; pip install 'igo[realesrgan]'") from error
        for values in read_ncnn(param)[1]:  # it takes whatever a description says, and crashes
            if not np.isfinite([values.min(), values.max()]).all():
                raise CheckpointError(
                    f"{param.with_suffix('.bin')} holds weights that are not finite; download it again"
                )
        self._ncnn = ncnn
        self._net = ncnn.Net()
        self._net.opt.use_vulkan_compute = False
        if self._net.load_param(str(param)) or self._net.load_model(str(param.with_suffix(".bin"))):
            raise CheckpointError(f"ncnn can't load {param} and the .bin beside it; reinstall them")
        self.scale = len(self(np.zeros((8, 8, 3), np.uint8))) // 8

    def __call__(self, piece: Pixels) -> Pixels:
        values = np.ascontiguousarray(piece.transpose(2, 0, 1), np.float32) / np.float32(255)
        extractor = self._net.create_extractor()
        # A copy, since a Mat of an array borrows its memory.
        extractor.input("data", self._ncnn.Mat(values).clone())
        status, result = extractor.extract("output")
        if status:
            raise MemoryError(f"ncnn stopped with status {status}; most often memory ran out")
        if np.isnan(np.array(result)).any():
            raise CheckpointError("the network makes values that are no numbers; use another model")
        # Clipped before rounding: values beyond the range would wrap around in eight bits.
        levels = np.rint(np.clip(np.array(result), 0, 1) * np.float32(255))
        return np.ascontiguousarray(levels.astype(np.uint8).transpose(1, 2, 0))
