"""How large a picture is to become."""

from __future__ import annotations

import re

from igo.errors import SettingsError


def target_size(size: tuple[int, int], scale: float, to: str | None) -> tuple[int, int]:
    """Width and height to enlarge to: ``scale`` times ``size``, or the largest of its proportions within ``to``.

    ``to`` is checked by ``parse_size``. Raises ``SettingsError`` if the picture doesn't fit into ``to`` as it is.
    """
    width, height = size
    if to is None:
        return max(1, round(width * scale)), max(1, round(height * scale))
    wide, high = parse_size(to)
    if wide < width or high < height:
        raise SettingsError(f"to is {to}, the picture is {width}x{height}: expected at least its size; shrink it first")
    factor = min(wide / width, high / height)
    return min(round(width * factor), wide), min(round(height * factor), high)


def parse_size(text: str) -> tuple[int, int]:
    """``"2048x3072"`` as width and height. Raises ``SettingsError``."""
    found = re.fullmatch(r"\s*([1-9]\d{0,5})\s*[x×]\s*([1-9]\d{0,5})\s*", text, re.IGNORECASE)
    if not found:
        raise SettingsError(f"to is {text!r}; expected width and height in pixels, such as '2048x3072'")
    return int(found[1]), int(found[2])
