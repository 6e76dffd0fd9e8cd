"""From any pixel layout to 8-bit RGB with straight alpha. Depth is scaled by the type of the numbers, never by value.

============================ ======================================================================================
what comes in                what is taken as black and white
============================ ======================================================================================
1 bit, bool                  False and True
8 bit                        0 and 255; unchanged
16 bit (I;16, I, uint16)     0 and 65535; rounded. Mode I means this in Pillow; 32-bit integers have no such meaning
                             and are refused where they leave the range
F, float16, float32, float64 0.0 and 1.0; rounded. Up to half an 8-bit step outside is clipped, more is refused
CMYK, LAB, HSV, YCbCr        by the ICC profile; without one by Pillow's formula, LAB as D50
============================ ======================================================================================
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms

from igo.errors import ImageError
from igo.files import reason
from igo.images.limits import check_size

Array: TypeAlias = NDArray[Any]

_TOLERANCE = 1 / 510
"""Half an 8-bit step: what resampling and float rounding leave outside 0 to 1."""

_SAME = 2
"""Levels by which a profile may differ from sRGB and still count as sRGB: its makers' own rounding."""

_PROFILE_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab"}


def flatten(
    image: Image.Image, label: str, icc: bytes | None = None, rawmode: str = "", by_value: bool = False
) -> tuple[Image.Image, Image.Image | None, list[str]]:
    """RGB in sRGB, alpha (mode L, or None if the picture has none), and notes on what was converted.

    ``image`` is decoded and of any mode; ``icc`` is the profile it carries; ``rawmode`` is Pillow's name of the layout
    in the file, which tells the depth that Pillow itself already reduced; ``by_value`` scales deep gray by its values.
    Colours under transparent pixels are kept.

    Raises ``ImageError`` for values outside the ranges above and for modes that mean no picture.
    """
    notes: list[str] = []
    base, alpha = _split(image, label, rawmode, notes, by_value)
    if icc:
        base = _through_profile(base, icc, notes)
    if base.mode == "CMYK":
        notes.append("CMYK converted without a profile, by the simple formula")
    if base.mode == "LAB":
        notes.append("LAB converted to sRGB")
        transform = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
        base = _apply(base, transform)
    rgb = base if base.mode == "RGB" else base.convert("RGB")
    return rgb, alpha, notes


def from_array(array: Array, label: str, max_pixels: int, by_value: bool = False) -> tuple[Image.Image, list[str]]:
    """A picture in mode L, LA, RGB or RGBA from H×W, H×W×1, ×2 (gray, alpha), ×3 (RGB) or ×4 (RGBA), and notes.

    Takes bool, uint8, uint16 and floats with the ranges above, ``by_value`` any numbers. Raises ``ImageError`` for all
    others, and for more than ``max_pixels``.
    """
    shape = "x".join(str(side) for side in array.shape) or "a single number"
    expected = "expected HxW or HxWxC with 1 to 4 channels"
    if array.ndim == 4 and len(array) == 1:
        raise ImageError(f"{label} has shape {shape}, a batch of one: {expected}; pass array[0]")
    if array.ndim not in (2, 3):
        raise ImageError(f"{label} has shape {shape}: {expected}; pass one picture")
    if array.ndim == 3 and not 1 <= array.shape[2] <= 4:
        hint = "array.transpose(1, 2, 0)" if array.shape[0] <= 4 else "array[:, :, :3]"
        raise ImageError(f"{label} has shape {shape}: {expected}; pass {hint}")
    check_size((array.shape[1], array.shape[0]), label, max_pixels)
    notes = [] if array.dtype == np.uint8 else [f"{array.dtype.name} reduced to 8 bits"]
    levels = _by_value(array, label) if by_value else _levels(array, label)
    if levels.ndim == 3 and levels.shape[2] == 1:
        levels = levels[:, :, 0]
    return Image.fromarray(np.ascontiguousarray(levels)), notes


def _levels(array: Array, label: str) -> NDArray[np.uint8]:
    """Eight-bit levels of an array of any shape."""
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:  # in either byte order
        return _from_16_bit(array)
    if array.dtype.kind == "f":
        return _from_float(array, label)
    raise ImageError(
        f"{label} holds {array.dtype}: expected uint8, uint16, bool or floats 0 to 1; convert it with astype"
    )


def _by_value(array: Array, label: str) -> NDArray[np.uint8]:
    """Eight-bit levels of numbers of any type, by what they are and not by the type; two are black and white."""
    if array.dtype == np.uint8 or array.dtype == np.bool_:
        return _levels(array, label)
    if array.dtype.kind not in "iuf":
        raise ImageError(f"{label} holds {array.dtype}: expected numbers; convert it with astype")
    low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError(f"{label} holds NaN or infinite values: expected numbers from 0 on; clean them first")
    if low != high and ((array == low) | (array == high)).all():
        return np.where(array == high, 255, 0).astype(np.uint8)
    whites = (1.0, 255.0, 65535.0) if array.dtype.kind == "f" else (255.0, 65535.0)
    white = next((white for white in whites if high <= white * (1 + _TOLERANCE)), None)
    if white is None or low < -_TOLERANCE * white:
        raise ImageError(f"{label} holds values from {low:.4g} to {high:.4g}: expected 0 to 65535; scale it")
    scaled: NDArray[np.float32] = np.clip(array.astype(np.float32) * np.float32(255 / white), 0, 255)
    return np.rint(scaled).astype(np.uint8)


def _from_16_bit(array: Array) -> NDArray[np.uint8]:
    return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _from_float(array: Array, label: str) -> NDArray[np.uint8]:
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError(f"{label} holds NaN or infinite values: expected floats from 0 to 1; clean them first")
    if low < -_TOLERANCE or high > 1 + _TOLERANCE:
        hint = "scale it"
        if low >= -1 - _TOLERANCE and high <= 1 + _TOLERANCE:
            hint = "use (x + 1) / 2"
        elif low >= 0 and high <= 255:
            hint = "divide by 255"
        raise ImageError(f"{label} holds values from {low:.4g} to {high:.4g}: expected floats from 0 to 1; {hint}")
    scaled: NDArray[np.float32] = np.clip(array.astype(np.float32), 0, 1) * np.float32(255)
    return np.rint(scaled).astype(np.uint8)


def _split(
    image: Image.Image, label: str, rawmode: str, notes: list[str], by_value: bool
) -> tuple[Image.Image, Image.Image | None]:
    """The colours in mode L, RGB, CMYK or LAB, and straight alpha."""
    mode = image.mode
    if mode.startswith("I") or mode == "F":
        return _deep(image, label, notes, by_value)
    if "16" in rawmode:
        notes.append("16 bits a channel reduced to 8")
    if mode in ("La", "RGBa"):
        image, mode = image.convert(mode.upper()), mode.upper()
        notes.append("premultiplied alpha divided out")
    if mode in ("LA", "RGBA"):
        return image.convert(mode[:-1]), image.getchannel("A")
    if mode in ("P", "PA"):
        notes.append("palette resolved")
        if not image.has_transparency_data:
            return image.convert("RGB"), None
        full = image.convert("RGBA")
        return full.convert("RGB"), full.getchannel("A")
    if mode in ("CMYK", "LAB"):
        return image, None
    if mode in ("YCbCr", "HSV"):
        notes.append(f"{mode} converted to sRGB")
        return image.convert("RGB"), None
    if mode not in ("1", "L", "RGB", "RGBX"):
        raise ImageError(f"{label} has mode {mode}: expected a picture in colour or gray; convert it to RGB")
    key = _key_in_8_bit(image.info.get("transparency"), mode, rawmode)
    if "transparency" in image.info:
        image = image.copy()
        del image.info["transparency"]  # Pillow would carry it through conversions, with warnings
    base = image.convert("L") if mode == "1" else image.convert("RGB") if mode == "RGBX" else image
    return base, _keyed(base, key)


def _deep(image: Image.Image, label: str, notes: list[str], by_value: bool) -> tuple[Image.Image, Image.Image | None]:
    """Gray with 16 bits or floats."""
    values = np.asarray(image)
    key = image.info.get("transparency")
    alpha = Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)) if isinstance(key, int) else None
    if by_value:
        return Image.fromarray(_by_value(values, label)), alpha
    if image.mode == "F":
        notes.append("float gray reduced to 8 bits")
        return Image.fromarray(_from_float(values, label)), alpha
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise ImageError(
            f"{label} holds 32-bit integers from {low} to {high}: expected 0 to 65535 (16 bits); "
            "scale it, or save it with 8 or 16 bits a channel"
        )
    notes.append("16-bit gray reduced to 8 bits")
    return Image.fromarray(_from_16_bit(values)), alpha


def _key_in_8_bit(key: object, mode: str, rawmode: str) -> tuple[int, ...] | None:
    """The colour that a PNG declares transparent: the file gives it in its own depth, the pixels have 8 bits."""
    colour = (key,) if isinstance(key, int) else key
    if not isinstance(colour, tuple) or len(colour) != (3 if mode in ("RGB", "RGBX") else 1):
        return None
    if mode == "1":
        return (255 if colour[0] else 0,)
    if "16" in rawmode:
        return tuple(value >> 8 for value in colour)
    factor = {"L;2": 85, "L;4": 17}.get(rawmode, 1)
    return tuple(value * factor for value in colour)


def _keyed(base: Image.Image, key: tuple[int, ...] | None) -> Image.Image | None:
    """Alpha that is 0 where all channels equal the key, 255 elsewhere."""
    if key is None:
        return None
    alpha = Image.new("L", base.size, 0)
    for channel, value in zip(base.split(), key, strict=True):
        alpha = ImageChops.lighter(alpha, channel.point([0 if level == value else 255 for level in range(256)]))
    return alpha


def _through_profile(base: Image.Image, icc: bytes, notes: list[str]) -> Image.Image:
    """The picture in sRGB; unchanged, with a note, where the profile can't be used or is sRGB within two levels."""
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        space = profile.profile.xcolor_space.strip()
        if base.mode == "L" and space == "RGB":
            base = base.convert("RGB")  # gray JPEGs often carry the profile of the colour picture they were
        if _PROFILE_SPACES.get(base.mode) != space:
            notes.append(f"ICC profile ignored: it is for {space}, the picture is {base.mode}")
            return base
        transform = ImageCms.buildTransform(
            profile,
            ImageCms.createProfile("sRGB"),
            base.mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if base.mode in ("RGB", "L") and _changes_nothing(transform, base.mode):
            return base
        converted = _apply(base, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, ImportError) as error:
        notes.append(f"ICC profile ignored, colours taken as sRGB: {reason(error)}")
        return base
    notes.append("ICC profile converted to sRGB")
    return converted


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a transform leaves a lattice of colours within two levels: then the pixels stay as they are, exactly."""
    steps = np.linspace(0, 255, 18).astype(np.uint8)
    if mode == "L":
        samples = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    else:
        lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1)
        samples = Image.fromarray(lattice.reshape(1, -1, 3))
    before, after = np.asarray(samples.convert("RGB"), np.int16), np.asarray(_apply(samples, transform), np.int16)
    return int(np.abs(before - after).max()) <= _SAME


def _apply(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    if converted is None:
        raise ValueError("the transform gave no picture")
    return converted
