"""The judge's network: where the parts are, and from what lies under them, what they are."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.judge.attributes import VALUES
from igo.wardrobe import PARTS, Part

WIDTHS = (16, 40, 64, 96)
"""Channels at a half, a quarter, an eighth and a sixteenth of the picture's sides."""
REGIONS: tuple[tuple[Part, ...], ...] = (
    (Part.TOP,),
    (Part.BOTTOM,),
    (Part.BACKGROUND,),
    (Part.FACE,),
    (Part.SKIN, Part.BOTTOM, Part.SHOES),
)
COLOR_SCALE = 4.0
"""Named colours lie closer together than features do."""
LOOKS_AT = {"top_color": 0, "bottom_color": 1, "background": 2}
"""Attributes that are read from one region alone; all others from every region and from the whole picture."""


class _Block(nn.Module):
    """Two normalised convolutions around a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(2))
        self.norms = nn.ModuleList(nn.GroupNorm(8, width) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.first(functional.silu(self.norms[0](x)))
        outer: Tensor = self.second(functional.silu(self.norms[1](inner)))
        return x + outer


class JudgeNetwork(nn.Module):
    """A small U-Net (Ronneberger et al., 2015) for part labels, and a classifier that looks where those say.

    The colour of a top is read from the mean and the spread of the picture under the top's mask. That holds for blurred
    pictures as it does for sharp ones, which textures at single pixels would not. Garment types, and whether face and
    legs are whole, are matters of shape: they are read from the mean and the maximum of the deep features too.
    """

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = WIDTHS
        self.stem = nn.Conv2d(3, half, 4, stride=2, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 3, stride=2, padding=1) for fine, coarse in pairwise(WIDTHS))
        self.blocks = nn.ModuleList(_Block(width) for width in WIDTHS[1:])
        self.up = nn.ModuleList((nn.Conv2d(sixteenth, eighth, 1), nn.Conv2d(eighth, quarter, 1)))
        self.join = _Block(quarter)
        self.parts = nn.Conv2d(quarter, len(PARTS) * 4, 1)
        one = 6 + quarter
        everything = len(REGIONS) * one + 2 * (eighth + sixteenth)
        self.norm = nn.LayerNorm(everything)
        self.heads = nn.ModuleDict(
            {name: _head(one if name in LOOKS_AT else everything, len(values)) for name, values in VALUES.items()}
        )

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """``pictures`` N×3×192×128 in -1..1 to part scores N×11×96×64 and class scores N×ΣC, attribute by attribute."""
        x = functional.silu(self.stem(pictures))
        levels = []
        for down, block in zip(self.down, self.blocks, strict=True):
            x = block(down(x))
            levels.append(x)
        quarter, eighth, sixteenth = levels
        joined = eighth + functional.interpolate(self.up[0](sixteenth), scale_factor=2)
        joined = self.join(quarter + functional.interpolate(self.up[1](joined), scale_factor=2))
        parts = functional.pixel_shuffle(self.parts(functional.silu(joined)), 2)
        looks = self._under_masks(parts, pictures, joined)
        deep = [pooled for level in (eighth, sixteenth) for pooled in (level.mean((2, 3)), level.amax((2, 3)))]
        everything = self.norm(torch.cat([looks.flatten(1), *deep], 1))
        scores = [
            head(looks[:, LOOKS_AT[name]] if name in LOOKS_AT else everything) for name, head in self.heads.items()
        ]
        return parts, torch.cat(scores, 1)

    @staticmethod
    def _under_masks(parts: Tensor, pictures: Tensor, features: Tensor) -> Tensor:
        """N×R×F: mean and spread of the colours, and mean of the features, under each region's soft mask."""
        chances = parts.softmax(1)
        masks = torch.stack([chances[:, list(region)].sum(1) for region in REGIONS], 1)
        small = functional.avg_pool2d(pictures, 2)
        total = masks.sum((2, 3))[..., None] + 1.0
        mean = torch.einsum("nrhw,nchw->nrc", masks, small) / total
        square = torch.einsum("nrhw,nchw->nrc", masks, small.square()) / total
        spread = (square - mean.square()).clamp(min=1e-4).sqrt()
        coarse = functional.avg_pool2d(masks, 2)
        inner = torch.einsum("nrhw,nchw->nrc", coarse, features) * 4 / total
        return torch.cat([COLOR_SCALE * mean, COLOR_SCALE * spread, inner], 2)


def _head(inputs: int, classes: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 64), nn.SiLU(), nn.Linear(64, classes))
