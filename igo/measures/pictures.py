"""Two pictures: each measure, what it is of, and what it gives inside and outside of a zone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from igo.errors import ImageError, SettingsError
from igo.images import ImageSource, Mask, read_image, read_mask
from igo.measures.perceptual import SMALLEST, lpips_maps, lpips_missing

Pixels = NDArray[np.uint8]
Values = NDArray[np.float64]
Zone = NDArray[np.bool_]

REACH = 5
"""Pixels that SSIM's window reaches to each side."""
_ROWS = 256
"""Rows that are measured together: pictures of any size are, in little memory."""


@dataclass(frozen=True)
class Measure:
    """What a figure is called, and which end of its range is the good one."""

    title: str
    unit: str
    higher_is_closer: bool
    digits: int


MEASURES = MappingProxyType(
    {
        "ssim": Measure("SSIM", "", True, 4),
        "psnr": Measure("PSNR", "dB", True, 2),
        "delta_e": Measure("ΔE2000", "", False, 2),
        "lpips": Measure("LPIPS", "", False, 4),
    }
)
"""The measures, by the names that they have in `Figures`."""


@dataclass(frozen=True)
class Figures:
    """Measures of two pictures over some of their pixels. Pictures are 8-bit sRGB; what is transparent lies on white.

    A figure is nan where it can't be taken: SSIM where no window fits, LPIPS where it isn't at hand.
    """

    pixels: int
    """How many pixels are measured."""
    ssim: float
    """Structural similarity, -1 to 1, 1 for equal pictures (Wang et al., Image Quality Assessment: From Error
    Visibility to Structural Similarity, 2004). As published: a Gaussian window of 11×11 pixels (sigma 1.5), K1 0.01,
    K2 0.03, of values from 0 to 255; of each of the channels red, green and blue, and their mean, where papers differ:
    many measure gray. The mean of its map where the window fits into the picture; over a zone, of the map over the
    zone, so that pixels up to 5 beside the zone count too."""
    psnr: float
    """Peak signal-to-noise ratio in decibels, 10·log10(255² / mean squared error), the error over all three channels;
    infinite for equal pixels. 40 is hard to see, 30 is plain to see."""
    delta_e: float
    """The mean over pixels of the colour difference CIEDE2000 (Sharma, Wu and Dalal, The CIEDE2000 Color-Difference
    Formula, 2005), with all weights 1, of sRGB in L*a*b* under D65 (2° observer): 0 for equal colours, 100 from black
    to white; 1 is about what can be seen side by side."""
    lpips: float = math.nan
    """Learned perceptual image patch similarity, 0 for equal pictures, up to about 1 (Zhang et al., The Unreasonable
    Effectiveness of Deep Features as a Perceptual Metric, 2018): version 0.1 on AlexNet, at the pictures' own size, by
    the package ``lpips``. Over a zone, the mean of its map, in which each pixel stands for all that the network sees
    around it."""


@dataclass(frozen=True)
class Comparison:
    """What two pictures differ by."""

    whole: Figures
    inside: Figures | None = None
    """Over the zone, which is where the mask is not 0. None without a mask."""
    outside: Figures | None = None
    """Over the rest. None without a mask, and where the mask covers the picture."""

    @property
    def judged(self) -> Figures:
        """What cases are ranked by: the zone, or the whole without one."""
        return self.inside or self.whole


def compare(
    first: ImageSource,
    second: ImageSource,
    mask: ImageSource | Mask | None = None,
    *,
    lpips: bool | None = None,
) -> Comparison:
    """Measure two pictures of one size, and by a ``mask`` of that size (white: the zone) inside and outside of it.

    ``lpips`` says whether LPIPS is measured; by default it is where `lpips_missing` is None and the pictures have at
    least 64×64 pixels.

    Raises ``ImageError`` for what can't be read, for sizes that differ, and for a mask that is empty; ``SettingsError``
    where scikit-image is not installed, or LPIPS is asked for and not at hand.
    """
    one, other, area = _given(first, second, mask)
    if lpips and (missing := lpips_missing()):
        raise SettingsError(missing)
    if lpips is None:
        lpips = min(area.shape) >= SMALLEST and not lpips_missing()
    learned = lpips_maps(one, other, mask is not None) if lpips else None
    similarity, difference, fits = _ssim_map(one, other), _delta_e_map(one, other), _fits(area)

    def figures(area: Zone) -> Figures:
        return Figures(
            pixels=int(area.sum()),
            ssim=_mean(similarity[area & fits]),
            psnr=_psnr(one[area], other[area]),
            delta_e=_mean(difference[area]),
            lpips=math.nan if learned is None else learned.whole if area.all() else _mean(learned.map[area]),
        )

    whole = figures(np.ones_like(area))
    if mask is None:
        return Comparison(whole)
    return Comparison(whole, figures(area), None if area.all() else figures(~area))


def ssim(first: ImageSource, second: ImageSource, mask: ImageSource | Mask | None = None) -> float:
    """`Figures.ssim` of two pictures, over the zone if there is a mask. Raises as `compare` does."""
    one, other, area = _given(first, second, mask)
    return _mean(_ssim_map(one, other)[area & _fits(area)])


def psnr(first: ImageSource, second: ImageSource, mask: ImageSource | Mask | None = None) -> float:
    """`Figures.psnr` of two pictures, over the zone if there is a mask. Raises as `compare` does."""
    one, other, area = _given(first, second, mask)
    return _psnr(one[area], other[area])


def delta_e(first: ImageSource, second: ImageSource, mask: ImageSource | Mask | None = None) -> float:
    """`Figures.delta_e` of two pictures, over the zone if there is a mask. Raises as `compare` does."""
    one, other, area = _given(first, second, mask)
    return _mean(_delta_e_map(one, other)[area])


def lpips(first: ImageSource, second: ImageSource, mask: ImageSource | Mask | None = None) -> float:
    """`Figures.lpips` of two pictures, over the zone if there is a mask. Raises as `compare` does, and ``ImageError``
    for pictures below 64×64."""
    return compare(first, second, mask, lpips=True).judged.lpips


def pixels_of(source: ImageSource) -> Pixels:
    """A picture as H×W×3, what is transparent on white. Raises ``ImageError``."""
    return np.asarray(read_image(source).on_white())


def check_sizes(one: Pixels, other: Pixels, name: str, other_name: str) -> None:
    """Raise ``ImageError`` unless both pictures have one size."""
    if one.shape != other.shape:
        raise ImageError(
            f"{name} is {_size(one)} and {other_name} is {_size(other)}: expected two of one size; resize one of them"
        )


def zone_of(mask: ImageSource | Mask, picture: Pixels, name: str, other_name: str) -> Zone:
    """Where a mask is not 0, H×W. Raises ``ImageError`` if it is so nowhere, or is of another size."""
    zone = np.asarray(read_mask(mask).image) > 0
    if zone.shape != picture.shape[:2]:
        raise ImageError(
            f"{name} is {_size(zone)} and {other_name} {_size(picture)}: expected a mask of the picture's size"
        )
    if not zone.any():
        raise ImageError(f"{name} is black everywhere: expected white where the zone is")
    return zone


def ssim_map(first: ImageSource, second: ImageSource) -> Values:
    """The SSIM around each pixel, H×W, as in `Figures.ssim`. At less than 5 pixels from a side the picture is continued
    by mirroring it, and what is there is no part of the mean. nan for pictures below 11×11.

    Raises as `compare` does.
    """
    return _ssim_map(*_given(first, second, None)[:2])


def delta_e_map(first: ImageSource, second: ImageSource) -> Values:
    """The colour difference CIEDE2000 of each pixel, H×W, as in `Figures.delta_e`. Raises as `compare` does."""
    return _delta_e_map(*_given(first, second, None)[:2])


def check_installed() -> None:
    """Raise ``SettingsError`` where scikit-image can't be imported."""
    try:
        import skimage.color
        import skimage.metrics  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            f"pictures are measured by scikit-image, which can't be imported ({error}); "
            "run: pip install 'igo[measures]'"
        ) from error


def _given(first: ImageSource, second: ImageSource, mask: ImageSource | Mask | None) -> tuple[Pixels, Pixels, Zone]:
    """Both pictures, and the pixels that are asked for: the zone, or all."""
    check_installed()
    one, other = pixels_of(first), pixels_of(second)
    check_sizes(one, other, "the first picture", "the second")
    if mask is None:
        return one, other, np.ones(one.shape[:2], bool)
    return one, other, zone_of(mask, one, "the mask", "the pictures")


def _fits(area: Zone) -> Zone:
    """Where SSIM's window lies in the picture as a whole."""
    fits = np.zeros_like(area)
    fits[REACH:-REACH, REACH:-REACH] = True
    return fits


def _ssim_map(one: Pixels, other: Pixels) -> Values:
    from skimage.metrics import structural_similarity

    if min(one.shape[:2]) <= 2 * REACH:
        return np.full(one.shape[:2], math.nan)

    def measure(first: Pixels, second: Pixels) -> Values:
        found: Values = structural_similarity(
            first,
            second,
            data_range=255,
            channel_axis=2,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )[1]
        return np.asarray(found.mean(axis=2))

    return _by_rows(measure, one, other, REACH)


def _delta_e_map(one: Pixels, other: Pixels) -> Values:
    from skimage.color import deltaE_ciede2000, rgb2lab

    def measure(first: Pixels, second: Pixels) -> Values:
        return np.asarray(deltaE_ciede2000(rgb2lab(first), rgb2lab(second)))

    return _by_rows(measure, one, other)


def _psnr(one: Pixels, other: Pixels) -> float:
    from skimage.metrics import peak_signal_noise_ratio

    return math.inf if np.array_equal(one, other) else float(peak_signal_noise_ratio(one, other, data_range=255))


def _by_rows(measure: Callable[[Pixels, Pixels], Values], one: Pixels, other: Pixels, reach: int = 0) -> Values:
    """A map H×W, made of bands of rows; ``reach`` rows beside a band have a say in it."""
    height, width = one.shape[:2]
    found = np.empty((height, width))
    parts = max(1, height // _ROWS)
    for part in range(parts):
        top, bottom = part * height // parts, (part + 1) * height // parts
        start, end = max(0, top - reach), min(height, bottom + reach)
        found[top:bottom] = measure(one[start:end], other[start:end])[top - start : bottom - start]
    return found


def _mean(values: Values) -> float:
    return float(values.mean()) if values.size else math.nan


def _size(pixels: NDArray[np.generic]) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
