"""From a figure to a picture: drawing order, light, grain, and the label map."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from igo.errors import SettingsError
from igo.wardrobe.accessories import draw_backpack, draw_bag, draw_hat, draw_shoe, draw_straps
from igo.wardrobe.backgrounds import draw_background
from igo.wardrobe.body import SOLE, Body, draw_arm, draw_legs, draw_neck, pose
from igo.wardrobe.bottoms import draw_bottom, draw_pocket
from igo.wardrobe.canvas import NATIVE, PART_BITS, Canvas
from igo.wardrobe.figure import SKINS, Figure
from igo.wardrobe.head import draw_face, draw_hair, draw_hair_behind
from igo.wardrobe.parsing import parsed
from igo.wardrobe.placement import Placement, posed
from igo.wardrobe.shapes import ellipse
from igo.wardrobe.sleeves import draw_sleeve
from igo.wardrobe.tops import draw_hood, draw_top

SMALLEST, LARGEST = 32, 2048
_GROUND = 184.5


@dataclass(frozen=True, eq=False)
class Drawing:
    """A picture with its truth.

    image: (H, W, 3) uint8 RGB; labels: (H, W) uint8 with the values of `Part`, aligned with the image; parse: the same
    with those of `PARSE`, who wears what; figure: what was drawn; placements: where the parts of its body
    lie, 5×2×3.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    parse: NDArray[np.uint8]
    figure: Figure
    placements: Placement


def draw(figure: Figure, width: int = NATIVE[0], height: int = NATIVE[1]) -> Drawing:
    """Draw a figure, head to shoes, on a picture of `width` by `height` pixels (each 32 to 2048).

    The same figure gives the same picture every time, and the same person, clothes and scene at every size. Raises
    SettingsError for a size out of range.
    """
    for name, size in (("width", width), ("height", height)):
        if isinstance(size, bool) or not isinstance(size, int) or not SMALLEST <= size <= LARGEST:
            raise SettingsError(
                f"{name} cannot be {size!r}: give a whole number of pixels from {SMALLEST} to {LARGEST}"
            )
    canvas = Canvas(width, height, figure.light)
    draw_background(canvas, figure)
    factor = (0.93 if figure.gender == "woman" else 0.965) + 0.045 * figure.height
    body = pose(figure)
    _draw_shadow(canvas, figure, factor)
    canvas.place(NATIVE[0] / 2, _GROUND - SOLE * factor, factor)
    _draw_person(canvas, figure, body)
    image = cv2.resize(canvas.image, canvas.size, interpolation=cv2.INTER_AREA).astype(np.float32)
    half = canvas.over // 2
    labels = np.ascontiguousarray(canvas.labels[half :: canvas.over, half :: canvas.over])
    return Drawing(
        _develop(image, figure),
        labels & np.uint8(PART_BITS),
        parsed(labels, figure.top, figure.bottom),
        figure,
        posed(canvas.placement, body.arms),
    )


def _draw_shadow(canvas: Canvas, figure: Figure, factor: float) -> None:
    x = NATIVE[0] / 2 - 7 * figure.light
    canvas.haze(ellipse(x, _GROUND - 0.8, 30 * factor, 3.8, count=32), 2.4, 0.4)


def _draw_person(canvas: Canvas, figure: Figure, body: Body) -> None:
    draw_backpack(canvas, figure, body)
    draw_hair_behind(canvas, figure, body)
    draw_hood(canvas, figure, body)
    draw_legs(canvas, figure, body)
    tucked_in = figure.shoes == "boots" and figure.bottom != "trousers"
    order = sorted((0, 1), key=lambda index: float(body.legs[index][2][1]))
    if not tucked_in:
        for index in order:
            draw_shoe(canvas, figure, body, index)
    draw_bottom(canvas, figure, body)
    if tucked_in:
        for index in order:
            draw_shoe(canvas, figure, body, index)
    draw_neck(canvas, figure, body)
    draw_top(canvas, figure, body, SKINS[figure.skin])
    if figure.bag == "bag":
        draw_straps(canvas, figure, body)
    carried = body.carrying
    if figure.bag == "bag" or body.hidden[carried]:
        draw_bag(canvas, figure, body)
    for index in (1 - carried, carried):
        if figure.bag == "tote" and index == carried and not body.hidden[carried]:
            draw_bag(canvas, figure, body)
        draw_arm(canvas, figure, body, index)
        draw_sleeve(canvas, figure, body, index)
        draw_pocket(canvas, figure, body, index)
    if figure.bag == "backpack":
        draw_straps(canvas, figure, body)
    draw_face(canvas, figure, body)
    draw_hair(canvas, figure, body)
    draw_hat(canvas, figure, body)


def _develop(image: NDArray[np.float32], figure: Figure) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    rng = figure.rng("grain")
    side = np.linspace(-1, 1, width, dtype=np.float32) * np.float32(0.05 * figure.light)
    warmth = np.float32(figure.warmth) * np.array([0.03, 0.005, -0.04], np.float32)
    image *= (1 + side[None, :, None]) * (1 + warmth)
    grain = rng.standard_normal((height, width), dtype=np.float32) * np.float32(rng.uniform(0.8, 2.0))
    return np.asarray(cv2.add(image, cv2.merge([grain, grain, grain]), dtype=cv2.CV_8U), dtype=np.uint8)
