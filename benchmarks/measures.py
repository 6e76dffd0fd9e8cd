"""Shares of right answers, and what guessing would give."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.judge.verdicts import Verdict
from igo.mini.wardrobe import Figure

MEASURES = {
    "top colour": "top_color",
    "bottom colour": "bottom_color",
    "background": "background",
    "top type": "top",
    "bottom type": "bottom",
    "a face": "face",
    "two separate legs": "legs",
}
"""The attribute that the judge tells for each measure."""
ATTRIBUTES = ("top colour", "bottom colour", "background", "top type", "bottom type")
"""The measures of what a prompt asks for; the others say whether the figure is whole."""


@dataclass(frozen=True)
class Row:
    """One measure, as shares from 0 to 1. ``made``: of generated pictures; ``decoded``: of drawings after the
    autoencoder's round trip; ``ceiling``: of the drawings themselves; ``chance``: the most common answer for every
    picture, or, for whole figures, how many figures that were spoilt on purpose pass all the same."""

    measure: str
    made: float
    decoded: float
    ceiling: float
    chance: float


def asked(measure: str, figure: Figure) -> str | None:
    """What the judge must say of a good picture of ``figure``; None if the prompt asks for nothing (a dress has no
    bottom)."""
    if measure not in ATTRIBUTES:
        return "yes"
    if measure.startswith("bottom") and figure.bottom == "none":
        return None
    return str(getattr(figure, MEASURES[measure]))


def share_right(measure: str, verdicts: Sequence[Verdict], figures: Sequence[Figure]) -> float:
    """The share of right verdicts among the pictures of which something is asked; nan if there are none."""
    pairs = [(verdict[MEASURES[measure]], asked(measure, f)) for verdict, f in zip(verdicts, figures, strict=True)]
    told = [said == wanted for said, wanted in pairs if wanted is not None]
    return sum(told) / len(told) if told else float("nan")


def majority(measure: str, figures: Sequence[Figure]) -> float:
    """The share that the best constant answer gets right; nan if nothing is asked."""
    counts = Counter(wanted for figure in figures if (wanted := asked(measure, figure)) is not None)
    return max(counts.values()) / counts.total() if counts else float("nan")
