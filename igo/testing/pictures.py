"""Assertions on pictures, whose failures write the difference as a picture and say where it is."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from igo.errors import ImageError

Values = npt.NDArray[np.float64]
FOLDER = "IGO_DIFFERENCES"
"""The environment variable that names the folder for pictures of differences; a temporary one without it."""
WINDOW, SIGMA = 11, 1.5
"""SSIM's Gaussian window, in pixels."""
K1, K2, LEVELS = 0.01, 0.03, 255


def assert_images_equal(image: Image.Image, expected: Image.Image, *, outside: Image.Image | None = None) -> None:
    """Fail unless two pictures have the same mode, size and bytes.

    ``outside`` is a mask (mode L, of the pictures' size): where it isn't 0, anything goes.
    """
    __tracebackhide__ = True
    got, wanted = _pair(image, expected)
    free = np.zeros(got.shape[:2], bool) if outside is None else _zone(outside, image)
    differing = (got != wanted).any(2) & ~free
    if not differing.any():
        return
    rows, columns = np.nonzero(differing)
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    most = int(np.abs(got - wanted).max(2)[differing].max())
    where = "outside the zone " if outside is not None else ""
    _fail(
        f"{differing.sum():,} of {(~free).sum():,} pixels {where}differ, by up to {most} levels, within the box {box}",
        image,
        expected,
        free,
    )


def assert_psnr(image: Image.Image, expected: Image.Image, at_least: float) -> None:
    """Fail unless ``psnr`` is at least that many decibels. 40 is hard to see; 30 is plain to see."""
    __tracebackhide__ = True
    value = psnr(image, expected)
    if value < at_least:
        _fail(f"the PSNR is {value:.2f} dB; expected at least {at_least:g} dB", image, expected)


def assert_ssim(image: Image.Image, expected: Image.Image, at_least: float) -> None:
    """Fail unless ``ssim`` is at least that."""
    __tracebackhide__ = True
    value = ssim(image, expected)
    if value < at_least:
        _fail(f"the SSIM is {value:.4f}; expected at least {at_least:g}", image, expected)


def psnr(image: Image.Image, expected: Image.Image) -> float:
    """Peak signal-to-noise ratio in decibels, over all channels; infinite for equal pictures.

    Two pictures of one mode and size, 8 bits a channel; raises ``AssertionError`` for others.
    """
    got, wanted = _pair(image, expected)
    error = float(np.square(got - wanted).mean())
    return float("inf") if error == 0 else float(10 * np.log10(LEVELS**2 / error))


def ssim(image: Image.Image, expected: Image.Image) -> float:
    """Structural similarity, -1 to 1, the mean over pixels and channels (Wang et al., Image Quality Assessment: From
    Error Visibility to Structural Similarity, 2004).

    As published: an 11×11 Gaussian window (sigma 1.5), K1 0.01, K2 0.03, where the window fits whole. Two pictures of
    one mode and size, 8 bits a channel; raises ``AssertionError`` for others, ``ImageError`` below 11×11 pixels.
    """
    got, wanted = _pair(image, expected)
    if min(image.size) < WINDOW:
        raise ImageError(f"the picture is {_size(image)}; SSIM needs at least {WINDOW}x{WINDOW} pixels")
    c1, c2 = (K1 * LEVELS) ** 2, (K2 * LEVELS) ** 2
    mean, mean_wanted = _windowed(got), _windowed(wanted)
    variance = _windowed(got * got) - mean**2
    variance_wanted = _windowed(wanted * wanted) - mean_wanted**2
    covariance = _windowed(got * wanted) - mean * mean_wanted
    light = (2 * mean * mean_wanted + c1) / (mean**2 + mean_wanted**2 + c1)
    rest = (2 * covariance + c2) / (variance + variance_wanted + c2)
    return float((light * rest).mean())


def _windowed(values: Values) -> Values:
    """Means of H×W×C under the window, where it fits whole: (H-10)×(W-10)×C."""
    import cv2

    blurred = cv2.GaussianBlur(values, (WINDOW, WINDOW), SIGMA)
    margin = WINDOW // 2
    inner = np.asarray(blurred, np.float64).reshape(values.shape)
    return inner[margin:-margin, margin:-margin]


def _pair(image: Image.Image, expected: Image.Image) -> tuple[Values, Values]:
    """Both as H×W×C."""
    for name in ("mode", "size"):
        got, wanted = getattr(image, name), getattr(expected, name)
        if got != wanted:
            got, wanted = (f"{v[0]}x{v[1]}" if isinstance(v, tuple) else v for v in (got, wanted))
            raise AssertionError(f"the picture's {name} is {got}; expected {wanted}")
    arrays = [np.asarray(picture).astype(np.float64) for picture in (image, expected)]
    first, second = (array if array.ndim == 3 else array[..., None] for array in arrays)
    return first, second


def _zone(mask: Image.Image, image: Image.Image) -> npt.NDArray[np.bool_]:
    if mask.size != image.size:
        raise ImageError(f"the mask is {_size(mask)}; expected {_size(image)} like the picture")
    return np.asarray(mask.convert("L")) > 0


def _fail(message: str, image: Image.Image, expected: Image.Image, free: npt.NDArray[np.bool_] | None = None) -> None:
    __tracebackhide__ = True
    path = _written(_difference(image, expected, free))
    raise AssertionError(f"{message}; expected, got and difference side by side: {path}")


def _difference(image: Image.Image, expected: Image.Image, free: npt.NDArray[np.bool_] | None) -> Image.Image:
    """Expected, got, and the absolute difference, its square root stretched to all of the range, so that faint ones
    show beside strong ones; a free zone is gray there."""
    got, wanted = _pair(image, expected)
    levels = np.abs(got - wanted)[..., :3]
    levels = np.broadcast_to(levels if levels.shape[2] == 3 else levels.max(2, keepdims=True), (*got.shape[:2], 3))
    if free is not None:
        levels = np.where(free[..., None], 0, levels)
    shown = (np.sqrt(levels / max(levels.max(), 1)) * LEVELS).astype(np.uint8)
    if free is not None:
        shown = np.where(free[..., None], np.uint8(64), shown)
    gap = max(2, image.width // 32)
    sheet = Image.new("RGB", (3 * image.width + 2 * gap, image.height), "white")
    for index, panel in enumerate((expected.convert("RGB"), image.convert("RGB"), Image.fromarray(shown))):
        sheet.paste(panel, (index * (image.width + gap), 0))
    return sheet


def _written(sheet: Image.Image) -> Path:
    """Where the sheet now is. pytest's name for the running test is in the file's, so that it is found in CI."""
    folder = Path(os.environ.get(FOLDER) or tempfile.mkdtemp(prefix="igo-differences-"))
    folder.mkdir(parents=True, exist_ok=True)
    test = os.environ.get("PYTEST_CURRENT_TEST", "difference").rpartition("::")[2].split(" ")[0]
    stem = "".join(character if character.isalnum() or character in "-_." else "-" for character in test)
    path, number = folder / f"{stem}.png", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.png"
    sheet.save(path)
    return path.resolve()


def _size(image: Image.Image) -> str:
    return f"{image.width}x{image.height}"
