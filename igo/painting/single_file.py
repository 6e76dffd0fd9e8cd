"""One .safetensors file in Stable Diffusion's original layout, through diffusers' own loader and past its traps.

The loader takes a LoRA for Stable Diffusion 1.5, a missing tokenizer for one of two words, and leaves weights that the
file lacks without values, all without a word. So what is in the file is looked at first, and what came out of it last.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from igo.errors import CheckpointError
from igo.painting.components import check_tokenizers
from igo.painting.weights import check_numbers

if TYPE_CHECKING:
    import torch

UNET = "model.diffusion_model."
VAE = ("first_stage_model.", "vae.")
TEXT = ("cond_stage_model.", "conditioner.embedders.")


def load_single_file(path: Path, config: str | None, inpainting: bool, dtype: torch.dtype) -> Any:
    """The file's pipeline, on the CPU, in ``dtype``.

    ``config`` is a folder in diffusers' layout (weights may be missing from it) or a hub name, of the same shape; its
    safety checker, where it has the weights of one, is loaded with it. Without ``config`` the hub is asked for the
    family's own. Raises ``CheckpointError``, one line.
    """
    import diffusers
    import torch

    kind = _kind(path)
    task = "Inpaint" if inpainting else ""
    cls = getattr(diffusers, f"StableDiffusion{'XL' if kind.startswith('xl') else ''}{task}Pipeline")
    options: dict[str, Any] = {"config": config} if config else {}
    if config and Path(config).is_dir():
        options["local_files_only"] = True
    if not kind.startswith("xl"):
        options |= _checker(config, dtype)
    try:
        pipeline = cls.from_single_file(str(path), dtype=dtype, **options)
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(
            f"checkpoint {path} can't be loaded: {reason}; name a checkpoint of the same shape in config="
        ) from error
    for name, part in pipeline.components.items():
        if isinstance(part, torch.nn.Module):
            check_numbers(str(path), name, part)
    check_tokenizers(str(path), pipeline)
    return pipeline


def _kind(path: Path) -> str:
    """What diffusers takes the file for, by its keys and shapes alone."""
    from diffusers.loaders.single_file_utils import infer_diffusers_model_type
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            shapes = {key: SimpleNamespace(shape=tuple(file.get_slice(key).get_shape())) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is no safetensors file, or a damaged one ({error})") from None
    for part, prefixes in (("UNet", (UNET,)), ("VAE", VAE), ("text encoder", TEXT)):
        if not any(key.startswith(prefixes) for key in shapes):
            raise CheckpointError(
                f"{path} has no {part}; expected a whole checkpoint in Stable Diffusion's original layout "
                "(an adapter such as a LoRA is not one)"
            )
    kind: str = infer_diffusers_model_type(shapes)
    return kind


def _checker(config: str | None, dtype: torch.dtype) -> dict[str, Any]:
    """The safety checker of the configuration's folder, which the loader would drop."""
    folder = Path(config) / "safety_checker" if config else None
    if folder is None or not any(folder.glob("*.safetensors")):
        return {"safety_checker": None, "requires_safety_checker": False}
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker

    return {"safety_checker": StableDiffusionSafetyChecker.from_pretrained(folder, dtype=dtype)}
