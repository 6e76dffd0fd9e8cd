"""A pipeline that is written as one file in the original layout is loaded by diffusers with the same weights."""

import pytest

from tests.builders import tiny
from tests.builders.ldm import save_single_file, unet_tensors, vae_tensors

torch = pytest.importorskip("torch")


def four_levels(folder, in_channels=4):
    """The levels, blocks and layers of Stable Diffusion 1.5, narrow."""
    from diffusers import AutoencoderKL, UNet2DConditionModel

    torch.manual_seed(3)
    pipeline = tiny.make_pipeline(folder)
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=in_channels,
        out_channels=4,
        block_out_channels=(8, 16, 32, 32),
        norm_num_groups=4,
        attention_head_dim=4,
        cross_attention_dim=32,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 16, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        norm_num_groups=4,
    )
    pipeline.register_modules(unet=unet, vae=vae)
    return pipeline


@pytest.mark.parametrize(
    ("make", "in_channels"),
    [(tiny.make_pipeline, 4), (four_levels, 4), (four_levels, 9)],
    ids=["two", "four", "inpaint"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_diffusers_loads_the_same_weights(tmp_path, make, in_channels):
    from diffusers import StableDiffusionInpaintPipeline, StableDiffusionPipeline

    pipeline = make(tmp_path / "tokenizer", in_channels=in_channels)
    pipeline.save_pretrained(tmp_path / "folder")
    path = save_single_file(pipeline, tmp_path / "checkpoint.safetensors")
    kind = StableDiffusionPipeline if in_channels == 4 else StableDiffusionInpaintPipeline
    loaded = kind.from_single_file(str(path), config=str(tmp_path / "folder"), local_files_only=True)
    for name in ("unet", "vae", "text_encoder"):
        expected, found = (getattr(each, name).state_dict() for each in (pipeline, loaded))
        assert list(expected) == list(found)
        for key, value in expected.items():
            assert torch.equal(value, found[key]), f"{name}.{key}"


def test_the_names_are_those_of_the_original_code(tmp_path):
    """A few that every reader of Stable Diffusion 1.x files looks for."""
    pipeline = four_levels(tmp_path / "tokenizer")
    unet, vae = unet_tensors(pipeline.unet), vae_tensors(pipeline.vae)
    assert len(unet) == 686
    assert len(vae) == 248
    for name in (
        "time_embed.2.bias",
        "input_blocks.0.0.weight",
        "input_blocks.3.0.op.weight",
        "input_blocks.4.0.skip_connection.weight",
        "input_blocks.8.1.transformer_blocks.0.attn2.to_k.weight",
        "input_blocks.11.0.out_layers.3.bias",
        "middle_block.1.proj_in.weight",
        "middle_block.2.emb_layers.1.weight",
        "output_blocks.2.1.conv.weight",
        "output_blocks.5.2.conv.bias",
        "output_blocks.11.0.skip_connection.weight",
        "out.2.weight",
    ):
        assert name in unet
    for name in (
        "encoder.down.0.downsample.conv.weight",
        "encoder.down.1.block.0.nin_shortcut.weight",
        "decoder.up.3.upsample.conv.weight",
        "decoder.mid.block_2.norm1.bias",
        "encoder.norm_out.weight",
        "post_quant_conv.weight",
    ):
        assert name in vae
    assert vae["decoder.mid.attn_1.proj_out.weight"].shape[2:] == (1, 1)
