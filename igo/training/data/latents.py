"""Training data in memory: pictures as 8 bit RGB, latents as half precision, captions as token numbers.

Everything is held as one tensor per kind, on the device that trains: a few thousand small pictures fit anywhere, and
drawing a batch is then a single gather.
"""

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from igo.errors import ImageError
from igo.networks.weights import read
from igo.training.data.weights import write_tensors


def load_pictures(path: Path) -> Tensor:
    """Pictures that ``numpy.save`` wrote: N×H×W×3 uint8 RGB. They stay on the disk until they are touched."""
    try:
        pictures = np.load(path, mmap_mode="c")
    except (OSError, ValueError) as error:
        raise ImageError(f"can't read the training pictures {path}: {error}") from error
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[-1] != 3:
        raise ImageError(f"{path} holds {pictures.dtype} of shape {pictures.shape}; expected N×H×W×3 uint8 RGB")
    return torch.from_numpy(pictures)


def to_model(pictures: Tensor) -> Tensor:
    """N×H×W×3 uint8 RGB to N×3×H×W float in -1..1, the range of Stable Diffusion's VAE."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


def to_pictures(values: Tensor) -> Tensor:
    """The inverse of ``to_model``: clipped and rounded to N×H×W×3 uint8."""
    return ((values.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)


def random_crops(pictures: Tensor, size: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Draw ``size`` crops of height×width, half of them mirrored: N×3×h×w float in -1..1, on the device of both.

    A corner is drawn from a range that overhangs the picture by a quarter of the crop and is then moved inside:
    drawn without the overhang, pixels near the border, where heads and shoes are, would hardly ever be seen.
    """
    count, full_height, full_width, _ = pictures.shape
    if height > full_height or width > full_width:
        raise ImageError(f"crops of {width}×{height} don't fit into pictures of {full_width}×{full_height}")
    chance = torch.rand(4, size, generator=generator, device=pictures.device)
    picks = (chance[0] * count).long().clamp(max=count - 1)
    rows = _corners(chance[1], full_height, height)[:, None] + torch.arange(height, device=pictures.device)
    columns = _corners(chance[2], full_width, width)[:, None] + torch.arange(width, device=pictures.device)
    values = to_model(pictures[picks[:, None, None], rows[:, :, None], columns[:, None, :]])
    return torch.where((chance[3] < 0.5)[:, None, None, None], values.flip(-1), values)


def _corners(chance: Tensor, full: int, part: int) -> Tensor:
    overhang = part // 4
    corners = (chance * (full - part + 2 * overhang + 1)).long() - overhang
    return corners.clamp(0, full - part)


def weights_digest(module: nn.Module) -> str:
    """Twelve hexadecimal digits that name the module's weights: what was computed with others is out of date."""
    digest = hashlib.sha256()
    for name, value in module.state_dict().items():
        digest.update(name.encode() + value.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:12]


@dataclass(frozen=True)
class Latents:
    """Encoded pictures with the tokens of their captions.

    ``mean`` and ``spread`` (standard deviation) are N×C×h×w half precision, before the VAE's scaling factor;
    ``tokens`` is N×K×L (for two text encoders N×K×2×L) integers, K captions of L tokens for each picture. A picture is
    drawn in proportion to its ``weights`` (N, above 0), all alike unless told otherwise. ``zones`` (N×1×h×w, 1 on
    average in each) say how much each place of a picture counts; without any, all places do alike.
    """

    mean: Tensor
    spread: Tensor
    tokens: Tensor
    weights: Tensor = field(default_factory=lambda: torch.empty(0))
    zones: Tensor = field(default_factory=lambda: torch.empty(0))

    def __post_init__(self) -> None:
        if not len(self.weights):
            object.__setattr__(self, "weights", torch.ones(len(self.mean)))

    def __len__(self) -> int:
        return len(self.mean)

    def to(self, device: torch.device) -> "Latents":
        """The same on another device."""
        return replace(self, **{name: value.to(device) for name, value in vars(self).items()})

    def save(self, path: Path) -> None:
        """Write a safetensors file, whole or not at all."""
        write_tensors(vars(self), path)

    @classmethod
    def load(cls, path: Path) -> "Latents":
        """Read what ``save`` wrote."""
        return cls(**read(path))

    def draw(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor | None]:
        """``size`` random latents (C×h×w float, sampled from their posterior), one caption each (L tokens), and their
        zones if there are any."""
        device = generator.device
        pick = torch.multinomial(self.weights, size, replacement=True, generator=generator)
        caption = torch.randint(self.tokens.shape[1], (size,), generator=generator, device=device)
        mean, spread = self.mean[pick].float(), self.spread[pick].float()
        latents = mean + spread * torch.randn(mean.shape, generator=generator, device=device)
        return latents, self.tokens[pick, caption].long(), self.zones[pick] if len(self.zones) else None
