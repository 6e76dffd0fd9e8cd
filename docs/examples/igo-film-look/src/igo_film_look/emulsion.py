"""What film does to light: halation and grain. Pictures are H×W×3, sRGB, 0 to 1, float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from numpy.random import Generator

Values = npt.NDArray[np.float32]
HIGHLIGHT = 0.6
"""The linear luminance from which light comes through all layers of the emulsion, and back from the film's base."""
REACHED = np.array([1.0, 0.3, 0.05], np.float32)
"""How much of it the red, green and blue layers see; the red one lies next to the base."""
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
COLORED = 0.25
"""How much of the grain differs between the layers."""


def halation(values: Values, amount: float, radius: float) -> Values:
    """With a red glow around what is bright. ``radius`` is the standard deviation of the spread, in pixels."""
    import cv2

    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    light = linear @ LUMINANCE
    beyond = (np.clip(light - HIGHLIGHT, 0, None) / (1 - HIGHLIGHT)).astype(np.float32)
    spread = np.asarray(cv2.GaussianBlur(beyond, (0, 0), max(radius, 0.3)))
    glowing = linear + amount * np.clip(spread - beyond, 0, None)[..., None] * REACHED
    coded = np.where(glowing <= 0.0031308, glowing * 12.92, 1.055 * np.clip(glowing, 1e-9, None) ** (1 / 2.4) - 0.055)
    return np.asarray(np.clip(coded, 0, 1), np.float32)


def grain(values: Values, amount: float, size: float, random: Generator) -> Values:
    """With grain of ``size`` pixels. It is added to the coded values, which are closer to density than light is, and
    fades towards black and white, where all or none of the crystals are developed."""
    import cv2

    noise = random.standard_normal((*values.shape[:2], 4), dtype=np.float32)
    if size > 1:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), size / 2))
        noise /= noise.std() or 1
    tone = values @ LUMINANCE
    weight = np.sqrt(np.clip(4 * tone * (1 - tone), 0, 1))
    layers = (1 - COLORED) * noise[..., :1] + COLORED * noise[..., 1:]
    return np.asarray(np.clip(values + 0.12 * amount * weight[..., None] * layers, 0, 1), np.float32)
