"""Tiny checkpoints of random weights, in diffusers' own layout, saved in a second."""

import json

WORDS = [
    "a",
    "red",
    "blue",
    "hoodie",
    "jeans",
    "woman",
    "photo",
    "of",
    "in",
    "the",
    "raw",
    "street",
    "soft",
    "light",
    "sky",
]
BOS, EOS = "<|startoftext|>", "<|endoftext|>"


def byte_letters():
    """The 256 characters with which CLIP's byte-level BPE writes the bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(byte) for byte in printable] + [chr(256 + number) for number in range(256 - len(printable))]


def save_tokenizer(folder):
    """vocab.json and merges.txt: each of WORDS is one token, any other word falls back to bytes."""
    letters = byte_letters()
    vocabulary = letters + [f"{letter}</w>" for letter in letters]
    merges = []
    for word in WORDS:
        pieces = [*word[:-1], f"{word[-1]}</w>"]
        for merge in merges:  # what the words before have merged already
            pieces = f" {' '.join(pieces)} ".replace(f" {merge} ", f" {merge.replace(' ', '')} ").split()
        while len(pieces) > 1:
            merges.append(f"{pieces[0]} {pieces[1]}")
            pieces[:2] = [pieces[0] + pieces[1]]
            vocabulary.append(pieces[0])
    folder.mkdir(parents=True, exist_ok=True)
    numbered = {token: number for number, token in enumerate([*vocabulary, BOS, EOS])}
    (folder / "vocab.json").write_text(json.dumps(numbered), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n", encoding="utf-8")
    return folder


def make_tokenizer(folder, pad_token=EOS):
    from transformers import CLIPTokenizer

    return CLIPTokenizer.from_pretrained(save_tokenizer(folder), model_max_length=77, pad_token=pad_token)


def make_text_encoder(tokenizer, width=32, projection=False, seed=0):
    """A random text encoder whose embeddings have a mean well away from 0, as trained ones have."""
    import torch
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=3,
        num_attention_heads=4,
        projection_dim=24,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    torch.manual_seed(seed)
    encoder = (CLIPTextModelWithProjection if projection else CLIPTextModel)(config).eval()
    with torch.no_grad():
        inner = encoder.text_model if projection else encoder
        inner.final_layer_norm.bias.fill_(0.2)
        inner.embeddings.position_embedding.weight.normal_(0.05, 0.5)  # so that places differ, and means are not 0
        inner.embeddings.token_embedding.weight.normal_(0.05, 0.5)
    return encoder


def make_unet(cross_attention_dim=32, in_channels=4, **changes):
    import torch
    from diffusers import UNet2DConditionModel

    torch.manual_seed(1)
    settings = {
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    }
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=in_channels,
        out_channels=4,
        norm_num_groups=4,
        attention_head_dim=4,
        cross_attention_dim=cross_attention_dim,
        **(settings | changes),
    )


def make_vae():
    """Two levels: a latent's cell is 2 x 2 pixels."""
    import torch
    from diffusers import AutoencoderKL

    torch.manual_seed(2)
    return AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        latent_channels=4,
        sample_size=32,
    )


def make_checker():
    """A safety checker that calls every picture safe, or every picture flagged once its thresholds are lowered."""
    import torch
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPVisionConfig

    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=8
    )
    torch.manual_seed(3)
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision.to_dict(), projection_dim=8)).eval()
    with torch.no_grad():
        checker.concept_embeds_weights.fill_(2.0)
        checker.special_care_embeds_weights.fill_(2.0)
    size = {"height": 16, "width": 16}
    return checker, CLIPImageProcessor(size={"shortest_edge": 16}, crop_size=size)


def make_pipeline(folder, in_channels=4, flagging=None):
    """A Stable Diffusion 1.5 in small. ``flagging`` adds a safety checker that flags all pictures (True) or none."""
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    tokenizer = make_tokenizer(folder)
    checker, extractor = make_checker() if flagging is not None else (None, None)
    if flagging:
        checker.concept_embeds_weights.data.fill_(-2.0)
    pipeline = StableDiffusionPipeline(
        vae=make_vae(),
        text_encoder=make_text_encoder(tokenizer),
        tokenizer=tokenizer,
        unet=make_unet(in_channels=in_channels),
        scheduler=DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
        safety_checker=checker,
        feature_extractor=extractor,
        requires_safety_checker=checker is not None,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def make_xl_pipeline(folder, force_zeros=True):
    """A Stable Diffusion XL in small; the second tokenizer pads with ``!``."""
    from diffusers import DDIMScheduler, StableDiffusionXLPipeline

    tokenizer = make_tokenizer(folder)
    pipeline = StableDiffusionXLPipeline(
        vae=make_vae(),
        text_encoder=make_text_encoder(tokenizer, seed=3),
        text_encoder_2=make_text_encoder(tokenizer, width=48, projection=True, seed=4),
        tokenizer=tokenizer,
        tokenizer_2=make_tokenizer(folder, "!"),
        unet=make_unet(
            80,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=24 + 6 * 8,
        ),
        scheduler=DDIMScheduler(clip_sample=False, set_alpha_to_one=False, steps_offset=1),
        force_zeros_for_empty_prompt=force_zeros,
        add_watermarker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def save_checkpoint(folder, scratch, **options):
    """Write such a pipeline to ``folder`` as fp32 safetensors."""
    make_pipeline(scratch, **options).save_pretrained(folder)
    return folder
