"""What the judge learns from: balanced figures, some of them spoilt, drawn once and kept on the disk."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from benchmarks.judge.attributes import encode
from benchmarks.judge.spoiling import FACES, LEGS, spoil
from igo import wardrobe
from igo.embedded import NATIVE_SIZE
from igo.mini.pictures import wardrobe_digest
from igo.training.data.latents import load_pictures
from igo.wardrobe import Drawing, Figure, draw, sample

TRAINING_SEED, HELD_OUT_SEED = 100, 101
"""Apart from each other, and from the seeds that `mini` itself learns from."""
SPOILT_SHARE = 0.3
CHUNK = 100


def balanced_figures(count: int, seed: int) -> list[Figure]:
    """``count`` figures: all tops equally often, and under each of them all bottoms that the world wears with it."""
    figures = []
    for index in range(count):
        number, top = seed * 1_000_000 + index, wardrobe.TOPS[index % len(wardrobe.TOPS)]
        turn = index // len(wardrobe.TOPS)
        if top == "dress":
            figures.append(sample(number, top=top, gender="woman"))
            continue
        bottoms = ("jeans", "trousers") if top == "coat" else wardrobe.BOTTOMS
        bottom = bottoms[turn % len(bottoms)]
        fixed = {"gender": "woman"} if bottom == "skirt" else {}
        figures.append(sample(number, top=top, bottom=bottom, **fixed))
    return figures


@dataclass(frozen=True)
class JudgedSet:
    """``pictures`` N×192×128×3 uint8; ``parts`` N×96×64 uint8 labels at half the size; ``labels`` N×A classes.

    The classes are those of ``benchmarks.judge.attributes``, -1 where there is none to be told.
    """

    pictures: Tensor
    parts: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.pictures)


def spoilt_drawing(figure: Figure) -> tuple[Drawing, bool, bool]:
    """The figure at native size, its face and legs each spoilt by chance; and whether face and legs are whole."""
    drawing, rng = draw(figure, *NATIVE_SIZE), figure.rng("spoil")
    whole = []
    for kinds in (FACES, LEGS):
        spoilt = None
        if rng.random() < SPOILT_SHARE:
            spoilt = spoil(drawing, kinds[int(rng.integers(len(kinds)))], rng)
        whole.append(spoilt is None)
        drawing = spoilt or drawing
    return drawing, whole[0], whole[1]


def judged_set(folder: Path, figures: Sequence[Figure]) -> JudgedSet:
    """``figures`` drawn into ``folder``, or read back from it; a killed call goes on where it stopped.

    About 35 ms a picture on one core, and 80 kB a picture on the disk.
    """
    width, height = NATIVE_SIZE
    paths = [folder / f"{name}.npy" for name in ("pictures", "parts", "labels")]
    mark = folder / "drawn.json"
    wanted: dict[str, object] = {"figures": [figures[0].seed, len(figures)], "wardrobe": wardrobe_digest()}
    done = _done(mark, wanted)
    labels = encode(figures).numpy()
    if done == 0:
        folder.mkdir(parents=True, exist_ok=True)
        shapes = [(len(figures), height, width, 3), (len(figures), height // 2, width // 2)]
        for path, shape in zip(paths, shapes, strict=False):
            np.lib.format.open_memmap(path, "w+", np.uint8, shape)
        np.save(paths[2], labels)
    pictures, parts, labels = (np.lib.format.open_memmap(path, "r+") for path in paths)
    for start in track(range(done, len(figures), CHUNK), "drawing", disable=done == len(figures)):
        for index in range(start, min(start + CHUNK, len(figures))):
            drawing, face, legs = spoilt_drawing(figures[index])
            pictures[index], parts[index] = drawing.image, drawing.labels[1::2, 1::2]
            labels[index] = encode([figures[index]], face=face, legs=legs).numpy()[0]
        for store in (pictures, parts, labels):
            store.flush()
        mark.write_text(json.dumps({**wanted, "done": min(start + CHUNK, len(figures))}))
    stored = np.lib.format.open_memmap(paths[1], "c")
    return JudgedSet(load_pictures(paths[0]), torch.from_numpy(stored), torch.from_numpy(np.load(paths[2])))


def _done(mark: Path, wanted: dict[str, object]) -> int:
    """How many figures of this very set are drawn already."""
    if not mark.exists():
        return 0
    found = json.loads(mark.read_text())
    return int(found.pop("done")) if found == {**wanted, "done": found["done"]} else 0
