"""Layers on their way through a run: the user's own follow the picture, and transparency says what can be seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from igo.errors import PluginError
from igo.values import SOFT_LAYERS, Frame

if TYPE_CHECKING:
    from PIL.Image import Image

Followed: TypeAlias = "Image | str"
"""A layer that the user gave, as it has followed the picture; or what is said of it to who asks, if it could not."""


def followed(layers: Mapping[str, Followed], before: Frame, after: Frame, step: str) -> Mapping[str, Followed]:
    """The user's layers for the frame ``after``, which a step made of ``before``, where it says where that lies in it.

    A mask marks nothing of what is new; what another layer would say there isn't known.
    """
    width, height = after.image.size
    if after.place is None:
        if before.image.size == after.image.size:
            return layers
        lost = (
            f"is for the picture before step '{step}' made it {width}x{height}, without a word on where that lies now"
        )
        return {name: layer if isinstance(layer, str) else lost for name, layer in layers.items()}
    from PIL.Image import Resampling

    from igo.images import placed

    left, top, right, bottom = after.place
    whole = left <= 0 and top <= 0 and right >= width and bottom >= height
    moved = dict(layers)
    for name, layer in layers.items():
        if isinstance(layer, str) or layer.size != before.image.size:
            continue
        if whole or name == "mask":
            resample = Resampling.BILINEAR if name in SOFT_LAYERS else Resampling.NEAREST
            moved[name] = placed(layer, after.place, after.image.size, resample)
        else:
            moved[name] = f"doesn't reach over what step '{step}' added; give one to a chain that begins after it"
    return moved


def shown_in(
    layers: Mapping[str, Followed], frame: Frame, box: tuple[int, int, int, int], size: tuple[int, int]
) -> dict[str, Image]:
    """The user's layers for a picture of ``size`` that shows ``box`` of the frame, black beyond the frame's edges: what
    to paint by, and not where. Raises ``PluginError`` for a box without area."""
    from PIL.Image import Resampling

    from igo.images import placed

    left, top, right, bottom = box
    if not (left < right and top < bottom):
        raise PluginError(f"box is {box}; expected left, top, right and bottom, with an area")
    across, down = size[0] / (right - left), size[1] / (bottom - top)
    width, height = frame.image.size
    place = (round(-left * across), round(-top * down), round((width - left) * across), round((height - top) * down))
    return {
        name: placed(layer, place, size, Resampling.BILINEAR if name in SOFT_LAYERS else Resampling.NEAREST)
        for name, layer in layers.items()
        if not isinstance(layer, str) and layer.size == frame.image.size and name != "mask"
    }


def seen(frame: Frame) -> Frame:
    """The frame as it looks on white, if it is transparent."""
    alpha = frame.layers.get("alpha")
    if alpha is None:
        return frame
    from igo.images import on_white

    return replace(frame, image=on_white(frame.image, alpha.convert("L")))


def visible(name: str, layer: Image, frame: Frame) -> Image:
    """The layer for ``frame``; a mask is without what can't be seen of it."""
    alpha = frame.layers.get("alpha")
    if name != "mask" or alpha is None:
        return layer
    from igo.images import visible_part

    return visible_part(layer.convert("L"), alpha.convert("L"))


def with_alpha(frame: Frame, alpha: Image | None) -> Frame:
    """A photo's transparency outlives changes of its colours, unless the size changed."""
    if alpha is None or "alpha" in frame.layers or alpha.size != frame.image.size:
        return frame
    return frame.with_layer("alpha", alpha)
