"""The drawn training set on disk: pictures, and the figures that they show."""

import hashlib
import json
import multiprocessing
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import track
from torch import Tensor

from igo.mini import NATIVE_SIZE, wardrobe
from igo.mini.wardrobe import Figure
from igo.training.data import load_pictures

CHUNK = 64


@dataclass(frozen=True)
class DrawnSet:
    """``pictures`` N×192×128×3 uint8, drawn from ``figures``, in the same order."""

    pictures: Tensor
    figures: list[Figure]


def balanced_figures(count: int, seed: int) -> list[Figure]:
    """``count`` figures of consecutive seeds, every garment for the upper body equally often.

    Left to chance, dresses and skirts would be rare, since only women are drawn in them.
    """
    return [_balanced(seed * 1_000_000 + i, wardrobe.TOPS[i % len(wardrobe.TOPS)]) for i in range(count)]


def _balanced(seed: int, top: str) -> Figure:
    return wardrobe.sample(seed, top=top, gender="woman") if top == "dress" else wardrobe.sample(seed, top=top)


def draw_set(folder: Path, count: int, seed: int, workers: int = 2) -> DrawnSet:
    """``count`` balanced drawings; drawn once, then read back from ``folder`` while the drawing code is the same.

    Takes about 25 ms a picture and worker, and 74 kB a picture on the disk.
    """
    figures = balanced_figures(count, seed)
    path, mark = folder / "pictures.npy", folder / "drawn.json"
    print_of = {"count": count, "seed": seed, "wardrobe": wardrobe_digest()}
    if not (mark.exists() and json.loads(mark.read_text()) == print_of):
        folder.mkdir(parents=True, exist_ok=True)
        mark.unlink(missing_ok=True)
        width, height = NATIVE_SIZE
        store = np.lib.format.open_memmap(path, "w+", np.uint8, (count, height, width, 3))
        for start, pictures in _drawn(figures, workers):
            store[start : start + len(pictures)] = pictures
        store.flush()
        mark.write_text(json.dumps(print_of))
    return DrawnSet(load_pictures(path), figures)


def _drawn(figures: list[Figure], workers: int) -> Iterator[tuple[int, np.ndarray]]:
    chunks = [figures[start : start + CHUNK] for start in range(0, len(figures), CHUNK)]
    with ExitStack() as stack:
        drawn: Iterable[np.ndarray] = map(_draw_chunk, chunks)
        if workers > 1:  # spawned, since forking a process that runs torch's threads can hang
            drawn = stack.enter_context(multiprocessing.get_context("spawn").Pool(workers)).imap(_draw_chunk, chunks)
        for index, pictures in enumerate(track(drawn, "drawing", total=len(chunks))):
            yield index * CHUNK, pictures


def _draw_chunk(figures: list[Figure]) -> np.ndarray:
    width, height = NATIVE_SIZE
    return np.stack([wardrobe.draw(figure, width, height).image for figure in figures])


def wardrobe_digest() -> str:
    """A digest of the code that draws: pictures drawn by other code aren't the same training set."""
    digest = hashlib.sha256()
    for source in sorted(Path(str(wardrobe.__file__)).parent.glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()
