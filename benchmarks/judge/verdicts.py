"""Judging: pictures in, attributes out."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.judge.attributes import CLASSES, VALUES
from benchmarks.judge.network import JudgeNetwork
from igo.embedded import NATIVE_SIZE
from igo.errors import CheckpointError, ImageError
from igo.training.data.latents import to_model

WEIGHTS = Path(__file__).parent / "judge.safetensors"
Verdict = dict[str, str]
"""A value for every attribute in ``VALUES``."""


class Judge:
    """Reads the attributes off pictures. Works on the CPU, in 32 bit, about 150 pictures a second and core."""

    def __init__(self, weights: Path = WEIGHTS) -> None:
        """Raises ``CheckpointError`` if ``weights`` can't be read or are another network's."""
        self.network = JudgeNetwork().eval().requires_grad_(False)
        try:
            self.network.load_state_dict({name: value.float() for name, value in load_file(weights).items()})
        except (OSError, SafetensorError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
            raise CheckpointError(
                f"can't load the judge's weights {weights} ({reason}); make them with "
                "`python -m benchmarks.judge.training --work DIR`"
            ) from error

    def verdicts(self, pictures: Sequence[Image.Image] | NDArray[np.uint8]) -> list[Verdict]:
        """What each of the pictures shows: PIL pictures of any size, or one N×192×128×3 uint8 array.

        Pictures of another size are scaled to 128×192. Raises ``ImageError`` for another shape of array.
        """
        names = []
        for part in torch.split(self._tensor(pictures), 32):
            scores = torch.split(self.network(to_model(part))[1], CLASSES, -1)
            numbers = torch.stack([score.argmax(-1) for score in scores], -1).tolist()
            names += [
                {name: values[k] for (name, values), k in zip(VALUES.items(), row, strict=True)} for row in numbers
            ]
        return names

    def parts(self, pictures: Sequence[Image.Image] | NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The likeliest part of every pixel at half the size, N×96×64, numbered as in ``igo.wardrobe.PARTS``."""
        maps = [self.network(to_model(part))[0].argmax(1) for part in torch.split(self._tensor(pictures), 32)]
        return torch.cat(maps).to(torch.uint8).numpy()

    @staticmethod
    def _tensor(pictures: Sequence[Image.Image] | NDArray[np.uint8]) -> Tensor:
        width, height = NATIVE_SIZE
        if not isinstance(pictures, np.ndarray):
            scaled = [
                image.convert("RGB").resize(
                    NATIVE_SIZE, Image.Resampling.BOX if image.width > width else Image.Resampling.BICUBIC
                )
                for image in pictures
            ]
            pictures = (
                np.stack([np.asarray(image) for image in scaled])
                if scaled
                else np.empty((0, height, width, 3), np.uint8)
            )
        if pictures.dtype != np.uint8 or pictures.shape[1:] != (height, width, 3):
            raise ImageError(
                f"the judge can't look at {pictures.dtype} of shape {pictures.shape}; "
                f"expected N×{height}×{width}×3 uint8"
            )
        return torch.from_numpy(np.array(pictures))


@cache
def judge() -> Judge:
    """The judge with its own weights, loaded once."""
    return Judge()
