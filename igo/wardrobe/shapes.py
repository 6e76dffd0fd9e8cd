"""Outlines: smooth curves, limbs and ellipses as arrays of points, in any unit, y pointing down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""Float array of shape (n, 2): x to the right, y down."""

PointsLike = Points | Sequence[tuple[float, float]] | Sequence[Points] | Sequence[Points | tuple[float, float]]


_BASIS = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]], dtype=np.float64) / 2


@lru_cache(maxsize=64)
def _weights(steps: int) -> Points:
    return np.asarray((np.arange(steps) / steps)[:, None] ** np.arange(4) @ _BASIS, dtype=np.float64)


@lru_cache(maxsize=256)
def _neighbours(count: int, closed: bool) -> NDArray[np.int64]:
    index = np.arange(count if closed else count - 1)[:, None] + np.arange(4)
    return (index - 1) % count if closed else index


def curve(points: PointsLike, steps: int = 6) -> Points:
    """An open Catmull-Rom curve through `points` (at least two), ends included: shape ((n - 1) * steps + 1, 2)."""
    p = np.asarray(points, dtype=np.float64)
    count = len(p)
    ends = np.empty((count + 2, 2))
    ends[1:-1] = p
    ends[0], ends[-1] = 2 * p[0] - p[1], 2 * p[-1] - p[-2]
    out = np.empty(((count - 1) * steps + 1, 2))
    out[:-1] = (_weights(steps) @ ends[_neighbours(count, False)]).reshape(-1, 2)
    out[-1] = p[-1]
    return out


def blob(points: PointsLike, steps: int = 6) -> Points:
    """A closed Catmull-Rom curve through `points` (at least three): shape (n * steps, 2)."""
    p = np.asarray(points, dtype=np.float64)
    return np.asarray((_weights(steps) @ p[_neighbours(len(p), True)]).reshape(-1, 2), dtype=np.float64)


def moved(point: Points, dx: float, dy: float) -> Points:
    """`point`, of shape (2,), moved by (dx, dy)."""
    return np.array([point[0] + dx, point[1] + dy])


def polygon(points: PointsLike) -> Points:
    """`points` as they are, with straight edges and sharp corners."""
    return np.asarray(points, dtype=np.float64)


@lru_cache(maxsize=32)
def _circle(count: int) -> Points:
    angle = np.arange(count) * (2 * math.pi / count)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def ellipse(x: float, y: float, rx: float, ry: float, degrees: float = 0.0, count: int = 24) -> Points:
    """An ellipse around (x, y), turned clockwise on the picture by `degrees`: shape (count, 2)."""
    turn = math.radians(degrees)
    c, s = math.cos(turn), math.sin(turn)
    return np.asarray(_circle(count) @ np.array([[rx * c, rx * s], [-ry * s, ry * c]]) + (x, y), dtype=np.float64)


def limb(points: PointsLike, widths: Sequence[float], steps: int = 6) -> Points:
    """The outline of a bent tube.

    points: the centre line, shape (n, 2), n >= 2; widths: the half width at each of these points. Ends are cut flat.
    """
    line = curve(points, steps)
    count = len(np.asarray(points))
    half = np.interp(np.arange(len(line)) / steps, np.arange(count), np.asarray(widths, dtype=np.float64))[:, None]
    along = np.empty_like(line)
    along[1:-1] = line[2:] - line[:-2]
    along[0], along[-1] = line[1] - line[0], line[-1] - line[-2]
    across = along[:, ::-1] * (1.0, -1.0)
    across *= half / np.maximum(np.sqrt((across * across).sum(axis=1, keepdims=True)), 1e-9)
    return np.concatenate([line + across, (line - across)[::-1]])


def between(points: PointsLike, start: float, end: float, count: int = 4) -> Points:
    """`count` evenly spaced points on the polyline `points`, from fraction `start` to `end` of its length."""
    p = np.asarray(points, dtype=np.float64)
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*(p[1:] - p[:-1]).T))])
    where = np.linspace(start, end, count) * length[-1]
    return np.stack([np.interp(where, length, p[:, 0]), np.interp(where, length, p[:, 1])], axis=1)
