"""What values show of themselves in a notebook: HTML without links, everything escaped, and small enough to be saved in
a notebook's file again and again."""

from __future__ import annotations

import reprlib
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

THUMBNAIL = 512, 256
"""Pixels that a picture in a strip is at most wide and high."""
PNG = 512
"""Pixels of a picture's longer side, where it is shown by itself."""
MOST = 16
"""Pictures in strips, of more of which it says how many there are; and values of a table within a table."""
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 200
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = _SHORT.maxset = _SHORT.maxfrozenset = 12


def strip(*rows: Sequence[tuple[str, Image]]) -> str:
    """Pictures (RGB or L) side by side, each with its caption, in one or several rows."""
    lines, left = [], MOST
    for row in rows:
        if shown := "".join(_figure(caption, image) for caption, image in row[:left]):
            lines.append(f'<div style="display:flex;flex-wrap:wrap;gap:8px;align-items:flex-end">{shown}</div>')
        left -= min(left, len(row))
    more = sum(map(len, rows)) - MOST
    return "".join(lines) + (f"<p>and {more} more</p>" if more > 0 else "")


def table(rows: Iterable[tuple[str, str]], heads: tuple[str, str] | None = None) -> str:
    """Rows of two texts."""
    style = 'style="text-align:left;vertical-align:top"'
    head = f"<tr><th {style}>{escape(heads[0])}</th><th {style}>{escape(heads[1])}</th></tr>" if heads else ""
    lines = [
        f"<tr><td {style}>{escape(name)}</td><td {style}>{escape(told).replace(chr(10), '<br>')}</td></tr>"
        for name, told in rows
    ]
    return f"<table>{head}{''.join(lines)}</table>"


def short(value: Any) -> str:
    """A value as Python writes it, cut where it is long. What fails to say what it is, is its type's name."""
    return _SHORT.repr(value)


def plain(value: Any) -> str:
    """A value of a report or request as people read it."""
    if isinstance(value, str):
        return value if len(value) <= 400 else f"{value[:400]}…"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        told = [f"{key}: {plain(inner)}" for key, inner in value.items() if inner not in (None, "")]
        return f"{', '.join(told[:MOST])}{', …' if len(told) > MOST else ''}"
    return short(value)


def png(images: Sequence[Image]) -> bytes:
    """One PNG of pictures side by side, for what shows no HTML: as they are, or scaled down to ``PNG`` pixels."""
    from PIL import Image

    small = [within(image, PNG, PNG) for image in images[:MOST]]
    joined = Image.new("RGB", (sum(image.width for image in small), max(image.height for image in small)), "white")
    left = 0
    for image in small:
        joined.paste(image, (left, 0))
        left += image.width
    buffer = BytesIO()
    joined.save(buffer, "PNG")
    return buffer.getvalue()


def _figure(caption: str, image: Image) -> str:
    small = within(image, *THUMBNAIL)
    buffer = BytesIO()
    small.convert("RGB").save(buffer, "JPEG", quality=85)
    data = b64encode(buffer.getvalue()).decode()
    told = f"{caption}, {image.width}x{image.height}"
    return (
        f'<figure style="margin:0"><img alt="{escape(told)}" title="{escape(told)}" '
        f'src="data:image/jpeg;base64,{data}"><figcaption>{escape(caption)}</figcaption></figure>'
    )


def within(image: Image, width: int, height: int) -> Image:
    """The picture, scaled down where it is larger."""
    from PIL.Image import Resampling

    scale = min(width / image.width, height / image.height, 1)
    if scale == 1:
        return image
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Resampling.LANCZOS, reducing_gap=2)
