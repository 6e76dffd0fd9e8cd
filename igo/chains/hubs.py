"""What a chain's settings would have fetched from a hub of models."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from igo.chains import registry
from igo.errors import RegistryError
from igo.hub import is_name
from igo.records.paths import is_file

FILES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".json")
"""How names end that are files'."""
OWN = ("mini/",)
"""How names begin that look like a hub's and are carried by IGO."""
MODELS = re.compile(r"(.*_)?(checkpoint|model|weights|config|embedding)")
"""What settings of IGO's own plugins are called that take a hub's name."""
PLACES = re.compile(r"(.*_)?checkpoint|config|mask_model")
"""And of these, those that take nothing else but a file's or folder's, and "mini"."""


def wanted(steps: object) -> list[str]:
    """The names in plain steps that a hub may have, and neither this machine nor its cache of the hub has."""
    return list(dict.fromkeys(text for step in _tables(steps) for text in _texts(step) if _is_away(text)))


def wanted_by_own_plugins(steps: object) -> list[str]:
    """The same of IGO's own plugins, whose settings are known well enough to refuse before anything is loaded."""
    return wanted([{key: text for key, text in step.items() if MODELS.fullmatch(key)} for step in _own(steps)])


def absent(steps: object) -> list[str]:
    """What IGO's own plugins would look for and can't find: neither a hub's name, nor anything that lies here."""
    places = [{key: text for key, text in step.items() if PLACES.fullmatch(key)} for step in _own(steps)]
    named = [text for step in places for text in _texts(step) if text != "mini" and not text.startswith(OWN)]
    return [text for text in named if not is_name(text) and not _is_here(text)]


def _own(steps: object) -> Iterator[Mapping[str, Any]]:
    for step in _tables(steps):
        try:
            if registry.find(step["use"]).distribution == registry.OWN:
                yield step
        except (KeyError, TypeError, RegistryError):
            continue


def _is_away(text: str) -> bool:
    if not is_name(text) or text.startswith(OWN) or text.lower().endswith(FILES):
        return False
    if _is_here(text):
        return False
    from huggingface_hub import constants

    return not (Path(constants.HF_HUB_CACHE) / f"models--{text.replace('/', '--')}").is_dir()


def _is_here(text: str) -> bool:
    return is_file(Path(os.path.expanduser(text)), or_folder=True)  # noqa: PTH111  Path's raises for unknown users


def _tables(steps: object) -> Iterator[Mapping[str, Any]]:
    yield from (step for step in steps if isinstance(step, Mapping)) if isinstance(steps, list) else ()


def _texts(step: Mapping[str, Any]) -> Iterator[str]:
    """The texts of a step's settings, those in lists too."""
    for value in step.values():
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str):
                yield text
