"""Human parsing: who wears what, as a layer."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

import igo
from igo.errors import SettingsError

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class HumanParsing:
    """Tell garments, skin and hair apart, by a SegFormer: ``HumanParsing()``.

    Provides the layer ``"parse"`` (mode L), whose numbers are those of ``igo_plugins.parsing.labels.Part`` whatever the
    model's own are; and ``"mask"`` (mode L, 255 inside), the garment or part that ``part`` names, in the place of text
    masks. Without ``part`` each step that asks gets the mask of its own target, if that is a part's name: one
    ``HumanParsing()`` serves all stylings of a chain. Raises ``NothingFoundError`` and ``UnsureError``, which have
    ``area`` and ``confidence``, and ``SettingsError`` for a word that is no part's name.
    """

    provides = ("parse", "mask")

    model: str = "mini"
    """"mini" for pictures by mini and drawings like them, which doubts what looks like a photograph;
    "mattmdjaga/segformer_b2_clothes" or another SegFormer with the labels of ATR, LIP or fashn-human-parser, or a
    folder, for photographs."""
    part: str = ""
    """What the mask shows: "t-shirt", "skirt", "hair", or several with commas between them."""
    _: KW_ONLY
    margin: float = 0.02
    """What a mask grows by all around that a step asks for, to paint in, as a share of the picture's height; a user who
    asks (``Chain.layer``) gets the thing's own outline."""
    confidence: float = 0.6
    """How sure the model must be of what it masks, 0 to 1; with 0 whatever is found is believed."""

    def __post_init__(self) -> None:
        for name in ("margin", "confidence"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; expected a number from 0 to 1")

    @igo.hookimpl
    def check(self, runtime: igo.Runtime) -> None:
        """A model that may not be used commercially, where that is asked for; `mini`'s may."""
        if runtime.commercial and self.model != "mini":
            runtime.permit(self.model)

    @igo.hookimpl
    def provide(self, name: str, target: str, asking: str, frame: igo.Frame, runtime: igo.Runtime) -> Image | None:
        """The parse, or the mask of ``part``, else of ``target``; not this step's are other layers, and what no part is
        called."""
        from igo_plugins.styling.wording import phrases

        own = phrases(self.part)
        wanted = own or phrases(target)
        if name not in self.provides or (name == "mask" and not wanted):
            return None
        from PIL import Image

        from igo_plugins.parsing.parser import load
        from igo_plugins.styling.text_mask import check_known

        if self.confidence > 0:
            check_known(self.model, frame.image, "confidence=0")
        parser = load(self.model, runtime)
        if name == "parse":
            return Image.fromarray(parser.parse(frame.image))
        if not own and not all(map(parser.names, wanted)):
            return None
        mask: Image.Image = parser.mask(frame.image, wanted, self.margin if asking else 0, self.confidence)
        return mask
