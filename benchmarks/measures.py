"""Shares of right answers, and what guessing would give."""

from collections import Counter
from collections.abc import Iterable, Sequence

from benchmarks.judge.verdicts import Verdict
from igo.wardrobe import Figure

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


def asked(measure: str, figure: Figure) -> str | None:
    """What the judge must say of a good picture of ``figure``; None if the prompt asks for nothing (a dress has no
    bottom)."""
    if measure not in ATTRIBUTES:
        return "yes"
    if measure.startswith("bottom") and figure.bottom == "none":
        return None
    return str(getattr(figure, MEASURES[measure]))


def share(right: Iterable[bool | None]) -> float:
    """The share that is true of what isn't None; nan if nothing is."""
    told = [one for one in right if one is not None]
    return sum(told) / len(told) if told else float("nan")


def most_common(answers: Iterable[str | None]) -> float:
    """The share that the best constant answer gets right of the answers that aren't None; nan if none are."""
    counts = Counter(answer for answer in answers if answer is not None)
    return max(counts.values()) / counts.total() if counts else float("nan")


def share_right(measure: str, verdicts: Sequence[Verdict], figures: Sequence[Figure]) -> float:
    """The share of right verdicts among the pictures of which something is asked; nan if there are none."""
    pairs = [(verdict[MEASURES[measure]], asked(measure, f)) for verdict, f in zip(verdicts, figures, strict=True)]
    return share(None if wanted is None else said == wanted for said, wanted in pairs)


def majority(measure: str, figures: Sequence[Figure]) -> float:
    """The share that the best constant answer gets right; nan if nothing is asked."""
    return most_common(asked(measure, figure) for figure in figures)


def all_right(verdict: Verdict, figure: Figure) -> bool:
    """Whether nothing is wrong with a picture of ``figure``: all that was asked for, a face, two legs."""
    return all(asked(measure, figure) in (None, verdict[key]) for measure, key in MEASURES.items())


def faults(verdict: Verdict, figure: Figure) -> str:
    """What is wrong with a picture of ``figure``, in words; empty if nothing is."""
    return "; ".join(
        f"{verdict[key]}, not {wanted}" if measure in ATTRIBUTES else f"not {measure}"
        for measure, key in MEASURES.items()
        if (wanted := asked(measure, figure)) is not None and verdict[key] != wanted
    )
