"""How near a picture comes to the exact truth of a pair: colours in the zone, cloth left on skin, sleeves, patterns.

Colours are compared by CIEDE2000 (Sharma, Wu and Dalal, 2005), as scikit-image has it; about 1 can just be seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab

from benchmarks.fitting_pairs import Pair
from igo.wardrobe import PARSE, Category, Drawing

Pixels = NDArray[np.uint8]
Colors = NDArray[np.float64]
Mask = NDArray[np.bool_]

WORN: dict[Category, tuple[str, ...]] = {
    "upper": ("top", "dress"),
    "lower": ("skirt", "pants"),
    "dress": ("top", "dress", "skirt", "pants"),
}
"""What a garment of each category is, or takes the place of, in a parse."""
LIMBS: dict[Category, str] = {"upper": "arms", "lower": "legs", "dress": "arms"}
GARMENTS = ("top", "dress", "skirt", "pants")
KEPT: dict[str, tuple[str, ...]] = {
    "other garment": GARMENTS,
    "hair": ("hair",),
    "face": ("face",),
    "background": ("background",),
}
"""What a try-on is to leave as it is: parts of the true picture, but for the garment itself."""
DIFFERENT = 12
"""Levels by which a pixel must differ to count as changed."""
SEEN = 10.0
"""ΔE from which on another colour stands there, and not the same one with an error."""
ALIKE = 12.0
"""ΔE of skin and cloth below which nobody can tell a sleeve from an arm."""
LEAST = 20
"""Pixels below which there is nothing to be measured."""
PALETTE = 48
"""Pixels of a garment that stand for its colours."""
STRENGTH = (0.4, 1.2)
"""How strong a painted pattern may be, as a multiple of the drawn one."""
FINE = 2.0
"""Standard deviation, in pixels, beyond which light and folds lie, and below which patterns do."""


def lab(picture: Pixels) -> Colors:
    """H×W×3 L*a*b* of an RGB picture."""
    return np.asarray(rgb2lab(picture))


def worn(drawing: Drawing, category: Category) -> Mask:
    """Where a garment of the category is, H×W."""
    return _shows(drawing, WORN[category])


def changed(pair: Pair) -> Mask:
    """The zone that is scored, H×W, the same whatever was painted and where: what X covers, what Y covers, and all else
    that differs between the two. Outside of it X's picture is the truth, so nothing is won by pasting that back."""
    differs = cv2.absdiff(pair.person.image, pair.truth.image).max(-1) > DIFFERENT
    return np.asarray(differs | worn(pair.person, pair.category) | worn(pair.truth, pair.category))


def error(result: Pixels, truth: Pixels, zone: Mask) -> float:
    """The mean ΔE of the pixels of a zone, each as it is: none is blended with the truth."""
    return float(np.mean(deltaE_ciede2000(lab(result)[zone], lab(truth)[zone])))


def nearest(result: Pixels, candidates: Sequence[Pixels], before: Pixels) -> int:
    """Which candidate the result is nearest to, by the mean ΔE where any of them differs from ``before``."""
    zone = np.any([(candidate != before).any(-1) for candidate in candidates], axis=0)
    ours = lab(result)[zone]
    return int(np.argmin([deltaE_ciede2000(ours, lab(candidate)[zone]).mean() for candidate in candidates]))


def leak(pair: Pair, result: Pixels) -> float:
    """The share of the pixels that X covers and Y doesn't on which cloth still lies: of another colour than the truth's
    (by ``SEEN``), and nearer to a colour of X's or Y's cloth than to the truth. nan where X covers no more than Y."""
    new = worn(pair.truth, pair.category)
    bare = worn(pair.person, pair.category) & ~_grown(new)
    if bare.sum() < LEAST:
        return float("nan")
    ours = lab(result)[bare]
    off = deltaE_ciede2000(ours, lab(pair.truth.image)[bare])
    return float(np.mean((off > SEEN) & (_apart(ours, cloth_of(pair)) < off)))


def limb(pair: Pair, result: Pixels) -> float:
    """The share of the pixels of arms (of legs, under a skirt or trousers) that X covers and Y bares, or the other way
    round, on which there is skin where the truth has skin, and cloth where it has cloth. nan where there are none, and
    for cloth of skin's colour."""
    name, category = LIMBS[pair.category], pair.category
    skin, cloth = _shows(pair.truth, (name,)), worn(pair.truth, category)
    bared = _shrunk(skin & worn(pair.person, category))
    covered = _shrunk(cloth & _shows(pair.person, (name,)))
    if bared.sum() + covered.sum() < LEAST:
        return float("nan")
    source = pair.truth if bared.any() else pair.person
    skins = _palette(source.image, _shows(source, (name,)))
    cloths = cloth_of(pair)
    if float(deltaE_ciede2000(np.median(skins, 0), np.median(_colors(pair.truth, category), 0))) < ALIKE:
        return float("nan")
    is_skin = [_apart(lab(result)[where], skins) < _apart(lab(result)[where], cloths) for where in (bared, covered)]
    return float((is_skin[0].sum() + (~is_skin[1]).sum()) / (bared.sum() + covered.sum()))


def kept(pair: Pair, result: Pixels, within: Mask | None = None) -> dict[str, float]:
    """By part, the share of the pixels beyond the true change (those ``within`` a zone alone, if there is one) that are
    as in X's picture, but for ``DIFFERENT`` levels; nan for parts that aren't there."""
    beside = ~_grown(changed(pair)) & (True if within is None else within)
    same = cv2.absdiff(result, pair.truth.image).max(-1) <= DIFFERENT
    shares = {}
    for part, names in KEPT.items():
        where = _shows(pair.truth, names) & beside
        shares[part] = float(same[where].mean()) if where.sum() >= LEAST else float("nan")
    return shares


def weave(result: Pixels, drawings: Sequence[Pixels], garment: Mask) -> int:
    """Which of several drawings of a garment, alike but for their pattern, has the pattern of the result: that whose
    spectrum under ``garment`` (H×W) is nearest, which doesn't ask where a stripe begins, nor how strong it is: what is
    painted is paler and softer than what is drawn."""
    inside = _shrunk(garment, 2)
    ours, *others = (_spectrum(picture, inside) for picture in (result, *drawings))
    strengths = [np.clip((ours * other).sum() / max((other**2).sum(), 1e-9), *STRENGTH) for other in others]
    return int(np.argmin([np.linalg.norm(ours - by * other) for by, other in zip(strengths, others, strict=True)]))


def cloth_of(pair: Pair) -> Colors:
    """Colours of Y's cloth and of X's, P×3 L*a*b*."""
    return np.concatenate([_colors(drawing, pair.category) for drawing in (pair.truth, pair.person)])


def _colors(drawing: Drawing, category: Category) -> Colors:
    return _palette(drawing.image, worn(drawing, category))


def _palette(picture: Pixels, where: Mask) -> Colors:
    """Some pixels of a part, away from its border if it is wide enough, from all over it."""
    inner = _shrunk(where)
    pixels = lab(picture)[inner if inner.sum() >= PALETTE else where]
    return pixels[np.linspace(0, len(pixels) - 1, min(PALETTE, len(pixels))).astype(int)]


def _apart(colors: Colors, palette: Colors) -> Colors:
    """How far N×3 colours are from the nearest of P×3."""
    return np.asarray(deltaE_ciede2000(colors[:, None], palette[None]).min(1))


def _spectrum(picture: Pixels, inside: Mask) -> Colors:
    """Amplitudes of what is finer than light and folds, smoothed over neighbouring frequencies."""
    weight = inside.astype(np.float32)
    values = lab(picture).astype(np.float32) * weight[..., None]
    coarse = (
        cv2.GaussianBlur(values, (0, 0), 2 * FINE)
        / np.maximum(cv2.GaussianBlur(weight, (0, 0), 2 * FINE), 1e-3)[..., None]
    )
    fine = (values - coarse * weight[..., None]) / np.sqrt(max(float(weight.sum()), 1.0))
    power = (np.abs(np.fft.fft2(fine, axes=(0, 1))) ** 2).sum(-1)
    return np.asarray(np.sqrt(cv2.GaussianBlur(np.fft.fftshift(power), (0, 0), FINE)), np.float64)


def _shows(drawing: Drawing, names: Sequence[str]) -> Mask:
    return np.isin(drawing.parse, [PARSE.index(name) for name in names])


def _grown(mask: Mask) -> Mask:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)


def _shrunk(mask: Mask, pixels: int = 1) -> Mask:
    side = 2 * pixels + 1
    return np.asarray(cv2.erode(mask.astype(np.uint8), np.ones((side, side), np.uint8), borderValue=0) > 0)
