"""Writing a trained pipeline as a folder that any Stable Diffusion 1.5 tool can load."""

import json
import shutil
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import StableDiffusionPipeline

from igo.training.weights import write_weights

TEXT_PREFIX = "text_model."


def export(pipeline: StableDiffusionPipeline, folder: Path, dtype: torch.dtype = torch.float16) -> int:
    """Write ``pipeline`` to ``folder`` in diffusers' layout, weights as safetensors; return their size in bytes.

    The parts are written by hand where the libraries' own writers would break older readers: recent transformers
    drop the ``text_model.`` prefix, which older ones take for missing weights, and write no ``vocab.json`` and
    ``merges.txt``. The pipeline itself stays as it is, in its own precision. A folder that was there is replaced only
    when the new one is complete. Raises ``CheckpointError`` for weights that overflow in ``dtype``.
    """
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _write_json(partial / "model_index.json", _index(pipeline))
    for name in ("unet", "vae"):
        part: Any = getattr(pipeline, name)
        part.save_config(partial / name)
        write_weights(part.state_dict(), partial / name / "diffusion_pytorch_model.safetensors", dtype)
    _write_text_encoder(pipeline.text_encoder, partial / "text_encoder", dtype)
    write_tokenizer(pipeline.tokenizer, partial / "tokenizer")
    pipeline.scheduler.save_pretrained(partial / "scheduler")
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)
    return sum(path.stat().st_size for path in folder.rglob("*.safetensors"))


def _index(pipeline: StableDiffusionPipeline) -> dict[str, object]:
    return {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": diffusers.__version__,
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", type(pipeline.scheduler).__name__],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }


def _write_text_encoder(text_encoder: Any, folder: Path, dtype: torch.dtype) -> None:
    folder.mkdir()
    # Recent transformers load in the dtype named here unless told otherwise, diffusers in 32 bit: they must agree.
    values = {**text_encoder.config.to_dict(), "architectures": ["CLIPTextModel"], "dtype": "float32"}
    _write_json(folder / "config.json", values)
    state = {
        name if name.startswith(TEXT_PREFIX) else TEXT_PREFIX + name: w for name, w in text_encoder.state_dict().items()
    }
    write_weights(state, folder / "model.safetensors", dtype)


def write_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Write a CLIP tokenizer as vocab.json and merges.txt with its two small configuration files."""
    folder.mkdir(parents=True, exist_ok=True)
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    special = {name: str(getattr(tokenizer, name)) for name in ("bos_token", "eos_token", "pad_token", "unk_token")}
    _write_json(folder / "vocab.json", model["vocab"], indent=None)
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n", encoding="utf-8")
    _write_json(folder / "special_tokens_map.json", special)
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "CLIPTokenizer",
            "model_max_length": tokenizer.model_max_length,
            "add_prefix_space": False,
            "do_lower_case": True,
            "errors": "replace",
            **special,
        },
    )


def _write_json(path: Path, value: object, indent: int | None = 2) -> None:
    path.write_text(json.dumps(value, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")
