"""For tests of plugins: what every plugin must keep, a base without a model, drawn figures, and assertions on pictures.

``check_plugin`` says by name which rule of a chain a plugin breaks; ``PaintedBase`` paints in milliseconds;
``draw_figure`` draws a clothed person whose every pixel is known; the assertions write a picture of what differs.
``igo.testing.fixtures`` is a pytest plugin. None of this loads torch unless a plugin under test does.
"""

from __future__ import annotations

from igo.testing.colors import assert_color, color_shares
from igo.testing.conformance import RULES, check_plugin
from igo.testing.drawn import DrawnFigure, draw_figure
from igo.testing.findings import ConformanceError
from igo.testing.painted import PaintedBase
from igo.testing.pictures import assert_images_equal, assert_psnr, assert_ssim, psnr, ssim

__all__ = [
    "RULES",
    "ConformanceError",
    "DrawnFigure",
    "PaintedBase",
    "assert_color",
    "assert_images_equal",
    "assert_psnr",
    "assert_ssim",
    "check_plugin",
    "color_shares",
    "draw_figure",
    "psnr",
    "ssim",
]
