"""What an evaluation finds: measures beside what could be had, what guessing gives, and what is to be reached."""

import math
from dataclasses import dataclass, field
from typing import Literal

from PIL import Image


@dataclass(frozen=True)
class Goal:
    """What a measure is to reach: ``floor`` after training on a CPU, ``aim`` after training on a GPU, in its own unit.

    ``at_most`` turns both around: smaller is better. ``beats_chance`` asks for more than ``Row.chance`` instead.
    """

    floor: float | None = None
    aim: float | None = None
    at_most: bool = False
    beats_chance: bool = False


GOALS = {
    "VAE: judged, relative": Goal(0.95, 0.98),
    "VAE: PSNR": Goal(None, 29.0),
    "top colour": Goal(0.92, 0.97),
    "bottom colour": Goal(0.85, 0.95),
    "background": Goal(0.95, 0.98),
    "top type": Goal(0.60, 0.88),
    "bottom type": Goal(0.65, 0.90),
    "one 128×192 picture": Goal(3.0, 3.0, at_most=True),
    "garment in the asked colour": Goal(0.92, 0.97),
    "IoU, mean of six": Goal(0.80, 0.90),
    "absent thing: empty mask": Goal(0.90, 0.97),
    "parser: IoU, mean of six": Goal(0.90, 0.95),
    "one parse": Goal(0.25, 0.25, at_most=True),
    "×4, degraded: gain": Goal(1.5, 3.0),
    "×4, degraded: edges kept": Goal(beats_chance=True),
    "×4, photos: gain": Goal(-0.3),
    "seam of outpainting": Goal(1.3, 1.3, at_most=True),
}
"""The goals of the measures that have one, by the measure's name."""

Verdict = Literal["aim", "floor", "missed"]


@dataclass(frozen=True)
class Row:
    """One measure. ``result`` is nan if there was nothing to measure, ``ceiling`` and ``chance`` where they have no
    meaning. ``unit`` is ``""`` for shares from 0 to 1, else ``"dB"``, ``"s"``, or ``"levels"`` of 255."""

    measure: str
    result: float
    ceiling: float = math.nan
    chance: float = math.nan
    unit: str = ""

    @property
    def goal(self) -> Goal:
        """What is to be reached; a goal without numbers if nothing is."""
        return GOALS.get(self.measure, Goal())

    @property
    def verdict(self) -> Verdict | None:
        """Which goal is met; None if there is none, or no result."""
        goal = self.goal
        if math.isnan(self.result):
            return None
        if goal.beats_chance:
            return "floor" if self.result > self.chance else "missed"
        sign = -1 if goal.at_most else 1
        if goal.aim is not None and sign * self.result >= sign * goal.aim:
            return "aim"
        if goal.floor is not None:
            return "floor" if sign * self.result >= sign * goal.floor else "missed"
        return None if goal.aim is None else "missed"


@dataclass(frozen=True)
class Sample:
    """Pictures to look at side by side, and what is to be said of them."""

    pictures: tuple[Image.Image, ...]
    caption: str


@dataclass(frozen=True)
class Findings:
    """What was found of one part of `mini`. ``settings`` say how, as plain data. ``columns`` is how many samples stand
    in a row of a contact sheet, ``height`` that of their pictures in pixels."""

    part: str
    settings: dict[str, object]
    rows: list[Row]
    samples: list[Sample] = field(repr=False)
    columns: int
    height: int
