"""Drawings on disk, of any size and with labels if they are wanted: drawn once, then read back."""

import dataclasses
import hashlib
import json
import multiprocessing
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from igo.errors import CheckpointError
from igo.files import refusing, write_whole
from igo.mini.pictures import wardrobe_digest
from igo.training.data.folders import CaptionedSet
from igo.training.data.latents import load_pictures
from igo.training.loop.hardware import processes
from igo.wardrobe import Figure, captions, draw

CHUNK = 16
MARK, FILES = "drawn.json", ("pictures.npy", "labels.npy")
Drawn = tuple[np.ndarray, np.ndarray]
Draw = Callable[[Figure, int, int], Drawn]
"""From a figure, a width and a height to a picture (H×W×3) and its labels (H×W). A function of a module."""


def labelled(figure: Figure, width: int, height: int) -> Drawn:
    """A figure and its parts."""
    drawing = draw(figure, width, height)
    return drawing.image, drawing.labels


def draw_once(
    folder: Path, figures: Sequence[Figure], size: tuple[int, int], workers: int = 1, draw: Draw = labelled
) -> tuple[Tensor, Tensor]:
    """``figures`` drawn at ``size`` (width, height): N×H×W×3 uint8 RGB and N×H×W uint8 labels, kept in ``folder``.

    They are drawn again only if the figures, the size, what is drawn of them, or the code that draws have changed. At
    128×192 a picture takes about 30 ms of one worker and 98 kB, at 512×768 140 ms and 1.6 MB.
    """
    mark = folder / MARK
    text = json.dumps([dataclasses.asdict(figure) for figure in figures])
    drawn = {
        "figures": hashlib.sha256(text.encode()).hexdigest(),
        "size": list(size),
        "draw": draw.__qualname__,
        "wardrobe": wardrobe_digest(),
    }
    with processes().main_process_first():
        if not (mark.exists() and json.loads(mark.read_text()) == drawn):
            with refusing(folder, CheckpointError):
                mark.unlink(missing_ok=True)
                try:
                    _draw_all(folder, figures, size, workers, draw)
                except BaseException:
                    for name in FILES:
                        (folder / name).unlink(missing_ok=True)
                    raise
            write_whole(mark, json.dumps(drawn).encode(), CheckpointError)
    kept = torch.from_numpy(np.load(folder / "labels.npy", mmap_mode="c"))
    return load_pictures(folder / "pictures.npy"), kept


def drawn_captioned(folder: Path, figures: Sequence[Figure], size: tuple[int, int], workers: int = 1) -> CaptionedSet:
    """``figures`` as ``draw_once`` draws them, with their captions."""
    pictures, _ = draw_once(folder, figures, size, workers)
    return CaptionedSet(pictures, [captions(figure) for figure in figures])


def _draw_all(folder: Path, figures: Sequence[Figure], size: tuple[int, int], workers: int, draw: Draw) -> None:
    (width, height), count = size, len(figures)
    folder.mkdir(parents=True, exist_ok=True)
    chunks = [figures[start : start + CHUNK] for start in range(0, count, CHUNK)]
    # Not by a memory map: on a full disk that ends the process. And processes that draw end with the block, not
    # whenever the error that broke it off is forgotten.
    with (
        (folder / "pictures.npy").open("wb") as pictures,
        (folder / "labels.npy").open("wb") as labels,
        closing(_drawn(chunks, partial(_draw_chunk, size=size, draw=draw), workers)) as parts,
        Progress(console=Console(stderr=True)) as bar,
    ):
        _begin(pictures, (count, height, width, 3))
        _begin(labels, (count, height, width))
        for drawn in bar.track(parts, len(chunks), description="drawing"):
            for file, part in zip((pictures, labels), drawn, strict=True):
                file.write(part.tobytes())


def _begin(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """Write the head of a .npy file of bytes."""
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _drawn(
    chunks: list[Sequence[Figure]], draw_chunk: Callable[[Sequence[Figure]], Drawn], workers: int
) -> Generator[Drawn]:
    if workers == 1:
        yield from map(draw_chunk, chunks)
    else:
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            yield from pool.imap(draw_chunk, chunks)


def _draw_chunk(figures: Sequence[Figure], size: tuple[int, int], draw: Draw) -> Drawn:
    pictures, labels = zip(*(draw(figure, *size) for figure in figures), strict=True)
    return np.stack(pictures), np.stack(labels)
