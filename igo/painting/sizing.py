"""Pictures of any size through models that paint some sizes: padded by reflection or scaled, and brought back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from igo.images import fit_size, pad_reflect, unpad

if TYPE_CHECKING:
    from igo.painting.job import Job

View = Callable[[Image.Image, Image.Resampling], Image.Image]
"""What is painted of a picture of the job's size, at the size at which it is painted."""

ROOM = 2.0
"""A picture is painted at its own size up to this many times above or below the native area."""


@dataclass(frozen=True)
class Fitted:
    """A job that the model can paint, and the way back to the size that was asked for."""

    job: Job
    view: View
    restore: Callable[[Image.Image], Image.Image]
    scale: float = 1.0
    """How long a side is painted, as a multiple of what it is in the picture; below 1, what is painted is enlarged."""


def fitted(job: Job, native: tuple[int, int], latent_scale: int, multiple: int = 8, context: float = 0.5) -> Fitted:
    """A job at a size that the model can paint.

    Without an image: the next ``multiple`` of pixels, cropped about the middle afterwards. With one: at its own size,
    padded by reflection; where that is far from the area of ``native`` (width, height), scaled to it and back. With a
    mask, only the mask's surroundings are painted (``context``, see ``igo.images.compositing.context_box``), at least
    ``native`` pixels. The mask grows to whole blocks of ``latent_scale`` pixels, so that thin parts survive the way to
    the latent grid (max pooling).
    """
    if job.image is None:
        width, height = fit_size(job.width, job.height, multiple)
        left, top = (width - job.width) // 2, (height - job.height) // 2
        box = (left, top, left + job.width, top + job.height)
        return Fitted(
            replace(job, width=width, height=height),
            lambda picture, _: pad_reflect(picture, multiple)[0],
            lambda image: unpad(image, box),
        )
    if job.mask is None:
        return _fitted_image(job, job.image, None, native, latent_scale, multiple)
    from igo.images.compositing import context_box

    whole, shown = job.image, context_box(job.mask, context, native)
    fitting = _fitted_image(job, unpad(whole, shown), unpad(job.mask, shown), native, latent_scale, multiple)

    def restore(painted: Image.Image) -> Image.Image:
        result = whole.copy()
        result.paste(fitting.restore(painted), shown[:2])
        return result

    return replace(
        fitting, view=lambda picture, resample: fitting.view(unpad(picture, shown), resample), restore=restore
    )


def _fitted_image(
    job: Job, image: Image.Image, mask: Image.Image | None, native: tuple[int, int], latent_scale: int, multiple: int
) -> Fitted:
    size, working = image.size, _working_size(image.size, native[0] * native[1])

    def view(picture: Image.Image, resample: Image.Resampling) -> Image.Image:
        return pad_reflect(_scaled(picture, working, resample), multiple)[0]

    padded, box = pad_reflect(_scaled(image, working), multiple)
    if mask is not None:
        mask = _whole_blocks(pad_reflect(_shrunk_mask(mask, working), multiple)[0], latent_scale)
    fitting = replace(job, image=padded, mask=mask, width=padded.width, height=padded.height)
    scale = sqrt(working[0] * working[1] / (size[0] * size[1]))
    return Fitted(fitting, view, lambda painted: _scaled(unpad(painted, box), size), scale)


def _working_size(size: tuple[int, int], native_area: int) -> tuple[int, int]:
    area = size[0] * size[1]
    if native_area / ROOM <= area <= native_area * ROOM:
        return size
    factor = sqrt(native_area / area)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _scaled(
    image: Image.Image, size: tuple[int, int], resample: Image.Resampling = Image.Resampling.LANCZOS
) -> Image.Image:
    return image if image.size == size else image.resize(size, resample)


def _shrunk_mask(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The mask at another size, with all that it touches."""
    touched = mask.convert("L").point(lambda value: 255 if value else 0)
    if touched.size == size:
        return touched
    return touched.resize(size, Image.Resampling.BOX).point(lambda value: 255 if value else 0)


def _whole_blocks(mask: Image.Image, block: int) -> Image.Image:
    pixels = np.asarray(mask)
    blocks = pixels.reshape(pixels.shape[0] // block, block, pixels.shape[1] // block, block).max(axis=(1, 3))
    return Image.fromarray(blocks.repeat(block, axis=0).repeat(block, axis=1))
