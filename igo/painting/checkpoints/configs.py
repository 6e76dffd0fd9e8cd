"""What a single file doesn't carry: the configurations of Stable Diffusion 1, 2 and XL, and CLIP's vocabulary.

A configuration is a folder in diffusers' layout without weights, which is what diffusers' loader of single files takes.
The numbers are those of the published checkpoints; fine-tunes share them.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from igo import embedded

KINDS = ("v1", "inpainting", "v2", "inpainting_v2", "xl_base", "xl_inpaint")
"""The families that are known, by the names that diffusers gives to what is in a file."""
BOS, EOS = "<|startoftext|>", "<|endoftext|>"
NOISE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": False,
}
PNDM = {"_class_name": "PNDMScheduler", **NOISE, "skip_prk_steps": True}
DDIM = {"_class_name": "DDIMScheduler", **NOISE}
EULER = {"_class_name": "EulerDiscreteScheduler", **NOISE, "timestep_spacing": "leading"}
SCHEDULERS = {"v1": PNDM, "inpainting": DDIM, "v2": {**DDIM, "prediction_type": "v_prediction"}, "inpainting_v2": PNDM}


@contextmanager
def configuration(kind: str) -> Iterator[Path]:
    """A folder with the configuration of one of ``KINDS``, for as long as the context lasts."""
    xl, second = kind.startswith("xl"), kind.endswith("v2") or kind == "v2"
    parts = {"unet": _unet(kind, xl, second), "vae": _vae(xl), "text_encoder": _text_encoder(second)}
    kinds = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL", "text_encoder": "CLIPTextModel"}
    index: dict[str, Any] = {"scheduler": ["diffusers", SCHEDULERS.get(kind, EULER)["_class_name"]]}
    pads = {"tokenizer": "!" if second else EOS}
    if xl:
        parts["text_encoder_2"] = _clip(1280, 32, 20, "gelu", 1280)
        kinds["text_encoder_2"], pads["tokenizer_2"] = "CLIPTextModelWithProjection", "!"
        index |= {"image_encoder": [None, None], "feature_extractor": [None, None]}
        index["force_zeros_for_empty_prompt"] = True
    else:
        index |= {name: [None, None] for name in ("safety_checker", "feature_extractor", "image_encoder")}
        index["requires_safety_checker"] = False
    for name, own in kinds.items():
        index[name] = ["transformers" if name.startswith("text") else "diffusers", own]
    with TemporaryDirectory(prefix="igo-") as place:
        folder = Path(place)
        for name, settings in parts.items():
            _write(folder / name / "config.json", {"_class_name": kinds[name], **settings})
        for name, pad in pads.items():
            index[name] = ["transformers", "CLIPTokenizer"]
            write_tokenizer(folder / name, pad)
        _write(folder / "scheduler" / "scheduler_config.json", SCHEDULERS.get(kind, EULER))
        family = "StableDiffusionXL" if xl else "StableDiffusion"
        task = "Inpaint" if "inpaint" in kind else ""
        _write(folder / "model_index.json", {"_class_name": f"{family}{task}Pipeline", **index})
        yield folder


def write_tokenizer(folder: Path, pad_token: str = EOS) -> Path:
    """CLIP's tokenizer, as diffusers and transformers read it."""
    merges = gzip.decompress(embedded.CLIP_MERGES.read_bytes()).decode("utf-8")
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(byte) for byte in printable] + [chr(256 + number) for number in range(256 - len(printable))]
    made = [pair.replace(" ", "") for pair in merges.splitlines()[1:]]
    words = [*letters, *(f"{letter}</w>" for letter in letters), *made, BOS, EOS]
    _write(folder / "vocab.json", {word: number for number, word in enumerate(words)})
    (folder / "merges.txt").write_text(merges, encoding="utf-8")
    special = {"bos_token": BOS, "eos_token": EOS, "pad_token": pad_token, "unk_token": EOS}
    _write(folder / "special_tokens_map.json", special)
    _write(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True, **special},
    )
    return folder


def _unet(kind: str, xl: bool, second: bool) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "in_channels": 9 if "inpaint" in kind else 4,
        "out_channels": 4,
        "layers_per_block": 2,
        "block_out_channels": [320, 640, 1280, 1280],
        "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
        "attention_head_dim": 8,
        "cross_attention_dim": 768,
        "sample_size": 64,
    }
    if second:
        settings |= {"attention_head_dim": [5, 10, 20, 20], "cross_attention_dim": 1024, "use_linear_projection": True}
        if kind == "v2":
            settings |= {"sample_size": 96, "upcast_attention": True}
    if xl:
        settings |= {
            "block_out_channels": [320, 640, 1280],
            "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
            "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
            "attention_head_dim": [5, 10, 20],
            "transformer_layers_per_block": [1, 2, 10],
            "cross_attention_dim": 2048,
            "use_linear_projection": True,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816,
            "sample_size": 128,
        }
    return settings


def _vae(xl: bool) -> dict[str, Any]:
    return {
        "in_channels": 3,
        "out_channels": 3,
        "latent_channels": 4,
        "layers_per_block": 2,
        "block_out_channels": [128, 256, 512, 512],
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
        "sample_size": 1024 if xl else 512,
        "scaling_factor": 0.13025 if xl else 0.18215,
        **({"force_upcast": True} if xl else {}),
    }


def _text_encoder(second: bool) -> dict[str, Any]:
    """CLIP's, or of Stable Diffusion 2 OpenCLIP's, of which the last layer is not used."""
    return _clip(1024, 23, 16, "gelu", 512) if second else _clip(768, 12, 12, "quick_gelu", 768)


def _clip(width: int, layers: int, heads: int, activation: str, projection: int) -> dict[str, Any]:
    return {
        "model_type": "clip_text_model",
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "hidden_act": activation,
        "projection_dim": projection,
        "max_position_embeddings": 77,
        "vocab_size": 49408,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "pad_token_id": 1,
    }


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
