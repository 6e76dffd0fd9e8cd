"""What upscaling does to a picture beside the network: colours, and what lies under transparency."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from igo_plugins.realesrgan.tiles import Pixels

ROWS = 256
"""Rows that are worked on at once where numbers are wider than a byte."""
NEARLY = 16
"""How many levels the channels of a pixel may be apart in a picture that is meant to be gray: what a scanner, toning or
a JPEG adds."""
_SOLID = 8
"""Alpha from which a pixel's colour is taken to be meant."""


def keep_color(enlarged: Pixels, source: Pixels) -> None:
    """Give ``enlarged`` (H×W×3), in place, the colours that ``source`` (h×w×3) has on the scale of about 16 pixels.

    The difference between the source and the shrunk result is blurred until no detail is left in it, and added: what a
    network sharpened stays, while plain cloth doesn't change its shade.
    """
    height, width = enlarged.shape[:2]
    small = cv2.resize(enlarged, source.shape[1::-1], interpolation=cv2.INTER_AREA)
    shift = source.astype(np.float32) - small
    shift = cv2.GaussianBlur(shift, (0, 0), 8, borderType=cv2.BORDER_REFLECT)
    wide = cv2.resize(shift, (width, len(source)), interpolation=cv2.INTER_LINEAR)
    for top in range(0, height, ROWS):
        rows = enlarged[top : top + ROWS]
        place = (np.arange(top, top + len(rows)) + 0.5) * len(source) / height - 0.5
        place = np.clip(place, 0, len(source) - 1)
        above = place.astype(int)
        below = np.minimum(above + 1, len(source) - 1)
        part = (place - above).astype(np.float32)[:, None, None]
        rows[:] = np.clip(np.rint(rows + wide[above] * (1 - part) + wide[below] * part), 0, 255)


def is_nearly_gray(picture: Pixels) -> bool:
    """Whether no pixel (H×W×3) is further from gray than ``NEARLY`` levels."""
    return all(
        int(np.max(rows.max(2) - rows.min(2), initial=0)) <= NEARLY
        for rows in (picture[top : top + ROWS] for top in range(0, len(picture), ROWS))
    )


def hold_gray(enlarged: Pixels, source: Pixels) -> None:
    """Hold the colour of each pixel of ``enlarged`` (H×W×3), in place, between those of the 3×3 pixels of ``source``
    (h×w×3) at its place, and leave its brightness: where they are gray, it is gray.

    Networks draw fringes of up to 57 levels along the edges of gray pictures, since they learned from coloured ones.
    """
    height, width = enlarged.shape[:2]
    color = source.astype(np.int16) - _brightness(source)
    low, high = (change(color, np.ones((3, 3), np.uint8)) for change in (cv2.erode, cv2.dilate))
    across = np.arange(width) * source.shape[1] // width
    for top in range(0, height, ROWS):
        rows = enlarged[top : top + ROWS]
        down = np.arange(top, top + len(rows)) * len(source) // height
        bright = _brightness(rows)
        held = np.clip(rows - bright, low[down][:, across], high[down][:, across])
        rows[:] = np.clip(bright + held, 0, 255)


def _brightness(picture: Pixels) -> npt.NDArray[np.int16]:
    """H×W×1, of gray exactly its level."""
    red, green, blue = np.moveaxis(picture.astype(np.int32), 2, 0)
    bright: npt.NDArray[np.int16] = ((299 * red + 587 * green + 114 * blue + 500) // 1000)[..., None].astype(np.int16)
    return bright


def bled(picture: Pixels, alpha: npt.NDArray[np.uint8]) -> Pixels:
    """The picture with the nearest visible colour where it is transparent; unchanged if nothing or all of it is.

    What programs leave there, most often black or white, would reach into the visible part as a fringe.
    """
    hidden = (alpha < _SOLID).astype(np.uint8)
    if not hidden.any() or hidden.all():
        return picture
    _, labels = cv2.distanceTransformWithLabels(hidden, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    colors = np.zeros((labels.max() + 1, 3), np.uint8)
    colors[labels[hidden == 0]] = picture[hidden == 0]
    result: Pixels = colors[labels]
    return result


def within_neighbors(enlarged: npt.NDArray[np.uint8], source: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """An enlarged alpha (H×W) held between the least and the most of the 3×3 pixels of ``source`` (h×w) at its place.

    So that what was opaque or transparent stays fully so, whatever a network that never saw a cut-out makes of it.
    """
    size, square = enlarged.shape[::-1], np.ones((3, 3), np.uint8)
    low = cv2.resize(cv2.erode(source, square), size, interpolation=cv2.INTER_NEAREST)
    high = cv2.resize(cv2.dilate(source, square), size, interpolation=cv2.INTER_NEAREST)
    held: npt.NDArray[np.uint8] = np.clip(enlarged, low, high)
    return held


def resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture at another size, by Lanczos."""
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)
