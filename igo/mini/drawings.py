"""Drawings on disk, of any size and with labels if they are wanted: drawn once, then read back."""

import dataclasses
import hashlib
import json
import multiprocessing
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from igo.mini.pictures import wardrobe_digest
from igo.training.data.folders import CaptionedSet
from igo.training.data.latents import load_pictures
from igo.training.loop.hardware import processes
from igo.wardrobe import Figure, captions, draw

CHUNK = 16
MARK = "drawn.json"
Drawn = tuple[np.ndarray, np.ndarray]


def draw_once(
    folder: Path, figures: Sequence[Figure], size: tuple[int, int], workers: int = 1
) -> tuple[Tensor, Tensor]:
    """``figures`` drawn at ``size`` (width, height): N×H×W×3 uint8 RGB and N×H×W uint8 labels, kept in ``folder``.

    They are drawn again only if the figures, the size or the code that draws have changed. At 128×192 a picture takes
    about 30 ms of one worker and 98 kB, at 512×768 140 ms and 1.6 MB.
    """
    mark = folder / MARK
    text = json.dumps([dataclasses.asdict(figure) for figure in figures])
    drawn = {"figures": hashlib.sha256(text.encode()).hexdigest(), "size": list(size), "wardrobe": wardrobe_digest()}
    with processes().main_process_first():
        if not (mark.exists() and json.loads(mark.read_text()) == drawn):
            _draw_all(folder, figures, size, workers)
            mark.write_text(json.dumps(drawn))
    kept = torch.from_numpy(np.load(folder / "labels.npy", mmap_mode="c"))
    return load_pictures(folder / "pictures.npy"), kept


def drawn_captioned(folder: Path, figures: Sequence[Figure], size: tuple[int, int], workers: int = 1) -> CaptionedSet:
    """``figures`` as ``draw_once`` draws them, with their captions."""
    pictures, _ = draw_once(folder, figures, size, workers)
    return CaptionedSet(pictures, [captions(figure) for figure in figures])


def _draw_all(folder: Path, figures: Sequence[Figure], size: tuple[int, int], workers: int) -> None:
    (width, height), count = size, len(figures)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).unlink(missing_ok=True)
    pictures = np.lib.format.open_memmap(folder / "pictures.npy", "w+", np.uint8, (count, height, width, 3))
    labels = np.lib.format.open_memmap(folder / "labels.npy", "w+", np.uint8, (count, height, width))
    chunks = [figures[start : start + CHUNK] for start in range(0, count, CHUNK)]
    drawing = track(_drawn(chunks, size, workers), "drawing", total=len(chunks), console=Console(stderr=True))
    for index, part in enumerate(drawing):
        rows = slice(index * CHUNK, index * CHUNK + len(part[0]))
        pictures[rows], labels[rows] = part
    pictures.flush()
    labels.flush()


def _drawn(chunks: list[Sequence[Figure]], size: tuple[int, int], workers: int) -> Iterable[Drawn]:
    if workers == 1:
        yield from map(partial(_draw_chunk, size=size), chunks)
    else:
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            yield from pool.imap(partial(_draw_chunk, size=size), chunks)


def _draw_chunk(figures: Sequence[Figure], size: tuple[int, int]) -> Drawn:
    drawings = [draw(figure, *size) for figure in figures]
    return np.stack([drawing.image for drawing in drawings]), np.stack([drawing.labels for drawing in drawings])
