"""Tiny pipelines of random weights and a small CLIP tokenizer, made on the spot."""

import json
from copy import deepcopy
from functools import cache

import pytest

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


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory):
    """vocab.json and merges.txt: each of WORDS is one token, each other word falls back to bytes."""
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
    folder = tmp_path_factory.mktemp("tokenizer")
    numbered = {token: number for number, token in enumerate([*vocabulary, BOS, EOS])}
    (folder / "vocab.json").write_text(json.dumps(numbered), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def make_tokenizer(tokenizer_folder):
    def make(pad_token=EOS):
        from transformers import CLIPTokenizer

        return CLIPTokenizer.from_pretrained(tokenizer_folder, model_max_length=77, pad_token=pad_token)

    return make


@pytest.fixture(scope="session")
def make_text_encoder(make_tokenizer):
    """A random text encoder whose embeddings have a mean well away from 0, as trained ones have."""

    @cache
    def made(width=32, projection=False, seed=0):
        import torch
        from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

        tokenizer = make_tokenizer()
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

    return lambda **settings: deepcopy(made(**settings))


@cache
def tiny_unet(cross_attention_dim, **extra):
    import torch
    from diffusers import UNet2DConditionModel

    torch.manual_seed(1)
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
        cross_attention_dim=cross_attention_dim,
        **extra,
    )


@cache
def tiny_vae():
    import torch
    from diffusers import AutoencoderKL

    torch.manual_seed(2)
    return AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, latent_channels=4, sample_size=8)


@pytest.fixture
def pipeline(make_tokenizer, make_text_encoder):
    """A Stable Diffusion 1.5 in small."""
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    pipe = StableDiffusionPipeline(
        vae=tiny_vae(),
        text_encoder=make_text_encoder(),
        tokenizer=make_tokenizer(),
        unet=tiny_unet(32),
        scheduler=DDIMScheduler(clip_sample=False, set_alpha_to_one=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture
def make_xl(make_tokenizer, make_text_encoder):
    """A Stable Diffusion XL in small; the second tokenizer pads with ``!``."""

    def make(force_zeros=True):
        from diffusers import DDIMScheduler, StableDiffusionXLPipeline

        pipe = StableDiffusionXLPipeline(
            vae=tiny_vae(),
            text_encoder=make_text_encoder(seed=3),
            text_encoder_2=make_text_encoder(width=48, projection=True, seed=4),
            tokenizer=make_tokenizer(),
            tokenizer_2=make_tokenizer("!"),
            unet=tiny_unet(
                80,
                addition_embed_type="text_time",
                addition_time_embed_dim=8,
                projection_class_embeddings_input_dim=24 + 6 * 8,
            ),
            scheduler=DDIMScheduler(clip_sample=False, set_alpha_to_one=False, steps_offset=1),
            force_zeros_for_empty_prompt=force_zeros,
            add_watermarker=False,
        )
        pipe.set_progress_bar_config(disable=True)
        return pipe

    return make


@pytest.fixture
def xl(make_xl):
    return make_xl()
