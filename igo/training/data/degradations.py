"""What happens to pictures on their way through cameras, chats and web pages, to train upscalers against: the
second-order degradations of Real-ESRGAN (Wang et al., 2021), on numpy and OpenCV. All chance comes from a generator."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from igo.errors import SettingsError
from igo.training.data.kernels import random_kernel, random_sinc

Values = NDArray[np.float32]
Pixels = NDArray[np.uint8]
RESIZES = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
SHRINKS = (Image.Resampling.BOX, Image.Resampling.LANCZOS, Image.Resampling.BICUBIC)


@dataclass(frozen=True)
class Round:
    """One round of blur, resizing, noise and JPEG. Chances are 0..1, ranges are (low, high).

    ``blur`` is the chance of any blur, ``sigma`` in pixels. A picture is enlarged with chance ``enlarge``, shrunk with
    chance ``shrink``, by factors from ``resize``. Noise is Gaussian with chance ``gaussian``, of a deviation from
    ``noise`` (in levels of 255), else photon noise times a factor from ``photons``; it is gray with chance ``gray``.
    ``quality`` is JPEG's.
    """

    blur: float
    sigma: tuple[float, float]
    enlarge: float
    shrink: float
    resize: tuple[float, float]
    noise: tuple[float, float]
    photons: tuple[float, float]
    quality: tuple[float, float] = (30.0, 95.0)
    gaussian: float = 0.5
    gray: float = 0.4
    sinc: float = 0.1

    def __post_init__(self) -> None:
        for name in ("sigma", "resize", "noise", "photons", "quality"):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise SettingsError(f"{name} is ({low}, {high}); give a range from 0 up, the lower end first")
        for name in ("blur", "enlarge", "shrink", "gaussian", "gray", "sinc"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; a chance lies between 0 and 1")
        if self.sigma[0] == 0 or self.resize[0] == 0 or self.enlarge + self.shrink > 1:
            raise SettingsError("sigma and resize must begin above 0, and enlarge and shrink add up to at most 1")


FIRST = Round(1.0, (0.2, 3.0), 0.2, 0.7, (0.15, 1.5), (1.0, 30.0), (0.05, 3.0))
SECOND = Round(0.8, (0.2, 1.5), 0.3, 0.4, (0.3, 1.2), (1.0, 25.0), (0.05, 2.5))


@dataclass(frozen=True)
class Degradation:
    """Two rounds in a row and a last low-pass; the published figures unless told otherwise."""

    first: Round = FIRST
    second: Round = SECOND
    last_sinc: float = 0.8

    def softened(self, amount: float) -> "Degradation":
        """The same with blur, noise, shrinking and compression taken back by ``amount``: 0 nothing, 1 nearly all."""
        if not 0 <= amount <= 1:
            raise SettingsError(f"degradations can't be softened by {amount}; give a number from 0 to 1")

        def softer(one: Round) -> Round:
            return replace(
                one,
                sigma=_toward(one.sigma, 0.2, amount),
                resize=_toward(one.resize, 1.0, amount),
                noise=_toward(one.noise, 0.5, amount),
                photons=_toward(one.photons, 0.05, amount),
                quality=_toward(one.quality, 95.0, amount),
            )

        return replace(self, first=softer(self.first), second=softer(self.second))


PUBLISHED = Degradation()


def _toward(span: tuple[float, float], goal: float, amount: float) -> tuple[float, float]:
    low, high = (end * (1 - amount) + goal * amount for end in span)
    return low, high


def degrade(picture: Pixels, scale: int, rng: np.random.Generator, settings: Degradation = PUBLISHED) -> Pixels:
    """``picture`` (H×W×3 uint8 RGB) ``scale`` times smaller and much worse, as uint8.

    Raises ``SettingsError`` if the sides aren't multiples of ``scale``.
    """
    small = _small(picture, scale)
    values: Values = np.asarray(picture, np.float32) / np.float32(255)
    first, second = settings.first, settings.second
    values = _jpeg(_noisy(_resized(_blurred(values, first, rng), first, rng), first, rng), first, rng)
    values = _noisy(_resized(_blurred(values, second, rng), second, rng, small), second, rng)
    if rng.random() < 0.5:
        values = _jpeg(_fitted(values, small, settings, rng), second, rng)
    else:
        values = _fitted(_jpeg(values, second, rng), small, settings, rng)
    return _pixels(values)


def shrink(picture: Pixels, scale: int, rng: np.random.Generator) -> Pixels:
    """``picture`` ``scale`` times smaller and otherwise as good as it gets: by area, Lanczos or bicubic."""
    method = SHRINKS[int(rng.integers(len(SHRINKS)))]
    return np.array(Image.fromarray(picture).resize(_small(picture, scale), method))


def enlarge(picture: Pixels, scale: int) -> Pixels:
    """``picture`` (h×w×3 uint8) ``scale`` times larger by Lanczos: what every upscaler has to beat."""
    height, width = picture.shape[:2]
    return np.array(Image.fromarray(picture).resize((width * scale, height * scale), Image.Resampling.LANCZOS))


def _small(picture: Pixels, scale: int) -> tuple[int, int]:
    height, width = picture.shape[:2]
    if height % scale or width % scale:
        raise SettingsError(f"a picture of {width}×{height} can't be shrunk {scale} times; crop it to a multiple")
    return width // scale, height // scale


def _blurred(values: Values, one: Round, rng: np.random.Generator) -> Values:
    if rng.random() >= one.blur:
        return values
    return _filtered(values, random_kernel(rng, one.sigma, one.sinc))


def _filtered(values: Values, kernel: Values) -> Values:
    filtered = cv2.filter2D(values, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(np.clip(filtered, 0, 1), np.float32)


def _resized(values: Values, one: Round, rng: np.random.Generator, size: tuple[int, int] | None = None) -> Values:
    """Resized by a random factor of the picture's size, or of the final ``size`` (width, height)."""
    low, high = one.resize
    chance, factor = rng.random(), 1.0
    if chance < one.enlarge:
        factor = float(rng.uniform(max(1.0, low), max(1.0, high)))
    elif chance < one.enlarge + one.shrink:
        factor = float(rng.uniform(min(1.0, low), min(1.0, high)))
    width, height = size or (values.shape[1], values.shape[0])
    return _resize(values, (max(8, round(width * factor)), max(8, round(height * factor))), rng)


def _resize(values: Values, size: tuple[int, int], rng: np.random.Generator) -> Values:
    method = RESIZES[int(rng.integers(len(RESIZES)))]
    if size == (values.shape[1], values.shape[0]):
        return values
    return np.asarray(np.clip(cv2.resize(values, size, interpolation=method), 0, 1), np.float32)


def _noisy(values: Values, one: Round, rng: np.random.Generator) -> Values:
    """Gaussian noise, or photon noise: that of 255 photons at white, as a Gaussian of the same variance."""
    gray = rng.random() < one.gray
    noise = rng.standard_normal((*values.shape[:2], 1 if gray else 3), dtype=np.float32)
    if rng.random() < one.gaussian:
        deviation: Values = np.full((1, 1, 1), rng.uniform(*one.noise) / 255, np.float32)
    else:
        light = values.mean(2, keepdims=True) if gray else values
        deviation = np.sqrt(light / 255) * np.float32(rng.uniform(*one.photons))
    return np.asarray(np.clip(values + deviation * noise, 0, 1), np.float32)


def _jpeg(values: Values, one: Round, rng: np.random.Generator) -> Values:
    quality = round(rng.uniform(*one.quality))
    _, data = cv2.imencode(".jpg", _pixels(values)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded: Pixels = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1]
    return np.asarray(decoded, np.float32) / np.float32(255)


def _fitted(values: Values, small: tuple[int, int], settings: Degradation, rng: np.random.Generator) -> Values:
    """At its final size, sharpened by the rings of a low-pass more often than not."""
    values = _resize(values, small, rng)
    size = 2 * int(rng.integers(3, 11)) + 1
    return _filtered(values, random_sinc(rng, size)) if rng.random() < settings.last_sinc else values


def _pixels(values: Values) -> Pixels:
    return np.asarray(np.rint(values * 255), np.uint8)
