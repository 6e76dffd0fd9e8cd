"""Many pairs: their figures, the means of these, the worst cases, as a table and on a sheet."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO

import numpy as np
from PIL import Image

from igo.images.sheet import contact_sheet
from igo.measures.folders import Pair
from igo.measures.pictures import MEASURES, Comparison, Figures, check_sizes, compare, delta_e_map, pixels_of, zone_of

AREAS = ("whole", "inside", "outside")
"""What figures are of: the picture, its zone, and the rest."""
_BRIGHTEST = 50.0
"""The colour difference that is white on a sheet; those that are seen as another colour lie below."""
_HEIGHT = 320
_PLAIN = str.maketrans({"Δ": "d", "∞": "infinite", "–": "-"})
"""In place of what the font of sheets lacks."""


@dataclass(frozen=True)
class Measured:
    """A pair, and what its pictures differ by."""

    pair: Pair
    comparison: Comparison

    def of(self, area: str) -> Figures | None:
        """The figures of one of the `AREAS`; None where there is no such area."""
        figures: Figures | None = getattr(self.comparison, area)
        return figures


@dataclass(frozen=True)
class Report:
    """The figures of all pairs."""

    cases: Sequence[Measured]

    @property
    def areas(self) -> list[str]:
        """Those of the `AREAS` that any pair has."""
        return [area for area in AREAS if any(case.of(area) for case in self.cases)]

    @property
    def measures(self) -> list[str]:
        """Those of the `MEASURES` that were taken of any pair."""
        return [name for name in MEASURES if not all(math.isnan(getattr(c.comparison.whole, name)) for c in self.cases)]

    def mean(self, area: str) -> Figures:
        """The means over all pairs, each pair counting once, whatever its size; ``pixels`` is the sum.

        Of PSNR the mean over the pairs that differ there, since it is infinite for equal ones; infinite if none does.
        """
        found = [figures for case in self.cases if (figures := case.of(area))]
        return Figures(
            sum(figures.pixels for figures in found),
            **{name: _mean([getattr(figures, name) for figures in found]) for name in MEASURES},
        )

    def worst(self, measure: str) -> list[Measured]:
        """The cases by one measure of their zone, or of the whole without one, the farthest apart first."""
        sign = 1 if MEASURES[measure].higher_is_closer else -1
        told = [case for case in self.cases if not math.isnan(getattr(case.comparison.judged, measure))]
        return sorted(told, key=lambda case: sign * getattr(case.comparison.judged, measure))

    def rows(self) -> Iterator[tuple[str, str, Figures]]:
        """Name, area and figures of each case, and of the means last, whose name is "mean"."""
        for case in self.cases:
            for area in self.areas:
                if figures := case.of(area):
                    yield case.pair.name, area, figures
        if len(self.cases) > 1:
            for area in self.areas:
                yield "mean", area, self.mean(area)

    def to_csv(self) -> str:
        """A line for each of the rows; a figure that can't be taken is empty, and an infinite one inf."""
        text = StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(["name", "area", "pixels", *self.measures])
        for name, area, figures in self.rows():
            values = [getattr(figures, measure) for measure in self.measures]
            lines.writerow([name, area, figures.pixels, *("" if math.isnan(value) else value for value in values)])
        return text.getvalue()

    def to_json(self) -> str:
        """Pairs, means and worst cases; a figure that can't be taken is null, and so is PSNR where nothing differs,
        since JSON has no infinite numbers."""
        document = {
            "pairs": [
                {
                    "name": case.pair.name,
                    "first": str(case.pair.first),
                    "second": str(case.pair.second),
                    **({"mask": str(case.pair.mask)} if case.pair.mask else {}),
                    **{area: self._plain(figures) for area in self.areas if (figures := case.of(area))},
                }
                for case in self.cases
            ],
            "mean": {area: self._plain(self.mean(area)) for area in self.areas},
            "worst": {name: [case.pair.name for case in self.worst(name)[:10]] for name in self.measures},
        }
        return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def sheet(self, count: int = 12) -> Image.Image:
        """The worst cases by colour difference: the first picture, the second, and where they differ, black where they
        are equal and white from a colour difference of 50 on."""
        groups, captions = [], []
        for case in self.worst("delta_e")[:count]:
            pictures = [pixels_of(case.pair.first), pixels_of(case.pair.second)]
            levels = np.sqrt(np.minimum(delta_e_map(*pictures) / _BRIGHTEST, 1)) * 255
            panels = [*pictures, levels.round().astype(np.uint8)]
            groups.append([_thumbnail(Image.fromarray(panel)) for panel in panels])
            figures = case.comparison.judged
            told = [f"{MEASURES[name].title} {shown(name, getattr(figures, name))}" for name in self.measures]
            text = ", ".join(told).translate(_PLAIN)
            zone = "in the zone " if case.comparison.inside else ""
            names = " | ".join((str(case.pair.first), str(case.pair.second), "difference"))
            captions.append(" ".join(f"{case.pair.name}: {zone}{text} ({names})".split()))
        return contact_sheet(groups, captions, columns=2, height=_HEIGHT, lines=2)

    def _plain(self, figures: Figures) -> dict[str, float | int | None]:
        values = {name: getattr(figures, name) for name in self.measures}
        return {"pixels": figures.pixels} | {
            name: value if math.isfinite(value) else None for name, value in values.items()
        }


def measured(
    pairs: Sequence[Pair], *, lpips: bool | None = None, progress: Callable[[int, int], None] | None = None
) -> Report:
    """Measure all pairs, as `compare` does. ``progress`` is told how many of how many are done.

    All pictures are read once before, so that what is wrong with one is told before the others are measured. Raises
    ``ImageError``, which names the files, and ``SettingsError``, as `compare` does.
    """
    for pair in pairs:
        one = pixels_of(pair.first)
        check_sizes(one, pixels_of(pair.second), str(pair.first), str(pair.second))
        if pair.mask is not None:
            zone_of(pair.mask, one, f"the mask {pair.mask}", str(pair.first))
    cases = []
    for number, pair in enumerate(pairs, 1):
        cases.append(Measured(pair, compare(pair.first, pair.second, pair.mask, lpips=lpips)))
        if progress:
            progress(number, len(pairs))
    return Report(cases)


def shown(measure: str, value: float) -> str:
    """A figure in as many digits as mean something; – if it can't be taken."""
    if math.isnan(value):
        return "–"
    return "∞" if math.isinf(value) else f"{value:.{MEASURES[measure].digits}f}"


def _mean(values: list[float]) -> float:
    told = [value for value in values if not math.isnan(value)]
    finite = [value for value in told if not math.isinf(value)]
    return sum(finite) / len(finite) if finite else told[0] if told else math.nan


def _thumbnail(image: Image.Image) -> Image.Image:
    """At the sheet's height already, so that pictures of any size are laid on it in little memory."""
    width = max(1, round(image.width * _HEIGHT / image.height))
    return image.convert("RGB").resize((width, _HEIGHT), Image.Resampling.LANCZOS)
