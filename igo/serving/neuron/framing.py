"""Pictures of any size at the one size that was compiled, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from igo.images import unpad
from igo.images.compositing import context_box


@dataclass(frozen=True)
class Framed:
    """What is painted of a picture, at the compiled size: its mask (L, white where to paint), and the way back."""

    image: Image.Image
    mask: Image.Image | None
    restore: Callable[[Image.Image], Image.Image]


def framed(image: Image.Image, mask: Image.Image | None, size: tuple[int, int], context: float) -> Framed:
    """A picture (RGB), or what is around its mask (L, not empty), scaled to fit within ``size`` (width, height), which
    is filled up by mirroring it at its edges. ``context`` is as ``igo.images.compositing.context_box`` has it."""
    box = (0, 0, *image.size) if mask is None else context_box(mask, context, size)
    shown = unpad(image, box)
    scale = min(size[0] / shown.width, size[1] / shown.height)
    inner = max(1, round(shown.width * scale)), max(1, round(shown.height * scale))
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    margins = (top, size[1] - inner[1] - top), (left, size[0] - inner[0] - left)
    scaled = np.asarray(shown if shown.size == inner else shown.resize(inner, Image.Resampling.LANCZOS))
    whole = Image.fromarray(np.pad(scaled, (*margins, (0, 0)), mode="symmetric"))

    def restore(painted: Image.Image) -> Image.Image:
        part = unpad(painted, (left, top, left + inner[0], top + inner[1]))
        result = image.copy()
        result.paste(part if part.size == shown.size else part.resize(shown.size, Image.Resampling.LANCZOS), box[:2])
        return result

    if mask is None:
        return Framed(whole, None, restore)
    touched = unpad(mask, box).point(lambda value: 255 if value else 0)
    touched = touched.resize(inner, Image.Resampling.BOX).point(lambda value: 255 if value else 0)
    return Framed(whole, Image.fromarray(np.pad(np.asarray(touched), margins)), restore)
