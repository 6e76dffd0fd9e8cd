"""What to recolour, for the measure of inpainting: balanced, always the same, of figures that nothing has seen."""

from dataclasses import dataclass, replace

from benchmarks.prompts import LEADS, describe
from igo import wardrobe
from igo.errors import SettingsError
from igo.wardrobe import Figure, sample

SEED = 105_000_000
"""The first seed of the figures; nothing here is trained on one that high."""
GARMENTS = (*wardrobe.TOPS, *wardrobe.BOTTOMS)


@dataclass(frozen=True)
class Recoloring:
    """``figure`` wears ``garment`` (a noun) as its ``slot``, ``"top"`` or ``"bottom"``, and is to wear it in ``color``.

    ``prompt`` describes the figure as it is to be. The colour is neither the garment's nor that of the other one.
    """

    figure: Figure
    slot: str
    garment: str
    color: str
    prompt: str

    @property
    def goal(self) -> Figure:
        """The figure in the new colour; the same picture else."""
        return _with_color(self.figure, self.slot, self.color)

    @property
    def other(self) -> str | None:
        """The slot of the other garment; None under a dress."""
        if self.figure.bottom == "none":
            return None
        return "bottom" if self.slot == "top" else "top"


def recolorings(count: int) -> list[Recoloring]:
    """``count`` of them; the first n are the same for every count from n up.

    Garments come equally often, and so do the colours asked for, to within a few. Raises ``SettingsError`` for a count
    below 1.
    """
    if count < 1:
        raise SettingsError(f"garments is {count}; it must be at least 1")
    return [_recoloring(index) for index in range(count)]


def _recoloring(index: int) -> Recoloring:
    turn, kind = divmod(index, len(GARMENTS))
    garment, slot = GARMENTS[kind], "top" if kind < len(wardrobe.TOPS) else "bottom"
    fixed = {slot: garment, "top_pattern": "plain", "bottom_pattern": "plain"}
    if garment in ("dress", "skirt"):
        fixed["gender"] = "woman"
    if slot == "bottom":  # under a coat not every bottom is worn
        fixed["top"] = wardrobe.TOPS[(turn + kind) % wardrobe.TOPS.index("coat")]
    figure = sample(SEED + index, **fixed)
    if figure.bottom_color == figure.top_color:  # a colour told twice could be met by the wrong garment
        colors = [color for color in wardrobe.COLORS if color != figure.top_color]
        figure = replace(figure, bottom_color=colors[index % len(colors)])
    free = [color for color in wardrobe.COLORS if color not in (figure.top_color, figure.bottom_color)]
    preferred = tuple(wardrobe.COLORS)[(turn + 5 * kind) % len(wardrobe.COLORS)]
    color = preferred if preferred in free else free[(turn + kind) % len(free)]
    prompt = describe(_with_color(figure, slot, color), LEADS[index % len(LEADS)])
    return Recoloring(figure, slot, garment, color, prompt)


def _with_color(figure: Figure, slot: str, color: str) -> Figure:
    return replace(figure, top_color=color) if slot == "top" else replace(figure, bottom_color=color)
