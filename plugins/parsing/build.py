"""How somebody in a parse is built: where shoulders, hips and ankles are, read off what can be seen."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from igo_plugins.parsing.labels import Part, Parts, shows
from igo_plugins.parsing.parser import Parse
from igo_plugins.styling.text_mask import Mask, cleaned

HEADS = 7.0
"""How many times the height of the head that of a standing person is."""
SHOULDERS, HIPS, ANKLES = 0.2, 0.47, 0.955
"""Heights from the crown, as shares of a standing person's."""
WIDTH, ARM = 0.1, 0.34
"""From the middle to a shoulder; from there to the wrist."""
COLLAR = 0.08
"""How far from the middle of the neck collars and hoods stand."""
WAIST, FLARE, FULL = 0.1, 0.15, 0.6
"""Half the width of what hangs from the hips, there and where it is widest; and how far down the legs that is."""
_HEAD: Parts = (Part.FACE, Part.HAIR, Part.HAT, Part.GLASSES)
_UPPER: Parts = (Part.TOP, Part.COAT, Part.DRESS, Part.JUMPSUIT, Part.TORSO, Part.ARMS)
_LOWER: Parts = (Part.PANTS, Part.SKIRT, Part.LEGS, Part.SOCKS)
_ENDS: Parts = (Part.SHOES, Part.FEET)
_TRUNK: Parts = (Part.TOP, Part.COAT, Part.DRESS, Part.JUMPSUIT, Part.TORSO, Part.PANTS, Part.SKIRT)


@dataclass(frozen=True)
class Build:
    """A person's measures in a picture, as pixels: the row of the crown, the height that they have when they stand, and
    the columns of their middle at the shoulders and at the hips."""

    crown: float
    height: float
    chest: float
    hips: float

    def row(self, share: float) -> int:
        """The row at a share of the legs, from 0 at the hips to 1 at the ankles."""
        return round(self.crown + self.height * (HIPS + (ANKLES - HIPS) * share))

    def arms(self, shape: tuple[int, ...], share: float) -> Mask:
        """All that is no further from a shoulder than a share of the arm, however that is bent; H×W."""
        rows, columns = np.ogrid[: shape[0], : shape[1]]
        down = rows - (self.crown + SHOULDERS * self.height)
        reach = (share * ARM + WIDTH / 2) * self.height
        sides = [columns - (self.chest + side * WIDTH * self.height) for side in (-1, 1)]
        return np.asarray(np.minimum(*(np.hypot(down, across) for across in sides)) <= reach)

    def collar(self, shape: tuple[int, ...]) -> Mask:
        """The room around the neck; H×W."""
        rows, columns = np.ogrid[: shape[0], : shape[1]]
        down = rows - (self.crown + SHOULDERS * self.height)
        return np.asarray(np.hypot(down, columns - self.chest) <= COLLAR * self.height)

    def skirt(self, shape: tuple[int, ...], last: int) -> Mask:
        """The room from the hips down to a row, in which what hangs there stands off the legs; H×W."""
        first, mask = self.row(0), np.zeros(shape, np.uint8)
        if last > first:
            full = min(self.row(FULL), last)
            widest = WAIST + (FLARE - WAIST) * (full - first) / max(self.row(FULL) - first, 1)
            right = [(WAIST, first), (widest, full), (widest, last)]
            outline = [(self.hips + half * self.height, row) for half, row in right]
            outline += [(self.hips - half * self.height, row) for half, row in reversed(right)]
            cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], (1,))
        return mask > 0


def build_of(parse: Parse) -> Build:
    """The measures of whom a parse shows, from the head to the feet, or as much of that as there is."""
    head, feet = _rows(parse, _HEAD), _rows(parse, _ENDS)
    face = _rows(parse, (Part.FACE,))
    above, below = _rows(parse, _UPPER), _rows(parse, _LOWER)
    first = next(((rows[0], share) for rows, share in ((head, 0.0), (above, 0.17), (below, HIPS)) if rows), (0, 0.0))
    last = next(
        ((rows[1], share) for rows, share in ((feet, 1.0), (below, ANKLES), (above, HIPS)) if rows), (len(parse), 1.0)
    )
    height = max(last[0] - first[0], 1) / max(last[1] - first[1], HIPS)
    if not feet and head and face:
        height = HEADS * (face[1] - head[0])
    middle = _middle(parse, _TRUNK, 0, len(parse))
    crown = first[0] - first[1] * height
    chin = round(crown + 0.15 * height)
    rows = [(chin, round(crown + 0.35 * height)), (round(crown + 0.4 * height), round(crown + 0.55 * height))]
    chest, hips = (_middle(parse, _TRUNK, *pair, otherwise=middle) for pair in rows)
    return Build(crown, height, chest, hips)


def _rows(parse: Parse, parts: Parts) -> tuple[int, int] | None:
    """The first and the last row of parts, but for crumbs."""
    rows = np.flatnonzero(cleaned(shows(parse, parts)).any(1))
    return (int(rows[0]), int(rows[-1])) if len(rows) else None


def _middle(parse: Parse, parts: Parts, first: int, last: int, otherwise: float | None = None) -> float:
    """The middle column of parts between two rows."""
    columns = np.nonzero(shows(parse[max(first, 0) : max(last, 0)], parts))[1]
    if len(columns):
        return float(np.median(columns))
    return parse.shape[1] / 2 if otherwise is None else otherwise
