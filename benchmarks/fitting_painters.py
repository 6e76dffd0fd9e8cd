"""Painting pairs as users would: by the garment's picture, masked or not, or by words; and how long that takes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Literal

import numpy as np
from PIL import Image

import igo
from benchmarks.fitting_pairs import Pair, drawn_pairs
from benchmarks.fitting_rows import Fitted, Line, Paint
from igo import embedded
from igo.errors import CheckpointError, MaskError
from igo.files.digests import digest
from igo_plugins import VirtualStyling

TIMED = 5
"""How many single try-ons are timed, of which the median counts: other work on the machine slows some of them."""
SIDE, ALONE = 6, 12
"""People and garments of the grid; how many of its 36 are made as calls of their own, for the time of all."""
AT_ONCE = 8


@dataclass(frozen=True)
class Painter:
    """Paints pairs with a try-on ``model`` (mini/tryon, or a folder) and a ``parser`` (mini, or a folder), in
    ``steps``, or as many as each checkpoint itself says."""

    model: str
    parser: str
    steps: int | None
    runtime: igo.Runtime = field(default_factory=igo.Runtime)

    def chain(
        self, pair: Pair, mask: Literal["hull", "none"] = "hull", runtime: igo.Runtime | None = None
    ) -> igo.Chain:
        """The chain for a pair's garment."""
        from igo_plugins import TryOn

        step = TryOn(
            part=pair.category,
            mask=mask,
            model=self.model,
            parser=self.parser,
            num_inference_steps=self.steps,
            on_doubt="paint",
        )
        return igo.Chain(step, runtime=runtime or self.runtime)

    def masked(self, pair: Pair) -> Fitted:
        """In the zone that the parser makes."""
        return self._tried(self.chain(pair), pair)

    def free(self, pair: Pair) -> Fitted:
        """Without a mask."""
        return self._tried(self.chain(pair, "none"), pair)

    def text(self, pair: Pair) -> Fitted:
        """By words alone: the garment's true caption."""
        styling = VirtualStyling(pair.target, to=pair.caption, on_doubt="paint")
        chain = igo.Chain(igo.TextToImage("mini"), styling, runtime=self.runtime)
        return _fitted(partial(chain.run, pair.prompt, strength=0, num_inference_steps=self.steps), pair)

    def ways(self, folder: Path | None) -> dict[str, Paint]:
        """All three; what is painted is kept in ``folder``, and not painted again."""
        ways: dict[str, Paint] = {"masked": self.masked, "free": self.free, "text": self.text}
        if folder is None:
            return ways
        made = {"steps": self.steps, "parser": identity(self.parser, "parser")}
        own = made | {"model": identity(self.model, "tryon")}
        return {name: Kept(folder / name, made if name == "text" else own, paint) for name, paint in ways.items()}

    def _tried(self, chain: igo.Chain, pair: Pair) -> Fitted:
        return _fitted(partial(chain.run, references={"garment": pair.reference}), pair)


def _fitted(call: partial[igo.Look], pair: Pair) -> Fitted:
    """What a call makes of a pair; where nothing to paint in is found, the picture stays."""
    try:
        frame = call(image=pair.picture, seed=pair.index).frames[0]
    except MaskError as error:
        return Fitted(pair.picture, np.zeros(pair.person.labels.shape, np.bool_), str(error))
    zone = frame.layers.get("zone")
    if zone is None:
        told = [str(entry.report["skipped"]) for entry in frame.history if "skipped" in entry.report]
        return Fitted(frame.image, np.zeros(pair.person.labels.shape, np.bool_), told[-1] if told else "no zone")
    return Fitted(frame.image, np.asarray(zone.convert("L")) > 0)


class Kept:
    """Paints what isn't in a folder yet; another model or parser begins it anew."""

    def __init__(self, folder: Path, made: dict[str, object], paint: Paint) -> None:
        self.folder, self.paint = folder, paint
        mark, text = folder / "made.json", json.dumps(made, sort_keys=True)
        folder.mkdir(parents=True, exist_ok=True)
        if not mark.exists() or mark.read_text("utf-8") != text:
            for stale in folder.glob("*.png"):
                stale.unlink()
            mark.write_text(text, "utf-8")

    def __call__(self, pair: Pair) -> Fitted:
        """The pair's picture, and its zone as the picture's alpha."""
        path = self.folder / f"{pair.index:04d}.png"
        if path.exists():
            *colors, zone = Image.open(path).split()
            return Fitted(Image.merge("RGB", colors), np.asarray(zone) > 0)
        fitted = self.paint(pair)
        if not fitted.refused:
            picture = fitted.image.convert("RGB")
            picture.putalpha(Image.fromarray(fitted.zone.astype(np.uint8) * 255))
            partial_path = path.with_suffix(".part")
            picture.save(partial_path, "PNG")
            partial_path.replace(path)
        return fitted


def place(name: str, part: str) -> Path:
    """The folder of a model that is named by a folder or embedded. Raises ``CheckpointError`` if there is none."""
    folder = embedded.path(part) if name in ("mini", f"mini/{part}") else Path(name)
    if not folder.is_dir():
        raise CheckpointError(f"{name} is no folder, and not embedded; expected a folder as diffusers saves it")
    return folder


def identity(name: str, part: str) -> str:
    """The digest of a model's files."""
    folder = place(name, part)
    return digest(folder, (path for path in folder.rglob("*") if path.is_file()))


def timed(painter: Painter) -> Iterator[Line]:
    """Seconds for one try-on of pictures that are new, models loaded; and 6 people in 6 garments against 36 calls, each
    with a runtime of its own, as commands have it (of which every third is made)."""
    people = [pair for pair in drawn_pairs(TIMED * SIDE) if pair.category == "upper"]
    taken = []
    for pair in people[: TIMED + 1]:
        call = partial(painter.chain(pair).run, image=pair.picture, references={"garment": pair.reference}, seed=0)
        taken.append(_seconds(call))
    one = median(taken[1:])
    yield Line("one try-on", one, unit="s")
    shown = people[-SIDE:]
    grid = [(person, garment) for person in shown for garment in shown]

    def call_of(person: Pair, garment: Pair, runtime: igo.Runtime) -> partial[igo.Look]:
        chain = painter.chain(garment, runtime=runtime)
        return partial(chain.run, image=person.picture, references={"garment": garment.reference}, seed=0)

    alone = sum(_seconds(call_of(*cell, igo.Runtime())) for cell in grid[:: len(grid) // ALONE])
    shared = igo.Runtime()
    began = time.perf_counter()
    igo.together([call_of(*cell, shared) for cell in grid], AT_ONCE)
    together = time.perf_counter() - began
    yield Line("6×6 at once, times as fast as 36 calls", alone * len(grid) / ALONE / together, unit="×")
    yield Line("  as 36 calls with models loaded", one * len(grid) / together, unit="×")


def _seconds(call: partial[igo.Look]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
