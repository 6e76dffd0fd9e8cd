"""What finds things for stylings: CLIPSeg by any words, a parser by the names of garments, or both together; a model's
own configuration says which of the two it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from igo.errors import CheckpointError
from igo_plugins.parsing import parser
from igo_plugins.parsing.labels import is_kind
from igo_plugins.styling import text_mask

if TYPE_CHECKING:
    from PIL.Image import Image

    from igo import Runtime

EXPECTED = (
    "name 'mini', a folder, or a hub's CLIPSeg such as 'CIDAS/clipseg-rd64-refined' or parser such as "
    "'mattmdjaga/segformer_b2_clothes'"
)


AGREED = 0.3
"""How sure CLIPSeg is, on average over what a parser has outlined, where it sees that thing there."""


class MaskModel(Protocol):
    """A loaded model that finds what phrases name."""

    def soft(self, image: Image, phrases: tuple[str, ...]) -> text_mask.Soft:
        """How sure it is of each phrase (P×h×w, 0 to 1) at ``text_mask.working_size`` of an RGB picture."""
        ...

    def evidence(self, image: Image, text: str) -> text_mask.Soft:
        """How sure it is, h×w, that it sees the garment that ``text`` describes, as far as it can tell."""
        ...

    def shortened(self, phrase: str) -> str | None:
        """What is read of a phrase that can't be read whole; else ``None``."""
        ...


@dataclass(frozen=True)
class NamesAndWords:
    """A parser for what it has a name for, and CLIPSeg for all other words.

    Where a name says more than the parser tells apart, as "hoodie" does of its tops, CLIPSeg has to agree that this is
    one; else its own mask stands, which is empty if there is none.
    """

    names: parser.Parser
    words: text_mask.TextMasks

    def soft(self, image: Image, phrases: tuple[str, ...]) -> text_mask.Soft:
        """How sure they are of each phrase, P×h×w."""
        asked = [phrase for phrase in phrases if not self.names.names(phrase) or is_kind(phrase)]
        found = dict(zip(asked, self.words.soft(image, tuple(asked)), strict=True)) if asked else {}
        for phrase in filter(self.names.names, phrases):
            outlined = self.names.soft(image, (phrase,))[0]
            inside = outlined >= 0.5
            if phrase not in found or not inside.any() or found[phrase][inside].mean() >= AGREED:
                found[phrase] = outlined
        return np.stack([found[phrase] for phrase in phrases])

    def evidence(self, image: Image, text: str) -> text_mask.Soft:
        """How sure CLIPSeg is, h×w, that it sees what ``text`` describes."""
        found: text_mask.Soft = self.words.evidence(image, text)
        return found

    def shortened(self, phrase: str) -> str | None:
        """What CLIPSeg reads of a phrase that it can't read whole."""
        found: str | None = self.words.shortened(phrase)
        return found


def load(name: str, runtime: Runtime) -> MaskModel:
    """The model of that name, folder or hub's name, kept by ``runtime``. Raises ``CheckpointError``."""

    def kind() -> str | None:
        from igo.networks.folders import description, place_of

        what = f"the text-mask model {name!r}"
        found = description(place_of(name, what, EXPECTED, permit=runtime.permit) / "config.json").get("model_type")
        if found not in ("clipseg", "segformer", None):
            raise CheckpointError(f"{what} is of the kind {found!r}; {EXPECTED}")
        return found

    if name == "mini":
        return NamesAndWords(parser.load(name, runtime), text_mask.load(name, runtime))
    parses = runtime.model(("mask-model", name), kind) == "segformer"
    model: MaskModel = parser.load(name, runtime) if parses else text_mask.load(name, runtime)
    return model
