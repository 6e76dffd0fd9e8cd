"""The one compositor: what was painted goes into its zone, and outside of it not one byte changes."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from igo.errors import ImageError, LayerError

Bytes = npt.NDArray[np.uint8]


def composite(original: Image.Image, painted: Image.Image, mask: Image.Image, feather: float = 4.0) -> Image.Image:
    """``painted`` where ``mask`` says so, ``original`` everywhere else. All three of one size; RGB, RGB, L.

    The zone is where the mask is not 0; a soft mask blends. ``feather`` is the width in pixels over which the zone's
    border fades, *inward*, by the distance to the outside: a Gaussian blur of the mask would reach far beyond it. It is
    at most what leaves the zone's middle opaque. The picture's own edge is no border. Every pixel outside the zone is
    checked to be the original's, on each call.

    Raises ``ImageError`` for pictures of another mode or size, ``LayerError`` for a mask of another size.
    """
    for name, image in (("original", original), ("painted", painted)):
        if image.mode != "RGB" or image.size != original.size:
            raise ImageError(
                f"the {name} picture is {image.mode} {image.width}x{image.height}; "
                f"expected RGB {original.width}x{original.height}"
            )
    if mask.size != original.size:
        raise LayerError(
            f"the mask is {mask.width}x{mask.height}; expected {original.width}x{original.height} like the picture"
        )
    zone = np.asarray(mask.convert("L"))
    before = np.asarray(original)
    opacity = zone.astype(np.float32)[..., None] / 255 * _inward(zone, feather)[..., None]
    after = np.rint(before + (np.asarray(painted).astype(np.float32) - before) * opacity).astype(np.uint8)
    if not np.array_equal(after[zone == 0], before[zone == 0]):
        raise ImageError("pixels outside the zone were about to change; nothing was written, please report this")
    return Image.fromarray(after)


def _inward(zone: Bytes, feather: float) -> npt.NDArray[np.float32]:
    """0 to 1 over ``feather`` pixels from the zone's border inward."""
    if feather <= 0 or zone.all() or not zone.any():
        return (zone > 0).astype(np.float32)
    distance = cv2.distanceTransform((zone > 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    feather = min(feather, float(distance.max()) - 1)  # a thin zone is painted too
    opacity: npt.NDArray[np.float32] = np.clip(distance / (feather + 1), 0, 1).astype(np.float32)
    return opacity
