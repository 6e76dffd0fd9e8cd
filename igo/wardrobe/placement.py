"""Where a figure's own units lie in a picture: what two pictures of a garment have in common.

Cloth is drawn in figure units (from the middle line and from the crown), on whoever wears it and laid flat, and sleeves
go where arms are. A placement is a 2×3 matrix, as OpenCV's: it takes (x, y, 1) in units to the column and row of a
pixel, whole numbers being the pixels' middles. A body has several: its trunk's, in figure units, and those of the two
parts of either arm, in the units of a body that stretches its arms out to the sides, from ``SHOULDER`` on.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SHOULDER = (15.0, 38.0)
"""Where the stretched arm on the right begins."""
PARTS = 5
"""The trunk, upper arm and forearm on the left of the picture, and those on the right."""
Placement = NDArray[np.float64]


def moved(placement: Placement, by: Placement) -> Placement:
    """Where things lie after the picture has been moved ``by`` a 2×3 matrix of pixels; ``placement`` is one or many."""
    return np.asarray(by[:, :2] @ placement + np.array([[0, 0, by[0, 2]], [0, 0, by[1, 2]]]))


def cropped(placement: Placement, left: float, top: float) -> Placement:
    """Where things lie in a crop that begins at a column and a row; ``placement`` is one or many."""
    return moved(placement, np.array([[1, 0, -left], [0, 1, -top]], np.float64))


def posed(trunk: Placement, arms: Sequence[NDArray[np.float64]]) -> Placement:
    """Where the parts of a body lie, 5×2×3, whose trunk lies at a placement, and whose two arms have these joints
    (3×2: shoulder, elbow, wrist, in figure units). nan for the parts of arms that aren't given."""
    places = np.full((PARTS, 2, 3), np.nan)
    places[0] = trunk
    for index, (arm, side) in enumerate(zip(arms, (-1, 1), strict=False)):
        x = side * SHOULDER[0]
        for part, (first, last) in enumerate(pairwise(arm)):
            length = float(np.hypot(*(last - first)))
            cos, sin = (last - first) / (side * length)
            turn = np.array([[cos, -sin], [sin, cos]])
            own = np.column_stack([turn, first - turn @ (x, SHOULDER[1])])
            places[1 + 2 * index + part] = moved(own, trunk)
            x += side * length
    return places


def trunk_alone(places: Placement) -> Placement:
    """The same of a body whose arms nobody sees."""
    return posed(places[0], ())
