"""Part ``upscaler``: is it better than Lanczos on degraded drawings, and does it no harm to clean photos?"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.progress import Progress

from benchmarks.findings import Findings, Row, Sample
from igo.errors import CheckpointError
from igo.mini.pictures import balanced_figures
from igo.mini.upscaler import DEGRADATION, SCALES, SIZE, weights_file
from igo.networks.files import load_srvgg
from igo.training.data.degradations import degrade, enlarge
from igo.training.tasks.upscaler import psnr
from igo.wardrobe import draw

Pixels = NDArray[np.uint8]
Upscale = Callable[[Pixels, int], Pixels]
"""From h×w×3 uint8 and a scale to the picture that many times larger."""

SEED = 106
"""Of the drawings, in millions: apart from those that anything here is trained on."""
PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")
"""Photographs that lie in the wheel of scikit-image."""
SHRINKS = {"area": Image.Resampling.BOX, "bicubic": Image.Resampling.BICUBIC}
BLOCK = 16
CROP = 160
"""The side of the crops that are shown, in pixels."""


@dataclass(frozen=True)
class Enlarged:
    """How an enlarged picture compares with the original, beside one enlarged by Lanczos.

    ``gain`` in dB of PSNR. ``edges`` and ``lanczos_edges``: see ``edges_kept``. ``shift`` and ``lanczos_shift``: the
    mean absolute difference of the means of 16×16 blocks, in levels of 255.
    """

    gain: float
    edges: float
    lanczos_edges: float
    shift: float
    lanczos_shift: float


class Upscaler:
    """The networks in a folder, ``x2.safetensors`` and ``x4.safetensors``. Raises ``CheckpointError`` without any."""

    def __init__(self, folder: Path) -> None:
        files = {scale: folder / weights_file(scale) for scale in SCALES}
        self.networks = {scale: load_srvgg(file).eval() for scale, file in files.items() if file.is_file()}
        if not self.networks:
            names = " or ".join(map(weights_file, SCALES))
            raise CheckpointError(f"there is no upscaler in {folder}; expected {names}")

    @torch.no_grad()
    def __call__(self, picture: Pixels, scale: int) -> Pixels:
        values = torch.tensor(picture).permute(2, 0, 1)[None].float() / 255
        enlarged = self.networks[scale](values)[0].clamp(0, 1)
        return np.asarray((enlarged * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())


def evaluate_upscaling(
    upscale: Upscale, scales: Sequence[int], progress: Progress, source: str, renders: int = 24
) -> Findings:
    """Compare with Lanczos: on ``renders`` held-out 512×768 drawings, degraded as in training, and on clean photos.

    Photos are shrunk by area and by bicubic interpolation, and nothing else is done to them; they are those in
    scikit-image's wheel, and are left out with a note in the settings where that isn't installed. ``source`` says where
    the weights lie.
    """
    figures = balanced_figures(renders, SEED)
    clean_photos = photos()
    rows, samples = [], []
    for scale in sorted(scales, reverse=True):
        degraded, clean = [], []
        for index, figure in enumerate(progress.track(figures, description=f"×{scale}, drawings")):
            original = draw(figure, *SIZE).image
            small = degrade(original, scale, np.random.default_rng((SEED, scale, index)), DEGRADATION)
            large = upscale(small, scale)
            degraded.append(compare(large, small, original, scale))
            gain = f"x{scale} {figure.top}: {degraded[-1].gain:+.1f} dB"
            samples.append(_sample(small, large, original, scale, gain))
        for name, original in progress.track(clean_photos, description=f"×{scale}, photos"):
            for way, small, whole in _shrunk(original, scale):
                large = upscale(small, scale)
                clean.append(compare(large, small, whole, scale))
                samples.append(_sample(small, large, whole, scale, f"x{scale} {name}, {way}: {clean[-1].gain:+.1f} dB"))
        rows += _rows(f"×{scale}, degraded", degraded)
        if clean:
            rows += _rows(f"×{scale}, photos", clean)
            worst = min(each.gain for each in clean)
            rows.append(Row(f"×{scale}, photos: worst gain", worst, unit="dB"))
    settings: dict[str, object] = {
        "checkpoint": source,
        "renders": renders,
        "photos": len(clean_photos) or "none: pip install 'igo[benchmarks]'",
        "threads": torch.get_num_threads(),
    }
    return Findings("upscaler", settings, rows, samples, columns=3, height=320)


def compare(large: Pixels, small: Pixels, original: Pixels, scale: int) -> Enlarged:
    """``large`` (an enlarged ``small``) beside ``original``, all H×W×3 uint8."""
    lanczos = enlarge(small, scale)
    return Enlarged(
        psnr(large, original, scale) - psnr(lanczos, original, scale),
        edges_kept(large, original),
        edges_kept(lanczos, original),
        block_shift(large, original),
        block_shift(lanczos, original),
    )


def edges_kept(picture: Pixels, original: Pixels) -> float:
    """How steep the original's edges are in the picture: 1 as steep, less where blurred, more where overdone.

    The gradient of ``picture`` projected on that of ``original``, over the latter's energy (both H×W×3). Plain gradient
    energy was rejected, since noise and ringing, which are no sharpness, count in it.
    """
    along = total = 0.0
    for axis in (0, 1):
        true = np.diff(original.astype(np.float32), axis=axis)
        along += float((np.diff(picture.astype(np.float32), axis=axis) * true).sum(dtype=np.float64))
        total += float(np.square(true).sum(dtype=np.float64))
    return along / total if total else float("nan")


def block_shift(picture: Pixels, original: Pixels) -> float:
    """The mean absolute difference of the means of 16×16 blocks, in levels; what is left at the edges is left out."""
    difference = picture.astype(np.float32) - original
    height, width = (side // BLOCK * BLOCK for side in difference.shape[:2])
    blocks = difference[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, 3)
    return float(np.abs(blocks.mean((1, 3))).mean())


def _rows(where: str, found: Sequence[Enlarged]) -> list[Row]:
    mean: dict[str, Any] = {name: float(np.mean([getattr(one, name) for one in found])) for name in vars(found[0])}
    return [
        Row(f"{where}: gain", mean["gain"], unit="dB"),
        Row(f"{where}: edges kept", mean["edges"], 1.0, mean["lanczos_edges"]),
        Row(f"{where}: colour shift", mean["shift"], 0.0, mean["lanczos_shift"], unit="levels"),
    ]


def photos() -> list[tuple[str, Pixels]]:
    """Names and H×W×3 uint8 pixels. Read as files: scikit-image's own functions may go to the network."""
    package = find_spec("skimage")
    if package is None or package.origin is None:
        return []
    folder = Path(package.origin).parent / "data"
    return [(Path(name).stem, np.asarray(Image.open(folder / name).convert("RGB"))) for name in PHOTOS]


def _shrunk(original: Pixels, scale: int) -> Iterator[tuple[str, Pixels, Pixels]]:
    """Each way to shrink, the shrunk picture, and the original cropped to a multiple of ``scale``."""
    height, width = (side // scale * scale for side in original.shape[:2])
    whole = original[:height, :width]
    for way, method in SHRINKS.items():
        yield way, np.asarray(Image.fromarray(whole).resize((width // scale, height // scale), method)), whole


def _sample(small: Pixels, large: Pixels, original: Pixels, scale: int, caption: str) -> Sample:
    """The same crop by Lanczos, upscaled, and as it was: in the middle, from a tenth down, where faces are."""
    side = min(CROP, *original.shape[:2])
    top, left = original.shape[0] // 10 if original.shape[0] >= 2 * side else 0, (original.shape[1] - side) // 2
    box = (slice(top, top + side), slice(left, left + side))
    return Sample(tuple(Image.fromarray(one[box]) for one in (enlarge(small, scale), large, original)), caption)
