"""Blur kernels of Real-ESRGAN's degradations (Wang et al., 2021): bells of all shapes, and a low-pass with rings."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Kernel = NDArray[np.float32]
KINDS = ("iso", "aniso", "generalised iso", "generalised aniso", "plateau iso", "plateau aniso")


def gaussian(
    size: int, sigma_x: float, sigma_y: float, angle: float = 0.0, shape: float = 1.0, plateau: bool = False
) -> Kernel:
    """A size×size kernel that sums to 1; ``size`` is odd, deviations are in pixels, ``angle`` in radians.

    ``shape`` is the exponent of the generalised Gaussian: 1 is a Gaussian, below it has longer tails, above it is
    boxier. ``plateau`` takes 1 / (1 + d²ˢ) in place of exp(-d²ˢ / 2), which is flat on top (Liu et al., Estimating
    Generalized Gaussian Blur Kernels for Out-of-Focus Image Deblurring).
    """
    x, y = _offsets(size)
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    power = ((along / sigma_x) ** 2 + (across / sigma_y) ** 2) ** shape
    return _normalised(1 / (1 + power) if plateau else np.exp(-0.5 * power))


def sinc(size: int, cutoff: float) -> Kernel:
    """The ideal low-pass of angular frequency ``cutoff`` (0..π), cut to size×size: it leaves rings and overshoot."""
    x, y = _offsets(size)
    radius = np.hypot(x, y)
    radius[size // 2, size // 2] = 1
    arguments, values = _bessel()
    kernel = cutoff * np.interp(cutoff * radius, arguments, values) / (2 * math.pi * radius)
    kernel[size // 2, size // 2] = cutoff**2 / (4 * math.pi)
    return _normalised(kernel)


def random_kernel(rng: np.random.Generator, sigma: tuple[float, float], sinc_chance: float = 0.1) -> Kernel:
    """One of the kinds at its published share, 7 to 21 pixels wide, with deviations from the range ``sigma``."""
    size = 2 * int(rng.integers(3, 11)) + 1
    if rng.random() < sinc_chance:
        return random_sinc(rng, size)
    kind = str(rng.choice(KINDS, p=(0.45, 0.25, 0.12, 0.03, 0.12, 0.03)))
    sigma_x = sigma_y = float(rng.uniform(*sigma))
    angle = 0.0
    if kind.endswith("aniso"):
        sigma_y, angle = float(rng.uniform(*sigma)), float(rng.uniform(-math.pi, math.pi))
    plateau = kind.startswith("plateau")
    low, high = (0.5, 4.0) if kind.startswith("generalised") else (1.0, 2.0) if plateau else (1.0, 1.0)
    shape = float(rng.uniform(low, 1.0) if rng.random() < 0.5 else rng.uniform(1.0, high))
    return gaussian(size, sigma_x, sigma_y, angle, shape, plateau)


def random_sinc(rng: np.random.Generator, size: int) -> Kernel:
    """A low-pass that cuts at π/3 or above, small kernels at π/5 or above."""
    return sinc(size, float(rng.uniform(math.pi / (5 if size < 13 else 3), math.pi)))


def _offsets(size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    line = np.arange(size, dtype=np.float64) - size // 2
    x, y = np.meshgrid(line, line)
    return x, y


def _normalised(kernel: NDArray[np.float64]) -> Kernel:
    return np.asarray(kernel / kernel.sum(), np.float32)


@lru_cache(maxsize=1)
def _bessel() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bessel's J₁ on 0..50, from its integral: scipy, which has it, is not needed for anything else."""
    arguments = np.linspace(0, 50, 2501)
    angles = (np.arange(256) + 0.5) * math.pi / 256
    return arguments, np.cos(angles - arguments[:, None] * np.sin(angles)).mean(1)
