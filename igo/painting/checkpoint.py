"""Finding and loading checkpoints through diffusers' own loaders: a folder, a hub name, or one .safetensors file.

Only weights that can't run code are loaded: safetensors, or what diffusers and transformers read with
``weights_only``; custom pipeline code is not run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from igo import embedded
from igo.errors import CheckpointError
from igo.painting.single_file import load_single_file

if TYPE_CHECKING:
    import torch

WEIGHTS = (".safetensors", ".bin")
DESCRIPTIONS = (".json", ".txt", ".model")


@dataclass(frozen=True)
class Defaults:
    """What a checkpoint draws best: its native size in pixels, steps and guidance."""

    width: int
    height: int
    num_inference_steps: int = 50
    guidance_scale: float = 7.5


MINI = Defaults(**embedded.DEFAULTS)
DEFAULTS_FILE = "igo.json"
"""The file in a checkpoint's folder that tells its defaults; IGO's own training writes it."""
MUSINSAIGO = Defaults(512, 768, 50, 7.0)


@dataclass(frozen=True)
class Loaded:
    """A diffusers pipeline, and exactly which weights are in it."""

    pipeline: Any
    identity: str
    """``revision:<commit>`` of a hub, else ``sha256:<digest>`` of the files."""
    defaults: Defaults


def load(
    checkpoint: str,
    *,
    inpainting: bool = False,
    revision: str | None = None,
    variant: str | None = None,
    config: str | None = None,
    dtype: torch.dtype,
) -> Loaded:
    """Load a checkpoint as a text-to-image (or inpainting) pipeline, on the CPU, in ``dtype``.

    ``checkpoint`` is ``"mini"``, ``"mini/inpaint"``, a folder in diffusers' layout, a ``.safetensors`` file in Stable
    Diffusion's original layout, or a hub's ``owner/name``. ``config`` is, for a single file, the folder or hub name of
    a checkpoint of the same shape, whose configuration and tokenizer are used. Raises ``CheckpointError``, one line.
    """
    place = _local(checkpoint)
    if place is None:
        folder = _from_hub(checkpoint, revision, variant)
        pipeline, identity = _from_folder(folder, inpainting, variant, dtype), f"revision:{folder.name}"
    elif place.is_dir():
        if not (place / "model_index.json").is_file():
            raise CheckpointError(f"{place} has no model_index.json; expected a checkpoint in diffusers' layout")
        pipeline, identity = _from_folder(place, inpainting, variant, dtype), _digest(place)
    else:
        if place.suffix != ".safetensors":
            raise CheckpointError(f"{place} is not loaded, since such files may run code; convert it to .safetensors")
        _diffusers()
        with _quietly():
            pipeline, identity = load_single_file(place, config, inpainting, dtype), _digest(place)
    pipeline.set_progress_bar_config(disable=True)
    return Loaded(pipeline, identity, _defaults(place or folder, checkpoint, pipeline))


def tokenizer(checkpoint: str) -> Any:
    """A checkpoint's (first) tokenizer alone, without its weights. Raises ``CheckpointError``."""
    from huggingface_hub import snapshot_download
    from transformers import CLIPTokenizer

    place = _local(checkpoint)
    with _one_line(f"the tokenizer of {checkpoint!r}", "name 'mini', a folder in diffusers' layout, or a hub name"):
        place = place or Path(snapshot_download(checkpoint, allow_patterns=["tokenizer/*"]))
        return CLIPTokenizer.from_pretrained(place / "tokenizer", local_files_only=True)


def _local(checkpoint: str) -> Path | None:
    """Where a checkpoint lies on this machine; ``None`` for a hub's name. Raises ``CheckpointError`` for neither."""
    own = {"mini": "base", "mini/inpaint": "inpaint"}.get(checkpoint)
    place = embedded.path(own) if own else Path(checkpoint).expanduser()
    if place.exists():
        return place
    if checkpoint.count("/") == 1 and not checkpoint.startswith((".", "/", "~")):
        return None
    raise CheckpointError(
        f"there is no checkpoint {checkpoint!r}; expected 'mini', a folder in diffusers' layout, "
        "a .safetensors file, or a hub name such as 'youngmki/musinsaigo-1.0'"
    )


def _from_folder(folder: Path, inpainting: bool, variant: str | None, dtype: torch.dtype) -> Any:
    diffusers = _diffusers()
    auto = diffusers.AutoPipelineForInpainting if inpainting else diffusers.AutoPipelineForText2Image
    with _quietly(), _one_line(f"checkpoint {folder}"):
        return auto.from_pretrained(folder, dtype=dtype, variant=variant, local_files_only=True)


def _from_hub(name: str, revision: str | None, variant: str | None) -> Path:
    """The snapshot's folder in the local cache, whose name is the commit."""
    diffusers = _diffusers()
    level = diffusers.logging.get_verbosity()
    diffusers.logging.set_verbosity_error()  # what goes wrong is in our one line
    try:
        with _one_line(f"checkpoint {name!r} (not a folder here, so asked of the hub)"):
            return Path(diffusers.DiffusionPipeline.download(name, revision=revision, variant=variant))
    finally:
        diffusers.logging.set_verbosity(level)


def _defaults(place: Path, checkpoint: str, pipeline: Any) -> Defaults:
    """The checkpoint's own, else squares of its model's sample size, as in diffusers."""
    if (place / DEFAULTS_FILE).is_file():
        with _one_line(f"{place / DEFAULTS_FILE}", "expected width, height, num_inference_steps and guidance_scale"):
            return Defaults(**json.loads((place / DEFAULTS_FILE).read_text("utf-8")))
    if "musinsaigo" in Path(checkpoint).name.lower():
        return MUSINSAIGO
    model = getattr(pipeline, "unet", None) or getattr(pipeline, "transformer", None)
    size = getattr(getattr(model, "config", None), "sample_size", None) or 64
    height, width = size if isinstance(size, (list, tuple)) else (size, size)
    factor = getattr(pipeline, "vae_scale_factor", 8)
    return Defaults(width * factor, height * factor)


def _digest(place: Path) -> str:
    """SHA-256 over the names and contents of the files that make the pictures."""
    files = [place] if place.is_file() else sorted(place.rglob("*"))
    total = hashlib.sha256()
    for path in files:
        if path.suffix in (*WEIGHTS, *DESCRIPTIONS) and path.is_file():
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            total.update(f"{path.relative_to(place).as_posix()} {content}\n".encode())
    return f"sha256:{total.hexdigest()}"


def _diffusers() -> Any:
    """diffusers, imported without its advice to install what nothing here uses ("requires torchvision")."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        import diffusers

        diffusers.AutoPipelineForInpainting  # noqa: B018  the lazy module imports all pipelines now
    finally:
        logging.set_verbosity(level)
    return diffusers


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the loaders' own progress bars; ours tells what matters."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    shown = [logging for logging in (diffusers_logging, transformers_logging) if logging.is_progress_bar_enabled()]
    for logging in shown:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        for logging in shown:
            logging.enable_progress_bar()


@contextmanager
def _one_line(what: str, hint: str = "") -> Iterator[None]:
    """Whatever the loaders raise, as one line."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{what} can't be loaded: {reason}{f'; {hint}' if hint else ''}") from error
