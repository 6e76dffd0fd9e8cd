"""Procedural textures that stand in for photographs: edges, fine structure and flat areas of all scales, at no licence.

The backbone is the dead leaves model, whose statistics are close to those of natural pictures (Lee, Mumford & Huang,
Occlusion Models for Natural Images); networks that restore pictures can be trained on it alone (Achddou, Gousseau &
Ladjal, Fully Synthetic Training for Image Restoration Tasks).
"""

import math
import string

import cv2
import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]
Pixels = NDArray[np.uint8]
GLYPHS = string.ascii_letters + string.digits + "&%#?!@"


def texture(rng: np.random.Generator, height: int, width: int) -> Pixels:
    """A random texture, H×W×3 uint8 RGB: one kind, or two of them in patches."""
    values = _kind(rng, height, width)
    if rng.random() < 0.4:
        soft = cv2.GaussianBlur(_clouds(rng, height, width, 1), (0, 0), rng.uniform(2, 6))[..., None]
        edge = np.float32(rng.uniform(4, 60))
        share = np.clip((soft - np.median(soft)) * edge + 0.5, 0, 1)
        values = values + share * (_kind(rng, height, width) - values)
    values = values * (1 + np.float32(rng.uniform(-0.15, 0.15)) * _slope(rng, height, width))
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def _kind(rng: np.random.Generator, height: int, width: int) -> Values:
    kinds = (_leaves, _noise, _stripes, _glyphs, _gradient, _weave)
    index = int(rng.choice(len(kinds), p=(0.4, 0.15, 0.12, 0.13, 0.08, 0.12)))
    return kinds[index](rng, height, width)


def _color(rng: np.random.Generator) -> Values:
    """Any colour, grayish ones more often."""
    gray = rng.uniform(0.02, 0.98)
    return np.asarray(np.clip(gray + rng.uniform(0, 0.6) * rng.uniform(-0.7, 0.7, 3), 0, 1), np.float32)


def _ramp(rng: np.random.Generator, share: Values) -> Values:
    """From one colour to another by ``share`` (H×W×1, 0..1)."""
    first, second = _color(rng), _color(rng)
    return np.asarray(first + (second - first) * share, np.float32)


def _slope(rng: np.random.Generator, height: int, width: int) -> Values:
    """A plane over the picture in a random direction, -1..1: H×W×1."""
    angle = rng.uniform(0, 2 * math.pi)
    plane = _along(height, width, angle)
    return np.asarray(plane / max(float(np.abs(plane).max()), 1e-6), np.float32)


def _along(height: int, width: int, angle: float) -> Values:
    """Distance in pixels from the middle along a direction: H×W×1."""
    y = np.arange(height, dtype=np.float32)[:, None, None] - height / 2
    x = np.arange(width, dtype=np.float32)[None, :, None] - width / 2
    return np.asarray(x * math.cos(angle) + y * math.sin(angle), np.float32)


def _clouds(rng: np.random.Generator, height: int, width: int, channels: int) -> Values:
    """Noise of several octaves (Perlin, An Image Synthesizer), 0..1 and as rough as a random exponent says."""
    total = np.zeros((height, width, channels), np.float32)
    persistence, cell = rng.uniform(0.35, 0.95), float(rng.uniform(16, 64))
    weight = 1.0
    while cell >= 1:
        grid = rng.random((math.ceil(height / cell) + 1, math.ceil(width / cell) + 1, channels), dtype=np.float32)
        layer = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC).reshape(total.shape)
        total += np.float32(weight) * layer
        weight, cell = weight * persistence, cell / 2
    low, high = float(total.min()), float(total.max())
    return np.asarray((total - low) / max(high - low, 1e-6), np.float32)


def _noise(rng: np.random.Generator, height: int, width: int) -> Values:
    if rng.random() < 0.3:
        return _clouds(rng, height, width, 3)
    return _ramp(rng, _clouds(rng, height, width, 1))


def _gradient(rng: np.random.Generator, height: int, width: int) -> Values:
    return _ramp(rng, np.asarray((_slope(rng, height, width) + 1) / 2, np.float32))


def _stripes(rng: np.random.Generator, height: int, width: int) -> Values:
    """Stripes of a period of 2.5 to 40 pixels, straight or waving, soft or sharp."""
    period = math.exp(rng.uniform(math.log(2.5), math.log(40)))
    angle = rng.uniform(0, math.pi)
    across = _along(height, width, angle + math.pi / 2)
    wave = rng.uniform(0, 0.6) * period * np.sin(across * (2 * math.pi / rng.uniform(2 * period, 12 * period)))
    signal = np.sin((_along(height, width, angle) + wave) * (2 * math.pi / period) + rng.uniform(0, 2 * math.pi))
    sharp = np.float32(rng.uniform(0.5, max(0.6, period / 2)))
    return _ramp(rng, np.asarray(np.clip(signal * sharp, -1, 1) / 2 + 0.5, np.float32))


def _weave(rng: np.random.Generator, height: int, width: int) -> Values:
    """Cloth: threads over and under each other, a little uneven."""
    period, angle = rng.uniform(2.5, 12), rng.uniform(0, math.pi)
    warp = np.sin(_along(height, width, angle) * (2 * math.pi / period))
    weft = np.sin(_along(height, width, angle + math.pi / 2) * (2 * math.pi / period))
    share = 0.5 + 0.25 * warp * np.sign(weft) * np.abs(weft) ** 0.5 + 0.25 * rng.uniform(0, 1) * (warp + weft) / 2
    uneven = np.float32(rng.uniform(0, 0.3)) * (_clouds(rng, height, width, 1) - 0.5)
    return _ramp(rng, np.asarray(np.clip(share + uneven, 0, 1), np.float32))


def _leaves(rng: np.random.Generator, height: int, width: int) -> Values:
    """Discs, polygons and strokes on top of each other, their radii r as frequent as 1/r³, then a little grain."""
    largest = max(height, width) / 2
    smallest = min(math.exp(rng.uniform(math.log(1.5), math.log(14))), largest / 2)
    count = int(np.clip(height * width / smallest**2, 40, 300))
    chance = rng.random(count)
    radii = (smallest**-2 + chance * (largest**-2 - smallest**-2)) ** -0.5
    palette = np.stack([_color(rng) for _ in range(int(rng.integers(3, 24)))])
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = np.rint(palette[0] * 255)
    centres = rng.uniform((-10, -10), (width + 10, height + 10), (count, 2))
    colors = np.clip(palette[rng.integers(len(palette), size=count)] + rng.normal(0, 0.05, (count, 1)), 0, 1) * 255
    for radius, centre, color in zip(radii, centres, colors, strict=True):
        _leaf(rng, canvas, centre, float(radius), color.tolist())
    grain = np.float32(rng.uniform(0, 0.12)) * (_clouds(rng, height, width, 1) - 0.5)
    return np.asarray(canvas.astype(np.float32) / 255 + grain, np.float32)


def _leaf(
    rng: np.random.Generator, canvas: Pixels, centre: NDArray[np.float64], radius: float, color: list[float]
) -> None:
    """One shape with smooth edges. OpenCV takes sixteenths of a pixel, and smooths on 8-bit canvases only."""
    kind = rng.random()
    if kind < 0.45:
        angles = np.arange(0, 2 * math.pi, 0.3)
        reach: NDArray[np.float64] = np.full(angles.shape, radius)
    else:
        angles = np.sort(rng.uniform(0, 2 * math.pi, int(rng.integers(3, 8))))
        reach = radius * rng.uniform(0.5, 1.3, angles.shape)
    turn, narrow = rng.uniform(0, math.pi), rng.uniform(0.3, 1)
    x, y = reach * np.cos(angles), narrow * reach * np.sin(angles)
    outline = np.stack([x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)], 1)
    fixed = np.rint((outline + centre) * 16).astype(np.int32)
    if kind < 0.9:
        cv2.fillPoly(canvas, [fixed], color, cv2.LINE_AA, 4)
    else:
        cv2.polylines(canvas, [fixed], kind < 0.95, color, int(rng.integers(1, 4)), cv2.LINE_AA, 4)


def _glyphs(rng: np.random.Generator, height: int, width: int) -> Values:
    """Lines of letters of 6 to 60 pixels, turned by up to 20 degrees, dark on light or light on dark."""
    paper, ink = _color(rng), _color(rng)
    canvas = np.zeros((2 * height, 2 * width), np.uint8)
    size = math.exp(rng.uniform(math.log(6), math.log(60)))
    font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX]))
    row = size
    while row < 2 * height + size:
        text = "".join(rng.choice(list(GLYPHS), int(2 * width / size) + 2).tolist())
        cv2.putText(canvas, text, (0, int(row)), font, size / 22, 255, max(1, round(size / 9)), cv2.LINE_AA)
        row += size * 1.6
    turn = cv2.getRotationMatrix2D((width, height), rng.uniform(-20, 20), 1.0)
    turned = cv2.warpAffine(canvas, turn, (2 * width, 2 * height), flags=cv2.INTER_LINEAR)
    corner = (height // 2, width // 2)
    part = turned[corner[0] : corner[0] + height, corner[1] : corner[1] + width, None].astype(np.float32) / 255
    return np.asarray(paper + (ink - paper) * part, np.float32)
