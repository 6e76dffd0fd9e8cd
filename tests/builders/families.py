"""Families beside Stable Diffusion 1.5 and XL, in small: diffusers' own classes with random weights."""

from tests.builders import tiny


def word_tokenizer():
    """Each of the words that tiny pipelines know is one token, all others are the unknown one."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "</s>", "<unk>", *tiny.WORDS, "(", ")", "1", "2", ":", "."]
    made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=64,
        chat_template="{% for message in messages %}{{ message['content'] }}{% endfor %}",
    )


def t5(tokenizer):
    import torch
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(4)
    config = T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4)
    return T5EncoderModel(config).eval()


def make_flux(folder, guidance_embeds=True, kind="FluxPipeline"):
    """Flux; without ``guidance_embeds`` as Flux schnell is."""
    import diffusers
    import torch

    clip, words = tiny.make_tokenizer(folder), word_tokenizer()
    torch.manual_seed(5)
    transformer = diffusers.FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        axes_dims_rope=[4, 4, 8],
        guidance_embeds=guidance_embeds,
    )
    return _quiet(
        getattr(diffusers, kind)(
            scheduler=diffusers.FlowMatchEulerDiscreteScheduler(
                shift=3.0 if guidance_embeds else 1.0, use_dynamic_shifting=guidance_embeds
            ),
            vae=_vae(),
            text_encoder=tiny.make_text_encoder(clip),
            tokenizer=clip,
            text_encoder_2=t5(words),
            tokenizer_2=words,
            transformer=transformer,
        )
    )


def make_sd3(folder):
    import diffusers
    import torch

    clip, words = tiny.make_tokenizer(folder), word_tokenizer()
    torch.manual_seed(5)
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        joint_attention_dim=64,
        pooled_projection_dim=48,
        out_channels=4,
        pos_embed_max_size=16,
    )
    return _quiet(
        diffusers.StableDiffusion3Pipeline(
            transformer=transformer,
            scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
            vae=_vae(),
            text_encoder=tiny.make_text_encoder(clip, projection=True),
            tokenizer=clip,
            text_encoder_2=tiny.make_text_encoder(clip, projection=True, seed=3),
            tokenizer_2=clip,
            text_encoder_3=_wide_t5(words),
            tokenizer_3=words,
        )
    )


def make_qwen_image(_folder, kind="QwenImagePipeline"):
    import diffusers
    import torch
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    words = word_tokenizer()
    config = Qwen2_5_VLConfig(
        text_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"},
            "vocab_size": len(words),
        },
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": 16,
        },
        vision_end_token_id=1,
        vision_start_token_id=1,
        vision_token_id=1,
    )
    torch.manual_seed(5)
    return _quiet(
        getattr(diffusers, kind)(
            scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
            vae=diffusers.AutoencoderKLQwenImage(
                base_dim=24,
                z_dim=4,
                dim_mult=[1, 2, 4],
                num_res_blocks=1,
                temperal_downsample=[False, True],
                latents_mean=[0.0] * 4,
                latents_std=[1.0] * 4,
            ),
            text_encoder=Qwen2_5_VLForConditionalGeneration(config).eval(),
            tokenizer=words,
            transformer=diffusers.QwenImageTransformer2DModel(
                patch_size=2,
                in_channels=16,
                out_channels=4,
                num_layers=1,
                attention_head_dim=16,
                num_attention_heads=2,
                joint_attention_dim=16,
                axes_dims_rope=(8, 4, 4),
            ),
        )
    )


def make_z_image(_folder):
    import diffusers
    import torch
    from transformers import Qwen3Config, Qwen3Model

    words = word_tokenizer()
    config = Qwen3Config(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        vocab_size=len(words),
    )
    torch.manual_seed(5)
    return _quiet(
        diffusers.ZImagePipeline(
            scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
            vae=_vae(),
            text_encoder=Qwen3Model(config).eval(),
            tokenizer=words,
            transformer=diffusers.ZImageTransformer2DModel(
                in_channels=4,
                dim=32,
                n_layers=1,
                n_refiner_layers=1,
                n_heads=2,
                n_kv_heads=2,
                cap_feat_dim=16,
                axes_dims=[8, 4, 4],
                axes_lens=[256, 32, 32],
            ),
        )
    )


def make_pixart(_folder):
    import diffusers
    import torch

    words = word_tokenizer()
    torch.manual_seed(5)
    transformer = diffusers.PixArtTransformer2DModel(
        sample_size=32,  # it paints some 256 x 256 pixels, whatever is asked for
        num_layers=1,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=2,
        caption_channels=32,
        cross_attention_dim=16,
        in_channels=4,
        out_channels=8,
        use_additional_conditions=False,
    )
    return _quiet(
        diffusers.PixArtSigmaPipeline(
            tokenizer=words,
            text_encoder=t5(words),
            vae=_vae(levels=4),
            transformer=transformer,
            scheduler=diffusers.DPMSolverMultistepScheduler(beta_schedule="linear", solver_order=2),
        )
    )


def make_sana(_folder):
    import diffusers
    import torch
    from transformers import Gemma2Config, Gemma2Model

    words = word_tokenizer()
    config = Gemma2Config(
        head_dim=8,
        hidden_size=8,
        intermediate_size=16,
        num_attention_heads=2,
        num_hidden_layers=1,
        num_key_value_heads=1,
        vocab_size=len(words),
        query_pre_attn_scalar=8,
    )
    torch.manual_seed(5)
    return _quiet(
        diffusers.SanaPipeline(
            tokenizer=words,
            text_encoder=Gemma2Model(config).eval(),
            vae=diffusers.AutoencoderDC(
                in_channels=3,
                latent_channels=4,
                attention_head_dim=2,
                encoder_block_types="ResBlock",
                decoder_block_types="ResBlock",
                encoder_block_out_channels=(8, 8, 8, 8),
                decoder_block_out_channels=(8, 8, 8, 8),
                encoder_qkv_multiscales=((), (), (), ()),
                decoder_qkv_multiscales=((), (), (), ()),
                encoder_layers_per_block=(1, 1, 1, 1),
                decoder_layers_per_block=(1, 1, 1, 1),
                downsample_block_type="conv",
                upsample_block_type="interpolate",
                decoder_norm_types="rms_norm",
                decoder_act_fns="silu",
            ),
            transformer=diffusers.SanaTransformer2DModel(
                patch_size=1,
                in_channels=4,
                out_channels=4,
                num_layers=1,
                num_attention_heads=2,
                attention_head_dim=4,
                num_cross_attention_heads=2,
                cross_attention_head_dim=4,
                cross_attention_dim=8,
                caption_channels=8,
                sample_size=16,  # it paints some 512 x 512 pixels, whatever is asked for
            ),
            scheduler=diffusers.DPMSolverMultistepScheduler(
                prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
            ),
        )
    )


def make_lcm(folder):
    """A latent consistency model: guidance goes into its UNet."""
    import diffusers

    tokenizer = tiny.make_tokenizer(folder)
    return _quiet(
        diffusers.LatentConsistencyModelPipeline(
            vae=tiny.make_vae(),
            text_encoder=tiny.make_text_encoder(tokenizer),
            tokenizer=tokenizer,
            unet=tiny.make_unet(time_cond_proj_dim=32),
            scheduler=diffusers.LCMScheduler(clip_sample=False, set_alpha_to_one=False),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    )


FAMILIES = {
    "flux": make_flux,
    "sd3": make_sd3,
    "qwen-image": make_qwen_image,
    "z-image": make_z_image,
    "pixart": make_pixart,
    "sana": make_sana,
    "lcm": make_lcm,
}


def _vae(levels=2):
    """As that of Stable Diffusion, with the shift that later ones have."""
    import torch
    from diffusers import AutoencoderKL

    torch.manual_seed(2)
    return AutoencoderKL(
        block_out_channels=(8, 16, 16, 16)[:levels],
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        norm_num_groups=4,
        latent_channels=4,
        sample_size=32,
        shift_factor=0.06,
    )


def _wide_t5(tokenizer):
    """As wide as the two CLIPs of Stable Diffusion 3 together."""
    import torch
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(4)
    return T5EncoderModel(
        T5Config(vocab_size=len(tokenizer), d_model=64, d_kv=8, d_ff=32, num_layers=1, num_heads=4)
    ).eval()


def _quiet(pipeline):
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
