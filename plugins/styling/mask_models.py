"""What finds things for stylings: CLIPSeg by any words, or a parser by the names of garments; a model's own
configuration says which of the two it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from igo.errors import CheckpointError
from igo_plugins.parsing import parser
from igo_plugins.styling import text_mask

if TYPE_CHECKING:
    from PIL.Image import Image

    from igo import Runtime

EXPECTED = (
    "name 'mini', a folder, or a hub's CLIPSeg such as 'CIDAS/clipseg-rd64-refined' or parser such as "
    "'mattmdjaga/segformer_b2_clothes'"
)


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


def load(name: str, runtime: Runtime) -> MaskModel:
    """The model of that name, folder or hub's name, kept by ``runtime``. Raises ``CheckpointError``."""

    def kind() -> str | None:
        from igo.networks.folders import description, place_of

        what = f"the text-mask model {name!r}"
        found = description(place_of(name, what, EXPECTED, permit=runtime.permit) / "config.json").get("model_type")
        if found not in ("clipseg", "segformer", None):
            raise CheckpointError(f"{what} is of the kind {found!r}; {EXPECTED}")
        return found

    parses = name != "mini" and runtime.model(("mask-model", name), kind) == "segformer"
    model: MaskModel = parser.load(name, runtime) if parses else text_mask.load(name, runtime)
    return model
