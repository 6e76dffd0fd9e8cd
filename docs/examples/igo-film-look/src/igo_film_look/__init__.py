"""The look of film: a 3D LUT, halation and grain, as a plugin for IGO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import igo
from igo.errors import SettingsError

from igo_film_look import luts


@dataclass(frozen=True)
class FilmLook:
    """Colours by a 3D LUT, a red glow around highlights, and grain: the last two as a share of the picture's height,
    so that a picture looks alike at every size. The grain is the frame's seed's.

    Raises ``SettingsError`` for settings that can't be meant and for a file that is no LUT.
    """

    lut: str = "warm"
    """``"warm"``, ``"faded"``, ``"cross"``, ``"noir"``, ``"none"``, or a .cube file."""
    lut_strength: float = 1.0
    """How much of the LUT's colours shows, 0 to 1."""
    halation: float = 0.4
    """How much light spreads from highlights within the film's base, 0 to 1."""
    halation_radius: float = 0.012
    """How far it spreads, as a share of the picture's height, above 0 up to 0.1."""
    grain: float = 0.3
    """How much grain, 0 to 1; most of it is in the middle tones."""
    grain_size: float = 0.0015
    """The grain's size as a share of the picture's height, above 0 up to 0.02; below a pixel it is one pixel."""

    def __post_init__(self) -> None:
        for name in ("lut_strength", "halation", "grain"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; expected a number from 0 to 1")
        for name, most in (("halation_radius", 0.1), ("grain_size", 0.02)):
            if not 0 < getattr(self, name) <= most:
                raise SettingsError(f"{name} is {getattr(self, name)}; expected a number above 0, up to {most}")
        luts.check(self.lut)

    @igo.hookimpl
    def postprocess(self, frame: igo.Frame, runtime: igo.Runtime) -> igo.Frame:
        """What the light does comes first, then the grain of the negative, then the colours of the print."""
        import numpy as np
        from PIL import Image

        from igo_film_look.emulsion import Values, grain, halation

        height = frame.image.height
        values: Values = np.asarray(frame.image, np.float32) / np.float32(255)
        if self.halation:
            values = halation(values, self.halation, self.halation_radius * height)
        if self.grain:
            random = np.random.default_rng(runtime.seed(frame.seed, "grain"))
            values = grain(values, self.grain, max(self.grain_size * height, 1), random)
        image = Image.fromarray(np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8))
        lut = luts.load(self.lut)
        if lut is not None:
            image = Image.blend(image, image.filter(lut.table), self.lut_strength)
        report: dict[str, Any] = {"lut": self.lut, "lut_sha256": lut.sha256 if lut else None}
        return frame.with_image(image, keep=tuple(frame.layers), **report)  # nothing has moved: masks still hold
