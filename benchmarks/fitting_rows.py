"""The rows of the table that ``python -m benchmarks.tryon`` prints, from what was painted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache
from typing import Any

import numpy as np
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from benchmarks.autoencoder import round_trip
from benchmarks.findings import Goal, Row
from benchmarks.fitting_measures import KEPT, Mask, Pixels, changed, error, kept, leak, limb, nearest, weave, worn
from benchmarks.fitting_pairs import Pair, drawn_pairs, prints
from benchmarks.judge.verdicts import Judge
from benchmarks.measures import share
from igo import wardrobe
from igo.embedded import NATIVE_SIZE
from igo.wardrobe import Figure, cloth, draw

CHOICES = 20
"""Garments, of which one is to be told from a picture."""
POOL = 600
"""Pairs whose garments are chosen among, so that there are enough of every category."""
EVERY = 2
"""One pair in so many is painted by words alone and without a mask too, and asked which of 20 garments it shows."""
PRINT = "swap: of 20 held-out prints"
GOALS = {
    "colour, judged": Goal(0.97, 0.99),
    "type, judged": Goal(0.90, 0.95),
    "pattern": Goal(0.80, 0.95),
    "swap: of 20 garments": Goal(0.85, 0.95),
    PRINT: Goal(0.50, 0.80),
    "error, as a share of text-only's": Goal(0.75, 0.5, at_most=True),
    "leak under shorter garments": Goal(0.06, 0.02, at_most=True),
    "mask-free: colour and type, below masked by": Goal(0.06, 0.03, at_most=True),
    "kept: other garment, hair, face, background": Goal(0.98, 1.0),
    "another cut: skin and sleeves as in the truth": Goal(0.85, 0.95),
    "parser: mean IoU of six": Goal(0.90, 0.95),
    "one try-on": Goal(2.5, 1.5, at_most=True),
    "6×6 at once, times as fast as 36 calls": Goal(1.5),
    "bytes changed outside the zone": Goal(0, 0, at_most=True),
}


@dataclass(frozen=True)
class Line(Row):
    """A measure, with what words alone reach (``text``), and what the truth does after the autoencoder
    (``autoencoder``); ``ceiling`` is of the truth itself."""

    text: float = math.nan
    autoencoder: float = math.nan

    @property
    def goal(self) -> Goal:
        """What is to be reached; a goal without numbers if nothing is."""
        return GOALS.get(self.measure, Goal())


@dataclass(frozen=True, eq=False)
class Fitted:
    """What became of a person: a picture, the zone (H×W) outside of which it must be as it was, and the reason if
    nothing was painted."""

    image: Image.Image
    zone: Mask
    refused: str = ""

    @cached_property
    def pixels(self) -> Pixels:
        """The picture, H×W×3."""
        return np.asarray(self.image.convert("RGB"))


Paint = Callable[[Pair], Fitted]


@dataclass(eq=False)
class Study:
    """What is measured. ``paint`` says how pairs are painted: ``"masked"``, without a mask (``"free"``) and by words
    alone (``"text"``); each picture is painted once. ``vae`` is the autoencoder that try-on paints through."""

    pairs: Sequence[Pair]
    judge: Judge
    vae: Any
    paint: dict[str, Paint]
    done: dict[tuple[str, int], Fitted] = field(default_factory=dict)

    def fitted(self, way: str, pair: Pair) -> Fitted:
        """What became of a pair."""
        key = way, pair.index
        if key not in self.done:
            self.done[key] = self.paint[way](pair)
        return self.done[key]

    def pictures(self, way: str, pairs: Sequence[Pair]) -> list[Pixels]:
        """What became of pairs, painted in a ``way``; or of the truth: as it is, or after the autoencoder."""
        if way == "truth":
            return [pair.truth.image for pair in pairs]
        if way == "autoencoder":
            return [self._decoded[pair.index] for pair in pairs]
        return [self.fitted(way, pair).pixels for pair in pairs]

    @cached_property
    def told(self) -> list[Pair]:
        """Those whose garment words can tell."""
        return [pair for pair in self.pairs if pair.told]

    @cached_property
    def some(self) -> list[Pair]:
        """Every second of those."""
        return self.told[::EVERY]

    @cached_property
    def _decoded(self) -> dict[int, Pixels]:
        pictures = round_trip(self.vae, np.stack([pair.truth.image for pair in self.pairs]))
        return {pair.index: picture for pair, picture in zip(self.pairs, pictures, strict=True)}


def judged(study: Study) -> Iterator[Line]:
    """The garment's colour and type, by the judge, and its pattern, by its spectrum."""
    columns = (("masked", study.told), ("truth", study.told), ("text", study.some), ("autoencoder", study.told))
    for name in ("_color", ""):
        shares = [share(_judged(study, way, pairs, name)) for way, pairs in columns]
        yield Line("colour, judged" if name else "type, judged", *shares[:2], math.nan, "", *shares[2:])
    shares = [share(_patterned(study, way, pairs)) for way, pairs in columns]
    yield Line("pattern", *shares[:2], 1 / len(wardrobe.PATTERNS), "", *shares[2:])
    for what, flat in (("laid flat", True), ("worn by another", False)):
        some = [pair for pair in study.told if pair.flat is flat]
        yield Line(f"  colour, reference {what}", share(_judged(study, "masked", some, "_color")))


def swap(study: Study) -> Iterator[Line]:
    """Which of 20 garments a picture shows: the nearest of drawings of the same person in each of them."""
    asked = [pair for pair in study.pairs if pair.kind != "print"][::EVERY]
    yield _swapped(study, "swap: of 20 garments", asked, _other_garments)
    printed = [pair for pair in study.pairs if pair.kind == "print"]
    yield _swapped(study, PRINT, printed, lambda pair: _other_prints(pair, False))
    yield _swapped(study, "  of 20 prints on the likest grounds", printed, lambda pair: _other_prints(pair, True))


def errors(study: Study) -> Iterator[Line]:
    """The mean ΔE in the zone of the true change, beside that of words alone on the same pairs."""

    def mean(way: str, pairs: Sequence[Pair]) -> float:
        pictures = study.pictures(way, pairs)
        return _mean(error(one, pair.truth.image, changed(pair)) for one, pair in zip(pictures, pairs, strict=True))

    text = mean("text", study.some)
    yield Line("error, as a share of text-only's", mean("masked", study.some) / text if text else math.nan)
    untouched = _mean(error(pair.person.image, pair.truth.image, changed(pair)) for pair in study.pairs)
    yield Line(
        "error in the zone", mean("masked", study.pairs), 0, untouched, "ΔE", text, mean("autoencoder", study.pairs)
    )
    for kind in dict.fromkeys(pair.kind for pair in study.pairs):
        some = [pair for pair in study.pairs if pair.kind == kind]
        name = {"words": "garments of all kinds", "print": "held-out prints"}.get(kind, f"{kind} garments")
        yield Line(f"  of {name}", mean("masked", some), 0, unit="ΔE", autoencoder=mean("autoencoder", some))


def cuts(study: Study) -> Iterator[Line]:
    """Cloth left where the new garment is shorter, and arms that are as bare as in the truth."""
    shorter = [pair for pair in study.pairs if pair.kind == "shorter"]
    yield _each(study, "leak under shorter garments", leak, shorter)
    other = [pair for pair in study.pairs if pair.kind in ("shorter", "longer")]
    yield _each(study, "another cut: skin and sleeves as in the truth", limb, other)
    for kind in ("shorter", "longer"):
        yield _each(study, f"  {kind}", limb, [pair for pair in other if pair.kind == kind])


def free(study: Study) -> Iterator[Line]:
    """Without a mask: what the judge says, and how far that is below what it says with one, on the same pairs."""
    shares = {
        way: [share(_judged(study, way, study.some, name)) for name in ("_color", "")] for way in ("masked", "free")
    }
    for name, masked, without in zip(("colour", "type"), *shares.values(), strict=True):
        yield Line(f"  mask-free: {name}, judged", without, masked)
    yield Line("mask-free: colour and type, below masked by", _mean(shares["masked"]) - _mean(shares["free"]))


def unchanged(study: Study) -> Iterator[Line]:
    """What is to stay as it is: pixels beyond the true change that are within a few levels of what they were."""

    def means(way: str, pairs: Sequence[Pair], inside: bool = False) -> list[float]:
        found = []
        for pair, picture in zip(pairs, study.pictures(way, pairs), strict=True):
            found.append(kept(pair, picture, study.fitted("masked", pair).zone if inside else None))
        return [_mean(one[part] for one in found) for part in KEPT]

    ours, text = means("masked", study.pairs), means("text", study.some)
    yield Line("kept: other garment, hair, face, background", _mean(ours), 1, text=_mean(text))
    for part, mine, theirs in zip(KEPT, ours, text, strict=True):
        yield Line(f"  kept: {part}", mine, 1, text=theirs)
    within = [_mean(means(way, study.pairs, inside=True)) for way in ("masked", "autoencoder")]
    yield Line("  kept: all that, within the zone, painted anew", within[0], 1, autoencoder=within[1])
    both = [pair for pair in study.pairs if pair.category != "dress"]
    right = [share(_judged(study, way, both, "_color", other=True)) for way in ("masked", "truth")]
    yield Line("  other garment's colour, judged", *right)


def outside(study: Study) -> Iterator[Line]:
    """Bytes that differ from X's picture outside of the zone, in all that was painted for try-on."""
    tried = [(study.fitted("masked", pair), pair) for pair in study.pairs]
    tried += [(study.fitted("free", pair), pair) for pair in study.some]
    yield Line("bytes changed outside the zone", sum(changed_outside(one, pair) for one, pair in tried), unit="bytes")
    yield Line("  in pictures", len(tried), unit="pictures")
    yield Line("  refused", sum(bool(one.refused) for one, _ in tried), unit="pictures")


def changed_outside(one: Fitted, pair: Pair) -> int:
    """How many bytes of X's picture have changed outside of the zone."""
    return int((one.pixels != pair.person.image)[~one.zone].sum())


def patterned(pair: Pair) -> list[Figure]:
    """The person in Y of each pattern."""
    return [replace(pair.after, **{f"{pair.slot}_pattern": pattern}) for pattern in wardrobe.PATTERNS]


def _judged(study: Study, way: str, pairs: Sequence[Pair], name: str, other: bool = False) -> list[bool]:
    """Whether the judge sees the true value of an attribute of the garment, or of the ``other`` one."""
    verdicts = study.judge.verdicts([Image.fromarray(one) for one in study.pictures(way, pairs)])
    keys = [f"{pair.other if other else pair.slot}{name}" for pair in pairs]
    return [said[key] == getattr(pair.after, key) for said, key, pair in zip(verdicts, keys, pairs, strict=True)]


def _patterned(study: Study, way: str, pairs: Sequence[Pair]) -> list[bool]:
    right = []
    for pair, picture in zip(pairs, study.pictures(way, pairs), strict=True):
        seen = weave(picture, [_drawn(figure) for figure in patterned(pair)], worn(pair.truth, pair.category))
        right.append(wardrobe.PATTERNS[seen] == getattr(pair.after, f"{pair.slot}_pattern"))
    return right


def _swapped(study: Study, name: str, pairs: Sequence[Pair], others: Callable[[Pair], list[Figure]]) -> Line:
    right: dict[str, list[bool]] = {"masked": [], "autoencoder": []}
    for pair in pairs:
        candidates = [pair.truth.image, *(_drawn(figure) for figure in others(pair))]
        for way, found in right.items():
            found.append(nearest(study.pictures(way, [pair])[0], candidates, pair.person.image) == 0)
    return Line(name, share(right["masked"]), 1, 1 / CHOICES, autoencoder=share(right["autoencoder"]))


def _other_garments(pair: Pair) -> list[Figure]:
    """The person in other garments of the same category, of the next pairs that have one."""
    alike = [other for other in _pool() if other.category == pair.category and other.kind != "print"]
    start = next((place for place, other in enumerate(alike) if other.index > pair.index), 0)
    others = [other for other in (*alike[start:], *alike[:start]) if other.index != pair.index]
    return [pair.dressed(other.after) for other in others[: CHOICES - 1]]


@cache
def _pool() -> list[Pair]:
    return drawn_pairs(POOL)


def _other_prints(pair: Pair, like: bool) -> list[Figure]:
    """The person in the same garment with other held-out prints: the next, or those on grounds of the likest colour."""
    own = pair.after.top_cloth
    numbers = [number for number in prints() if number != own]
    if like and own is not None:
        grounds = np.array([cloth(number).colors[0] for number in (own, *numbers)], np.float64) / 255
        colors = rgb2lab(grounds)
        numbers = [numbers[k] for k in np.argsort(deltaE_ciede2000(colors[0], colors[1:]), kind="stable")]
    return [replace(pair.after, top_cloth=number) for number in numbers[: CHOICES - 1]]


def _each(study: Study, name: str, measure: Callable[[Pair, Pixels], float], pairs: Sequence[Pair]) -> Line:
    """The mean of a measure over pairs, of words alone over those of them that they have painted."""

    def mean(way: str, some: Sequence[Pair]) -> float:
        return _mean(measure(pair, one) for pair, one in zip(some, study.pictures(way, some), strict=True))

    painted = {pair.index for pair in study.some}
    text = mean("text", [pair for pair in pairs if pair.index in painted])
    untouched = _mean(measure(pair, pair.person.image) for pair in pairs)
    return Line(name, mean("masked", pairs), mean("truth", pairs), untouched, "", text, mean("autoencoder", pairs))


@lru_cache(maxsize=1024)
def _drawn(figure: Figure) -> Pixels:
    return draw(figure, *NATIVE_SIZE).image


def _mean(values: Any) -> float:
    """The mean of what isn't nan; nan if nothing is."""
    told = [value for value in values if not math.isnan(value)]
    return float(np.mean(told)) if told else math.nan
