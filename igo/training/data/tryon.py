"""What try-on learns from: people, the garments that they wear, by themselves, and zones to paint these in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from igo.errors import SettingsError


@dataclass(frozen=True)
class TryOnSet:
    """``people`` N×H×W×3 and ``garments`` M×H×W×3 uint8 RGB of one size; ``worn`` N×G: pictures of what each person
    wears, as rows of ``garments``; ``zones`` N×Z×H×W bool, in each of which that can be painted anew.

    ``before`` (N×H×W×3, or empty) are the same people in other clothes, to learn without a mask; ``old`` (N×H×W bool,
    or empty) is where in these is what they take off, to learn from what else the zone shows of them.
    """

    people: Tensor
    garments: Tensor
    worn: Tensor
    zones: Tensor
    before: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.uint8))
    old: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.bool))

    def __len__(self) -> int:
        return len(self.people)

    def part(self, rows: slice) -> TryOnSet:
        """Some of the people, with what they wear."""
        used, worn = torch.unique(self.worn[rows], return_inverse=True)
        before, old = (part[rows] if len(part) else part for part in (self.before, self.old))
        return replace(
            self,
            people=self.people[rows],
            garments=self.garments[used],
            worn=worn,
            zones=self.zones[rows],
            before=before,
            old=old,
        )

    def hold_out(self, count: int) -> tuple[TryOnSet, TryOnSet]:
        """All but the last ``count`` people, and those. Raises ``SettingsError`` where nobody would be left."""
        if not 0 < count < len(self):
            raise SettingsError(f"{count} of {len(self)} people can't be held out; give more")
        return self.part(slice(0, -count)), self.part(slice(-count, None))
