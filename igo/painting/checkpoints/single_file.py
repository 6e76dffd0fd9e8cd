"""One .safetensors file in Stable Diffusion's original layout, through diffusers' own loader and past its traps.

The loader takes a LoRA for Stable Diffusion 1.5, a missing tokenizer for one of two words, and leaves weights that the
file lacks without values, all without a word. So what is in the file is looked at first, and what came out of it last.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from igo.errors import CheckpointError
from igo.painting.checkpoints.components import check_tokenizers, load_part, one_line, parts_of
from igo.painting.checkpoints.configs import KINDS, configuration
from igo.painting.checkpoints.layout import INDEX, Part, chosen
from igo.painting.checkpoints.weights import check_floats, check_numbers, read_table

if TYPE_CHECKING:
    import torch

UNET = "model.diffusion_model."
VAE = ("first_stage_model.", "vae.")
TEXT = ("cond_stage_model.", "conditioner.embedders.")
FIRST = UNET + "input_blocks.0.0.weight"
EITHER = "it may be of Stable Diffusion 2's base, which predicts otherwise; if its pictures are noise, name config="


def load_single_file(path: Path, config: Path | None, inpainting: bool, dtype: torch.dtype) -> tuple[Any, str | None]:
    """The file's pipeline, on the CPU, in ``dtype``, and what a user should know.

    ``config`` is a folder in diffusers' layout (weights may be missing from it) of the same shape; its safety checker,
    where it has the weights of one, is loaded with it. Without ``config`` IGO's own of the file's family is taken.
    Raises ``CheckpointError``, one line.
    """
    import diffusers
    import torch

    kind, shapes = looked_into(path)
    family = f"StableDiffusion{'XL' if kind.startswith('xl') else ''}"
    cls = getattr(diffusers, f"{family}{'Inpaint' if inpainting else ''}Pipeline")
    if config is not None:
        _check_fits(path, shapes, config)
    with own_configuration(path, kind) if config is None else nullcontext(config) as folder:
        checker = {} if kind.startswith("xl") else _checker(folder, dtype)
        with one_line(f"checkpoint {path}", "name a checkpoint of the same shape in config="):
            pipeline = cls.from_single_file(
                str(path), dtype=dtype, config=str(folder), local_files_only=True, **checker
            )
    for name, part in pipeline.components.items():
        if isinstance(part, torch.nn.Module):
            check_numbers(str(path), name, part)
    check_tokenizers(str(path), pipeline)
    return pipeline, EITHER if kind == "v2" and config is None else None


def looked_into(path: Path) -> tuple[str, Mapping[str, tuple[int, ...]]]:
    """What diffusers takes the file for, by its keys and shapes alone; and these. Raises ``CheckpointError``."""
    from diffusers.loaders.single_file_utils import infer_diffusers_model_type

    from igo.networks.weights import described

    if path.suffix.lower() != ".safetensors":
        raise CheckpointError(f"{path} is not loaded, since such files may run code; convert it to .safetensors")
    tensors = described(path)
    check_floats(tensors, str(path))
    shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    for part, prefixes in (("UNet", (UNET,)), ("VAE", VAE), ("text encoder", TEXT)):
        if not any(key.startswith(prefixes) for key in shapes):
            raise CheckpointError(
                f"{path} has no {part}; expected a whole checkpoint in Stable Diffusion's original layout "
                "(an adapter such as a LoRA is not one)"
            )
    kind: str = infer_diffusers_model_type({key: SimpleNamespace(shape=shape) for key, shape in shapes.items()})
    if kind == "xl_refiner":
        raise CheckpointError(
            f"{path} is the refiner of Stable Diffusion XL, which goes over another checkpoint's pictures and can't "
            "paint by itself; name the base"
        )
    return kind, shapes


def own_configuration(path: Path, kind: str) -> AbstractContextManager[Path]:
    """A folder with IGO's configuration of the file's family. Raises ``CheckpointError`` where it has none."""
    if kind not in KINDS:
        raise CheckpointError(
            f"{path} is of a family that IGO has no configuration of ({kind}); name a folder or hub name of the same "
            "shape in config="
        )
    return configuration(kind)


def _check_fits(path: Path, shapes: Mapping[str, tuple[int, ...]], config: Path) -> None:
    """Raise ``CheckpointError`` for a configuration of another family, or one that would bring code."""
    parts_of(str(config), read_table(config / INDEX, f"the {INDEX} of {config}"))
    unet = read_table(config / "unet" / "config.json", f"config.json in unet/ of {config}")
    words = [shape[-1] for key, shape in shapes.items() if key.startswith(UNET) and key.endswith("attn2.to_k.weight")]
    own = {"channels": shapes.get(FIRST, (0, 0))[1], "numbers for a word": words[0] if words else 0}
    told = {"channels": unet.get("in_channels", 4), "numbers for a word": unet.get("cross_attention_dim", 1280)}
    if own != told:
        first, second = (" and ".join(f"{number} {name}" for name, number in each.items()) for each in (own, told))
        raise CheckpointError(
            f"config={config} is of another family than {path}: its UNet has {second}, the file's {first}; name a "
            "checkpoint of the same shape, or leave config= out"
        )


def _checker(folder: Path, dtype: torch.dtype) -> dict[str, Any]:
    """The safety checker of the configuration's folder, which the loader would drop, and what it sees pictures by."""
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPImageProcessor

    part = Part("safety_checker", "transformers", StableDiffusionSafetyChecker)
    files = [path.relative_to(folder).as_posix() for path in folder.glob("safety_checker/*")]
    if not any(file.endswith((".safetensors", ".bin")) for file in files):
        return {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    weights = chosen(str(folder), [part], files, None, None)[part.name]
    with one_line(f"the feature_extractor of {folder}"):
        extractor = CLIPImageProcessor.from_pretrained(folder / "feature_extractor", local_files_only=True)
    checker, _ = load_part(folder, str(folder), part, weights, dtype)
    return {"safety_checker": checker, "feature_extractor": extractor}
