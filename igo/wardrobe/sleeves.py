"""Sleeves of every top."""

from __future__ import annotations

import numpy as np

from igo.wardrobe.body import Body
from igo.wardrobe.canvas import Canvas, Part
from igo.wardrobe.figure import Figure
from igo.wardrobe.shapes import between, curve, ellipse, limb, moved
from igo.wardrobe.textiles import ink, mix

_SLEEVES: dict[str, tuple[float, tuple[float, float, float]]] = {
    "t-shirt": (0.36, (5.4, 5.9, 6.3)),
    "shirt": (0.97, (5.0, 4.4, 3.5)),
    "hoodie": (0.96, (5.9, 6.0, 4.8)),
    "sweater": (0.97, (6.0, 6.2, 5.2)),
    "jacket": (0.96, (5.9, 5.5, 4.6)),
    "coat": (0.98, (5.9, 5.7, 5.4)),
    "dress": (0.2, (4.9, 5.6, 6.4)),
}
"""How far down the arm a sleeve goes (1 is the wrist) and its half widths at shoulder, middle and end."""

BARE = 0.9
"""Sleeves that end above this leave some of the arm bare."""
SEAM = 47.0
"""Height of the armpit: above it sleeves and trunk are one piece."""


def sleeve_reach(figure: Figure) -> float:
    """How far down the arm the sleeves go; 1 is the wrist."""
    return _SLEEVES[figure.top][0] if figure.sleeve is None else 0.98 * figure.sleeve


def draw_sleeve(canvas: Canvas, figure: Figure, body: Body, index: int) -> None:
    """The sleeve of one arm, over the arm and the trunk."""
    color = figure.top_rgb
    reach, widths = sleeve_reach(figure), _SLEEVES[figure.top][1]
    slim = 0.94 if figure.gender == "woman" else 1.08
    widths_ = [w * slim for w in widths]
    shoulder, elbow, wrist = body.arms[index]
    smooth = curve([shoulder, elbow, wrist], 8)
    line = between(smooth, 0.0, reach, 6)
    half = np.interp(np.linspace(0, 1, 6), [0, 0.5, 1], widths_).tolist()
    side = -1 if index == 0 else 1
    half[0] *= 0.9
    line[0] += (-side * 0.6, widths_[0] * 0.42)
    cap = ellipse(line[0][0], line[0][1] - 0.4, half[0], half[0])
    patch = canvas.paint(
        [limb(line, half), cap], color, Part.TOP, pattern=figure.top_weave, lift=0.4, outline=0.6, join=SEAM
    )
    if reach < 0.5:
        hem = between(smooth, reach - 0.035, reach - 0.03, 2)
        normal = np.array([hem[1][1] - hem[0][1], hem[0][0] - hem[1][0]])
        normal = normal / max(float(np.hypot(*normal)), 1e-9) * widths_[2] * 0.96
        canvas.stroke([hem[0] + normal, hem[0] - normal], ink(color), 0.45, 0.6)
        return
    for share, lean in ((0.44, 1.0), (0.52, -1.0), (0.6, 0.6)):
        point = between(smooth, share, share, 1)[0]
        canvas.fold(patch, [moved(point, -4.5, -lean), moved(point, 0, 0.8), moved(point, 3.5, lean)], 0.9, 0.2)
    if figure.top in ("shirt", "hoodie", "sweater"):
        start = reach - (0.07 if figure.top == "shirt" else 0.1)
        cuff = between(smooth, start, reach + 0.015, 3)
        tone = mix(color, (255, 255, 255), 0.14) if figure.top == "shirt" else mix(color, (20, 16, 30), 0.16)
        size = widths_[2] * (1.12 if figure.top == "shirt" else 0.86)
        canvas.paint([limb(cuff, [size] * 3)], tone, Part.TOP, relief=0.6, outline=0.8)
    else:
        band = between(smooth, reach - 0.1, reach - 0.09, 2)
        normal = np.array([band[1][1] - band[0][1], band[0][0] - band[1][0]])
        normal = normal / max(float(np.hypot(*normal)), 1e-9) * widths_[2]
        canvas.stroke([band[0] + normal, band[0] - normal], ink(color), 0.6, 0.8)
