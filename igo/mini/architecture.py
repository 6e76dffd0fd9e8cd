"""The shapes of `mini`: Stable Diffusion 1.5's parts and names, at a hundredth of its size.

The autoencoder shrinks pictures by 4, not by 8: at 128×192 pixels a face would not survive 8. Cross-attention
stands at the two inner levels only, where positions are few, so the outermost blocks are plain convolutions.
"""

from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

TEXT_WIDTH = 128
MAX_TOKENS = 77


def build_vae() -> AutoencoderKL:
    """0.7 M parameters, 4 latent channels at a quarter of the side lengths, random weights."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=192,
    )


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """0.5 M parameters: two causal layers of width 128, random weights."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=4 * TEXT_WIDTH,
            projection_dim=TEXT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=MAX_TOKENS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def build_unet() -> UNet2DConditionModel:
    """6.2 M parameters, random weights except for the last convolution, which is zero so that training starts at 0.

    ``sample_size`` must be one int for the inpaint pipelines, and is the longer side's; height and width are always
    to be given. ``attention_head_dim`` is the number of heads, as in Stable Diffusion 1.5's own configuration.
    """
    unet = UNet2DConditionModel(
        sample_size=48,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(48, 96, 144),
        layers_per_block=1,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )
    unet.conv_out.weight.data.zero_()
    unet.conv_out.bias.data.zero_()
    return unet


def build_tryon_unet(inpaint: UNet2DConditionModel) -> UNet2DConditionModel:
    """6.4 M parameters: ``inpaint``'s, with attention at the outermost level too, as Stable Diffusion 1.5 has it.

    Positions of 4 pixels are what a print is copied by; one head there, since heads of 12 dimensions cost twice the
    time. What is new adds nothing at first, so that it begins as ``inpaint`` without its text.
    """
    config = {
        **inpaint.config,
        "down_block_types": ("CrossAttnDownBlock2D",) * 3,
        "up_block_types": ("CrossAttnUpBlock2D",) * 3,
        "attention_head_dim": (1, 4, 4),
    }
    unet = UNet2DConditionModel.from_config(config)
    added = unet.load_state_dict(inpaint.state_dict(), strict=False).missing_keys
    for name, weight in unet.named_parameters():
        if name in added and ".proj_out." in name:
            weight.data.zero_()
    return unet


def build_scheduler() -> DDIMScheduler:
    """Stable Diffusion 1.5's noise schedule, predicting velocity."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="leading",
    )


def assemble(
    vae: AutoencoderKL, text_encoder: CLIPTextModel, tokenizer: CLIPTokenizer, unet: UNet2DConditionModel
) -> StableDiffusionPipeline:
    """The parts as a plain pipeline without a safety checker: `mini` can't draw anything unsafe."""
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
