"""The tensors of a file by layer, whatever their endings are called, and which kind of change each layer's are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from igo.errors import CheckpointError

if TYPE_CHECKING:
    from igo_plugins.adapters.files import Weights

Group = Mapping[str, Tensor]
"""A layer's tensors by the names of their endings, those of LoRAs in one spelling."""
MOST_RANKS = 4096
"""More than any layer has that adapters are trained for."""
SHOWN = 80
"""Characters of a key in messages."""

_LORA = {
    "down": r"lora_A(?:\.default)?\.weight|lora[_.]down\.weight|lora_linear_layer\.down\.weight",
    "up": r"lora_B(?:\.default)?\.weight|lora[_.]up\.weight|lora_linear_layer\.up\.weight",
    "bias": r"lora_B(?:\.default)?\.bias|lora[_.]up\.bias",
    "mid": r"lora[_.]mid\.weight",
    "magnitude": r"lora_magnitude_vector(?:\.default)?(?:\.weight)?",
}
_OTHERS = (
    r"alpha|scalar|dora_scale|rescale|on_input|weight|diff|diff_b|w_norm|b_norm|oft_blocks|oft_diag|hada_(?:w[12]_[ab]|t[12])"
    r"|lokr_(?:w[12](?:_[ab])?|t[12])|[ab][12m]\.weight"
)
_ENDINGS = "|".join([*(f"(?P<{name}>{pattern})" for name, pattern in _LORA.items()), rf"(?P<other>{_OTHERS})"])
_KEY = re.compile(rf"(?P<layer>.+?)[._](?:{_ENDINGS})", re.DOTALL)
_NUMBERS = ("alpha", "on_input", "scalar")
_KINDS: dict[str, tuple[set[str], set[str]]] = {
    "LoRA": ({"down", "up"}, {"mid", "bias", "magnitude"}),
    "LoHa": ({"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"}, {"hada_t1", "hada_t2", "magnitude"}),
    "GLoRA": ({"a1.weight", "a2.weight", "b1.weight", "b2.weight"}, {"bm.weight"}),
    "(IA)³": ({"weight", "on_input"}, set()),
    "OFT": ({"oft_blocks"}, {"rescale"}),
}
"""What a layer's tensors are called at least, and at most beside ``_ALWAYS``."""
_ALWAYS = {"alpha", "scalar", "dora_scale", "diff_b"}
_LOKR = {f"lokr_{name}" for name in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")}


def grouped(weights: Weights) -> dict[str, dict[str, Tensor]]:
    """The tensors by layer, as the file names it. Raises ``CheckpointError`` for a file that holds something else, and
    for numbers that no adapter has."""
    groups: dict[str, dict[str, Tensor]] = {}
    for key, tensor in weights.tensors.items():
        found = _KEY.fullmatch(key)
        if found is None:
            raise CheckpointError(f"{weights.file} holds no LoRA or other adapter that is known: it has '{short(key)}'")
        ending = found["other"] or next(name for name in _LORA if found[name])
        _check(f"{weights.file} is no adapter that can be used: '{short(key)}'", ending, tensor)
        groups.setdefault(found["layer"].replace(".processor", ""), {})[ending] = tensor
    if not groups:
        raise CheckpointError(f"{weights.file} holds no LoRA: it is empty")
    for layer, group in groups.items():
        kind_of(group, f"{weights.file}: the layer '{short(layer)}'")
    return groups


def kind_of(group: Group, where: str) -> str:
    """What kind of change these tensors are. Raises ``CheckpointError``, which begins with ``where``."""
    names = set(group)
    merge = "merge it into a checkpoint by the tool that it is from"
    if names & {"w_norm", "b_norm"}:
        raise CheckpointError(f"{where} is a change of a norm, which IGO doesn't apply; {merge}")
    if "oft_diag" in names or ("oft_blocks" in names and group["oft_blocks"].ndim != 3):
        raise CheckpointError(f"{where} is a BOFT or an old OFT, which IGO doesn't apply; {merge}")
    for kind, (wanted, more) in _KINDS.items():
        if wanted <= names <= wanted | more | _ALWAYS:
            return kind
    if names <= _LOKR | _ALWAYS and all(names & {f"lokr_{part}", f"lokr_{part}_a"} for part in ("w1", "w2")):
        return "LoKr"
    if names & {"diff", "diff_b"} and names <= {"diff", *_ALWAYS}:
        return "full"
    raise CheckpointError(f"{where} holds no LoRA or other change that is known, but {', '.join(sorted(names))[:100]}")


def wide(matrix: Tensor) -> Tensor:
    """In a precision that can be computed with: 8-bit floats can't."""
    return matrix.float() if matrix.dtype.itemsize < 2 else matrix


def short(key: str) -> str:
    return key if len(key) <= SHOWN else f"{key[: SHOWN - 1]}…"


def _check(where: str, ending: str, tensor: Tensor) -> None:
    if ending in _NUMBERS:
        if tensor.numel() != 1 or not torch.isfinite(tensor.float()).all():
            raise CheckpointError(f"{where} is no finite number")
        return
    if not tensor.is_floating_point():
        raise CheckpointError(f"{where} holds {tensor.dtype}; expected floating point")
    if not tensor.ndim:
        raise CheckpointError(f"{where} is a single number; expected a table")
    if not tensor.numel() or not torch.isfinite(wide(tensor)).all():
        raise CheckpointError(f"{where} is {'not finite (NaN or infinite)' if tensor.numel() else 'empty'}")
    if ending in ("down", "mid") and tensor.shape[0] > MOST_RANKS:
        raise CheckpointError(f"{where} has {tensor.shape[0]} ranks; expected at most {MOST_RANKS}")
