"""Training an upscaler against degradations, without a discriminator."""

import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from igo.errors import SettingsError
from igo.networks.srvgg import SRVGGNetCompact
from igo.training.data.degradations import Pixels, degrade, enlarge, shrink
from igo.training.data.pairs import Pair, PairMaker, Pairs, busier_crop
from igo.training.data.textures import texture
from igo.training.data.weights import write_weights
from igo.training.loop.grids import sheet
from igo.training.loop.task import Batch, Task


class UpscalerObjective(nn.Module):
    """L1 on pixels, on horizontal and vertical differences, and on 8×8 means.

    The second keeps edges sharp and the third keeps colours where they are: Real-ESRGAN's own networks shift flat cloth
    by up to 10 levels. Without a discriminator (Ledig et al., Photo-Realistic Single Image Super-Resolution Using a
    Generative Adversarial Network) no detail is invented.
    """

    def __init__(self, network: SRVGGNetCompact, edges: float = 0.5, flat: float = 0.5) -> None:
        super().__init__()
        self.network, self.edges, self.flat = network, edges, flat

    def forward(self, small: Tensor, large: Tensor) -> dict[str, Tensor]:
        """``small`` N×3×h×w and ``large`` N×3×(scale·h)×(scale·w), both in 0..1."""
        error = self.network(small).float() - large
        pixel = error.abs().mean()
        edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
        flat = functional.avg_pool2d(error, 8).abs().mean()
        return {"loss": pixel + self.edges * edges + self.flat * flat, "pixel": pixel, "edges": edges}


class UpscalerTask(Task):
    """Learn to enlarge: ``pairs`` are made on the fly, by ``workers`` processes (default: one a core where a GPU
    trains, else none but the one that trains). ``held_out`` pictures are for measuring, of which ``measured`` patches
    are taken. To be closed. Raises ``SettingsError`` if pictures are too small.
    """

    ahead = True

    def __init__(
        self,
        network: SRVGGNetCompact,
        pairs: Pairs,
        held_out: Tensor,
        *,
        workers: int | None = None,
        measured: int = 16,
    ) -> None:
        self.name = f"upscaler x{network.scale}"
        self.pairs, self.scale = pairs, pairs.scale
        for name, some in (("pictures", pairs.pictures), ("held-out pictures", held_out)):
            if len(some) == 0 or min(some.shape[1:3]) < pairs.side:
                side = pairs.side
                raise SettingsError(f"{name} of {tuple(some.shape)} can't be cut into patches of {side}×{side}")
        self.held_out = held_out.numpy()
        self.module: UpscalerObjective = UpscalerObjective(network)
        self.maker = PairMaker(pairs, workers or (os.cpu_count() or 1 if torch.cuda.is_available() else 1))
        self.degraded = [self._held_out_pair(index) for index in range(measured)]
        self.undegraded = [self._held_out_texture(index) for index in range(measured)]

    def close(self) -> None:
        """End the processes that make pairs."""
        self.maker.close()

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        seeds = torch.randint(2**62, (size,), generator=generator, device=generator.device).tolist()
        made = zip(*self.maker.make(seeds), strict=True)
        small, large = (_to_tensor(np.stack(kind), generator.device) for kind in made)
        return {"small": small, "large": large}

    def _held_out_pair(self, index: int) -> Pair:
        rng = np.random.default_rng((1, index))
        picture = busier_crop(self.held_out[index % len(self.held_out)], self.pairs.side, rng)
        picture = np.ascontiguousarray(picture)
        return degrade(picture, self.scale, rng, self.pairs.settings), picture

    def _held_out_texture(self, index: int) -> Pair:
        rng = np.random.default_rng((2, index))
        picture = texture(rng, self.pairs.side, self.pairs.side)
        return shrink(picture, self.scale, rng), picture

    def measures(self) -> dict[str, float]:
        """By how many dB of PSNR the network is better than Lanczos: on degraded held-out pictures (``gain``) and on
        textures that were shrunk and nothing else (``clean``)."""
        return {"gain": self._gain(self.degraded), "clean": self._gain(self.undegraded)}

    def samples(self) -> Image.Image:
        """Held-out patches: by Lanczos, by the network, and as they were; degraded ones first."""
        pairs = [*self.degraded[:4], *self.undegraded[:4]]
        rows = [(enlarge(small, self.scale), self.upscale(small), large) for small, large in pairs]
        return sheet(torch.from_numpy(np.stack([picture for row in rows for picture in row])), columns=6)

    @torch.no_grad()
    def upscale(self, small: Pixels) -> Pixels:
        """An h×w×3 uint8 picture, enlarged by the network."""
        device = next(self.module.parameters()).device
        values = self.module.network(_to_tensor(small[None], device))[0].float().clamp(0, 1)
        return np.asarray((values * 255).round().permute(1, 2, 0).to("cpu", torch.uint8).numpy())

    def _gain(self, pairs: list[Pair]) -> float:
        gains = [
            psnr(self.upscale(small), large, self.scale) - psnr(enlarge(small, self.scale), large, self.scale)
            for small, large in pairs
        ]
        return float(np.mean(gains))


def psnr(first: Pixels, second: Pixels, border: int = 0) -> float:
    """Peak signal-to-noise ratio of two uint8 pictures in dB, without ``border`` pixels around them; at most 78."""
    inside = slice(border, -border or None)
    error = first[inside, inside].astype(np.float64) - second[inside, inside]
    return float(10 * np.log10(255**2 / max(float(np.square(error).mean()), 1e-3)))


def export_srvgg(network: SRVGGNetCompact, path: Path, dtype: torch.dtype = torch.float16) -> int:
    """Write the bare weights under their official names, and the scale as metadata; return the size in bytes.

    Raises ``CheckpointError`` for weights that overflow in ``dtype``.
    """
    metadata = {"architecture": "SRVGGNetCompact", "scale": str(network.scale)}
    return write_weights(network.state_dict(), path, dtype, metadata)


def _to_tensor(pictures: np.ndarray, device: torch.device) -> Tensor:
    """N×H×W×3 uint8 to N×3×H×W float in 0..1."""
    return torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).float() / 255
