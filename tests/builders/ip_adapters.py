"""Tiny IP-Adapters of random weights with their image encoders, in their published layout."""

import torch
from safetensors.torch import save_file

ENCODER = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
    "projection_dim": 12,
}


def save_image_encoder(folder, seed=0, **changes):
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(seed)
    model = CLIPVisionModelWithProjection(CLIPVisionConfig(**(ENCODER | changes)))
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.normal_(0, 0.3)
    model.save_pretrained(folder)
    return folder


def save_ip_adapter(path, unet, kind="plain", seed=0):
    """An IP-Adapter of one kind for a UNet, as a file."""
    generator = torch.Generator("cpu").manual_seed(seed)

    def drawn(*shape):
        return torch.randn(*shape, generator=generator) * 0.4

    read, tensors, layers = unet.config.cross_attention_dim, {}, dict(unet.named_modules())
    crossed = [name for name in unet.attn_processors if not name.endswith("attn1.processor")]
    for number, name in enumerate(crossed):
        width = len(layers[name.removesuffix(".processor")].to_k.weight)
        for part in "kv":
            tensors[f"ip_adapter.{2 * number + 1}.to_{part}_ip.weight"] = drawn(width, read)
    tensors |= {f"image_proj.{name}": value for name, value in _PROJECTIONS[kind](read, drawn).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        groups = {"image_proj": {}, "ip_adapter": {}}
        for key, value in tensors.items():
            group, _, name = key.partition(".")
            groups[group][name] = value
        torch.save(groups, path)
    return path


def _plain(read, drawn):
    return {
        "proj.weight": drawn(4 * read, ENCODER["projection_dim"]),
        "proj.bias": drawn(4 * read),
        "norm.weight": 1 + drawn(read),
        "norm.bias": drawn(read),
    }


def _full(read, drawn):
    seen = ENCODER["hidden_size"]
    return {
        "proj.0.weight": drawn(seen, seen),
        "proj.0.bias": drawn(seen),
        "proj.2.weight": drawn(read, seen),
        "proj.2.bias": drawn(read),
        "proj.3.weight": 1 + drawn(read),
        "proj.3.bias": drawn(read),
    }


def _plus(read, drawn):
    """A resampler of four layers with one head of 64, which is how wide diffusers takes heads to be."""
    seen, wide = ENCODER["hidden_size"], 64
    tensors = {
        "latents": drawn(1, 4, wide),
        "proj_in.weight": drawn(wide, seen),
        "proj_in.bias": drawn(wide),
        "proj_out.weight": drawn(read, wide),
        "proj_out.bias": drawn(read),
        "norm_out.weight": 1 + drawn(read),
        "norm_out.bias": drawn(read),
    }
    for layer in range(4):
        for norm in ("norm1", "norm2"):
            tensors[f"layers.{layer}.0.{norm}.weight"] = 1 + drawn(wide)
            tensors[f"layers.{layer}.0.{norm}.bias"] = drawn(wide)
        tensors[f"layers.{layer}.0.to_q.weight"] = drawn(wide, wide)
        tensors[f"layers.{layer}.0.to_kv.weight"] = drawn(2 * wide, wide)
        tensors[f"layers.{layer}.0.to_out.weight"] = drawn(wide, wide)
        tensors[f"layers.{layer}.1.0.weight"] = 1 + drawn(wide)
        tensors[f"layers.{layer}.1.0.bias"] = drawn(wide)
        tensors[f"layers.{layer}.1.1.weight"] = drawn(4 * wide, wide)
        tensors[f"layers.{layer}.1.3.weight"] = drawn(wide, 4 * wide)
    return tensors


_PROJECTIONS = {"plain": _plain, "plus": _plus, "full-face": _full}
