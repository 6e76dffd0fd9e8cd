"""A garment painted in its zone of a picture, by a loaded model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import cv2
import numpy as np
from PIL import Image

from igo.compositing import composite, seam_score
from igo.errors import MaskError
from igo.networks.tryon import OUTLINE
from igo_plugins.fitting.fitter import Asked, Fitter, OnStep
from igo_plugins.fitting.framing import view_of
from igo_plugins.fitting.garment import Garment
from igo_plugins.fitting.laying import Laying
from igo_plugins.fitting.zones import Zone, narrowed, of_change
from igo_plugins.parsing.parser import Parse

FEATHER = 2.0
"""Pixels over which the zone's border fades, inward."""


@dataclass(frozen=True)
class Candidate:
    """A picture (RGB), the zone (L) that is new in it, and what there is to say: the seed, how visible the seam is (1:
    not at all; None without a border), and at what scale it was painted."""

    image: Image.Image
    zone: Image.Image
    seed: int
    seam: float | None
    scale: float

    @property
    def report(self) -> dict[str, Any]:
        """What a history says of it."""
        area = 1 - self.zone.histogram()[0] / (self.zone.width * self.zone.height)
        told = {"area": round(area, 5), "feather": FEATHER, "outside": "unchanged", "seam": self.seam}
        return {"seed": self.seed, "seam": self.seam, "zone": {**told, "scale": self.scale}}


def painted(
    fitter: Fitter,
    picture: Image.Image,
    garment: Garment,
    zone: Zone,
    seeds: Sequence[int],
    *,
    free: bool,
    context: float,
    num_inference_steps: int,
    guidance_scale: float,
    on_step: OnStep,
    parse: Callable[[Image.Image], Parse],
) -> list[Candidate]:
    """``picture`` (RGB) in a garment, once for each of ``seeds``; outside the zone it is what it was.

    ``free``: the model isn't told the zone, which is then what it has changed; where that is nothing there is no
    candidate. Where the zone was made of a parse, ``parse`` says what is seen in what was painted. Raises
    ``NothingFoundError`` if there is none at all.
    """
    view = view_of(zone.image, garment.image.size, context)
    canvas, mask = view.shown(picture), None if free else view.mask(zone.image, fitter.cell)
    hidden, old = mask, None
    if mask is not None and fitter.inside and zone.old is not None:
        old = Image.fromarray(zone.old.astype(np.uint8) * 255)
        hidden = view.hidden(mask, old, OUTLINE)
    left, clothing = fitter.remembered(canvas, hidden), fitter.remembered(garment.image)
    over, laying = left, None
    if fitter.bodies is not None:
        shape = canvas.height, canvas.width
        where = np.ones(shape, np.bool_) if mask is None else np.asarray(mask) > 0
        unseen = np.zeros(shape, np.bool_) if hidden is None else np.asarray(hidden) > 0
        worn, person = fitter.placement(garment.image), fitter.placement(canvas)
        laying = Laying(picture, view, where, unseen, garment, worn, person, old)
        over = fitter.encoded(laying.seen)
    asked = [Asked(left, over, fitter.mask(mask, left), clothing, seed) for seed in seeds]
    candidates: list[Candidate] = []
    refused: MaskError | None = None
    for image, seed in zip(fitter.paint(asked, num_inference_steps, guidance_scale, on_step), seeds, strict=True):
        try:
            where = of_change(view, fitter.decoded(left), image, picture, zone) if free else zone.image
        except MaskError as error:
            refused = error
            continue
        shown = view.back(image, picture) if laying is None else laying.back(image)
        if zone.before is not None:
            where = narrowed(where, zone.before, parse(_joined(picture, shown, where, zone)))
        made = _joined(picture, shown, where, zone)
        seam = seam_score(made, where)
        candidates.append(Candidate(made, where, seed, None if isnan(seam) else round(seam, 3), round(view.scale, 3)))
    if refused is not None and not candidates:
        raise refused
    return candidates


def _joined(picture: Image.Image, shown: Image.Image, where: Image.Image, zone: Zone) -> Image.Image:
    """``shown`` in a zone (L) of the picture, into which its border fades, but for the old garment: a rim of that would
    be left, as cuffs beside hands."""
    if zone.old is not None:
        old = cv2.dilate(zone.old.astype(np.uint8) * 255, np.ones((3, 3), np.uint8))
        gone = np.where(np.asarray(where) > 0, old, np.uint8(0))
        picture = Image.composite(shown, picture, Image.fromarray(gone))
    return composite(picture, shown, where, FEATHER)
