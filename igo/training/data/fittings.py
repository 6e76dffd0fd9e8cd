"""A user's folder of people and garments as what try-on learns from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from igo.errors import IGOError, ImageError, SettingsError
from igo.training.data.folders import fitted, read_mask, read_picture
from igo.training.data.metadata import Row, read_rows
from igo.training.data.tryon import TryOnSet
from igo.training.data.zones import FITTING, fitting_zone

FIELDS = (
    'each line needs "file_name", a person, and "garment", what is worn, and may have "mask", "before" and '
    '"before_mask"'
)
FILL = 0.92
"""How much of its picture a garment fills."""
MaskOf = Callable[[Image.Image, Image.Image], Image.Image]
"""From a person and a garment to the mask (mode L) of that garment on the person."""


def load_fittings(folder: Path, size: tuple[int, int], mask_of: MaskOf | None = None, seed: int = 0) -> TryOnSet:
    """Pairs of ``folder``, people cropped to ``size`` (width, height) around their middle, garments laid into it whole.

    A line of ``metadata.jsonl`` is ``{"file_name": "person/a.jpg", "garment": "garment/shirt.png"}``; many people may
    wear one garment, and of one there may be a list of pictures, of which ``mask_of`` is shown the first. ``"mask"``
    says where it is on the person; without one ``mask_of`` is asked. ``"before"`` is a picture of the same size with
    the same person in other clothes, to learn without masks, and ``"before_mask"`` says where in that is what they take
    off; all lines have one or none.

    Raises ``SettingsError`` or ``ImageError`` that name the line.
    """
    rows = read_rows(folder)
    if not rows:
        raise SettingsError(f"{folder} has no metadata.jsonl; in it, {FIELDS}")
    rng = np.random.default_rng(seed)
    garments: dict[Path, tuple[int, Image.Image]] = {}
    people, zones, worn, before, old = [], [], [], [], []
    for row in rows:
        person = read_picture(row.place, row.picture)
        shown = [folder / name for name in _garments(row)]
        for path in shown:
            if path not in garments:
                garments[path] = len(garments), read_picture(row.place, path)
        mask = _mask(row, folder, person, garments[shown[0]][1], mask_of)
        pixels = np.asarray(fitted(mask, size, "crop")) >= 128
        if not pixels.any():
            raise ImageError(f"{row.place}: the mask shows no garment in the middle {size[0]}×{size[1]} of the person")
        people.append(np.asarray(fitted(person, size, "crop")))
        zones.append([fitting_zone(kind, pixels, np.zeros_like(pixels), rng) for kind in FITTING])
        worn.append([garments[path][0] for path in shown])
        if "before" in row.values:
            other = read_picture(row.place, folder / str(row.values["before"]))
            if other.size != person.size:
                raise ImageError(
                    f"{row.place}: the picture from before has {other.width}×{other.height} pixels, that of after "
                    f"{person.width}×{person.height}; they must be equal"
                )
            before.append(np.asarray(fitted(other, size, "crop")))
            if "before_mask" in row.values:
                taken = read_mask(row.place, folder / str(row.values["before_mask"]), other.size).image
                old.append(np.asarray(fitted(taken, size, "crop")) >= 128)
        elif "before_mask" in row.values:
            raise SettingsError(f'{row.place}: a "before_mask" is of the picture in "before", which isn\'t given')
    for name, given in (("before", before), ("before_mask", old)):
        if given and len(given) != len(people):
            raise SettingsError(
                f'{folder}: {len(given)} of {len(people)} lines have a "{name}"; give it on all or none'
            )
    most = max(map(len, worn))
    return TryOnSet(
        people=_tensor(people),
        garments=_tensor([np.asarray(laid_out(garment, size)) for _, garment in garments.values()]),
        worn=torch.tensor([(numbers * most)[:most] for numbers in worn]),
        zones=torch.from_numpy(np.array(zones)),
        before=_tensor(before) if before else torch.empty(0, dtype=torch.uint8),
        old=_tensor(old) if old else torch.empty(0, dtype=torch.bool),
    )


def laid_out(garment: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A garment's picture, whole, in the middle of a white one of ``size``."""
    scale = FILL * min(size[0] / garment.width, size[1] / garment.height)
    small = garment.resize(
        (max(1, round(garment.width * scale)), max(1, round(garment.height * scale))), Image.Resampling.LANCZOS
    )
    laid = Image.new("RGB", size, "white")
    laid.paste(small, ((size[0] - small.width) // 2, (size[1] - small.height) // 2))
    return laid


def _garments(row: Row) -> list[str]:
    named: Any = row.values.get("garment")
    names = named if isinstance(named, list) else [named]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise SettingsError(f"{row.place}: {FIELDS}")
    return names


def _mask(row: Row, folder: Path, person: Image.Image, garment: Image.Image, mask_of: MaskOf | None) -> Image.Image:
    named = row.values.get("mask")
    if named:
        return read_mask(row.place, folder / named, person.size).image
    if mask_of is None:
        raise SettingsError(f"{row.place}: it has no mask; {FIELDS}")
    try:
        return mask_of(person, garment)
    except IGOError as error:
        raise ImageError(f"{row.place}: {error}") from error


def _tensor(pictures: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(pictures))
