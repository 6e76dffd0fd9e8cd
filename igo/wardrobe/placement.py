"""Where the figure's own units lie in a picture: what two pictures of a garment have in common.

Cloth is drawn in figure units (from the middle line and from the crown), on whoever wears it and laid flat. A placement
is a 2×3 matrix, as OpenCV's: it takes (x, y, 1) in figure units to the column and row of a pixel, whole numbers being
the pixels' middles.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Placement = NDArray[np.float64]


def moved(placement: Placement, by: Placement) -> Placement:
    """Where things lie after the picture has been moved ``by`` a 2×3 matrix of pixels."""
    return np.asarray(by[:, :2] @ placement + np.array([[0, 0, by[0, 2]], [0, 0, by[1, 2]]]))


def cropped(placement: Placement, left: float, top: float) -> Placement:
    """Where things lie in a crop that begins at a column and a row."""
    return moved(placement, np.array([[1, 0, -left], [0, 1, -top]], np.float64))
