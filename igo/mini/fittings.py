"""Many drawn triplets, drawn once and kept on the disk as what try-on learns from."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.progress import track
from torch import Tensor

from igo.errors import CheckpointError
from igo.files import refusing, write_whole
from igo.images import write_image
from igo.mini.pictures import wardrobe_digest
from igo.mini.triplets import SIZE, Triplet, triplet
from igo.training.data.bodies import BodySet
from igo.training.data.metadata import METADATA
from igo.training.data.tryon import TryOnSet
from igo.training.loop.hardware import processes

CHUNK = 250
GARMENTS = 2
MARK = "drawn.json"


def drawn_fittings(folder: Path, count: int, seed: int, workers: int = 1) -> TryOnSet:
    """The triplets of ``count`` seeds from ``seed`` million on, as try-on learns from them (see ``_drawn``)."""
    chunks = _drawn(folder, count, seed, workers)
    people, before, garments, zones, old = (
        _joined(chunks, name, count) for name in ("after", "before", "garments", "zones", "old")
    )
    worn = torch.arange(GARMENTS * count).view(count, GARMENTS)
    return TryOnSet(people, garments, worn, _unpacked(zones), before, _unpacked(old))


def drawn_bodies(folder: Path, count: int, seed: int, workers: int = 1) -> BodySet:
    """The pictures of the same triplets, and where bodies lie in them: four of each, one after the other."""
    chunks = _drawn(folder, count, seed, workers)
    people, before, garments, placements = (
        _joined(chunks, name, count) for name in ("after", "before", "garments", "placements")
    )
    beside = torch.cat([people[:, None], before[:, None], garments.view(count, GARMENTS, *garments.shape[1:])], 1)
    return BodySet(beside.flatten(0, 1), torch.cat([placements[:, :1], placements], 1).flatten(0, 1))


def _unpacked(masks: Tensor) -> Tensor:
    """Masks whose rows of pixels were packed into bytes."""
    return torch.from_numpy(np.unpackbits(masks.numpy(), axis=-1, count=SIZE[0]).view(bool))


def _joined(chunks: Sequence[Any], name: str, count: int) -> Tensor:
    """What chunks hold by a name, of the first ``count`` triplets."""
    wanted = count * (GARMENTS if name == "garments" else 1)
    return torch.from_numpy(np.concatenate([chunk[name] for chunk in chunks])[:wanted])


def _drawn(folder: Path, count: int, seed: int, workers: int) -> list[Any]:
    """The triplets of ``count`` seeds from ``seed`` million on, kept in ``folder``: about 0.1 s of one worker and
    150 kB each. A call that was killed goes on where it stopped."""
    drawn = {"seed": seed, "size": list(SIZE), "wardrobe": wardrobe_digest()}
    mark = folder / MARK
    with processes().main_process_first(), refusing(folder, CheckpointError):
        folder.mkdir(parents=True, exist_ok=True)
        if not mark.exists() or json.loads(mark.read_text()) != drawn:
            for stale in folder.glob("*.npz"):
                stale.unlink()
            write_whole(mark, json.dumps(drawn).encode())
        starts = range(0, count, CHUNK)
        missing = [start for start in starts if not _path(folder, start).exists()]
        draw_one = partial(_draw, folder, seed)
        if workers == 1 or not missing:
            for start in track(missing, "drawing", disable=not missing):
                draw_one(start)
        else:
            with multiprocessing.get_context("spawn").Pool(workers) as pool:
                for _ in track(pool.imap_unordered(draw_one, missing), "drawing", len(missing)):
                    pass
    return [np.load(_path(folder, start)) for start in starts]


def write_triplets(folder: Path, first: int, count: int) -> None:
    """The triplets of seeds from ``first`` on as PNGs, listed in a metadata.jsonl as ``load_fittings`` reads it: the
    person after, two pictures of the garment, the person before, masks of all that changes and of what they took off.
    """
    rows = []
    for number in range(first, first + count):
        one = triplet(number)
        pictures = {"after": one.after, "flat": one.garments[0], "worn": one.garments[1], "before": one.before}
        masks = {"mask": one.zones[0], "old": one.old}
        pictures |= {name: mask.astype(np.uint8) * 255 for name, mask in masks.items()}
        for name, pixels in pictures.items():
            write_image(Image.fromarray(pixels), folder / name / f"{number:06d}.png")
        files = {name: f"{name}/{number:06d}.png" for name in pictures}
        rows.append(
            {
                "file_name": files["after"],
                "garment": [files["flat"], files["worn"]],
                "mask": files["mask"],
                "before": files["before"],
                "before_mask": files["old"],
                "category": one.category,
            }
        )
    write_whole(folder / METADATA, "".join(json.dumps(row) + "\n" for row in rows).encode())


def _path(folder: Path, start: int) -> Path:
    return folder / f"{start:06d}.npz"


def _draw(folder: Path, seed: int, start: int) -> None:
    """One chunk of triplets, written whole."""
    made = [triplet(seed * 1_000_000 + start + number) for number in range(CHUNK)]
    partial_path = _path(folder, start).with_suffix(".part")
    with partial_path.open("wb") as file:
        np.savez(file, **_packed(made))
    partial_path.replace(_path(folder, start))


def _packed(made: list[Triplet]) -> dict[str, Any]:
    return {
        "before": np.stack([one.before for one in made]),
        "after": np.stack([one.after for one in made]),
        "garments": np.concatenate([one.garments for one in made]),
        "zones": np.packbits(np.stack([one.zones for one in made]), axis=-1),
        "old": np.packbits(np.stack([one.old for one in made]), axis=-1),
        "placements": np.stack([one.placements for one in made]),
    }
