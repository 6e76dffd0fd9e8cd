"""Adapters into a pipeline, each layer at the scale that the file gives it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Any

import torch

from igo.errors import CheckpointError
from igo.networks.quiet import quietly
from igo_plugins.adapters.embeddings import unbundled
from igo_plugins.adapters.keys import Group, grouped, kind_of, short
from igo_plugins.adapters.kinds import UNFIT, Change, Told, change_of, decomposed, form_of
from igo_plugins.adapters.layers import DENOISERS, Layer, Layers

if TYPE_CHECKING:
    from torch import Tensor

    from igo_plugins.adapters.files import Weights

PEFT_KINDS = ("LORA", "LOHA", "LOKR")
FREE = ("LoRA", "LoHa", "LoKr", "full")
"""Kinds of change that don't depend on what they change."""
METADATA = "lora_adapter_metadata"
"""Where diffusers keeps peft's configurations in a file."""


@dataclass(frozen=True)
class Placed:
    """A layer, and what it gets."""

    layer: Layer
    change: Change


def check(weights: Weights) -> None:
    """Raise ``CheckpointError`` for a file that fits no checkpoint."""
    kind = str(weights.config.get("peft_type", "LORA")).rpartition(".")[2]
    if kind not in PEFT_KINDS:
        raise CheckpointError(
            f"{weights.file} is peft's {kind[:40]}, which IGO doesn't apply; expected one of {', '.join(PEFT_KINDS)}"
        )
    grouped(unbundled(weights)[0])
    _configurations(weights)


def load(pipeline: Any, name: str, weights: Weights, linear: bool = False) -> list[Any]:
    """Add the file's changes to ``pipeline`` under ``name``, all of them, and give back peft's layers that hold them,
    each with its own alpha. With ``linear``, half the scale is half the change, of a DoRA too, and none is none.

    Raises ``CheckpointError``.
    """
    placed = _with_peers(place(pipeline, weights), linear)
    try:
        # peft draws the first values of each layer, which the file's replace, from everybody's random numbers
        with quietly(), torch.random.fork_rng(devices=[]):
            for part in {one.layer.part: None for one in placed}:
                _load(getattr(pipeline, part), name, [one for one in placed if one.layer.part == part])
    except UNFIT as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{weights.file} can't be put into this checkpoint: {reason}") from error
    layers = []
    for one in placed:
        found = getattr(pipeline, one.layer.part).get_submodule(one.layer.path)
        if name not in getattr(found, "lora_A", ()):
            raise CheckpointError(f"{weights.file} can't be put into this checkpoint: not into {one.layer.path}")
        found.lora_alpha[name] = one.change.alpha
        layers.append(found)
    return layers


def place(pipeline: Any, weights: Weights) -> list[Placed]:
    """The changes that the file holds, each with its layer. Raises ``CheckpointError`` where some have none."""
    layers, groups = Layers(pipeline), grouped(weights)
    found = {key: layers.find(key) for key in groups}
    configurations = _configurations(weights)
    if None in found.values() and getattr(pipeline, "transformer", None) is not None:
        groups = grouped(_in_diffusers_words(pipeline, weights, groups))
        found, configurations = {key: layers.find(key) for key in groups}, {}
    there = {key: layer for key, layer in found.items() if layer is not None}
    if len(there) < len(found):
        lost = next(key for key, layer in found.items() if layer is None)
        raise CheckpointError(
            f"{weights.file} doesn't fit this checkpoint: {len(there)} of its {len(found)} layers have a place in it "
            f"(not '{short(lost)}'){_made_for(weights)}"
        )
    placed = []
    for key, layer in there.items():
        where = f"{weights.file} doesn't fit this checkpoint{_made_for(weights)}: the layer '{short(key)}'"
        change = change_of(groups[key], layer.weight, _told(configurations, layer, where), where)
        placed.append(Placed(layer, change))
    if len({(one.layer.part, one.layer.path) for one in placed}) < len(placed):
        raise CheckpointError(f"{weights.file} changes a layer twice, under two names; keep one of them")
    return placed


def _with_peers(placed: list[Placed], linear: bool) -> list[Placed]:
    """The same in a way that peft can hold, to which a part's layers are alike.

    DoRAs are such where all changes of a denoiser are, without biases, and what they add in the end elsewhere, since
    diffusers reads those of text encoders wrongly. Where some have a bias, the others get one of zeros.
    """
    parts = {one.layer.part for one in placed}
    biased = {one.layer.part for one in placed if one.change.bias is not None}
    plain = biased | {one.layer.part for one in placed if one.change.magnitude is None or linear}
    plain |= parts - set(DENOISERS)
    alike = []
    for one in placed:
        change, part = one.change, one.layer.part
        if change.magnitude is not None and part in plain:
            change = _settled(change, change.magnitude, one.layer.weight)
        if part in biased and change.bias is None:
            change = replace(change, bias=torch.zeros(len(change.up)))
        alike.append(Placed(one.layer, change))
    return alike


def _settled(change: Change, magnitude: Tensor, weight: Tensor) -> Change:
    lengths = magnitude.reshape(-1, *(1,) * (weight.ndim - 1))
    return decomposed(change, lengths, tuple(range(1, weight.ndim)), weight)


def _load(module: Any, name: str, placed: list[Placed]) -> None:
    """Add the changes of one part of the pipeline to it."""
    from peft import LoraConfig

    state: dict[str, Tensor] = {}
    for one in placed:
        state |= _tensors(one.layer.path, one.change)
    if hasattr(module, "load_lora_adapter"):
        module.load_lora_adapter(state, prefix=None, adapter_name=name)
        return
    ranks = {one.layer.path: len(one.change.down) for one in placed}
    config = LoraConfig(
        target_modules=list(ranks),
        rank_pattern={f"^{path}": rank for path, rank in ranks.items()},
        lora_bias=any(one.change.bias is not None for one in placed),
    )
    module.load_adapter(adapter_name=name, peft_config=config, adapter_state_dict=state)
    module.to(dtype=module.dtype)


def _tensors(path: str, change: Change) -> dict[str, Tensor]:
    """In peft's layout."""
    kernel = (1,) * (change.down.ndim - 2)
    found = {
        f"{path}.lora_A.weight": change.down,
        f"{path}.lora_B.weight": change.up.reshape(*change.up.shape, *kernel),
    }
    if change.magnitude is not None:
        lengths = change.magnitude
        found[f"{path}.lora_magnitude_vector"] = lengths.reshape(1, -1, *kernel) if kernel else lengths
    if change.bias is not None:
        found[f"{path}.lora_B.bias"] = change.bias
    return found


def _in_diffusers_words(pipeline: Any, weights: Weights, groups: Mapping[str, Group]) -> Weights:
    """The file by diffusers' names of layers, some of which are parts of one in the original's, such as q, k and v.

    diffusers drops the alphas of some files, so that they are multiplied in before.
    """
    stand_in, state = torch.empty(1, 1), {}
    for key, group in groups.items():
        where = f"{weights.file} doesn't fit this checkpoint: the layer '{short(key)}'"
        kind = kind_of(group, where)
        if kind not in FREE or group.keys() & {"magnitude", "dora_scale"}:
            what = "DoRA" if kind in FREE else kind
            raise CheckpointError(f"{where} is a {what} by names that are not diffusers', which IGO can't place")
        try:
            change = form_of(group, stand_in, None, where)
        except UNFIT as error:
            raise CheckpointError(f"{where} has tensors that don't fit each other") from error
        dotted = not key.startswith(("lora_", "lycoris_"))
        down, up = ("lora_A", "lora_B") if dotted else ("lora_down", "lora_up")
        layer = key if dotted else key.replace("lycoris_", "lora_", 1)
        state[f"{layer}.{down}.weight"] = change.down
        ratio = change.alpha / len(change.down)
        state[f"{layer}.{up}.weight"] = change.up if ratio == 1 else (change.up.float() * ratio)
        if "alpha" in group:
            state[f"{layer}.alpha"] = torch.tensor(float(len(change.down)))
    try:
        with quietly():
            found = pipeline.lora_state_dict(state)
    except Exception as error:  # its converters index what they expect
        raise CheckpointError(
            f"{weights.file} doesn't fit this checkpoint, or diffusers doesn't know its layout{_made_for(weights)}"
        ) from error
    return replace(weights, tensors=found[0] if isinstance(found, tuple) else found)


def _made_for(weights: Weights) -> str:
    told = weights.metadata.get("modelspec.architecture") or weights.metadata.get("ss_base_model_version")
    return f"; it says that it is for {told[:60]}" if told else ""


def _configurations(weights: Weights) -> dict[str, Mapping[str, Any]]:
    """peft's configurations by part of the pipeline ("": of all). Raises ``CheckpointError`` for damaged ones."""
    if weights.config:
        return {"": weights.config}
    found: dict[str, Any] = {}
    try:
        told = json.loads(weights.metadata.get(METADATA, "{}"))
        for key, value in told.items():
            part, _, name = key.partition(".")
            found.setdefault(part, {})[name] = value
    except (ValueError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{weights.file}: its description '{METADATA}' is damaged") from error
    return found


def _told(configurations: Mapping[str, Mapping[str, Any]], layer: Layer, where: str) -> Told | None:
    """What a configuration says of this layer. Raises ``CheckpointError``, which begins with ``where``."""
    config = configurations.get(layer.part) or configurations.get("")
    if not config or "r" not in config:
        return None

    def of(name: str, default: float) -> float:
        """The number for the layer that is named by its path or the end of it."""
        for pattern, number in (config.get(f"{name}_pattern") or {}).items():
            if re.search(r"[^\w.^$]", pattern):  # peft takes any expression, which may take any time
                raise ValueError("a pattern that is no layer's name")
            if f".{layer.path}".endswith(f".{pattern.strip('^$')}"):
                return float(number)
        return default

    try:
        rank = int(of("rank", config["r"]))
        alpha = float(of("alpha", config.get("lora_alpha", config.get("alpha", rank))))
        if not (rank > 0 and isfinite(alpha)):
            raise ValueError("numbers that can't be meant")
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise CheckpointError(f"{where} is described in a way that can't be read ({error})") from error
    return Told(alpha * rank**0.5 if config.get("use_rslora") else alpha, rank)
