"""Writing a trained pipeline as a folder that any Stable Diffusion 1.5 tool can load."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch

from igo.painting.checkpoints.layout import DEFAULTS_FILE
from igo.training.data.weights import replacing, write_weights

TEXT_PREFIX = "text_model."


def export(
    pipeline: Any, folder: Path, dtype: torch.dtype = torch.float16, defaults: Mapping[str, float] | None = None
) -> int:
    """Write a Stable Diffusion pipeline (text to image, inpainting, or try-on, without text) to ``folder`` in
    diffusers' layout, weights as safetensors; return the size in bytes of those that can be trained.

    The parts are written by hand where the libraries' own writers would break older readers: recent transformers
    drop the ``text_model.`` prefix, which older ones take for missing weights, and write no ``vocab.json`` and
    ``merges.txt``. A safety checker goes along as it is. The pipeline itself stays as it is, in its own precision.
    ``defaults`` tells IGO at which ``width``, ``height``, ``num_inference_steps`` and ``guidance_scale`` the checkpoint
    paints best. A folder of weights that was there is replaced only when the new one is complete; one of anything else
    raises ``SettingsError``. Raises ``CheckpointError`` for weights that overflow in ``dtype``.
    """
    size = 0
    with replacing(folder) as partial:
        _write_json(partial / "model_index.json", _index(pipeline))
        if defaults is not None:
            _write_json(partial / DEFAULTS_FILE, dict(defaults))
        for name in ("unet", "vae"):
            part: Any = getattr(pipeline, name)
            part.save_config(partial / name)
            forget_origin(partial / name / "config.json")
            size += write_weights(part.state_dict(), partial / name / "diffusion_pytorch_model.safetensors", dtype)
        if pipeline.text_encoder is not None:
            size += _write_text_encoder(pipeline.text_encoder, partial / "text_encoder", dtype)
            write_tokenizer(pipeline.tokenizer, partial / "tokenizer")
        pipeline.scheduler.save_pretrained(partial / "scheduler")
        for name in ("safety_checker", "feature_extractor"):
            if getattr(pipeline, name) is not None:
                getattr(pipeline, name).save_pretrained(partial / name)
    return size


def _index(pipeline: Any) -> dict[str, object]:
    checker = pipeline.safety_checker
    extractor, reads = pipeline.feature_extractor, pipeline.text_encoder is not None
    return {
        "_class_name": type(pipeline).__name__,
        "_diffusers_version": diffusers.__version__,
        "feature_extractor": [None, None] if extractor is None else ["transformers", type(extractor).__name__],
        "image_encoder": [None, None],
        "requires_safety_checker": checker is not None,
        "safety_checker": [None, None] if checker is None else ["stable_diffusion", type(checker).__name__],
        "scheduler": ["diffusers", type(pipeline.scheduler).__name__],
        "text_encoder": ["transformers", "CLIPTextModel"] if reads else [None, None],
        "tokenizer": ["transformers", "CLIPTokenizer"] if reads else [None, None],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }


def _write_text_encoder(text_encoder: Any, folder: Path, dtype: torch.dtype) -> int:
    folder.mkdir()
    # Recent transformers load in the dtype named here unless told otherwise, diffusers in 32 bit: they must agree.
    values = {**text_encoder.config.to_dict(), "architectures": ["CLIPTextModel"], "dtype": "float32"}
    _write_json(folder / "config.json", values)
    forget_origin(folder / "config.json")
    state = {
        name if name.startswith(TEXT_PREFIX) else TEXT_PREFIX + name: w for name, w in text_encoder.state_dict().items()
    }
    return write_weights(state, folder / "model.safetensors", dtype)


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


def forget_origin(path: Path) -> None:
    """Leave out where on this machine the part came from."""
    _write_json(
        path, {key: value for key, value in json.loads(path.read_text("utf-8")).items() if key != "_name_or_path"}
    )


def _write_json(path: Path, value: object, indent: int | None = 2) -> None:
    path.write_text(json.dumps(value, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")
