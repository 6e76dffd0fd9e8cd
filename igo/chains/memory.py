"""What loaded models hold in memory."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any

DEPTH = 6
"""How deep inside a loaded model weights are looked for: an answer's field, a pipeline in it, a part of that."""


def held(models: Mapping[Hashable, Any]) -> dict[str, int]:
    """The bytes of the weights of each of a runtime's ``models``, by what it is and is called, such as
    ``"text-to-image mini"``. What several share, as a base and its inpainting checkpoint do, counts for the first.
    Without torch nothing is loaded yet."""
    found: dict[str, int] = {}
    if "torch" not in sys.modules:
        return found
    counted: set[tuple[str, int]] = set()
    for key, model in sorted(models.items(), key=lambda item: isinstance(item[0], str)):  # lists of others come last
        size = 0
        for tensor in _tensors(model, DEPTH, set()):
            if tensor.device.type == "meta":
                continue
            storage = tensor.untyped_storage()
            place = str(tensor.device), storage.data_ptr()
            if place not in counted:
                counted.add(place)
                size += storage.nbytes()
        if size:
            name = _name(key)
            found[name] = found.get(name, 0) + size
    return found


def _tensors(value: Any, depth: int, seen: set[int]) -> Iterator[Any]:
    """Parameters and buffers of all modules in what a runtime keeps."""
    import torch

    from igo.runtime import Runtime

    if id(value) in seen or depth < 0 or isinstance(value, Runtime | type | str | bytes):
        return
    seen.add(id(value))
    if isinstance(value, torch.nn.Module):
        yield from value.parameters()
        yield from value.buffers()
        return
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for one in (*inside, *getattr(value, "__dict__", {}).values()):
        yield from _tensors(one, depth - 1, seen)


def _name(key: Hashable) -> str:
    """The first two words of a key: what it is, and what it is called."""
    words: list[str] = []

    def read(part: object) -> None:
        if isinstance(part, tuple):
            for one in part:
                read(one)
        elif isinstance(part, Path):
            words.append(part.name)
        elif isinstance(part, str) and part:
            words.append(part)

    read(key)
    return " ".join(words[:2])
