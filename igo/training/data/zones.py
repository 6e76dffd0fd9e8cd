"""Which part of a training picture is to be repainted: garments grown and roughened, strokes, boxes, borders."""

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
FITTING = ("tight", "hull", "box")
"""The kinds of zones in which garments are tried on."""


def random_zone(rng: np.random.Generator, height: int, width: int) -> Mask:
    """A zone that knows nothing of the picture, height×width: brush strokes (Yu et al., Free-Form Image Inpainting with
    Gated Convolution), boxes, what lies beyond a border as in outpainting, or, now and then, everything."""
    kinds = (_strokes, _boxes, _beyond, _everything)
    zone = kinds[int(rng.choice(len(kinds), p=(0.35, 0.25, 0.3, 0.1)))](rng, height, width)
    return zone if zone.any() else _everything(rng, height, width)


def garment_zone(rng: np.random.Generator, mask: Mask) -> Mask:
    """A zone that covers ``mask`` (H×W, not empty) as a person or a text-mask model would: grown a little, grown far
    into a blob that allows another cut, or its box."""
    height = len(mask)
    kind = rng.random()
    if kind < 0.15:
        rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
        zone = np.zeros_like(mask)
        zone[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
        return zone
    reach = rng.uniform(0, 0.02) if kind < 0.7 else rng.uniform(0.03, 0.08)
    radius = max(1, round(reach * height))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)


def fitting_zone(kind: str, mask: Mask, kept: Mask, rng: np.random.Generator) -> Mask:
    """A zone for trying a garment on that covers ``mask`` (H×W, not empty): ``"tight"``, grown a little, ``"hull"``,
    the convex hull of each component, which hides the garment's outline, or ``"box"``; ``kept`` is left out most often.
    """
    radius = max(1, round(float(rng.uniform(0.004, 0.02 if kind == "tight" else 0.03)) * len(mask)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    grown = np.asarray(cv2.dilate(mask.astype(np.uint8), kernel), np.uint8)
    if kind == "box":
        left, top, wide, high = cv2.boundingRect(grown)
        grown[top : top + high, left : left + wide] = 1
    elif kind == "hull":
        for outline in cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
            cv2.fillConvexPoly(grown, cv2.convexHull(outline), 1)
    if rng.random() < 0.8:
        grown[kept & ~mask] = 0
    return np.asarray(grown > 0)


def _strokes(rng: np.random.Generator, height: int, width: int) -> Mask:
    canvas = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        point, angle = rng.uniform((0, 0), (width, height)), rng.uniform(0, 2 * np.pi)
        thickness = int(rng.uniform(0.06, 0.22) * width) + 1
        for _ in range(int(rng.integers(2, 7))):
            angle += rng.uniform(-1.2, 1.2)
            end = point + rng.uniform(0.1, 0.35) * width * np.array([np.cos(angle), np.sin(angle)])
            cv2.line(canvas, _pixel(point), _pixel(end), 1, thickness)
            point = end
    return canvas > 0


def _boxes(rng: np.random.Generator, height: int, width: int) -> Mask:
    zone = np.zeros((height, width), np.bool_)
    for _ in range(int(rng.integers(1, 3))):
        tall, wide = int(rng.uniform(0.15, 0.6) * height), int(rng.uniform(0.15, 0.7) * width)
        top, left = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
        zone[top : top + tall, left : left + wide] = True
    return zone


def _beyond(rng: np.random.Generator, height: int, width: int) -> Mask:
    """One or two sides, up to half of the picture each."""
    zone = np.zeros((height, width), np.bool_)
    for side in rng.choice(4, int(rng.integers(1, 3)), replace=False):
        length = int(rng.uniform(0.1, 0.5) * (height if side < 2 else width))
        part = (slice(length), slice(height - length, None), slice(length), slice(width - length, None))[side]
        zone[part if side < 2 else (slice(None), part)] = True
    return zone


def _everything(rng: np.random.Generator, height: int, width: int) -> Mask:  # noqa: ARG001 (one of several alike)
    return np.ones((height, width), np.bool_)


def _pixel(point: NDArray[np.float64]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
