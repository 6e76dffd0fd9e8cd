"""What a mask file means. Whoever paints and whoever trains reads masks here, by their values and not by their mode.

================================= =================================================================================
what comes in                     how it is read (255 is yes: here)
================================= =================================================================================
two values, whatever they are     no and yes: 0 and 1, 0 and 38, 1 and 255
gray with soft edges              soft; up to 16 is 0, from 239 on 255: the noise of JPEG, of resampling, of a canvas
gray whose white is 38, or 128    stretched, so that its white is 255 and its edges stay soft
shades of one colour              by lightness, as gray
transparency                      alone, where what can be seen is of one colour, or is a photo's cut-out; otherwise the
                                  colours count, and what can't be seen is no
several numbers or colours        a map of parts: refused, since nobody knows which part is meant
================================= =================================================================================

White is always yes. What looks inverted is not guessed, but noted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from igo.errors import ImageError
from igo.images.limits import MAX_PIXELS
from igo.images.reading import ImageSource, Picture, read_levels

NEAR = 16
"""Levels by which black and white may be off."""
_WHITE = 255 - NEAR
_COLOURED = 32
"""Levels between a pixel's channels from which on it has a colour."""
_ROWS = 512
"""Rows that are looked at together."""
_LINE = 24
"""Levels that colours may lie off the line between two of them."""
_FEW = 0.001
"""The share of pixels that noise and stray points may have."""
_LEVELS = 64
"""More different levels than this no map of parts has."""
_PARTS = 8
"""Up to so many, a dark one that fills an area is a part's number, and not noise."""


@dataclass(frozen=True)
class Mask:
    """A mask as it was read."""

    image: Image.Image
    """Mode L: 255 = here, 0 = not here, what lies between is soft."""
    picture: Picture
    """What it was read from."""
    notes: tuple[str, ...] = ()
    """How it was read where that goes without saying, and what may not be meant; a short line each."""

    @property
    def area(self) -> float:
        """The share of pixels that are not 0."""
        return 1 - self.image.histogram()[0] / (self.image.width * self.image.height)


def read_mask(source: ImageSource | Mask, *, max_pixels: int = MAX_PIXELS) -> Mask:
    """Read a mask from anything that `read_image` takes, or an array of whole numbers; a `Mask` comes back as it is.

    Raises ``ImageError`` as `read_image` does, and for what has several colours or holds the numbers of parts.
    """
    if isinstance(source, Mask):
        return source
    picture = read_levels(source, max_pixels=max_pixels)
    gray, notes = _gray(picture)
    image, more = _yes_and_no(gray, picture)
    return Mask(image, picture, (*notes, *more, *_doubts(image)))


def _gray(picture: Picture) -> tuple[Image.Image, list[str]]:
    """One channel (mode L): of the transparency, or of the colours."""
    image, alpha = picture.image, picture.alpha
    if alpha is None or alpha.getextrema()[0] == 255:
        return _lightness(image, picture), []
    opaque = alpha.point([0] * 128 + [255] * 128)
    seen = alpha.point([0] * (NEAR + 1) + [255] * _WHITE)
    pixels, shown = alpha.width * alpha.height, opaque.histogram()[255]
    if 0 < shown < pixels and _is_plain(image, seen):
        return alpha, ["read by its transparency: what is opaque is white"]
    stray = max(1, round(_FEW * pixels))
    if seen.histogram()[0] > stray:
        image = Image.composite(image, Image.new("RGB", image.size), seen)
    try:
        return _lightness(image, picture), []
    except ImageError:
        if min(shown, pixels - shown) <= stray:
            raise
    told = "read by the transparency of a picture in colours: what is opaque is white; invert it if what is transparent"
    return alpha, [f"{told} was meant, as some programs save it"]


def _is_plain(image: Image.Image, seen: Image.Image) -> bool:
    """Whether all that can be seen has one colour."""
    for channel in image.split():
        used = np.flatnonzero(channel.histogram(seen))
        if len(used) and used[-1] - used[0] > NEAR:
            return False
    return True


def _lightness(image: Image.Image, picture: Picture) -> Image.Image:
    """An RGB picture in one channel. Raises ``ImageError`` for one whose colours are not those between two colours."""
    few = image.getcolors(2)
    if few is None and _is_coloured(image):
        scale = min(1.0, (4e6 / (image.width * image.height)) ** 0.5)
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        small = np.asarray(image if scale == 1 else image.resize(size, Image.Resampling.NEAREST))
        colours = small.reshape(-1, 3).astype(np.float32)
        first = colours[np.argmin(colours.sum(axis=1))]
        line = colours[np.argmax(np.square(colours - first).sum(axis=1))] - first
        along = (colours - first) @ line / max(float(line @ line), 1.0)
        off = np.abs(colours - first - along[:, None] * line).max(axis=1)
        if float((off > _LINE).mean()) > _FEW:
            raise ImageError(
                f"{_label(picture)} has several colours, like a map of parts or a photo: expected black and white, "
                "white where to change; make one of the part that you mean"
            )
    gray = image.convert("L")
    low, high = gray.getextrema()
    if few is not None and len(few) == 2 and low == high:  # of one lightness: the one with more in its channels
        more = np.asarray(image) == np.asarray(max(colour for _, colour in few))
        return Image.fromarray(more.all(axis=2).astype(np.uint8) * 255)
    return gray


def _is_coloured(image: Image.Image) -> bool:
    """Whether any pixel of an RGB picture is more than a shade off gray."""
    for top in range(0, image.height, _ROWS):
        rows = np.asarray(image.crop((0, top, image.width, min(top + _ROWS, image.height))))
        if int((rows.max(axis=2) - rows.min(axis=2)).max()) > _COLOURED:
            return True
    return False


def _yes_and_no(gray: Image.Image, picture: Picture) -> tuple[Image.Image, list[str]]:
    """The levels of ``gray`` as no, yes and soft edges between them."""
    counts = np.asarray(gray.histogram())
    used = np.flatnonzero(counts)
    low, high = int(used[0]), int(used[-1])
    if len(used) == 2 and low < _WHITE:
        told = [] if low <= NEAR and high >= _WHITE else [f"its two levels, {low} and {high}, are read as no and yes"]
        return gray.point([255 * (level == high) for level in range(256)]), told
    if len(used) < 3 or low >= _WHITE:
        told = [] if high <= NEAR or low >= _WHITE else [f"it is {low} of 255 everywhere"]
        return gray.point([255 * (level > 127) for level in range(256)]), told
    _check_parts(gray, used, picture)
    white = _plateau(counts, NEAR + 1, 256)
    black = _plateau(counts[: white - NEAR][::-1], 0, white - NEAR) if white else None
    top = white if white and white < _WHITE else 255
    bottom = white - NEAR - 1 - black if white and black is not None else 0
    bottom = bottom if bottom > NEAR else 0
    told = [f"its white is {top} of 255: read as 255"] if top < 255 else []
    told += [f"its black is {bottom} of 255: read as 0"] if bottom else []
    nearly = int(np.argmax(counts[: NEAR + 1]))
    if picture.format == "JPEG" and counts[1 : NEAR + 1].any():
        told.append(f"levels up to {NEAR} of 255, the noise of a JPEG, are read as black")
    elif not bottom and nearly:
        told.append(f"its black is {nearly} of 255: read as 0")
    if top == 255 and high < _WHITE:
        told.append(f"its lightest level is {high} of 255: nothing is wholly white")
    levels = np.clip((np.arange(256) - bottom) * 255 / (top - bottom), 0, 255).round().astype(int)
    levels[levels <= NEAR], levels[levels >= _WHITE] = 0, 255
    return gray.point(levels.tolist()), told


def _plateau(counts: NDArray[np.int_], start: int, stop: int) -> int | None:
    """The level, in ``start`` to before ``stop``, in which much lies and beyond which next to nothing does."""
    within = counts[start:stop]
    if not within.any():
        return None
    level = start + int(np.argmax(within))
    around, beyond = counts[max(start, level - 8) : level + 9].sum(), counts[level + 9 :].sum()
    return level if around >= 0.3 * within.sum() and beyond <= 0.05 * within.sum() else None


def _check_parts(gray: Image.Image, used: NDArray[np.int_], picture: Picture) -> None:
    """Raise ``ImageError`` for a map of parts: few levels, several of which fill areas."""
    if len(used) > _LEVELS or picture.format == "JPEG":
        return
    pixels = np.asarray(gray)
    flat = pixels[_filled(pixels)]
    areas = np.flatnonzero(np.bincount(flat, minlength=256) >= max(9, _FEW * pixels.size))
    between = areas[(areas > NEAR) & (areas < _WHITE)]
    numbers = areas[areas > 1]  # 1 beside 0 is what canvases make of black
    small = len(used) <= _PARTS and len(numbers) > 0 and numbers[0] <= NEAR and areas[0] == 0
    if (used[-1] <= NEAR and len(areas) > 2) or len(between) > 1 or small:
        shown = ", ".join(map(str, areas[:6])) + " …" * (len(areas) > 6)
        raise ImageError(
            f"{_label(picture)} has areas of the levels {shown}, like "
            "a map of parts: expected black and white, white where to change; make one of the part that you mean"
        )


def _filled(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a level fills the 3×3 places around: not along edges and slopes."""
    import cv2

    square = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.dilate(pixels, square) == cv2.erode(pixels, square))


def _doubts(image: Image.Image) -> list[str]:
    """What may not be meant."""
    pixels = np.asarray(image)
    if not pixels.any():
        return ["it is black everywhere: nothing is to change"]
    if pixels.min() == 255:
        return ["it is white everywhere: all of the picture is to change"]
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    area = float((pixels > 127).mean())
    if area > 0.5 and float((edge > 127).mean()) > 0.9:
        return [f"white covers {area:.0%} of it, up to the sides: invert it if what is black was meant"]
    between = (pixels > NEAR) & (pixels < _WHITE)
    if between.any() and float(between.mean()) > 0.05:
        flat = between & _filled(pixels)
        if float(flat.mean()) > 0.05 and len(np.unique(pixels[flat])) <= 2:
            return [f"areas of {int(pixels[flat][0])} of 255 are changed by that share"]
    return []


def _label(picture: Picture) -> str:
    return f"the mask {picture.name!r}" if picture.name else "the mask"
