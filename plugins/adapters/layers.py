"""Which layer of a pipeline a key of a file means, in the spellings of diffusers, peft, kohya's tools and LyCORIS."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""What adapters change."""
DENOISERS = ("unet", "transformer")
_OLD_ATTENTION = {"q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "out_proj": "to_out"}
"""What diffusers called the layers of a text encoder's attention once."""
_PARTS = {
    "unet": DENOISERS,
    "transformer": DENOISERS,
    "diffusion_model": DENOISERS,
    "te": ("text_encoder",),
    "te1": ("text_encoder",),
    "te2": ("text_encoder_2",),
    "te3": ("text_encoder_3",),
    "text_encoder": ("text_encoder",),
    "text_encoder_2": ("text_encoder_2",),
    "text_encoder_3": ("text_encoder_3",),
}
_DOTTED = re.compile(r"(?:base_model\.model\.)?(?:(?P<part>[a-z0-9_]+)\.)?(?P<rest>.+)", re.DOTALL)
_UNDERSCORED = re.compile(r"(?:lora|lycoris|oft)_(?:(?P<part>unet|transformer|te[123]?)_)?(?P<rest>.+)", re.DOTALL)
_RESNET = {
    "in_layers_0": "norm1",
    "in_layers_2": "conv1",
    "emb_layers_1": "time_emb_proj",
    "out_layers_0": "norm2",
    "out_layers_3": "conv2",
    "skip_connection": "conv_shortcut",
}
_OUTSIDE = {
    "input_blocks_0_0": "conv_in",
    "time_embed_0": "time_embedding_linear_1",
    "time_embed_2": "time_embedding_linear_2",
    "label_emb_0_0": "add_embedding_linear_1",
    "label_emb_0_2": "add_embedding_linear_2",
    "out_0": "conv_norm_out",
    "out_2": "conv_out",
}
"""Names of Stable Diffusion's original UNet, and diffusers' for the same, dots as underscores."""


@dataclass(frozen=True)
class Layer:
    """A layer of a pipeline that a file changes."""

    part: str
    path: str
    module: Any

    @property
    def weight(self) -> Tensor:
        """(out, in) or (out, in, height, width), without what other adapters add to it; of a layer that holds it packed
        (in 4 bits), the shape alone."""
        base = _base(self.module)
        weight: Tensor = base.weight.detach()
        if isinstance(base, nn.Linear) and weight.shape != (base.out_features, base.in_features):
            return torch.empty(base.out_features, base.in_features, device="meta")
        return weight.cpu()


class Layers:
    """The layers of a pipeline's parts that adapters can change, found by any of their names."""

    def __init__(self, pipeline: Any) -> None:
        parts = getattr(pipeline, "_lora_loadable_modules", (*DENOISERS, "text_encoder", "text_encoder_2"))
        self.pipeline = pipeline
        self._known = {part: _named(module, part) for part in parts if (module := getattr(pipeline, part, None))}

    def find(self, key: str) -> Layer | None:
        """The layer that ``key``, without its ending, names; None if the pipeline has none of that name."""
        for parts, rest in _readings(key):
            for part in parts or self._known:
                for name in self._spellings(part, rest.replace(".", "_")):
                    if found := self._known.get(part, {}).get(name):
                        return found
        return None

    def _spellings(self, part: str, name: str) -> Iterator[str]:
        yield name
        yield f"{name}_0"  # to_out is a list whose first is the layer
        if part == "unet" and (original := self._from_original(name)):
            yield original

    def _from_original(self, name: str) -> str | None:
        """A layer of the original UNet by diffusers' name."""
        if name in _OUTSIDE:
            return _OUTSIDE[name]
        found = re.fullmatch(r"(input|output)_blocks_(\d+)_(\d+)_(.+)|middle_block_([012])_(.+)", name)
        if found is None:
            return None
        if found[5]:
            middle = ("resnets_0", "attentions_0", "resnets_1")[int(found[5])]
            return f"mid_block_{middle}_{_RESNET.get(found[6], found[6])}"
        side, number, inner, rest = found[1], int(found[2]), int(found[3]), found[4]
        count = int(getattr(self.pipeline.unet.config, "layers_per_block", 2)) + 1
        block, layer = divmod(number - 1 if side == "input" else number, count)
        above = f"{'down' if side == 'input' else 'up'}_blocks_{block}"
        if rest == "op":
            return f"{above}_downsamplers_0_conv"
        if rest == "conv":
            return f"{above}_upsamplers_0_conv"
        return f"{above}_{('resnets', 'attentions')[min(inner, 1)]}_{layer}_{_RESNET.get(rest, rest)}"


def _readings(key: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """A key's possible meanings: parts of the pipeline (none: any) and the name of a layer in them."""
    for pattern in (_DOTTED, _UNDERSCORED):
        found = pattern.fullmatch(key)
        if found and found["part"] in _PARTS:
            yield _PARTS[found["part"]], found["rest"]
        if found:
            yield (), key[found.start("part") if found["part"] else found.start("rest") :]


def _base(module: Any) -> Any:
    """The layer itself, within what holds it with other adapters."""
    return module.get_base_layer() if hasattr(module, "get_base_layer") else module


def _named(module: Any, part: str) -> dict[str, Layer]:
    """The linear layers and convolutions, by their path with underscores for dots, and by its older spellings."""
    known: dict[str, Layer] = {}
    for path, inner in module.named_modules():
        if ".base_layer" in path or ".lora_" in path or not isinstance(_base(inner), LAYERS):
            continue
        layer = Layer(part, path, inner)
        name = path.replace(".", "_")
        known[name] = layer
        if part.startswith("text_encoder"):
            known.setdefault(f"text_model_{name}", layer)
            known.setdefault(name.removeprefix("text_model_"), layer)
    for name, layer in list(known.items()) if part.startswith("text_encoder") else ():
        for new, old in _OLD_ATTENTION.items():
            if name.endswith(f"_self_attn_{new}"):
                known.setdefault(name.removesuffix(new) + old, layer)
    return known
