"""What upscalers learn from: patches of pictures and of procedural textures, each with itself made small and bad."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from igo.training.data.degradations import PUBLISHED, Degradation, Pixels, degrade, shrink
from igo.training.data.textures import texture

MARGIN = 4
"""Pixels around a patch that are degraded and then cut off, so that no patch shows how a picture's border blurs."""
CHUNK = 8
"""Pairs that a process makes at a time."""

Pair = tuple[Pixels, Pixels]


@dataclass(frozen=True)
class Pairs:
    """Patches of ``pictures`` (N×H×W×3 uint8), ``patch`` pixels wide before they are enlarged ``scale`` times.

    ``textures`` is the share of patches that show a texture: a network that only ever saw drawings would harm photos.
    ``clean`` is the share that is shrunk and not degraded: without it, clean pictures would be smeared.
    """

    pictures: Pixels
    scale: int
    settings: Degradation = PUBLISHED
    patch: int = 32
    textures: float = 0.4
    clean: float = 0.3

    @property
    def side(self) -> int:
        """What a patch is cut from, in pixels of the pictures."""
        return (self.patch + 2 * MARGIN) * self.scale

    def pair(self, seed: int) -> Pair:
        """The training sample of a seed: a degraded patch and what it was, uint8."""
        rng = np.random.default_rng(seed)
        if rng.random() < self.textures:
            picture: Pixels = texture(rng, self.side, self.side)
        else:
            picture = busier_crop(self.pictures[int(rng.integers(len(self.pictures)))], self.side, rng)
        picture = np.rot90(picture[:, :: rng.choice((-1, 1))], int(rng.integers(4)))
        picture = np.ascontiguousarray(picture)
        if rng.random() < self.clean:
            small = shrink(picture, self.scale, rng)
        else:
            small = degrade(picture, self.scale, rng, self.settings)
        top, left = rng.integers(2 * MARGIN + 1, size=2).tolist()
        return (
            small[top : top + self.patch, left : left + self.patch],
            picture[top * self.scale :, left * self.scale :][: self.patch * self.scale, : self.patch * self.scale],
        )


class PairMaker:
    """Makes ``pairs`` by their seeds, in as many processes as there are ``workers``; which of them makes a pair doesn't
    change it. To be closed where there are several, which read the pictures from one file that they share."""

    def __init__(self, pairs: Pairs, workers: int = 1) -> None:
        self.pairs, self._held = pairs, ExitStack()
        self._pool: ProcessPoolExecutor | None = None
        if workers > 1:
            path = Path(self._held.enter_context(TemporaryDirectory())) / "pictures.npy"
            np.save(path, pairs.pictures)
            start = replace(pairs, pictures=np.empty((0, 0, 0, 3), np.uint8)), path
            self._pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_open, initargs=start)
            self._held.callback(self._pool.shutdown, cancel_futures=True)

    def make(self, seeds: Sequence[int]) -> list[Pair]:
        """The pairs of ``seeds``, in their order."""
        if self._pool is None:
            return [self.pairs.pair(seed) for seed in seeds]
        return list(self._pool.map(_pair, seeds, chunksize=CHUNK))

    def close(self) -> None:
        """End the processes, and remove their file."""
        self._held.close()


_worker: Pairs
"""What a process of a ``PairMaker`` makes."""


def _open(pairs: Pairs, path: Path) -> None:
    global _worker
    cv2.setNumThreads(1)
    _worker = replace(pairs, pictures=np.load(path, mmap_mode="r"))


def _pair(seed: int) -> Pair:
    return _worker.pair(seed)


def busier_crop(picture: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """Of two random square parts of an H×W×3 picture the one with more contrast: skies and walls teach little."""
    height, width = picture.shape[:2]
    crops = []
    for _ in range(2):
        top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
        crops.append(picture[top : top + side, left : left + side])
    return max(crops, key=lambda crop: float(crop[::4, ::4].std()))
