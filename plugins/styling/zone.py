"""The zone that a change of garment needs: what the text names, the limbs that the new garment covers, some margin;
never what is protected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from igo.errors import FoundEverythingError, NothingFoundError, UnsureError
from igo_plugins.styling.text_mask import Mask, cleaned, grown, refined
from igo_plugins.styling.wording import Limbs

if TYPE_CHECKING:
    from igo_plugins.styling.mask_models import MaskModel

BARE: dict[Limbs, str] = {"arms": "bare skin", "legs": "bare legs"}
"""The phrase that finds each limb where it is bare."""
SMALLEST, LARGEST = 0.002, 0.9
"""Shares of the picture below and above which no garment is believed."""
LONGEST_NAME = 60
"""Letters of a target that an error shows."""
REACH = 0.5
"""How far from the garment a limb may lie, as a share of the garment's height."""


@dataclass(frozen=True)
class Found:
    """What was found: the garment alone and the zone to repaint, both mode L (0 or 255) and of the picture's size;
    ``area`` is the garment's share of the picture, ``confidence`` the model's mean certainty within it, 0 to 1."""

    garment: Image.Image
    zone: Image.Image
    area: float
    confidence: float


def find(
    masks: MaskModel,
    image: Image.Image,
    targets: tuple[str, ...],
    protect: tuple[str, ...],
    limbs: tuple[Limbs, ...],
    threshold: float,
    margin: float,
) -> Found:
    """The zone of ``targets`` in an RGB picture.

    What is nearer to one of ``protect`` than to all targets is left out; ``limbs`` join the zone where they are bare
    and near; ``margin`` (a share of the picture's height) is added all around.
    """
    asked = (*targets, *protect, *(BARE[limb] for limb in limbs))
    soft = masks.soft(image, asked)
    wanted = soft[: len(targets)].max(axis=0)
    kept = soft[len(targets) : len(targets) + len(protect)].max(axis=0, initial=0)
    garment = cleaned((refined(wanted, image) >= threshold) & (wanted > kept))
    confidence = float(wanted[garment].mean()) if garment.any() else float(wanted.max())
    zone = garment | _near(garment, soft[len(targets) + len(protect) :], threshold)
    height = len(garment)
    zone = grown(zone, round(margin * height)) & ~((kept >= threshold) & (kept > wanted)) if garment.any() else garment
    return Found(_picture(garment, image.size), _picture(zone, image.size), float(garment.mean()), confidence)


def believe(found: Found, target: str, threshold: float, confidence: float | None, unsure: str) -> None:
    """Raise the ``MaskError`` that fits, if any; without ``confidence`` (0 to 1) anything is believed that is there.

    ``unsure`` is what to do about a mask that is doubted.
    """
    target = target if len(target) <= LONGEST_NAME else f"{target[: LONGEST_NAME - 1]}…"
    area, seen = found.area, f"area {found.area:.1%}, confidence {found.confidence:.2f}"
    if area < SMALLEST:
        raise NothingFoundError(
            f"found no {target!r} ({seen}); name what is in the picture, lower threshold ({threshold:g}), "
            "or bring a mask",
            area,
            found.confidence,
        )
    if confidence is None:
        return
    if area > LARGEST:
        raise FoundEverythingError(
            f"found {target!r} nearly everywhere ({seen}); name it more closely, raise threshold ({threshold:g}), "
            "or bring a mask",
            area,
            found.confidence,
        )
    if found.confidence < confidence:
        raise UnsureError(
            f"not sure that this is {target!r} ({seen}, wanted {confidence:g}); {unsure}", area, found.confidence
        )


def _near(garment: Mask, limbs: npt.NDArray[np.float32], threshold: float) -> Mask:
    """The limbs that begin at the garment."""
    rows = np.flatnonzero(garment.any(axis=1))
    if not len(limbs) or not len(rows):
        return np.zeros_like(garment)
    reach = grown(garment, round(REACH * (rows[-1] - rows[0] + 1)))
    return np.asarray((limbs.max(axis=0) >= threshold) & reach)


def _picture(mask: Mask, size: tuple[int, int]) -> Image.Image:
    """The mask at the picture's size, with smooth outlines where it grows."""
    values = mask.astype(np.uint8) * 255
    if size != (mask.shape[1], mask.shape[0]):
        values = np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    return Image.fromarray(np.where(values >= 128, 255, 0).astype(np.uint8))
