"""A clothed person that is drawn, not generated: every pixel's part and every garment's colour are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from igo.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from igo.wardrobe import Figure


@dataclass(frozen=True)
class DrawnFigure:
    """``image`` (RGB), ``labels`` of its size (mode L, the numbers of ``igo.wardrobe.Part``), ``prompt``, which is
    a caption such as `mini` was trained with, and ``figure``, which says who was drawn: ``figure.top_color`` is "red".
    """

    image: Image.Image
    labels: Image.Image
    prompt: str
    figure: Figure

    def mask(self, *parts: str) -> Image.Image:
        """A mask (L, 255 or 0) of parts such as ``"top"``, ``"hair"``. Raises ``SettingsError`` for other names."""
        from igo.wardrobe import PARTS

        for part in parts:
            if part not in PARTS:
                raise SettingsError(f"there is no part '{part}'; {did_you_mean(part, PARTS)}")
        wanted = np.isin(np.asarray(self.labels), [PARTS.index(part) for part in parts])
        return Image.fromarray(np.where(wanted, np.uint8(255), np.uint8(0)))


def draw_figure(seed: int = 7, width: int = 128, height: int = 192, **attributes: Any) -> DrawnFigure:
    """The figure of a seed, with ``attributes`` fixed: ``draw_figure(top="hoodie", top_color="red")``.

    Attributes and their values are those of ``igo.wardrobe.Figure``; 128×192 is `mini`'s own size. The same in
    every run. Raises ``SettingsError`` for what can't be drawn.
    """
    from igo.wardrobe import captions, draw, sample

    figure = sample(seed, **attributes)
    drawing = draw(figure, width, height)
    return DrawnFigure(Image.fromarray(drawing.image), Image.fromarray(drawing.labels), captions(figure)[0], figure)
