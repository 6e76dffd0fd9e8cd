"""Compiling a checkpoint's parts for NeuronCores: minutes, some 35 GB of memory, and once for each size."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from igo.errors import CheckpointError
from igo.files import text_of, write_whole, writing_whole
from igo.files.digests import digest
from igo.serving.neuron import parts
from igo.serving.neuron.parts import Wanted

RECORD = "compiled.json"
"""The file that says what was compiled; written last, so that without it nothing is complete."""
ARGUMENTS = {
    "text_encoder": ["--auto-cast=matmult", "--auto-cast-type=bf16"],
    "unet": ["--model-type=unet-inference", "--auto-cast=matmult", "--auto-cast-type=bf16"],
    "vae_encoder": ["--auto-cast=matmult", "--auto-cast-type=bf16"],
    "vae_decoder": ["--auto-cast=matmult", "--auto-cast-type=bf16"],
}
"""neuronx-cc's options for each part: products of matrices in bf16, all else in fp32."""


def compile_checkpoint(wanted: Wanted, folder: Path, tell: Callable[[str], None] = print) -> None:
    """Write the checkpoint's parts, traced by ``torch_neuronx`` at the size that is wanted, into a folder.

    What is there already is kept until it is replaced, part by part. Raises ``CheckpointError``.
    """
    import torch
    import torch_neuronx

    os.environ.setdefault("NEURON_FUSE_SOFTMAX", "1")
    pipeline = parts.load(wanted)
    (folder / RECORD).unlink(missing_ok=True)
    for name, (module, example) in parts.examples(pipeline, wanted.width, wanted.height).items():
        tell(f"compiling {name} for {', '.join('x'.join(map(str, one.shape)) for one in example)}")
        with torch.no_grad():
            traced = torch_neuronx.trace(module.eval(), example, compiler_args=ARGUMENTS[name])
        with writing_whole(folder / f"{name}.pt", CheckpointError) as file:
            torch.jit.save(traced, file)
    made = digest(folder, [folder / f"{name}.pt" for name in parts.NAMES])
    record = {**asdict(wanted), "identity": made, "versions": _versions()}
    write_whole(folder / RECORD, json.dumps(record, indent=2).encode(), CheckpointError)


def identity(wanted: Wanted, folder: Path) -> str:
    """The digest of what was compiled. Raises ``CheckpointError`` where that is something else, or isn't complete."""
    place = folder / RECORD
    if not place.exists():
        raise CheckpointError(f"{folder} holds nothing compiled, or not all of it; run compile.py")
    try:
        record = json.loads(text_of(place, "a record of what was compiled", CheckpointError))
        wrong = [name for name, value in asdict(wanted).items() if record[name] != value]
        made = str(record["identity"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{place} can't be read; run compile.py again") from error
    if wrong:
        raise CheckpointError(
            f"{folder} is compiled for {wrong[0]} {record[wrong[0]]!r}, and the chain says "
            f"{getattr(wanted, wrong[0])!r}; run compile.py again"
        )
    return made


def _versions() -> dict[str, str]:
    found = {}
    for name in ("torch", "torch-neuronx", "neuronx-cc", "diffusers", "transformers"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
