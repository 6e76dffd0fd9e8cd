"""Pictures of two subjects at once, cut and pasted from pictures of each.

An adapter that only ever saw one subject at a time paints one at a time: what it was shown is that they exclude each
other. Pasted pictures, bad as they look, are enough to say that they don't (Han et al., SVDiff, whose Cut-Mix-Unmix
puts subjects side by side; here one is laid over the other's picture, as worn things are).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from igo.training.folders import CaptionedSet

COVERED = 0.4
"""The largest share of a subject that another one may hide."""


@dataclass(frozen=True)
class Shown:
    """What is shown of a subject: its pictures with captions, and where it is in each of them (N×H×W booleans)."""

    name: str
    data: CaptionedSet
    zones: Tensor

    @property
    def area(self) -> float:
        """The share of its pictures that it fills; 1 if no mask says where it is."""
        return float(self.zones.float().mean())


def collages(one: Shown, other: Shown, count: int, seed: int = 0) -> Shown | None:
    """At most ``count`` pictures of both: the smaller one where it was, but in pictures of the larger one.

    Captions are the larger one's, with the smaller one's name at the end. A pair of pictures in which too much would
    be hidden (``COVERED``) is left out; None if nothing is left, or the smaller one has no masks to be cut out by.
    """
    under, over = sorted((one, other), key=lambda shown: -shown.area)
    if over.area == 1:
        return None
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(under.data) * len(over.data), generator=generator).tolist()
    pictures, captions, zones = [], [], []
    for number in order:
        below, above = divmod(number, len(over.data))
        cut, place = over.zones[above], under.zones[below]
        if not cut.any() or float((cut & place).sum()) > COVERED * float(place.sum()):
            continue
        pictures.append(torch.where(cut[..., None], over.data.pictures[above], under.data.pictures[below]))
        captions.append([f"{text}, with a {over.name}" for text in under.data.captions[below]])
        zones.append(cut | place)
        if len(pictures) == count:
            break
    if not pictures:
        return None
    return Shown(f"{under.name} and {over.name}", CaptionedSet(torch.stack(pictures), captions), torch.stack(zones))
