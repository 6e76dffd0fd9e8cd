"""Stable Diffusion checkpoints as one file, with the key names of the original latent-diffusion code.

That code numbers the layers of a UNet in the order in which they run, blocks of a level and the resampling behind them
alike, where diffusers names levels and kinds. With L layers a level:

=================================== ===================================================================================
diffusers                           original
=================================== ===================================================================================
``down_blocks.i.resnets.j``         ``input_blocks.{1 + i(L+1) + j}.0``
``down_blocks.i.attentions.j``      ``input_blocks.{1 + i(L+1) + j}.1``
``down_blocks.i.downsamplers.0``    ``input_blocks.{1 + i(L+1) + L}.0``, whose convolution is ``op``
``mid_block``                       ``middle_block.0`` (resnet), ``.1`` (attention), ``.2`` (resnet)
``up_blocks.i.resnets.j``           ``output_blocks.{i(L+1) + j}.0``
``up_blocks.i.attentions.j``        ``output_blocks.{i(L+1) + j}.1``
``up_blocks.i.upsamplers.0``        in ``output_blocks.{i(L+1) + L}``, behind what else is in it: ``.1`` or ``.2``
=================================== ===================================================================================

The VAE counts the levels of its decoder from the finest, and its attention has 1×1 convolutions for linear layers.
"""

import re

_UNET = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2"}
_UNET |= {"conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2"}
_UNET_RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1"}
_UNET_RESNET |= {"norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def save_single_file(pipeline, path):
    """Write UNet, VAE and text encoder of an SD 1.x pipeline, in their dtype, to one safetensors file."""
    from safetensors.torch import save_file

    tensors = {f"model.diffusion_model.{key}": value for key, value in unet_tensors(pipeline.unet).items()}
    tensors |= {f"first_stage_model.{key}": value for key, value in vae_tensors(pipeline.vae).items()}
    tensors |= {
        f"cond_stage_model.transformer.{key}": value for key, value in text_tensors(pipeline.text_encoder).items()
    }
    save_file({key: value.detach().clone().contiguous() for key, value in tensors.items()}, path)
    return path


def unet_tensors(unet):
    """A UNet's tensors under their original names, without the prefix that they have in a whole checkpoint."""
    state = unet.state_dict()
    return {_unet_name(key, unet.config.layers_per_block, state): value for key, value in state.items()}


def vae_tensors(vae):
    """A VAE's tensors under their original names, without prefix."""
    levels = len(vae.config.block_out_channels)
    tensors = {}
    for key, value in vae.state_dict().items():
        name = _vae_name(key, levels)
        tensors[name] = value[:, :, None, None] if ".attn_1." in name and value.ndim == 2 else value
    return tensors


def text_tensors(text_encoder):
    """A CLIP text encoder's tensors as transformers named them when the original checkpoints were made."""
    import torch

    state = {f"text_model.{key.removeprefix('text_model.')}": value for key, value in text_encoder.state_dict().items()}
    positions = torch.arange(text_encoder.config.max_position_embeddings)[None]
    return {**state, "text_model.embeddings.position_ids": positions}


def _unet_name(key, layers, state):
    if match := re.match(r"(down|up)_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)", key):
        side, level, kind, layer, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
        block = level * (layers + 1) + layer
        name = f"input_blocks.{1 + block}" if side == "down" else f"output_blocks.{block}"
        return f"{name}.0.{_renamed(rest, _UNET_RESNET)}" if kind == "resnets" else f"{name}.1.{rest}"
    if match := re.match(r"down_blocks\.(\d+)\.downsamplers\.0\.conv\.(.+)", key):
        return f"input_blocks.{1 + int(match[1]) * (layers + 1) + layers}.0.op.{match[2]}"
    if match := re.match(r"up_blocks\.(\d+)\.upsamplers\.0\.(.+)", key):
        attends = any(name.startswith(f"up_blocks.{match[1]}.attentions.{layers}.") for name in state)
        return f"output_blocks.{int(match[1]) * (layers + 1) + layers}.{2 if attends else 1}.{match[2]}"
    if match := re.match(r"mid_block\.resnets\.(\d+)\.(.+)", key):
        return f"middle_block.{2 * int(match[1])}.{_renamed(match[2], _UNET_RESNET)}"
    if match := re.match(r"mid_block\.attentions\.0\.(.+)", key):
        return f"middle_block.1.{match[1]}"
    return _renamed(key, _UNET)


def _vae_name(key, levels):
    key = re.sub(r"down_blocks\.(\d+)\.", r"down.\1.", key)
    key = re.sub(r"up_blocks\.(\d+)\.", lambda match: f"up.{levels - 1 - int(match[1])}.", key)
    key = re.sub(r"(down|up)samplers\.0\.", r"\1sample.", key)
    key = re.sub(r"mid_block\.resnets\.(\d+)\.", lambda match: f"mid.block_{int(match[1]) + 1}.", key)
    key = (
        key.replace(".resnets.", ".block.")
        .replace("conv_shortcut", "nin_shortcut")
        .replace("conv_norm_out", "norm_out")
    )
    if match := re.match(r"(.+)mid_block\.attentions\.0\.(.+)", key):
        return f"{match[1]}mid.attn_1.{_renamed(match[2], _VAE_ATTENTION)}"
    return key


def _renamed(key, names):
    """A key whose layer is given another name; the last part (weight, bias) stays."""
    layer, _, last = key.rpartition(".")
    return f"{names.get(layer, layer)}.{last}"
