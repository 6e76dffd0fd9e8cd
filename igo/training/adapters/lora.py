"""Low-rank adapters (Hu et al., LoRA) of a UNet and its text encoders: added to a pipeline by peft, written as one
file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from torch import Tensor

from igo.errors import SettingsError, did_you_mean
from igo.training.data.export import TEXT_PREFIX
from igo.training.data.weights import write_weights

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
TARGETS: dict[str, tuple[str, ...]] = {
    "attention": ATTENTION,
    "transformer": (*ATTENTION, "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out"),
    "all": (*ATTENTION, "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out", "conv1", "conv2", "conv_shortcut"),
}
"""The UNet's layers that are adapted, by name."""
TEXT_TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj")
TEXT_ENCODERS = ("text_encoder", "text_encoder_2")
FORMATS = ("diffusers", "kohya")
Format = Literal["diffusers", "kohya"]
_KOHYA = {"lora_A.weight": "lora_down.weight", "lora_B.weight": "lora_up.weight"}


@dataclass(frozen=True)
class LoraSettings:
    """How much an adapter can change. Raises ``SettingsError``.

    ``rank`` is that of every change; ``alpha`` (default: the rank) scales it by alpha / rank. ``targets`` is a name of
    ``TARGETS`` or a comma-separated list of layers' names. ``dora`` learns the length of each column of the UNet's
    layers by itself (Liu et al., DoRA: Weight-Decomposed Low-Rank Adaptation); not of text encoders', for which
    diffusers reads such a file wrongly.
    """

    rank: int = 8
    alpha: float | None = None
    targets: str = "attention"
    dora: bool = False

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise SettingsError(f"rank is {self.rank}; it must be at least 1")
        if self.alpha is not None and not self.alpha > 0:
            raise SettingsError(f"alpha is {self.alpha}; it must be above 0")
        if not self.targets.replace(",", " ").strip():
            raise SettingsError(f"targets is empty; give {', '.join(TARGETS)} or names of layers")

    def config(self, targets: tuple[str, ...], dora: bool = False) -> LoraConfig:
        """peft's own settings for one model."""
        return LoraConfig(
            r=self.rank,
            lora_alpha=self.rank if self.alpha is None else self.alpha,
            target_modules=list(targets),
            use_dora=dora,
            init_lora_weights="gaussian",
        )


def check_format(layout: str, dora: bool) -> None:
    """Raise ``SettingsError`` for a file format that isn't known or can't hold the adapter."""
    if layout not in FORMATS:
        raise SettingsError(f"the format is '{layout}'; {did_you_mean(layout, FORMATS)}")
    if layout == "kohya" and dora:
        raise SettingsError("DoRA can't be written in kohya's format; write it as diffusers, or train without DoRA")


def add_lora(pipeline: Any, settings: LoraSettings, text: bool) -> None:
    """Give the pipeline's UNet, and with ``text`` its text encoders, new adapters that change nothing yet, and freeze
    all else. Raises ``SettingsError`` for layers that the UNet doesn't have."""
    targets = TARGETS.get(settings.targets) or tuple(settings.targets.replace(",", " ").split())
    for name in ("unet", "vae", *TEXT_ENCODERS):
        part = getattr(pipeline, name, None)
        if part is not None:
            part.requires_grad_(False)
    try:
        pipeline.unet.add_adapter(settings.config(targets, settings.dora))
    except ValueError as error:
        hint = did_you_mean(targets[0], [*TARGETS, *TARGETS["all"]])
        raise SettingsError(f"the UNet has no layers '{settings.targets}'; {hint}") from error
    for name in TEXT_ENCODERS if text else ():
        if getattr(pipeline, name, None) is not None:
            getattr(pipeline, name).add_adapter(settings.config(TEXT_TARGETS))


def lora_state(pipeline: Any) -> dict[str, Tensor]:
    """The adapters' weights in peft's layout, their keys beginning with ``unet.``, ``text_encoder.text_model.``, … as
    diffusers' ``load_lora_weights`` reads them whatever the version of transformers: recent ones drop ``text_model.``
    from a text encoder's keys, older ones ask for it."""
    state = {f"unet.{key}": value for key, value in get_peft_model_state_dict(pipeline.unet).items()}
    for name in TEXT_ENCODERS:
        part = getattr(pipeline, name, None)
        if part is not None and getattr(part, "peft_config", None):
            own = get_peft_model_state_dict(part)
            state |= {f"{name}.{TEXT_PREFIX}{key.removeprefix(TEXT_PREFIX)}": value for key, value in own.items()}
    return state


def write_lora(
    pipeline: Any,
    path: Path,
    layout: Format = "diffusers",
    metadata: Mapping[str, str] | None = None,
    dtype: torch.dtype = torch.float32,
) -> int:
    """Write the pipeline's adapters to ``path``, a ``.safetensors`` file; return its size in bytes.

    ``layout`` is ``"diffusers"`` (peft's keys, and the configuration among the metadata) or ``"kohya"`` (the keys of
    kohya's sd-scripts, which A1111, ComfyUI and others read, diffusers too; not for DoRA, of which diffusers drops a
    part of such a file). Raises ``SettingsError`` or ``CheckpointError``.
    """
    configs = {
        name: getattr(pipeline, name).peft_config["default"].to_dict()
        for name in ("unet", *TEXT_ENCODERS)
        if getattr(getattr(pipeline, name, None), "peft_config", None)
    }
    state = lora_state(pipeline)
    if layout == "kohya":
        check_format(layout, any(config["use_dora"] for config in configs.values()))
        alphas = {name: float(config["lora_alpha"]) for name, config in configs.items()}
        return write_weights(_kohya(state, alphas), path, dtype, metadata)
    flat = {
        f"{name}.{key}": sorted(value) if isinstance(value, set) else value
        for name, config in configs.items()
        for key, value in config.items()
    }
    told = {"lora_adapter_metadata": json.dumps(flat, sort_keys=True), **(metadata or {})}
    return write_weights(state, path, dtype, told)


def _kohya(state: Mapping[str, Tensor], alphas: Mapping[str, float]) -> dict[str, Tensor]:
    """Keys as in kohya's sd-scripts: ``lora_unet_…``, ``lora_te_…`` (``lora_te1_…``, ``lora_te2_…`` for two encoders),
    dots as underscores, and an alpha for each layer."""
    two = "text_encoder_2" in alphas
    prefixes = {"unet": "lora_unet", "text_encoder": "lora_te1" if two else "lora_te", "text_encoder_2": "lora_te2"}
    named: dict[str, Tensor] = {}
    for key, value in state.items():
        part, _, rest = key.partition(".")
        ending = next(ending for ending in _KOHYA if rest.endswith(ending))
        layer = f"{prefixes[part]}_{rest.removesuffix('.' + ending).replace('.', '_')}"
        named[f"{layer}.{_KOHYA[ending]}"] = value
        named[f"{layer}.alpha"] = torch.tensor(alphas[part])
    return named
