"""The best of several pictures, by sharpness or by palette, as a plugin for IGO."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import igo
from igo.errors import SettingsError
from PIL import Image, ImageColor

Scores = Callable[[Sequence[igo.Frame], igo.Request], list[float] | None]


@dataclass(frozen=True)
class BestOf:
    """Have several pictures painted for each that is asked for, and keep the best.

    It stands behind the base whose pictures it chooses from. Within a mask only what was painted counts. The first
    candidate is what the base would have painted alone; the others have seeds of their own, so that each picture of a
    batch is the one that its seed gives alone. Scores and seeds of all candidates are in the history. Where a step of
    the chain scores pictures itself (the hook ``score``), its judgement counts.

    Raises ``SettingsError`` for settings that can't be meant.
    """

    candidates: int = 4
    """How many are painted for each that is kept."""
    by: Literal["sharpness", "palette"] = "sharpness"
    """What is best: most detail in focus, or nearest to ``palette``."""
    palette: tuple[str, ...] = ()
    """Colours that the picture shall have, as names or #rrggbb."""

    def __post_init__(self) -> None:
        if self.candidates < 1:
            raise SettingsError(f"candidates is {self.candidates}; expected at least 1")
        if self.by not in ("sharpness", "palette"):
            raise SettingsError(f"by is {self.by!r}; choose sharpness or palette")
        if (self.by == "palette") != bool(self.palette):
            raise SettingsError(
                f"by is {self.by!r} and palette {self.palette}; by='palette' goes with palette=('navy',)"
            )
        for color in self.palette:
            try:
                ImageColor.getrgb(color)
            except ValueError:
                raise SettingsError(f"palette has {color!r}; expected a name such as 'navy', or #rrggbb") from None

    @igo.hookimpl
    def generate(
        self,
        request: igo.Request,
        inner: Callable[[igo.Request], list[igo.Frame]],
        scores: Scores,
        runtime: igo.Runtime,
    ) -> list[igo.Frame]:
        """One candidate at a time, since a batch of them might not fit the device."""
        total, kept = self.candidates * request.num_images, []
        for index in range(request.num_images):
            own = (request.seed or 0) + index
            painted: list[igo.Frame] = []
            for number in range(self.candidates):
                runtime.progress(index * self.candidates + number, total, "candidates")
                seed = runtime.seed(own, number) if number else own
                painted += inner(request.replace(seed=seed, num_images=1))[:1]
                if painted[0].image is request.image:  # taken as it is: all candidates would be the same
                    break
            kept.append(self._best(painted, request, scores))
        runtime.progress(total, total, "candidates")
        return kept

    def _best(self, painted: list[igo.Frame], request: igo.Request, scores: Scores) -> igo.Frame:
        """The first of those with the highest score."""
        if len(painted) == 1:
            return painted[0]
        judged, by = scores(painted, request), "the chain"
        if judged is None:
            judged, by = self._scores(painted, request.layers.get("mask")), self.by
        best = judged.index(max(judged))
        told = {"by": by, "scores": [round(score, 3) for score in judged], "kept": best}
        return painted[best].noted(**told, seeds=[frame.seed for frame in painted])

    def _scores(self, painted: list[igo.Frame], mask: Image.Image | None) -> list[float]:
        from igo_best_of.scores import palette_score, sharpness

        if self.by == "sharpness":
            return [sharpness(frame.image, mask) for frame in painted]
        colors = [ImageColor.getrgb(color)[:3] for color in self.palette]
        return [palette_score(frame.image, mask, colors) for frame in painted]
