"""Training pictures made worse, the way autoencoders, denoisers and files make them worse."""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

SHIFT = 8
"""The farthest that a picture is moved, in pixels; moves are even, so that labels at half the size move along."""


def degrade(pictures: Tensor, parts: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """``pictures`` N×3×H×W in 0..1 and ``parts`` N×H/2×W/2: mirrored and moved together, then the pictures spoilt.

    A fifth each stays sharp, is blurred, halved and enlarged, JPEG-compressed, or blurred in patches; all are lit a
    little differently and get some noise. Blur is kept below the one that takes the eyes out of a face.
    """

    def chance(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    count, _, height, width = pictures.shape
    flip = chance(count) < 0.5
    rows, columns = (_moved(side, chance(count)) for side in (height, width))
    half_rows, half_columns = (axis[:, ::2] // 2 for axis in (rows, columns))
    columns = torch.where(flip[:, None], columns.flip(1), columns)
    half_columns = torch.where(flip[:, None], half_columns.flip(1), half_columns)
    index = torch.arange(count)[:, None, None]
    pictures = pictures.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    parts = parts[index, half_rows[:, :, None], half_columns[:, None, :]]
    kinds, amounts = (chance(count) * 5).long().tolist(), chance(count).tolist()
    worse = [_worse(*each, generator) for each in zip(torch.split(pictures, 1), kinds, amounts, strict=True)]
    pictures = torch.cat(worse)
    gain = 1 + 0.04 * (2 * chance(count, 1, 1, 1) - 1) + 0.02 * (2 * chance(count, 3, 1, 1) - 1)
    pictures = pictures * gain + 0.02 * (2 * chance(count, 1, 1, 1) - 1)
    noise = torch.randn(pictures.shape, generator=generator)
    return (pictures + noise * 0.03 * chance(count, 1, 1, 1)).clamp(0, 1), parts


def blurred(pictures: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur of N×C×H×W pictures, ``sigma`` in pixels."""
    reach = max(1, round(3 * sigma))
    axis = torch.arange(-reach, reach + 1, dtype=pictures.dtype)
    kernel = torch.exp(-(axis**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).repeat(pictures.shape[1], 1)
    padded = functional.pad(pictures, (reach,) * 4, mode="replicate")
    rows = functional.conv2d(padded, kernel[:, None, :, None], groups=pictures.shape[1])
    return functional.conv2d(rows, kernel[:, None, None, :], groups=pictures.shape[1])


def halved(pictures: Tensor) -> Tensor:
    """N×C×H×W pictures shrunk to half their sides and enlarged again."""
    return functional.interpolate(functional.avg_pool2d(pictures, 2), scale_factor=2, mode="bilinear")


def compressed(pictures: Tensor, quality: int) -> Tensor:
    """N×3×H×W pictures in 0..1 after a JPEG of ``quality``."""
    results = []
    for picture in (pictures.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy():
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        results.append(np.asarray(Image.open(file)))
    return torch.from_numpy(np.stack(results)).permute(0, 3, 1, 2).float() / 255


def _moved(side: int, amount: Tensor) -> Tensor:
    """N×side source positions: a shift of up to ``SHIFT`` even pixels, the border repeated."""
    shift = ((amount * 2 - 1) * SHIFT / 2).round().long() * 2
    return (torch.arange(side)[None] + shift[:, None]).clamp(0, side - 1)


def _worse(picture: Tensor, kind: int, amount: float, generator: torch.Generator) -> Tensor:
    """One 1×3×H×W picture spoilt in one of five ways, by ``amount`` from 0 to 1."""
    if kind == 1:
        return blurred(picture, 0.5 + 0.8 * amount)
    if kind == 2:
        return halved(picture)
    if kind == 3:
        return compressed(picture, round(35 + 55 * amount))
    if kind == 4:
        weight = torch.rand((1, 1, 6, 4), generator=generator) * (0.4 + 0.6 * amount)
        weight = functional.interpolate(weight, picture.shape[2:], mode="bilinear")
        return picture + weight * (blurred(picture, 1.6) - picture)
    return picture
