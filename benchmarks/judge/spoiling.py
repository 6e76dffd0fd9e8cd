"""Figures spoilt on purpose, the way generative models spoil them: faces without features, legs grown together.

A judge that has only ever seen good figures takes every blob in the right place for a face. So it learns from both.
``FACES`` and ``LEGS`` are the kinds it is trained on; ``UNSEEN_FACES`` and ``UNSEEN_LEGS`` are kept from it, to measure
whether it knows a face or only its training set.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from igo.wardrobe import HAIR_COLORS, SKINS, Drawing, Part
from igo.wardrobe.backgrounds import draw_background
from igo.wardrobe.canvas import Canvas

UNKNOWN = 255
"""The label of pixels that show no part in particular."""

Mask = NDArray[np.bool_]
LEG_PARTS = (Part.SKIN, Part.BOTTOM, Part.SHOES)
CROTCH, SOLE = 0.54, 0.97
"""Where legs begin and end, as shares of the picture's height."""
LEAST_GAP = 0.0025
"""Legs whose gap covers less than this share of the picture can't be told from merged ones; they are left alone."""


@dataclass(frozen=True)
class _Scene:
    """A drawing that is being spoilt, the background behind it, and where chance comes from."""

    drawing: Drawing
    empty: NDArray[np.uint8]
    rng: np.random.Generator

    def parts(self, *parts: Part) -> Mask:
        return np.isin(self.drawing.labels, parts)

    def painted(self, image: NDArray[np.generic], mask: Mask, label: int | None) -> Drawing:
        """The drawing with ``image`` in ``mask``, its border softened; ``label`` None leaves the labels."""
        alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.6)[..., None]
        mixed = self.drawing.image * (1 - alpha) + image.astype(np.float32) * alpha
        labels = self.drawing.labels if label is None else np.where(mask, np.uint8(label), self.drawing.labels)
        return replace(self.drawing, image=mixed.round().astype(np.uint8), labels=labels)


def spoil(drawing: Drawing, kind: str, rng: np.random.Generator) -> Drawing | None:
    """``drawing`` with its face or its legs spoilt in the way ``kind``; None if this figure can't be spoilt so.

    ``kind`` is one of ``FACES``, ``UNSEEN_FACES``, ``LEGS`` or ``UNSEEN_LEGS``. Pixels whose part can no longer be told
    get the label ``UNKNOWN``.
    """
    return _WAYS[kind](_Scene(drawing, _empty_scene(drawing), rng))


def _empty_scene(drawing: Drawing) -> NDArray[np.uint8]:
    """The background as it is behind the figure, in the picture's own light."""
    height, width = drawing.labels.shape
    canvas = Canvas(width, height, drawing.figure.light)
    draw_background(canvas, drawing.figure)
    empty = cv2.resize(canvas.image, canvas.size, interpolation=cv2.INTER_AREA).astype(np.float32)
    seen = drawing.labels == Part.BACKGROUND
    gain = drawing.image[seen].mean(0) / np.maximum(empty[seen].mean(0), 1)
    return np.asarray(np.clip(empty * gain, 0, 255).round(), np.uint8)


def _grown(mask: Mask, pixels: int) -> Mask:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((2 * pixels + 1,) * 2, np.uint8)), np.bool_)


def _smooth(scene: _Scene) -> Drawing:
    """A face blurred until its features are gone."""
    face = scene.parts(Part.FACE)
    weight = cv2.GaussianBlur(face.astype(np.float32), (0, 0), 4.0)[..., None]
    inside = cv2.GaussianBlur(scene.drawing.image * face[..., None].astype(np.float32), (0, 0), 4.0)
    return scene.painted(inside / np.maximum(weight, 1e-3), face, None)


def _melted(scene: _Scene) -> Drawing:
    """A face whose features have run into each other."""
    face = scene.parts(Part.FACE)
    height, width = face.shape
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)
    noise = scene.rng.standard_normal((height, width, 2)).astype(np.float32)
    warp = cv2.GaussianBlur(noise, (0, 0), 2.5)
    warp *= 6.0 / max(float(np.abs(warp[face]).max(initial=0)), 1e-3)
    moved = cv2.remap(scene.drawing.image, grid + warp, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return scene.painted(cv2.GaussianBlur(moved, (0, 0), 1.2), face, UNKNOWN)


def _headless(scene: _Scene) -> Drawing:
    """No head at all."""
    head = scene.parts(Part.FACE, Part.HAIR, Part.HAT)
    return scene.painted(scene.empty, _grown(head, 1) & ~scene.parts(Part.TOP, Part.SKIN), Part.BACKGROUND)


def _flat(scene: _Scene) -> Drawing:
    """An oval of bare skin."""
    skin = np.array(SKINS[scene.drawing.figure.skin]) + scene.rng.normal(0, 4, (*scene.empty.shape[:2], 1))
    return scene.painted(skin.clip(0, 255), scene.parts(Part.FACE), None)


def _hidden(scene: _Scene) -> Drawing:
    """Hair where the face should be."""
    hair = np.array(HAIR_COLORS[scene.drawing.figure.hair_color]) + scene.rng.normal(0, 8, scene.empty.shape)
    return scene.painted(hair.clip(0, 255), scene.parts(Part.FACE), Part.HAIR)


def _legs(scene: _Scene) -> Mask:
    rows = np.arange(scene.drawing.labels.shape[0])[:, None] / scene.drawing.labels.shape[0]
    return np.asarray(scene.parts(*LEG_PARTS) & (rows > CROTCH) & (rows < SOLE), np.bool_)


def _gap(scene: _Scene, legs: Mask) -> Mask:
    """Background pixels with a leg on either side of them."""
    left = np.maximum.accumulate(legs, axis=1)
    right = np.maximum.accumulate(legs[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(left & right & scene.parts(Part.BACKGROUND), np.bool_)


def _two(scene: _Scene) -> tuple[Mask, Mask] | None:
    """The legs and the gap between them, if there is enough of a gap."""
    legs = _legs(scene)
    gap = _gap(scene, legs)
    return (legs, gap) if gap.mean() >= LEAST_GAP else None


def _merged(scene: _Scene) -> Drawing | None:
    """The gap between the legs filled with what is on both sides of it."""
    two = _two(scene)
    if two is None:
        return None
    legs, gap = two
    seam = _grown(gap, 2) & (gap | legs)
    source = np.where(seam[..., None], 0, scene.drawing.image)
    filled = cv2.inpaint(source, seam.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    return scene.painted(filled, seam, UNKNOWN)


def _one(scene: _Scene) -> Drawing | None:
    """One leg only."""
    two = _two(scene)
    if two is None:
        return None
    legs, gap = two
    middle = float(np.nonzero(gap)[1].mean())
    columns = np.arange(legs.shape[1])[None]
    gone = legs & ((columns > middle) if scene.rng.random() < 0.5 else (columns < middle))
    rows = np.nonzero(gap.any(1))[0]
    gone[: rows[0]] = False
    return scene.painted(scene.empty, _grown(gone, 2) & ~(legs & ~gone), Part.BACKGROUND)


def _smeared(scene: _Scene) -> Drawing | None:
    """Legs washed out sideways until they are one shape."""
    two = _two(scene)
    if two is None:
        return None
    legs, gap = two
    rows = np.nonzero(gap.any(1))[0]
    zone = _grown(legs | gap, 3)
    zone[: rows[0]] = False
    return scene.painted(cv2.GaussianBlur(scene.drawing.image, (0, 0), 7.0, sigmaY=1.5), zone, UNKNOWN)


def _cut(scene: _Scene) -> Drawing | None:
    """Both legs end above the ankle."""
    legs = _legs(scene)
    legs[: round(legs.shape[0] * scene.rng.uniform(0.62, 0.7))] = False
    return scene.painted(scene.empty, _grown(legs, 2), Part.BACKGROUND)


_WAYS: dict[str, Callable[[_Scene], Drawing | None]] = {
    "smooth": _smooth,
    "melted": _melted,
    "headless": _headless,
    "flat": _flat,
    "hidden": _hidden,
    "merged": _merged,
    "one": _one,
    "smeared": _smeared,
    "cut": _cut,
}
FACES, UNSEEN_FACES = ("smooth", "melted", "headless"), ("flat", "hidden")
LEGS, UNSEEN_LEGS = ("merged", "one", "smeared"), ("cut",)
