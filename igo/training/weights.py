"""Writing weights as safetensors, in the precision they are carried in."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from igo.errors import CheckpointError


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
        tensors[name] = value.cpu().contiguous()
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not by save_file, whose files only their owner may read.
        partial.write_bytes(save(tensors, metadata={"format": "pt", **(metadata or {})}))
        partial.replace(path)
    except OSError as error:
        raise CheckpointError(f"can't write the weights {path}: {error.strerror or error}") from error
    return path.stat().st_size
