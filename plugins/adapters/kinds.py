"""The kinds of change that files hold, each brought to the form of a LoRA: two matrices whose product is added.

A LoRA's own matrices stay as they are. What is no LoRA is computed, in 32 bit, as what it adds to the layer's weight
(LyCORIS: Yeh et al., Navigating Text-To-Image Customization), and written as a product that gives exactly this: by
its own factors where these are few, else with the identity as one of the two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod

import torch
from torch import Tensor

from igo.errors import CheckpointError
from igo_plugins.adapters.keys import Group, kind_of, wide

UNFIT = (RuntimeError, ValueError, IndexError, KeyError, TypeError)
"""What tensors of the wrong shapes raise."""
MOST_NUMBERS = 1 << 28
"""Of a layer; the largest that adapters are trained for have a quarter of it."""


@dataclass(frozen=True)
class Told:
    """What stands beside a layer's tensors and not among them: a LoRA's alpha and rank, by which it is divided."""

    alpha: float
    rank: int


@dataclass(frozen=True)
class Change:
    """What a layer gets: ``up @ down`` × ``alpha`` / rank, as a LoRA.

    ``down`` is (rank, in) or (rank, in, height, width), ``up`` (out, rank). ``magnitude`` is a DoRA's, one number for
    each output; ``bias`` is added to the layer's, (out,).
    """

    down: Tensor
    up: Tensor
    alpha: float
    magnitude: Tensor | None = None
    bias: Tensor | None = None


@dataclass(frozen=True)
class Given:
    """A layer's tensors, the weight that they change, and what is told of them elsewhere."""

    group: Group
    weight: Tensor
    told: Told | None

    def __getitem__(self, name: str) -> Tensor:
        found: Tensor = self.group[name].float()
        return found

    def __contains__(self, name: str) -> bool:
        return name in self.group

    @property
    def alpha(self) -> float:
        """0 where there is none; in a file, 0 means the rank, as in kohya's tools."""
        return self.told.alpha if self.told else float(self.group.get("alpha", 0))

    def ratio(self, rank: int | None) -> float:
        """What a product is multiplied by: alpha / rank; 1 where nothing is told, or nothing has a rank."""
        if self.told:
            return self.told.alpha / self.told.rank
        return self.alpha / rank if rank and self.alpha else 1.0


def change_of(group: Group, weight: Tensor, told: Told | None, where: str) -> Change:
    """The change of a layer whose weight is ``weight``.

    Raises ``CheckpointError``, which begins with ``where``, for tensors that don't fit the layer.
    """
    try:
        change = form_of(group, weight, told, where)
        inputs, outputs = change.down[0].numel(), change.up.shape[0]
        if (outputs, inputs) != (weight.shape[0], weight[0].numel()) or change.up.shape[1:] != change.down.shape[:1]:
            raise ValueError(f"it is {outputs} by {inputs}, of rank {len(change.down)}")
        if change.bias is not None and change.bias.shape != weight.shape[:1]:
            raise ValueError(f"its bias has {change.bias.numel()} numbers")
        change = replace(change, down=change.down.reshape(-1, *weight.shape[1:]))
        return _with_magnitude(change, group, weight)
    except UNFIT as error:
        shape = "x".join(map(str, weight.shape))
        raise CheckpointError(f"{where} is made for another shape than this checkpoint's {shape}") from error


def form_of(group: Group, weight: Tensor, told: Told | None, where: str) -> Change:
    """The same as the tensors have it, whether or not that fits the layer. LoRA, LoHa, LoKr and full changes need no
    more of ``weight`` than how many dimensions it has, and a kernel's size."""
    change = _FORMS[kind_of(group, where)](Given(group, weight, told))
    if "scalar" in group:
        change = replace(change, alpha=change.alpha * float(group["scalar"]))
    if "diff_b" in group and change.alpha:
        change = replace(change, bias=group["diff_b"].float() * (len(change.down) / change.alpha))
    return change


def delta(change: Change) -> Tensor:
    """What the change adds to the weight, of its shape, in 32 bit, without the magnitude."""
    rank = len(change.down)
    product = change.up.float() @ change.down.float().reshape(rank, -1)
    return product.reshape(-1, *change.down.shape[1:]) * (change.alpha / rank)


def decomposed(change: Change, lengths: Tensor, over: tuple[int, ...], weight: Tensor) -> Change:
    """The change that gives the changed weight the ``lengths``, which are norms over its dimensions ``over``."""
    changed = weight.float() + delta(change)
    norms = torch.linalg.vector_norm(changed, dim=over, keepdim=True).clamp(min=torch.finfo(torch.float32).eps)
    return exactly(changed * (lengths / norms) - weight.float())


def exactly(added: Tensor) -> Change:
    """The change that adds ``added``, which is of the weight's shape."""
    outputs, inputs = added.shape[0], added[0].numel()
    rows = added.reshape(outputs, inputs)
    down, up = (rows, torch.eye(outputs)) if outputs <= inputs else (torch.eye(inputs), rows)
    return Change(down.reshape(-1, *added.shape[1:]).contiguous(), up.contiguous(), float(len(down)))


def _product(up: Tensor, down: Tensor, ratio: float) -> Change:
    """The change ``up @ down`` × ``ratio``, with fewer ranks where these are more than the layer has."""
    rank = len(down)
    change = Change(down, up, ratio * rank)
    return exactly(delta(change)) if rank >= min(len(up), down[0].numel()) else change


def _lora(given: Given) -> Change:
    down, up = wide(given.group["down"]), wide(given.group["up"]).flatten(1)
    if "mid" in given:  # Tucker's form of a convolution: 1x1, then the kernel, then 1x1
        _check_size(len(given["mid"]), down.shape[1], *given["mid"].shape[2:])
        down = torch.einsum("rs...,si->ri...", given["mid"], down.float().flatten(1))
    return Change(down, up, given.alpha or float(len(down)), bias=given.group.get("bias"))


def _loha(given: Given) -> Change:
    (a1, b1), (a2, b2) = ((given[f"hada_w{number}_a"], given[f"hada_w{number}_b"]) for number in (1, 2))
    ratio = given.ratio(len(b1))
    if "hada_t1" in given:
        return exactly(_tucker(given["hada_t1"], a1, b1) * _tucker(given["hada_t2"], a2, b2) * ratio)
    kernel = given.weight.shape[2:]
    _check_size(len(a1), b1.shape[1])
    if len(b1) * len(b2) >= min(len(a1), b1.shape[1]):
        return exactly(((a1 @ b1) * (a2 @ b2)).reshape(len(a1), -1, *kernel) * ratio)
    up = (a1[:, :, None] * a2[:, None, :]).flatten(1)
    down = (b1[:, None, :] * b2[None, :, :]).flatten(0, 1)
    return Change(down.reshape(len(down), -1, *kernel), up, ratio * len(down))


def _lokr(given: Given) -> Change:
    ranked = next((given[name] for name in ("lokr_w1_b", "lokr_w2_b") if name in given), None)
    ratio = given.ratio(None if ranked is None else len(ranked))
    outer = given["lokr_w1"] if "lokr_w1" in given else given["lokr_w1_a"] @ given["lokr_w1_b"]
    if "lokr_w2" in given or "lokr_t2" in given:
        whole = "lokr_w2" in given
        inner = given["lokr_w2"] if whole else _tucker(given["lokr_t2"], given["lokr_w2_a"], given["lokr_w2_b"])
        _check_size(*outer.shape, *inner.shape)
        return exactly(torch.kron(_spread(outer, inner.ndim), inner) * ratio)
    inner = given["lokr_w2_b"].reshape(len(given["lokr_w2_b"]), -1, *given.weight.shape[2:])
    _check_size(*outer.shape, len(given["lokr_w2_a"]), inner[0].numel())
    _check_size(outer.shape[1], outer.shape[1], *inner.shape)
    down = torch.kron(_spread(torch.eye(outer.shape[1]), inner.ndim), inner)
    return _product(torch.kron(outer, given["lokr_w2_a"]), down, ratio)


def _glora(given: Given) -> Change:
    a1, a2, b1, b2 = (given[f"{name}.weight"].flatten(1) for name in ("a1", "a2", "b1", "b2"))
    ratio = given.ratio(len(given["b2.weight"]))
    _check_size(len(a1), a2.shape[1])
    _check_size(len(b1), b2.shape[1])
    if "bm.weight" in given:
        b2 = torch.einsum("rs...,si->ri...", given["bm.weight"], b2).flatten(1)
    through = torch.einsum("oi...,ij->oj...", given.weight.float(), a1 @ a2)
    return exactly((through + (b1 @ b2).reshape(through.shape)) * ratio)


def _ia3(given: Given) -> Change:
    side, shape = int(given["on_input"]), [1] * given.weight.ndim
    shape[side] = -1
    return exactly(given.weight.float() * given["weight"].reshape(shape))


def _oft(given: Given) -> Change:
    """Blocks of outputs, turned by Cayley's transform of the file's matrices (Qiu et al., Orthogonal Finetuning)."""
    blocks, weight = given["oft_blocks"], given.weight.float()
    if blocks.shape[0] * blocks.shape[1] != len(weight):
        raise ValueError(f"it turns {blocks.shape[0] * blocks.shape[1]} outputs")
    skew, limit = blocks - blocks.mT, given.alpha * len(weight)
    if 0 < limit < (length := float(skew.norm()) + 1e-8):
        skew = skew * (limit / length)
    identity = torch.eye(blocks.shape[-1])
    turns = (identity + skew) @ torch.linalg.inv(identity - skew)
    rows = weight.reshape(blocks.shape[0], blocks.shape[1], -1)
    turned = torch.einsum("knm,kni->kmi", turns, rows).reshape(weight.shape)
    if "rescale" in given:
        turned = turned * _spread(given["rescale"].flatten(), weight.ndim)
    return exactly(turned - weight)


def _full(given: Given) -> Change:
    return exactly(given["diff"] if "diff" in given else torch.zeros(given.weight.shape))


_FORMS: dict[str, Callable[[Given], Change]] = {
    "LoRA": _lora,
    "LoHa": _loha,
    "LoKr": _lokr,
    "GLoRA": _glora,
    "(IA)³": _ia3,
    "OFT": _oft,
    "full": _full,
}


def _with_magnitude(change: Change, group: Group, weight: Tensor) -> Change:
    """A DoRA (Liu et al., DoRA: Weight-Decomposed Low-Rank Adaptation) as one where each output has a length, else
    (LyCORIS' older kind, of inputs) as what it adds in the end."""
    lengths = group.get("magnitude", group.get("dora_scale"))
    if lengths is None:
        return change
    if "magnitude" in group or lengths.shape[0] == lengths.numel():
        if lengths.numel() != len(weight):
            raise ValueError(f"{lengths.numel()} lengths of outputs")
        return replace(change, magnitude=lengths.float().flatten())
    inputs = lengths.float().reshape(1, weight.shape[1], *(1,) * (weight.ndim - 2))
    return decomposed(change, inputs, (0, *range(2, weight.ndim)), weight)


def _tucker(core: Tensor, outputs: Tensor, inputs: Tensor) -> Tensor:
    """A kernel (out, in, …) of its core (r, s, …) and the two sides (r, out) and (s, in)."""
    _check_size(outputs.shape[1], inputs.shape[1], *core.shape[2:])
    return torch.einsum("rs...,ro,si->oi...", core, outputs, inputs)


def _check_size(*sizes: int) -> None:
    """Raise ``ValueError`` for what small tensors would make larger than any layer."""
    if prod(sizes) > MOST_NUMBERS:
        raise ValueError(f"it has {prod(sizes)} numbers")


def _spread(table: Tensor, dimensions: int) -> Tensor:
    return table.reshape(*table.shape, *(1,) * (dimensions - table.ndim))
