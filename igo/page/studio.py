"""What all tabs paint by: the base and its runtime, so that models are loaded once, and what finds garments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import igo
from igo.chains import registry
from igo.chains.settings import given


@dataclass(frozen=True)
class Studio:
    """``base`` are the steps that paint: a base, and what belongs to it."""

    base: Sequence[object]
    runtime: igo.Runtime = field(default_factory=igo.Runtime)
    checkpoint: str = "mini"
    """Whose tokenizer reads prompts aloud."""
    preset: str = "auto"
    mask_model: str = "mini"
    """What finds garments by words."""
    tryon_model: str = "mini/tryon"
    parser: str = "mini"

    def chain(self, *steps: object, before: Sequence[object] = ()) -> igo.Chain:
        """A chain of the base, with steps after and ``before`` it."""
        return igo.Chain(*before, *self.base, *steps, runtime=self.runtime)

    def alone(self, *steps: object) -> igo.Chain:
        """A chain without the base."""
        return igo.Chain(*steps, runtime=self.runtime)

    def step(self, use: str, **settings: Any) -> object:
        """An installed plugin with settings, of which None is left out."""
        return registry.load(use)(**given(**settings))
