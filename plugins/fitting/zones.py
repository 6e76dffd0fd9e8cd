"""Where to paint: the zone that somebody brings, that a parse gives, or all that the model has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from igo.errors import NothingFoundError, UnsureError
from igo.images import is_photograph, visible_part
from igo_plugins.fitting.framing import View, changed
from igo_plugins.fitting.garment import KINDS
from igo_plugins.parsing.labels import PARTS, shows
from igo_plugins.parsing.parser import Parse, Parser
from igo_plugins.parsing.zones import WORN, Category, garment_zone
from igo_plugins.styling.text_mask import cleaned, grown

Kind = Literal["hull", "tight", "box", "none"]
PHOTOGRAPHS = "mattmdjaga/segformer_b2_clothes"
"""The parser for photographs."""
LEVELS = 10.0
"""By how much a place must have changed, where the model finds the garment itself."""
REACH = 0.01
"""What the place that has changed grows by, as a share of the picture's height."""
GONE = np.uint8(255)
"""In a parse, the garment that is to go: no part that anything could be seen as."""
ROOM = 0.015
"""The same, for the place that shows another part than before: its border fades within that."""


@dataclass(frozen=True)
class Zone:
    """The zone (L, not empty), ``area`` and ``confidence`` of the garment in it, as far as they are known, what is
    never painted (H×W); ``old``, where the old garment is (H×W); and ``before``, what was seen by who can say what is
    seen afterwards, without the garment."""

    image: Image.Image
    area: float
    confidence: float | None = None
    protect: npt.NDArray[np.bool_] | None = None
    old: npt.NDArray[np.bool_] | None = None
    before: Parse | None = None

    @property
    def parsed(self) -> bool:
        """Whether it was made of a parse, and not brought."""
        return self.protect is not None


def brought(mask: Image.Image) -> Zone:
    """The zone of a mask that somebody brings. Raises ``NothingFoundError`` for one that is empty."""
    mask = mask.convert("L")
    area = 1 - mask.histogram()[0] / (mask.width * mask.height)
    if area == 0:
        raise NothingFoundError("the mask is empty; expected some of it to be white, where to paint", area=0.0)
    return Zone(mask, area)


def parsed(parse: Parse, part: Category, kind: Kind, alpha: Image.Image | None, hem: float | None = None) -> Zone:
    """The zone of a new garment in a parse, which reaches down to ``hem``, where that is known (from 0 at the hips to 1
    at the ankles). Where there is to be none, what is shown to the model is the box.

    Raises ``NothingFoundError`` for a person without such a garment, and for one that can't be seen.
    """
    found = garment_zone(parse, part, "box" if kind == "none" else kind, hem=hem)
    image = visible_part(Image.fromarray(found.zone.astype(np.uint8) * 255), alpha)
    if image.getbbox() is None:
        raise NothingFoundError("the picture is transparent where the garment was found", found.area)
    return Zone(image, found.area, None, found.protect, found.garment, np.where(found.garment, GONE, parse))


def certainty(parser: Parser, image: Image.Image, parse: Parse, part: Category) -> float:
    """How sure the parser is, on average, of what is worn for ``part`` in an RGB picture, 0 to 1."""
    parts = next((parts for parts in WORN[part] if shows(parse, parts).any()), WORN[part][0])
    likely = parser.soft(image, tuple(PARTS[one] for one in parts)).max(axis=0)
    worn = shows(parse, parts).astype(np.uint8)
    inside = cv2.resize(worn, likely.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    return float(likely[inside].mean()) if inside.any() else float(likely.max())


def seen_in(parser: Parser, image: Image.Image, zone: Image.Image, part: Category) -> float:
    """How sure the parser is, on average, that the zone of an RGB picture shows a garment of the kind, 0 to 1."""
    likely = parser.soft(image, tuple(PARTS[one] for one in KINDS[part])).max(axis=0)
    inside = np.asarray(zone.resize((likely.shape[1], likely.shape[0]), Image.Resampling.NEAREST)) > 0
    return float(likely[inside].mean()) if inside.any() else 0.0


def believe(zone: Zone, part: Category, wanted: float) -> None:
    """Raise ``UnsureError`` for a zone whose parser was less sure than ``wanted``."""
    if zone.confidence is not None and zone.confidence < wanted:
        raise UnsureError(
            f"not sure where the garment for part='{part}' is (area {zone.area:.1%}, confidence {zone.confidence:.2f}, "
            f"wanted {wanted:g}); look at it with on_doubt='paint', name another parser, or bring a mask",
            zone.area,
            zone.confidence,
        )


def check_known(parser: str, image: Image.Image) -> None:
    """Raise ``UnsureError`` for a photograph (RGB) and a parser that knows drawings alone."""
    if parser == "mini" and is_photograph(image):
        raise UnsureError(
            f"this looks like a photograph, and the parser 'mini' knows drawings; name parser='{PHOTOGRAPHS}' and a "
            "model for photographs, or look all the same with on_doubt='paint'",
            area=0.0,
        )


def of_change(view: View, before: Image.Image, after: Image.Image, picture: Image.Image, zone: Zone) -> Image.Image:
    """The zone (L, of ``picture``'s size) in which a model has changed what it was shown, two canvases of ``view``;
    never what is protected. Raises ``NothingFoundError`` if it has changed nothing."""
    canvas = Image.fromarray(cleaned(changed(before, after, LEVELS)).astype(np.uint8) * 255)
    pixels = np.asarray(view.back(canvas, Image.new("L", picture.size))) > 127
    if pixels.any():
        pixels = grown(pixels, max(1, round(REACH * picture.height)))
    outside = np.ones_like(pixels)
    left, top, right, bottom = view.box
    outside[top:bottom, left:right] = False
    if zone.protect is not None:
        outside |= zone.protect
    pixels &= ~outside
    if not pixels.any():
        raise NothingFoundError("the model changed nothing; try another seed, or mask='hull'", area=0.0)
    return Image.fromarray(pixels.astype(np.uint8) * 255)


def narrowed(image: Image.Image, before: Parse, after: Parse) -> Image.Image:
    """What of a zone (L; all that was painted) is to be new: the old garment, and what shows another part than it did.
    Where a hull shows the same street as before, or the same trousers, they had better be the same."""
    wide = max(3, round(ROOM * image.height))
    new = (np.asarray(image) > 0) & grown(before != after, wide)
    return Image.fromarray(np.where(new, np.asarray(image), 0)) if new.any() else image
