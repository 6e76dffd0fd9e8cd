"""Reading which licence is stated: in a card's front matter, a file's metadata, or a file beside it.

All of these come from anybody. Of each only so much is read as any real one has, and of a card's YAML only the lines on
the licence are parsed, without tags, references or anything that could grow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from igo.files import at_home, check_regular
from igo.licensing.terms import allows_commercial_use

CARD = "README.md"
"""The file in a repository or folder that states its licence, in a block of YAML at its top."""
SIDECAR = ".license"
"""How the file beside ``x.safetensors`` ends that states its licence, as REUSE has it: ``x.safetensors.license`` with a
line ``SPDX-License-Identifier: MIT``."""
_TEXTS = ("LICENSE", "LICENCE", "LICENSE.txt", "LICENSE.md", "COPYING")
_METADATA = ("modelspec.license", "license")
"""Names in a safetensors file's metadata: that of the SAI Model Metadata Standard, and what people write."""
_FRONT = 2**17
"""Bytes of a card in which its front matter has its end."""
_ENTRY = 1000
"""Characters of what a card says of its licence."""
_NAME = 200
_SPDX = re.compile(r"SPDX-License-Identifier:[ \t]*([^\r\n]{1,200})")
_FRONT_MATTER = re.compile(r"\A\ufeff?\s*---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_ENTRIES = re.compile(r"""^(["']?)(license|license_name)\1[ \t]*:(?:.*)(?:\r?\n(?:[ \t-].*)?)*""", re.MULTILINE)


@dataclass(frozen=True)
class License:
    """A licence as it is stated."""

    name: str = ""
    """Its identifier, such as ``"apache-2.0"``; ``"other (NAME)"`` where a card says so; empty where none is stated."""
    source: str = ""
    """Where it is stated: the name of a file. Where that isn't understood, the file's name all the same."""

    @property
    def commercial(self) -> bool | None:
        """Whether it allows commercial use; None where that isn't known."""
        return allows_commercial_use(self.name) if self.name else None

    def __str__(self) -> str:
        return self.name or "none stated"

    def refusal(self, model: str) -> str | None:
        """Why the weights called ``model`` may not be used commercially, in one line; None if they may."""
        if self.commercial:
            return None
        if self.name:
            verdict = "forbids it" if self.commercial is False else "isn't known to allow it"
            why, todo = f"its licence, {self.name} ({self.source}), {verdict}", ""
        else:
            why = f"its {self.source} isn't understood" if self.source else "it states no licence"
            todo = (
                f"; if you know it, write it down: {CARD} in the model's folder with a line 'license: mit' between two "
                f"lines of '---', or beside a file NAME{SIDECAR} with 'SPDX-License-Identifier: MIT'"
            )
        return f"{model} is not loaded for commercial use: {why}{todo}; or name other weights"


UNSTATED = License()
"""None."""


def stated(place: str | Path, weights: Iterable[str | Path] = ()) -> License:
    """The licence that a folder, or a file of weights, states.

    Of a file the one beside it (`SIDECAR`), else its own metadata. Of a folder its card, else what all of ``weights``,
    files in it, state by themselves, if that is the same; else an SPDX line in a text such as LICENSE. What can't be
    read states nothing.
    """
    path = at_home(place)
    if path.is_dir():
        return _of_card(path / CARD) or _of_all(path, weights) or _of_texts(path) or UNSTATED
    return _of_file(path) or UNSTATED


def _of_card(card: Path) -> License | None:
    """What the block at the top of a card says."""
    block = _FRONT_MATTER.match(_head(card, _FRONT))
    if block is None:
        return None
    found: dict[str, list[str]] = {"license": [], "license_name": []}
    for entry in _ENTRIES.finditer(block[1]):
        found[entry[2]] += _values(entry[0], entry[2])
    names = [name for name in found["license"] if name]
    own = ", ".join(found["license_name"])[:_NAME]
    told = [f"other ({own})" if name.lower() == "other" and own else name for name in names]
    told = told or ([f"other ({own})"] if own else [])
    return License(_plain(", ".join(told)), card.name) if told else None


def _values(entry: str, key: str) -> list[str]:
    """The texts that an entry of YAML gives its key: one, or those of a list."""
    import yaml

    if len(entry) > _ENTRY:
        return []
    with suppress(yaml.YAMLError, RecursionError, ValueError, TypeError):
        read: Any = yaml.load(entry, Loader=yaml.BaseLoader)  # noqa: S506  which makes nothing but texts, lists, tables
        value = read.get(key) if isinstance(read, dict) else None
        texts = value if isinstance(value, list) else [value]
        return [text.strip() for text in texts if isinstance(text, str)]
    return []


def _of_texts(folder: Path) -> License | None:
    """What a licence's text in a folder says in an SPDX line; without one it is there, and not understood."""
    for name in _TEXTS:
        path = folder / name
        if path.is_file():
            return _spdx(path) or License("", name)
    return None


def _of_all(folder: Path, weights: Iterable[str | Path]) -> License | None:
    """What all files of weights state, if it is the same."""
    found = [_of_file(folder / file) for file in weights]
    return found[0] if len({one.name if one else "" for one in found}) == 1 else None


def _of_file(path: Path) -> License | None:
    return _spdx(path.with_name(path.name + SIDECAR)) or _of_metadata(path)


def _of_metadata(path: Path) -> License | None:
    """What a safetensors file says in its header; the tensors are not read."""
    if path.suffix.lower() != ".safetensors":
        return None
    from safetensors import SafetensorError, safe_open

    with suppress(OSError, ValueError, SafetensorError, RuntimeError):
        check_regular(path)
        with safe_open(path, "np") as file:
            told = file.metadata() or {}
        for key in _METADATA:
            if isinstance(name := told.get(key), str) and name.strip():
                return License(_plain(name), path.name)
    return None


def _spdx(path: Path) -> License | None:
    found = _SPDX.search(_head(path, _FRONT))
    return License(_plain(found[1]), path.name) if found and _plain(found[1]) else None


def _plain(name: str) -> str:
    """A name on one line, without what would steer a terminal, cut where no name is that long."""
    line = " ".join(name.split())
    return "".join(one if one.isprintable() else "�" for one in line)[: _NAME + 1]


def _head(path: Path, size: int) -> str:
    """The beginning of a text; empty for what can't be read, or is none."""
    with suppress(OSError, ValueError):
        check_regular(path)
        with path.open("rb") as file:
            return file.read(size).decode("utf-8", "replace")
    return ""
