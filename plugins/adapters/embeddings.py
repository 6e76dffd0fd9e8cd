"""Embeddings (Gal et al., An Image is Worth One Word: textual inversion): the layouts of their files, and into a
pipeline's tokenizers and text encoders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from igo.errors import CheckpointError
from igo.networks.quiet import quietly

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from igo_plugins.adapters.files import Weights

ENCODERS = ("text_encoder", "text_encoder_2")
_KEYS = {
    "clip_l": "text_encoder",
    "clip_g": "text_encoder_2",
    "text_encoders_0": "text_encoder",
    "text_encoders_1": "text_encoder_2",
}
"""What files for two encoders call them."""
_ONE = ("emb_params", "string_to_param.*")
"""What A1111 calls the vectors of a file for one."""
_BUNDLED = re.compile(r"bundle_emb\.(?P<token>.+?)\.(?P<key>string_to_param\.\*|emb_params|clip_[lg])", re.DOTALL)
_WORD = re.compile(r"(?!BREAK\Z)[^\s()\[\]\\:,|{}]+")
"""What prompts' syntax leaves whole."""
MOST_VECTORS = 75
"""As many as a chunk has tokens: an embedding is never split."""


@dataclass(frozen=True)
class Vectors:
    """What a name stands for: (number, width) for each text encoder, or for "" where there is but one."""

    token: str
    by_encoder: Mapping[str, Tensor]


def vectors_of(weights: Weights, token: str | None) -> Vectors:
    """The file's vectors, by the name that is given, else by its own, else by the file's.

    Raises ``CheckpointError`` for a file that holds none, and for a name that can't stand in a prompt.
    """
    tensors = {key: tensor for key, tensor in weights.tensors.items() if not key.startswith("string_to_token")}
    own = weights.name or weights.file.stem
    if tensors and set(tensors) <= set(_KEYS):
        found = {_KEYS[key]: tensor for key, tensor in tensors.items()}
    elif len(tensors) == 1:
        ((key, tensor),) = tensors.items()
        found, own = {"": tensor}, own if key in _ONE else key
    else:
        raise CheckpointError(
            f"{weights.file} holds no embedding: expected one tensor, or clip_l and clip_g; it has "
            f"{', '.join(sorted(tensors))[:100] or 'none'}"
        )
    return _checked(weights.file, own if token is None else token, found)


def unbundled(weights: Weights) -> tuple[Weights, list[Vectors]]:
    """The file without the embeddings that come in it with an adapter, as LyCORIS writes them, and these."""
    others: dict[str, Tensor] = {}
    found: dict[str, dict[str, Tensor]] = {}
    for key, tensor in weights.tensors.items():
        match = _BUNDLED.fullmatch(key)
        if match is None:
            others[key] = tensor
        else:
            found.setdefault(match["token"], {})[_KEYS.get(match["key"], "")] = tensor
    bundled = [_checked(weights.file, token, tensors) for token, tensors in found.items()]
    return replace(weights, tensors=others), bundled


def add(pipeline: Any, vectors: Vectors, file: Path) -> None:
    """Let ``vectors.token`` stand for the vectors in the pipeline's prompts. Raises ``CheckpointError``."""
    matched = _matched(pipeline, vectors, file)
    if any(_taken(vectors.token, tokenizer.get_vocab(), tokenizer.added_tokens_encoder) for _, tokenizer, _ in matched):
        raise CheckpointError(
            f"the name '{vectors.token}' of {file} is taken, by a word of the checkpoint or another embedding; "
            "give another as token"
        )
    for encoder, tokenizer, tensor in matched:
        with quietly(), torch.random.fork_rng(devices=[]):  # new rows are drawn before they are set
            pipeline.load_textual_inversion(tensor, token=vectors.token, text_encoder=encoder, tokenizer=tokenizer)


def _taken(token: str, vocabulary: Mapping[str, int], added: Mapping[str, int]) -> bool:
    """Whether a name would be another's: ``name_1`` is the second vector of ``name``."""
    one, _, number = token.rpartition("_")
    return token in vocabulary or f"{token}_1" in vocabulary or (number.isdecimal() and one in added)


def _matched(pipeline: Any, vectors: Vectors, file: Path) -> list[tuple[Any, Any, Tensor]]:
    """Each text encoder with its tokenizer and its vectors."""
    encoders = {}
    for name in ENCODERS:
        encoder = getattr(pipeline, name, None)
        if encoder is not None and getattr(encoder.config, "model_type", "") in ("clip_text_model", "clip"):
            encoders[name] = encoder
    if not encoders or not hasattr(pipeline, "load_textual_inversion"):
        raise CheckpointError(f"a {type(pipeline).__name__} takes no embeddings; its prompts aren't read by CLIP")
    found = dict(vectors.by_encoder)
    if "" in found:
        if len(encoders) > 1:
            width = found[""].shape[1]
            raise CheckpointError(
                f"{file} has vectors for one text encoder ({width} numbers each), and this checkpoint has two; "
                "it was made for another family"
            )
        found = {next(iter(encoders)): found[""]}
    if more := [name for name in found if name not in encoders]:
        raise CheckpointError(
            f"{file} has vectors for two text encoders, and this checkpoint has no {more[0]}; it was made for "
            "another family"
        )
    if missing := [name for name in encoders if name not in found]:
        raise CheckpointError(
            f"{file} has no vectors for this checkpoint's {missing[0]}; it was made for another family"
        )
    matched = []
    for name, encoder in encoders.items():
        width = int(encoder.get_input_embeddings().weight.shape[1])
        if found[name].shape[1] != width:
            raise CheckpointError(
                f"{file} doesn't fit this checkpoint: its vectors have {found[name].shape[1]} numbers, those of the "
                f"{name.replace('_', ' ')} {width}"
            )
        matched.append((encoder, getattr(pipeline, name.replace("text_encoder", "tokenizer")), found[name]))
    return matched


def _checked(file: Path, token: str, found: Mapping[str, Tensor]) -> Vectors:
    if not token.isprintable() or not _WORD.fullmatch(token):
        raise CheckpointError(
            f"{file}: '{token[:60]}' can't be a word of a prompt; give a token without spaces, commas and brackets"
        )
    rows = {}
    for name, tensor in found.items():
        table = tensor[None] if tensor.ndim == 1 else tensor
        if table.ndim != 2 or not table.is_floating_point() or not 1 <= len(table) <= MOST_VECTORS or not table.numel():
            told = f"{'x'.join(map(str, tensor.shape))} of {tensor.dtype}"
            raise CheckpointError(f"{file} holds no embedding: {told}; expected 1 to {MOST_VECTORS} rows of numbers")
        if not torch.isfinite(table.float()).all():
            raise CheckpointError(f"{file} is no embedding that can be used: it is not finite (NaN or infinite)")
        rows[name] = table
    if len({len(table) for table in rows.values()}) > 1:
        raise CheckpointError(f"{file} has another number of vectors for each text encoder; expected the same")
    return Vectors(token, rows)
