"""Which of the drawn world's twelve colours a region of a picture has."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from igo.errors import ImageError, SettingsError, did_you_mean

Box = tuple[int, int, int, int]
Region = Image.Image | Box | None
"""A mask (its pixels that aren't 0), a box (left, top, right, bottom), or ``None`` for all of the picture."""


def color_shares(image: Image.Image, region: Region = None) -> dict[str, float]:
    """The share of each colour of ``igo.wardrobe.COLORS`` in a region, 0 to 1, the largest first.

    A pixel has the colour that is nearest in CIELAB, so that a garment keeps its name in light and shade: of 465 plain
    drawn garments each had most pixels of its own colour, three quarters or more of 95 % of them. Raises ``ImageError``
    for a region that holds no pixel or has another size.
    """
    import cv2

    from igo.wardrobe import COLORS

    pixels = _pixels(image, region)
    palette = np.array(list(COLORS.values()), np.uint8)
    seen, named = (
        cv2.cvtColor((colors / np.float32(255)).astype(np.float32)[:, None], cv2.COLOR_RGB2LAB)[:, 0]
        for colors in (pixels, palette)
    )
    distances = np.stack([np.square(seen - color).sum(1) for color in named])
    counts = np.bincount(distances.argmin(0), minlength=len(palette))
    shares = {name: float(count) / len(pixels) for name, count in zip(COLORS, counts, strict=True)}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def assert_color(image: Image.Image, color: str, region: Region = None, at_least: float = 0.5) -> None:
    """Fail unless ``color`` has at least that share of the region's pixels; see ``color_shares``.

    Raises ``SettingsError`` for a colour that has no name here.
    """
    __tracebackhide__ = True
    shares = color_shares(image, region)
    if color not in shares:
        raise SettingsError(f"there is no colour '{color}'; {did_you_mean(color, list(shares))}")
    if shares[color] < at_least:
        found = ", ".join(f"{name} {share:.0%}" for name, share in shares.items() if share >= 0.01)
        raise AssertionError(f"{shares[color]:.0%} of the region is {color}; expected at least {at_least:.0%}: {found}")


def _pixels(image: Image.Image, region: Region) -> npt.NDArray[np.uint8]:
    """N×3."""
    pixels = np.asarray(image.convert("RGB"))
    if isinstance(region, Image.Image):
        if region.size != image.size:
            raise ImageError(f"the region is {_size(region)}; expected {_size(image)} like the picture")
        chosen = pixels[np.asarray(region.convert("L")) > 0]
    else:
        chosen = np.asarray(image.convert("RGB").crop(region)).reshape(-1, 3) if region else pixels.reshape(-1, 3)
    if not len(chosen):
        raise ImageError("the region is empty; expected a mask with white in it, or a box (left, top, right, bottom)")
    return chosen


def _size(image: Image.Image) -> str:
    return f"{image.width}x{image.height}"
