"""Pictures of a subject in other company, cut and pasted: with another subject, or on people who wear neither.

An adapter that only ever saw one subject at a time paints one at a time: what it was shown is that they exclude each
other. And what it only saw in eight pictures, it paints with all else that is in them. Pasted pictures, bad as they
look, are enough to say otherwise (Han et al., SVDiff, whose Cut-Mix-Unmix puts subjects side by side; here one is laid
over the other's picture, as worn things are).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import torch
from torch import Tensor

from igo.training.data.folders import CaptionedSet

COVERED = 0.4
"""The largest share of a subject that another one may hide."""


@dataclass(frozen=True)
class Shown:
    """What is shown of a subject: its pictures with captions, and where in each of them is what is to be learned
    (N×H×W booleans)."""

    name: str
    data: CaptionedSet
    zones: Tensor

    @property
    def area(self) -> float:
        """The share of its pictures that it fills; 1 if no mask says where it is."""
        return float(self.zones.float().mean())


def in_company(subjects: Sequence[Shown], others: Sequence[Shown], count: int, seed: int = 0) -> list[Shown]:
    """At most ``count`` pictures of each two ``subjects``, and of the smaller one of them without the larger one.

    ``others`` are other things of the subjects' classes, one set for each, or none at all: the smaller one is laid over
    those of the larger one's class too, where the larger one would not be hidden, and there nothing else is learned. A
    pair whose smaller one has no masks to be cut out by is left out.
    """
    found = []
    for pair in combinations(range(len(subjects)), 2):
        large, small = sorted(pair, key=lambda number: -subjects[number].area)
        over, under = subjects[small], subjects[large]
        if over.area == 1:
            continue
        found.append(collages(over, under, count, seed))
        if others:
            usual = under.zones.float().mean(0)  # for of the others nothing says where they are
            free = (over.zones * usual).sum((1, 2)) <= COVERED * usual.sum()
            alone = replace(over, zones=over.zones & free[:, None, None])
            people = replace(others[large], zones=torch.zeros_like(others[large].zones))
            found.append(collages(alone, people, count, seed))
    return [both for both in found if both is not None]


def collages(over: Shown, under: Shown, count: int, seed: int = 0) -> Shown | None:
    """At most ``count`` pictures of both: ``over`` where it was, but in pictures of ``under``.

    Captions are those of ``under`` with the name of ``over`` put in (``named_too``). A pair of pictures in which too
    much would be hidden (``COVERED``) is left out; None if nothing is left.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(under.data) * len(over.data), generator=generator).tolist()
    pictures, captions, zones = [], [], []
    for number in order:
        below, above = divmod(number, len(over.data))
        cut, place = over.zones[above], under.zones[below]
        if not cut.any() or float((cut & place).sum()) > COVERED * float(place.sum()):
            continue
        pictures.append(torch.where(cut[..., None], over.data.pictures[above], under.data.pictures[below]))
        captions.append([named for text in under.data.captions[below] for named in named_too(text, over.name)])
        zones.append(cut | place)
        if len(pictures) == count:
            break
    if not pictures:
        return None
    return Shown(f"{under.name} and {over.name}", CaptionedSet(torch.stack(pictures), captions), torch.stack(zones))


def named_too(text: str, name: str) -> list[str]:
    """``text`` with a ``name`` at its end and, if it has parts, after the first: prompts may name it anywhere."""
    first, *rest = text.split(", ")
    named = f"with a {name}"
    ways = [[first, *rest, named], [first, named, *rest]] if rest else [[first, named]]
    return [", ".join(parts) for parts in ways]
