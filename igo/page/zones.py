"""Zones on the page: shown over a picture that a brush edits, and read back as masks of the picture itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from igo.errors import MaskError

if TYPE_CHECKING:
    import gradio as gr
    from PIL.Image import Image

    from igo.images import Picture

SIDE = 768
"""The longer side of what is drawn on: the picture itself stays as it was uploaded, and is not sent back and forth."""
COLOR = (194, 85, 106, 150)
"""Of a zone: what the brush paints too."""


def editor() -> gr.ImageEditor:
    """A picture to draw a zone on; its background comes from elsewhere."""
    import gradio as gr

    color = "rgba({}, {}, {}, {:.2f})".format(*COLOR[:3], COLOR[3] / 255)
    return gr.ImageEditor(
        label="Zone",
        type="pil",
        image_mode="RGBA",
        format="png",
        sources=[],
        transforms=[],
        layers=False,
        brush=gr.Brush(default_size=24, colors=[color], default_color=color, color_mode="fixed"),
        eraser=gr.Eraser(default_size=24),
        buttons=["fullscreen"],
        height=460,
        elem_id="dress-editor",
    )


def shown(picture: Picture, mask: Image | None) -> dict[str, Any]:
    """What the editor shows: the picture on white, made small, and a mask (L) of it as a tint; nothing is drawn yet.

    A part of the picture and no layer, since gradio's editor may lose layers that it is given with a picture.
    """

    small = picture.on_white().copy()
    small.thumbnail((SIDE, SIDE))
    if mask is not None:
        strength = mask.convert("L").resize(small.size).point([0] * 128 + [COLOR[3]] * 128)
        small.paste(COLOR[:3], (0, 0), strength)
    return {"background": small, "layers": [], "composite": None}


def edited(found: Image | None, drawn: Image | None, adding: bool) -> Image | None:
    """The mask that was found with what was drawn in addition, or without it; None where neither is.

    Raises ``MaskError`` where nothing is left.
    """
    from PIL import ImageChops

    if found is None or drawn is None:
        return drawn if found is None else found.convert("L")
    if adding:
        return ImageChops.lighter(found.convert("L"), drawn)
    left = ImageChops.subtract(found.convert("L"), drawn)
    if left.getbbox() is None:
        raise MaskError("nothing is left of the zone; take less of it away", area=0.0)
    return left


def drawn(value: Mapping[str, Any] | None, size: tuple[int, int]) -> Image | None:
    """The mask (L, 0 or 255) of a picture of ``size`` that somebody has drawn; None where nothing is."""
    from PIL import Image, ImageChops

    whole: Any = None
    for layer in (value or {}).get("layers") or ():
        alpha = layer.convert("RGBA").getchannel("A").point([0] * 32 + [255] * 224)
        whole = alpha if whole is None else ImageChops.lighter(whole, alpha.resize(whole.size))
    if whole is None or whole.getbbox() is None:
        return None
    mask: Image.Image = whole.resize(size, Image.Resampling.BILINEAR).point([0] * 128 + [255] * 128)
    return mask
