"""Files of adapters as other tools write them, and what each adds to a layer's weight, computed from its definition."""

import itertools

import torch
from safetensors.torch import save_file

ATTENTION = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"
FEED_FORWARD = "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj"
ONE_BY_ONE = "up_blocks.0.attentions.1.proj_in"
KERNEL = "mid_block.resnets.0.conv1"
OUT = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0"
LAYERS = (ATTENTION, FEED_FORWARD, ONE_BY_ONE, KERNEL, OUT)
"""Layers of the tiny UNet, of each kind."""
TEXT = ("encoder.layers.0.self_attn.q_proj", "encoder.layers.1.mlp.fc1")


_seeds = itertools.count(1)


def begin():
    """Draw the same numbers again from here on, whatever has been drawn before."""
    global _seeds
    _seeds = itertools.count(1)


def drawn(*shape):
    """Random numbers, others at each call."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(next(_seeds))) * 0.35


def lora(weight, rank=2, alpha=None):
    """W + alpha / rank · B A."""
    down, up = drawn(rank, *weight.shape[1:]), drawn(weight.shape[0], rank, *(1,) * (weight.ndim - 2))
    added = (up.flatten(1) @ down.flatten(1)).reshape(weight.shape)
    tensors = {"lora_down.weight": down, "lora_up.weight": up}
    if alpha is not None:
        tensors["alpha"] = torch.tensor(float(alpha))
    return tensors, added * ((rank if alpha is None else alpha) / rank)


def tucker(weight, rank=3, alpha=2):
    """A LoCon of a convolution in three: 1x1, the kernel, 1x1."""
    down, up = drawn(rank, weight.shape[1], 1, 1), drawn(weight.shape[0], rank, 1, 1)
    mid = drawn(rank, rank, *weight.shape[2:])
    added = torch.zeros(weight.shape)
    for y in range(weight.shape[2]):
        for x in range(weight.shape[3]):
            added[:, :, y, x] = up[:, :, 0, 0] @ mid[:, :, y, x] @ down[:, :, 0, 0]
    tensors = {"lora_down.weight": down, "lora_mid.weight": mid, "lora_up.weight": up, "alpha": torch.tensor(alpha)}
    return tensors, added * alpha / rank


def dora(weight, rank=2, alpha=1, by_output=True):
    """The changed weight, each output (or, as LyCORIS did it first, each input) at a length of its own."""
    tensors, added = lora(weight, rank, alpha)
    changed = weight + added
    over = (0, *range(2, weight.ndim)) if not by_output else tuple(range(1, weight.ndim))
    norms = torch.linalg.vector_norm(weight, dim=over, keepdim=True)
    lengths = norms * (1 + drawn(*norms.shape))
    changed = changed / torch.linalg.vector_norm(changed, dim=over, keepdim=True) * lengths
    return {**tensors, "dora_scale": lengths}, changed - weight


def dora_by_input(weight):
    return dora(weight, by_output=False)


def loha(weight, rank=2, alpha=1):
    """(A1 B1) ∘ (A2 B2)."""
    inputs = weight[0].numel()
    parts = [(drawn(weight.shape[0], rank) * 2, drawn(rank, inputs) * 2) for _ in range(2)]
    tensors = {
        f"hada_w{n}_{side}": part for n, pair in enumerate(parts, 1) for side, part in zip("ab", pair, strict=True)
    }
    added = (parts[0][0] @ parts[0][1]) * (parts[1][0] @ parts[1][1])
    return {**tensors, "alpha": torch.tensor(alpha)}, added.reshape(weight.shape) * alpha / rank


def loha_tucker(weight, rank=2, alpha=1):
    tensors, kernels = {"alpha": torch.tensor(alpha)}, []
    for n in (1, 2):
        a, b, core = drawn(rank, weight.shape[0]), drawn(rank, weight.shape[1]), drawn(rank, rank, *weight.shape[2:])
        tensors |= {f"hada_w{n}_a": a, f"hada_w{n}_b": b, f"hada_t{n}": core * 4}
        kernels.append(
            sum(
                core[r, s][None, None] * 4 * a[r][:, None, None, None] * b[s][None, :, None, None]
                for r in range(rank)
                for s in range(rank)
            )
        )
    return tensors, kernels[0] * kernels[1] * alpha / rank


def lokr(weight, rank=None, factor=2, alpha=3, both=False):
    """The Kronecker product of a small matrix and a large one, which may be of low rank."""
    out, inputs, kernel = weight.shape[0] // factor, weight.shape[1] // factor, weight.shape[2:]
    tensors, scale = {"alpha": torch.tensor(alpha)}, 1
    if both:
        a, b = drawn(factor, 1), drawn(1, factor)
        tensors |= {"lokr_w1_a": a, "lokr_w1_b": b}
        small, scale = a @ b, alpha / 1
    else:
        small = tensors["lokr_w1"] = drawn(factor, factor)
    if rank is None:
        large = tensors["lokr_w2"] = drawn(out, inputs, *kernel)
    else:
        a, b = drawn(out, rank), drawn(rank, inputs * kernel.numel())
        tensors |= {"lokr_w2_a": a, "lokr_w2_b": b}
        large, scale = (a @ b).reshape(out, inputs, *kernel), alpha / rank
    added = torch.zeros(weight.shape)
    for row in range(factor):
        for column in range(factor):
            rows, columns = slice(row * out, row * out + out), slice(column * inputs, column * inputs + inputs)
            added[rows, columns] = small[row, column] * large
    return tensors, added * scale


def lokr_low(weight):
    return lokr(weight, rank=1)


def lokr_both(weight):
    return lokr(weight, rank=1, both=True)


def glora(weight, rank=2, alpha=1):
    """W A + B."""
    outputs, inputs, kernel = weight.shape[0], weight.shape[1], weight.shape[2:]
    ones = (1,) * len(kernel)
    a1, a2 = drawn(inputs, rank, *ones), drawn(rank, inputs, *ones)
    b1, b2 = drawn(outputs, rank, *ones), drawn(rank, inputs, *kernel)
    through = (
        torch.stack([weight.flatten(2)[..., k] @ a1.flatten(1) @ a2.flatten(1) for k in range(kernel.numel())], -1)
        if kernel
        else weight @ a1 @ a2
    )
    added = through.reshape(weight.shape) + (b1.flatten(1) @ b2.flatten(1)).reshape(weight.shape)
    named = {f"{name}.weight": value for name, value in (("a1", a1), ("a2", a2), ("b1", b1), ("b2", b2))}
    return {**named, "alpha": torch.tensor(alpha)}, added * alpha / rank


def ia3(weight, on_input=False):
    """A factor for each output, or each input."""
    factors = drawn(weight.shape[1 if on_input else 0])
    ones = (1,) * (weight.ndim - 2)
    spread = factors.reshape(1, -1, *ones) if on_input else factors.reshape(-1, 1, *ones)
    kept = factors.reshape(1, -1, *ones) if ones else factors
    return {"weight": kept, "on_input": torch.tensor(int(on_input))}, weight * spread


def ia3_on_input(weight):
    return ia3(weight, on_input=True)


def oft(weight, blocks=4, limit=0.0, rescaled=False):
    """Blocks of outputs turned by (I + Q)(I - Q)⁻¹ for a skew Q."""
    size = weight.shape[0] // blocks
    free = drawn(blocks, size, size)
    skew = free - free.transpose(1, 2)
    if limit and skew.norm() > limit * weight.shape[0]:
        skew = skew * limit * weight.shape[0] / skew.norm()
    one = torch.eye(size)
    changed = torch.cat(
        [
            ((one + q) @ torch.linalg.inv(one - q)).T @ rows.flatten(1)
            for q, rows in zip(skew, weight.chunk(blocks), strict=True)
        ]
    ).reshape(weight.shape)
    tensors = {"oft_blocks": free, "alpha": torch.tensor(limit)}
    if rescaled:
        factors = tensors["rescale"] = 1 + drawn(weight.shape[0], *(1,) * (weight.ndim - 1))
        changed = changed * factors
    return tensors, changed - weight


def oft_limited(weight):
    return oft(weight, limit=0.01, rescaled=True)


def full(weight):
    added = drawn(*weight.shape)
    return {"diff": added}, added


KINDS = (
    lora, dora, dora_by_input, loha, lokr, lokr_low, lokr_both, glora, ia3, ia3_on_input, oft, oft_limited, full
)  # fmt: skip


def kohya(parts, changes):
    """A file's tensors in kohya's layout, and what they add: ``changes`` are (part, path of a layer, kind)."""
    prefixes = {"unet": "lora_unet", "text_encoder": "lora_te", "text_encoder_2": "lora_te2"}
    if "text_encoder_2" in parts:
        prefixes["text_encoder"] = "lora_te1"
    tensors, added = {}, {}
    for part, path, kind in changes:
        weight = parts[part].get_submodule(path).weight.detach()
        named, added[part, path] = kind(weight)
        name = path if not part.startswith("text") or path.startswith("text_model.") else f"text_model.{path}"
        layer = f"{prefixes[part]}_{name.replace('.', '_')}"
        tensors |= {f"{layer}.{ending}": value.contiguous() for ending, value in named.items()}
    return tensors, added


def merge(pipeline, added, scale=1.0):
    """Write W + scale · ΔW into the pipeline."""
    with torch.no_grad():
        for (part, path), change in added.items():
            getattr(pipeline, part).get_submodule(path).weight += scale * change
    return pipeline


def saved(tensors, path, metadata=None):
    save_file({key: value.contiguous() for key, value in tensors.items()}, path, metadata)
    return str(path)
