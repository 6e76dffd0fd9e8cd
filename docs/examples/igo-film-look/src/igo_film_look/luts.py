"""3D LUTs: four of our own, and .cube files (Adobe, Cube LUT Specification 1.0, 2013)."""

from __future__ import annotations

import colorsys
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from igo.errors import SettingsError, did_you_mean
from PIL.ImageFilter import Color3DLUT

Color = tuple[float, float, float]
SIZE = 17
"""Nodes a side of our own."""
DOMAIN = {"DOMAIN_MIN": (0, 0, 0), "DOMAIN_MAX": (1, 1, 1)}
LARGEST = 65
"""Nodes a side that Pillow reads."""


@dataclass(frozen=True)
class Lut:
    """A table that ``Image.filter`` takes, and a digest of what is in it."""

    table: Color3DLUT
    sha256: str


def check(name: str) -> None:
    """Raise ``SettingsError`` for what is neither one of our own nor a .cube file."""
    if name in OWN or name == "none":
        return
    if not name.endswith(".cube"):
        raise SettingsError(f"there is no LUT '{name}'; {did_you_mean(name, [*OWN, 'none'])} Or name a .cube file")
    load(name)


def load(name: str) -> Lut | None:
    """The LUT of a name or file; ``None`` for "none". Raises ``SettingsError`` for a file that can't be used."""
    if name == "none":
        return None
    table = _made(name) if name in OWN else _read(Path(name))
    return Lut(table, hashlib.sha256(repr(table.table).encode()).hexdigest())


@cache
def _made(name: str) -> Color3DLUT:
    return Color3DLUT.generate(SIZE, OWN[name])


def _warm(r: float, g: float, b: float) -> Color:
    """Amber lights, and shadows that keep some blue."""
    light = _light(r, g, b)
    return _curved(r + 0.05 * light), _curved(g + 0.012 * light), _curved(b * (1 - 0.12 * light) + 0.02 * (1 - light))


def _faded(r: float, g: float, b: float) -> Color:
    """Less colour, blacks that never get black."""
    light = _light(r, g, b)
    return tuple(0.08 + 0.86 * (light + 0.72 * (channel - light)) for channel in (r, g, b))  # type: ignore[return-value]


def _cross(r: float, g: float, b: float) -> Color:
    """Slide film in the chemistry for negatives: contrast, green shadows, yellow lights."""
    return _curved(_curved(r)), _curved(0.03 + 0.97 * g), 0.12 + 0.72 * b


def _noir(r: float, g: float, b: float) -> Color:
    """Black and white through an orange filter, which darkens skies."""
    gray = _curved(min(0.5 * r + 0.42 * g + 0.08 * b, 1))
    return gray, gray, gray


OWN: dict[str, Callable[[float, float, float], Color]] = {
    "warm": _warm,
    "faded": _faded,
    "cross": _cross,
    "noir": _noir,
}


def _light(r: float, g: float, b: float) -> float:
    return colorsys.rgb_to_yiq(r, g, b)[0]


def _curved(value: float) -> float:
    """A soft S: black, gray and white stay where they are."""
    value = min(max(value, 0), 1)
    return value + 0.35 * value * (1 - value) * (2 * value - 1)


def _read(path: Path) -> Color3DLUT:
    """A .cube file's table: red runs fastest, as in Pillow."""
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError as error:
        raise SettingsError(f"{path} can't be read ({error.strerror}); expected a .cube file") from None
    size, colors = 0, list[float]()
    for number, line in enumerate(lines, 1):
        keyword, *values = line.split("#", 1)[0].split() or [""]
        try:
            if keyword == "LUT_3D_SIZE":
                size = int(values[0])
            elif keyword in DOMAIN:
                if tuple(map(float, values)) != DOMAIN[keyword]:
                    raise ValueError(keyword)
            elif keyword not in ("", "TITLE"):
                red, green, blue = float(keyword), *map(float, values)
                colors += (red, green, blue)
        except (ValueError, IndexError):
            raise SettingsError(
                f"{path}:{number}: {line.strip()[:40]!r} can't be used; expected a 3D LUT over colours from 0 to 1"
            ) from None
    if not 2 <= size <= LARGEST or len(colors) != 3 * size**3:
        raise SettingsError(
            f"{path} has {len(colors) // 3} colours and LUT_3D_SIZE {size}; expected size³, of 2 to {LARGEST}"
        )
    return Color3DLUT(size, colors)
