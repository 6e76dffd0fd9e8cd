"""The whole family of `mini`, each part trained after what it is made of."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from igo import licensing
from igo.embedded import CARD, NATIVE_SIZE
from igo.errors import SettingsError
from igo.files import write_whole
from igo.mini.bodies import train_bodies
from igo.mini.clipseg import train_clipseg
from igo.mini.parser import train_parser
from igo.mini.pictures import balanced_figures
from igo.mini.quick import train_adapter, train_tiny
from igo.mini.recipe import BaseTraining, Recipe
from igo.mini.repaints import drawn_repaints
from igo.mini.tryon import train_tryon
from igo.mini.upscaler import train_upscaler, weights_file
from igo.training import finetune
from igo.training.data.weights import check_replaceable
from igo.training.loop.effort import Effort
from igo.training.loop.hardware import batch_scale

PARTS = ("base", "inpaint", "clipseg", "parser", "body", "tryon", "turbo", "tiny", "upscaler")
MADE_OF: dict[str, tuple[str, ...]] = {
    "inpaint": ("base",),
    "body": ("parser",),
    "tryon": ("inpaint", "body"),
    "turbo": ("base",),
    "tiny": ("base",),
}
"""What a part needs to be there, or to be made too."""
SUMS = "SHA256SUMS"
SHARES = {
    "base": 0.33, "inpaint": 0.11, "clipseg": 0.11, "parser": 0.09, "body": 0.04, "tryon": 0.18, "turbo": 0.03,
    "tiny": 0.03, "x4": 0.06, "x2": 0.02,
}  # fmt: skip
"""Of the training time."""
HELD_OUT = 48


def make(
    out: Path,
    recipe: Recipe,
    work: Path | None = None,
    parts: Sequence[str] = PARTS,
    start: Path | None = None,
) -> int:
    """Train ``parts`` of the family in about ``recipe.minutes``, write each to its folder in ``out``, and all digests
    to ``out/SHA256SUMS``; return the bytes of all weights there.

    ``work`` (default: a folder beside ``out``) keeps drawings, latents and checkpoints, 3 GB by default; a killed run
    goes on from there. ``start`` is a base to learn on from, in place of random weights. Raises ``SettingsError`` for
    other parts, or without what a part is made of.
    """
    unknown = [part for part in parts if part not in PARTS]
    if unknown or not parts:
        raise SettingsError(f"mini has no part {unknown[0] if unknown else None!r}; choose from {', '.join(PARTS)}")
    for part in parts:
        for needed in MADE_OF.get(part, ()):
            if needed not in parts and not (out / needed).is_dir():
                raise SettingsError(f"mini/{part} is made of mini/{needed}, which is not in {out}; train both")
    for part in parts:
        if part not in ("turbo", "upscaler"):  # whose files are replaced one by one, not its folder
            check_replaceable(out / part)
    work = work or out.with_name(out.name + "-training")
    wanted = {share for part in parts for share in (("x4", "x2") if part == "upscaler" else (part,))}
    minutes = {share: recipe.minutes * SHARES[share] / sum(SHARES[name] for name in wanted) for share in wanted}
    if "base" in parts:
        BaseTraining(work, replace(recipe, minutes=minutes["base"]), start).run(out / "base")
    if "inpaint" in parts:
        _inpaint(out, work, recipe, _effort(recipe, minutes["inpaint"], 16, 5e-4))
    if "clipseg" in parts:
        effort = _effort(recipe, minutes["clipseg"], 8, 1e-3)
        train_clipseg(work, out / "clipseg", effort, pictures=recipe.pictures, held_out=HELD_OUT)
    if "parser" in parts:
        effort = _effort(recipe, minutes["parser"], 8, 2e-3)
        train_parser(work, out / "parser", effort, pictures=recipe.pictures, held_out=HELD_OUT)
    if "body" in parts:
        effort = _effort(recipe, minutes["body"], 24, 1.2e-3)
        train_bodies(out / "parser", work, out / "body", effort, held_out=4 * HELD_OUT, triplets=recipe.pictures)
    if "tryon" in parts:
        effort = _effort(recipe, minutes["tryon"], 8, 6e-4)
        train_tryon(
            out / "inpaint", out / "body", work, out / "tryon", effort, held_out=HELD_OUT, triplets=recipe.pictures
        )
    if "turbo" in parts:
        train_adapter(out / "base", work, out / "turbo", _effort(recipe, minutes["turbo"], 8, 1e-3), recipe)
    if "tiny" in parts:
        train_tiny(out / "base", work, out / "tiny", _effort(recipe, minutes["tiny"], 8, 2e-3), recipe, HELD_OUT)
    if "upscaler" in parts:
        folder = out / "upscaler"
        train_upscaler(4, work, folder, _effort(recipe, minutes["x4"], 16, 1e-3))
        train_upscaler(2, work, folder, _effort(recipe, minutes["x2"], 16, 1e-3), start=folder / weights_file(4))
    for part in parts:
        write_whole(out / part / licensing.CARD, CARD.encode())
    write_sums(out)
    return sum(path.stat().st_size for path in out.rglob("*.safetensors"))


def write_sums(folder: Path) -> None:
    """Write the SHA-256 of every file in ``folder`` to its ``SHA256SUMS``, as ``sha256sum --check`` reads them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}" for path in files
    ]
    write_whole(folder / SUMS, ("\n".join(lines) + "\n").encode())


def _inpaint(out: Path, work: Path, recipe: Recipe, effort: Effort) -> None:
    """As ``igo train inpaint --base OUT/base --drawn N`` does."""
    base = finetune.load_base(str(out / "base"))
    figures = balanced_figures(recipe.pictures, recipe.seed)
    tokenizer = base.pipeline.tokenizer
    masks = drawn_repaints(work / "drawings", figures, tokenizer, NATIVE_SIZE, os.cpu_count() or 1)
    finetune.train_inpaint(base, *masks.hold_out(HELD_OUT), out / "inpaint", work / "inpaint", effort)


def _effort(recipe: Recipe, minutes: float, batch_size: int, learning_rate: float) -> Effort:
    return Effort(
        minutes=minutes,
        batch_size=batch_size * (recipe.batch_scale or batch_scale()),
        learning_rate=learning_rate,
        precision=recipe.precision,
        ema_decay=0.998,
        seed=recipe.seed,
    )
