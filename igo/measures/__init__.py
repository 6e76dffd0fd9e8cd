"""How far pictures lie apart: SSIM, PSNR, mean colour difference and LPIPS, over all of them and by zones.

`compare` measures two pictures, `paired` and `measured` two folders of pictures of the same names. The measures are
scikit-image's (``pip install 'igo[measures]'``) and, where they are at hand, those of the package ``lpips`` and its
weights (``pip install 'igo[lpips]'``). None of them tells the first picture from the second.
"""

from igo.measures.folders import Pair, paired
from igo.measures.perceptual import lpips_missing
from igo.measures.pictures import (
    MEASURES,
    Comparison,
    Figures,
    Measure,
    compare,
    delta_e,
    delta_e_map,
    lpips,
    psnr,
    ssim,
    ssim_map,
)
from igo.measures.report import AREAS, Measured, Report, measured

__all__ = [
    "AREAS",
    "MEASURES",
    "Comparison",
    "Figures",
    "Measure",
    "Measured",
    "Pair",
    "Report",
    "compare",
    "delta_e",
    "delta_e_map",
    "lpips",
    "lpips_missing",
    "measured",
    "paired",
    "psnr",
    "ssim",
    "ssim_map",
]
