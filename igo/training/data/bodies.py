"""Pictures, and where bodies lie in them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from igo.errors import SettingsError


@dataclass(frozen=True)
class BodySet:
    """``pictures`` N×H×W×3 uint8 RGB; ``placements`` N×5×2×3: where the parts of a body lie in each (see
    ``igo.networks.bodies``), nan for arms that aren't there."""

    pictures: Tensor
    placements: Tensor

    def __len__(self) -> int:
        return len(self.pictures)

    def hold_out(self, count: int) -> tuple[BodySet, BodySet]:
        """All but the last ``count``, and those. Raises ``SettingsError`` where nothing would be left."""
        if not 0 < count < len(self):
            raise SettingsError(f"{count} of {len(self)} pictures can't be held out; give more")
        first, last = slice(0, -count), slice(-count, None)
        return (
            BodySet(self.pictures[first], self.placements[first]),
            BodySet(self.pictures[last], self.placements[last]),
        )
