"""Drawn triplets for try-on, exact to the pixel: somebody in X, a garment Y by itself, the same person in Y."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from igo.mini.pictures import scene
from igo.training.data.zones import FITTING, fitting_zone
from igo.wardrobe import PARSE, Category, Drawing, Figure, Part, draw, held_out, lay_flat, sample, wearing
from igo.wardrobe.garments import PARTS
from igo.wardrobe.placement import Placement, cropped, moved, trunk_alone

SIZE = (96, 128)
"""Width and height of the pictures that `mini/tryon` is made for, in pixels."""
GROUNDS = ("plain", "plain", "plain", "scene")
KEPT = (Part.FACE, Part.HANDS, Part.HAIR, Part.SHOES, Part.BAG, Part.HAT)
LIMBS: dict[str, tuple[str, ...]] = {"upper": ("arms",), "lower": ("legs",), "dress": ("arms", "legs")}
"""What a garment of each category may cover or bare."""
DIFFERENT = 12
"""Levels by which a place must differ to be told from before."""
SHORT = ("t-shirt", "shirt", "hoodie", "sweater", "jacket")
"""Tops that leave a bottom to be seen."""
Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Triplet:
    """Pictures (H, W, 3) uint8 of ``SIZE``: the person before and after, ``garments`` G×H×W×3 (laid flat, worn by
    another, cut out), ``zones`` Z×H×W bool as ``FITTING`` names them, and ``garment`` (H, W), where it is in ``after``.
    ``old`` (H, W): where in ``before`` is what the person takes off. ``placements`` (1+G)×5×2×3: where the parts of a
    body lie, in the person and in each picture of the garment.
    """

    before: Pixels
    after: Pixels
    garments: Pixels
    zones: Mask
    garment: Mask
    old: Mask
    placements: NDArray[np.float64]
    category: Category
    figures: tuple[Figure, Figure]


def triplet(seed: int, kept: bool = False) -> Triplet:
    """The triplet of a seed. Cloth is never of the kind that is held out, or with ``kept`` always is, if it is any."""
    rng = np.random.default_rng([seed, 0x7219])
    x, y, category = _figures(rng, kept)
    scale = float(rng.uniform(0.82, 1.2))
    size = max(SIZE[0], round(128 * scale)), max(SIZE[1], round(192 * scale))
    before, after = draw(x, *size), draw(y, *size)
    old, new = _worn(before, category), _worn(after, category)
    changed = (cv2.absdiff(before.image, after.image).max(-1) > DIFFERENT) | old | new
    protected = np.isin(after.labels, KEPT)
    limbs = np.isin(before.parse, [PARSE.index(name) for name in LIMBS[category]])
    zones = [_zone(kind, changed, limbs, protected, rng) for kind in FITTING]
    crop = _crop(changed, rng)
    shown = flat(y, category, rng), worn(y, category, rng)
    return Triplet(
        before=before.image[crop],
        after=after.image[crop],
        garments=np.stack([picture for picture, _ in shown]),
        zones=np.stack([zone[crop] for zone in zones]),
        garment=new[crop],
        old=old[crop],
        placements=np.stack([cropped(after.placements, crop[1].start, crop[0].start), *(lies for _, lies in shown)]),
        category=category,
        figures=(x, y),
    )


def triplets(first: int, count: int, kept: bool = False) -> Iterator[Triplet]:
    """Those of ``count`` seeds from ``first`` on."""
    return (triplet(seed, kept) for seed in range(first, first + count))


def _figures(rng: np.random.Generator, kept: bool) -> tuple[Figure, Figure, Category]:
    """Somebody in X and in Y, and what Y is."""
    category: Category = ("upper", "lower", "dress")[int(rng.choice(3, p=(0.56, 0.28, 0.16)))]
    gender = "woman" if category == "dress" else str(rng.choice(("woman", "man")))
    seeds = rng.integers(2**40, size=2).tolist()
    if category == "dress":
        other = _tailored(sample(seeds[1], gender=gender, top="dress"), rng, "top", kept)
        before = sample(seeds[0], gender=gender, **({"top": "dress"} if rng.random() < 0.5 else {"bottom": "skirt"}))
        return before, wearing(before, other, category), category
    short = {"top": str(rng.choice(SHORT))} if category == "lower" else {}
    before = sample(seeds[0], gender=gender, bottom=_bottom(rng, gender), **short)
    if rng.random() < 0.4:
        before = _tailored(before, rng, "top" if category == "upper" else "bottom", None)
    other = sample(seeds[1], gender=gender, bottom=_bottom(rng, gender))
    other = _tailored(other, rng, "top" if category == "upper" else "bottom", kept)
    return before, wearing(before, other, category), category


def _bottom(rng: np.random.Generator, gender: str) -> str:
    return str(rng.choice(("jeans", "trousers", "shorts", "skirt")[: 4 if gender == "woman" else 3]))


def _tailored(figure: Figure, rng: np.random.Generator, part: str, kept: bool | None) -> Figure:
    """The figure with a cloth, sleeves and a hem that words can't name, half of the time each."""
    changes: dict[str, Any] = {}
    if kept or rng.random() < 0.55:
        number = int(rng.integers(2**31))
        while kept is not None and held_out(number) is not kept:
            number = int(rng.integers(2**31))
        changes[f"{part}_cloth"] = number
    if rng.random() < 0.5:
        changes[f"{part}_length"] = round(float(rng.uniform(0, 1)), 3)
    if part == "top" and rng.random() < 0.5:
        changes["sleeve"] = round(float(rng.uniform(0.15, 1)), 3)
    return replace(figure, **changes)


def _worn(drawing: Drawing, category: Category) -> Mask:
    return np.isin(drawing.labels, PARTS[category] if category != "dress" else (Part.TOP, Part.INNER, Part.BOTTOM))


def flat(figure: Figure, category: Category, rng: np.random.Generator) -> tuple[Pixels, Placement]:
    """The garment laid flat on some ground, as large, turned and compressed as chance has it; never in other hues. And
    where the figure's units lie in it."""
    width, height = SIZE
    ground: Pixels | tuple[int, int, int] = (255, 255, 255)
    kind = GROUNDS[int(rng.integers(len(GROUNDS)))]
    if kind == "scene":
        ground = scene(int(rng.integers(2**31)), width, height)
    elif rng.random() < 0.7:
        level, tint = rng.uniform(150, 255), rng.uniform(-25, 25, 3)
        r, g, b = (int(np.clip(level + part, 0, 255)) for part in tint)
        ground = r, g, b
    tilt = float(np.clip(rng.normal(0, 4), -10, 10))
    laid = lay_flat(figure, category, width, height, ground, float(rng.uniform(0.78, 0.97)), tilt)
    return _compressed(laid.image, rng), laid.placements


def worn(figure: Figure, category: Category, rng: np.random.Generator) -> tuple[Pixels, Placement]:
    """The garment worn by another: cut out, on light ground, two times in three; else with all that is around it. And
    where the figure's units lie in it."""
    gender = figure.gender if category == "dress" or figure.bottom == "skirt" else str(rng.choice(("woman", "man")))
    fixed = {"bottom": "none"} if figure.bottom == "none" else {"bottom": "jeans", "top": str(rng.choice(SHORT))}
    other = wearing(sample(int(rng.integers(2**40)), gender=gender, **fixed), figure, category)
    drawing = draw(replace(other, bag="none") if rng.random() < 0.5 else other, 160, 240)
    labels = np.isin(drawing.labels, PARTS[category])
    left, top, wide, high = cv2.boundingRect(labels.astype(np.uint8))
    image = drawing.image
    if rng.random() < 0.67:
        soft = cv2.GaussianBlur(labels.astype(np.float32), (0, 0), 0.8)[..., None]
        image = np.clip(image * soft + 255 * (1 - soft) + 0.5, 0, 255).astype(np.uint8)
    fill = float(rng.uniform(0.78, 0.97))
    scale = fill * min(SIZE[0] / wide, SIZE[1] / high)
    move = np.array(
        [
            [scale, 0, SIZE[0] / 2 - scale * (left + wide / 2)],
            [0, scale, SIZE[1] / 2 - scale * (top + high / 2)],
        ]
    )
    border = cv2.BORDER_REFLECT if image is drawing.image else cv2.BORDER_CONSTANT
    laid = cv2.warpAffine(image, move, SIZE, flags=cv2.INTER_AREA, borderMode=border, borderValue=(255,) * 3)
    places = trunk_alone(drawing.placements) if category == "lower" else drawing.placements
    return _compressed(np.asarray(laid, np.uint8), rng), moved(places, move)


def _compressed(image: Pixels, rng: np.random.Generator) -> Pixels:
    if rng.random() < 0.7:
        return image
    quality = int(rng.integers(55, 95))
    data = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def _zone(kind: str, changed: Mask, limbs: Mask, protected: Mask, rng: np.random.Generator) -> Mask:
    """A zone that holds all that changes, most often the limbs too, and what is protected only where it must."""
    if kind != "tight" and rng.random() < 0.7:
        changed = changed | limbs
    return fitting_zone(kind, changed, protected, rng)


def _crop(changed: Mask, rng: np.random.Generator) -> tuple[slice, slice]:
    """The part of the picture, of ``SIZE``, that holds what changes, somewhere in it."""
    (width, height), (rows, columns) = SIZE, changed.shape
    left, top, wide, high = cv2.boundingRect(changed.astype(np.uint8))

    def corner(first: int, length: int, window: int, whole: int) -> int:
        low, high = first + length - window, first
        chosen = rng.uniform(min(low, high) - 3, max(low, high) + 3) if rng.random() < 0.5 else (low + high) / 2
        return int(np.clip(round(float(chosen)), 0, whole - window))

    y, x = corner(top, high, height, rows), corner(left, wide, width, columns)
    return slice(y, y + height), slice(x, x + width)
