"""Writing weights as safetensors, in the precision they are carried in, and folders of them whole or not at all."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from igo.errors import CheckpointError, SettingsError
from igo.files import refusing, write_whole

MARKS = ("model_index.json", "config.json", "attention")
"""What a folder of weights holds, one or the other: a try-on of attentions alone has them in a folder of that name."""


def write_weights(
    state: Mapping[str, Tensor], path: Path, dtype: torch.dtype, metadata: Mapping[str, str] | None = None
) -> int:
    """Write ``state`` to ``path``, floating-point tensors as ``dtype``; return the file's size in bytes.

    ``metadata`` joins the ``{"format": "pt"}`` that readers ask for. The file takes its place whole or not at all.
    Raises ``CheckpointError`` for weights that overflow in ``dtype``, or a folder that can't be written to.
    """
    tensors = {}
    for name, value in state.items():
        if value.is_floating_point():
            value = value.detach().to("cpu", dtype)
            if not value.isfinite().all():
                raise CheckpointError(f"'{name}' is not finite in {dtype}; train on, or export in 32 bit")
        tensors[name] = value
    return write_tensors(tensors, path, metadata)


def write_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None) -> int:
    """Write ``tensors`` as they are; otherwise like ``write_weights``."""
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    # Not by save_file, whose files only their owner may read, and half written if it is killed.
    write_whole(path, save(plain, metadata={"format": "pt", **(metadata or {})}), CheckpointError)
    return path.stat().st_size


def check_replaceable(folder: Path) -> None:
    """Raise ``SettingsError`` if ``folder`` holds anything but weights: writing weights there would delete it."""
    if folder.is_file() or (
        folder.is_dir() and any(folder.iterdir()) and not any((folder / mark).exists() for mark in MARKS)
    ):
        raise SettingsError(f"{folder} is not a folder of weights and would be replaced; choose a new folder")


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """An empty folder to write weights to, which takes the place of ``folder`` when the block ends without an error.

    Raises ``SettingsError`` as ``check_replaceable`` does, ``CheckpointError`` for a place that can't be written to.
    """
    check_replaceable(folder)
    partial = folder.with_name(folder.name + ".partial")
    with refusing(folder, CheckpointError):
        try:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            yield partial
            shutil.rmtree(folder, ignore_errors=True)
            partial.replace(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
