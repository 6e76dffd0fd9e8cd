"""Which files make a checkpoint in diffusers' layout: what its model_index.json names, and of each part's weights the
one set that is loaded. Only names are looked at, so a folder and a hub's listing are read alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from igo.errors import CheckpointError

INDEX = "model_index.json"
DEFAULTS_FILE = "igo.json"
"""The file in a checkpoint's folder that tells its defaults; IGO's own training writes it."""
DESCRIPTIONS = (".json", ".txt", ".model", ".jinja")
STEMS = {
    "diffusers": ("diffusion_pytorch_model", "diffusion_pytorch_model"),
    "transformers": ("model", "pytorch_model"),
}
"""What each library calls weights in safetensors, and in torch's own format."""
USUAL = ("fp16", "bf16")
"""Variants that are taken where there are no plain files."""


@dataclass(frozen=True)
class Weights:
    """One set of a part's files, with paths within the checkpoint: the weights, and the index of several."""

    variant: str | None
    safe: bool
    files: tuple[str, ...]

    @property
    def format(self) -> str:
        """How its files end: ``".fp16.safetensors"``."""
        return f"{f'.{self.variant}' if self.variant else ''}.{'safetensors' if self.safe else 'bin'}"


@dataclass(frozen=True)
class Part:
    """A model of a pipeline: its name, which is its folder, and whose class it is."""

    name: str
    library: str
    kind: Any = field(repr=False)


def no_index(name: str, files: Iterable[str]) -> CheckpointError:
    """The error for files without a model_index.json, which says what they may be instead."""
    paths = [PurePosixPath(file) for file in files]
    for path in paths:
        if "lora" in path.name.lower() or path.name.startswith("adapter_"):
            return CheckpointError(
                f"{name} has no {INDEX}: with its {path.name} it is an adapter, no checkpoint; name the one that it "
                "was made for, and add it by --adapter or Adapter(...)"
            )
    whole = [path.name for path in paths if path.suffix == ".safetensors" and len(path.parts) == 1]
    hint = f", or the path of its {whole[0]}" if len(whole) == 1 else ""
    return CheckpointError(f"{name} has no {INDEX}; expected a checkpoint in diffusers' layout{hint}")


def chosen(
    name: str, parts: Iterable[Part], files: Sequence[str], variant: str | None, natural: str | None
) -> dict[str, Weights]:
    """Of each part the weights to load.

    ``variant`` is the one that was asked for; without it ``natural``, the one for the dtype, is taken where it is
    there. Plain files come next, then any other variant. Safetensors come before torch's format. Raises
    ``CheckpointError`` for a part without weights.
    """
    found = {}
    for part in parts:
        sets = _sets(part, files)
        if not sets:
            raise CheckpointError(
                f"{name} has no weights of its {part.name}; expected {STEMS[part.library][0]}.safetensors (or "
                f"{STEMS[part.library][1]}.bin) in {part.name}/; download or convert it again"
            )
        order = [variant or natural, None, *USUAL]
        found[part.name] = min(
            sets, key=lambda one: (order.index(one.variant) if one.variant in order else len(order), not one.safe)
        )
    return found


def note(weights: Mapping[str, Weights], variant: str | None, natural: str | None) -> str | None:
    """What a user should know who asked for a variant, or for none."""
    lacking = [name for name, one in weights.items() if variant is not None and one.variant != variant]
    if len(lacking) == len(weights) and lacking:
        return f"there is no variant {variant!r}; {_taken(weights.values())} are used"
    if lacking:
        return f"there is no variant {variant!r} of {', '.join(lacking)}; other files of it are used"
    others = [one for one in weights.values() if one.variant not in (variant, natural, None)]
    return f"there are no plain files; {_taken(others)} are used" if others else None


def described(parts: Iterable[str], files: Iterable[str]) -> list[str]:
    """All that describes a checkpoint and its parts: configurations, vocabularies."""
    folders = set(parts)
    return [
        file
        for file in files
        if file in (INDEX, DEFAULTS_FILE)
        or (
            len(path := PurePosixPath(file).parts) == 2
            and path[0] in folders
            and path[1].endswith(DESCRIPTIONS)
            and ".index." not in path[1]
        )
    ]


def _taken(weights: Iterable[Weights]) -> str:
    kinds = sorted({one.variant or "plain" for one in weights})
    return f"{' and '.join(kinds)} files"


def _sets(part: Part, files: Sequence[str]) -> list[Weights]:
    """All sets of weights in a part's folder."""
    own = [path for file in files if len((path := PurePosixPath(file)).parts) == 2 and path.parts[0] == part.name]
    sets: dict[tuple[str | None, bool], list[str]] = {}
    for safe, stem in zip((True, False), STEMS[part.library], strict=True):
        ending = "safetensors" if safe else "bin"
        numbered = r"(?P<shard>-\d+-of-\d+)?"
        pattern = re.compile(rf"{stem}(?:\.(?P<one>\w+))?{numbered}(?:\.(?P<other>\w+))?\.{ending}")
        shards = set()
        for path in own:
            if match := pattern.fullmatch(path.name):
                variant = match["one"] or match["other"]
                sets.setdefault((variant, safe), []).append(str(path))
                if match["shard"]:
                    shards.add(variant)
        for path in own:
            match = re.fullmatch(rf"{stem}\.{ending}\.index(?:\.(\w+))?\.json", path.name)
            if match and (match[1] in shards or (match[1], safe) not in sets):
                sets.setdefault((match[1], safe), []).append(str(path))
    return [Weights(variant, safe, tuple(sorted(names))) for (variant, safe), names in sets.items()]
