import subprocess
import sys

import pytest
import torch

from igo.errors import PromptError, SettingsError
from igo.painting.prompts.cache import PromptCache
from igo.painting.prompts.clip import TextEncoder
from igo.painting.prompts.encode import emphasised, encode, supports
from igo.painting.prompts.presets import PRESETS

SHORT = "raw photo of a woman in the red hoodie, soft light"
LONG = ", ".join(["a red hoodie in the street"] * 20)  # 139 tokens


def plain(pipeline, prompt, negative=None, clip_skip=None):
    """What the pipeline itself makes of it."""
    return pipeline.encode_prompt(
        prompt,
        device=torch.device("cpu"),
        num_images_per_prompt=1,
        do_classifier_free_guidance=True,
        negative_prompt=negative,
        clip_skip=clip_skip,
    )


def tensors(encoded):
    return (
        encoded.prompt_embeds,
        encoded.negative_prompt_embeds,
        encoded.pooled_prompt_embeds,
        encoded.negative_pooled_prompt_embeds,
    )


def assert_same_bytes(found, expected):
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.dtype == theirs.dtype
        assert mine.shape == theirs.shape
        assert torch.equal(mine, theirs)


# Equality with plain diffusers


@pytest.mark.parametrize("emphasis", ["mean", "plain", "off"])
@pytest.mark.parametrize(("prompt", "negative"), [(SHORT, "a blue sky"), (SHORT, None), (SHORT, ""), ("", "")])
def test_a_short_prompt_without_weights_is_plain_diffusers(pipeline, emphasis, prompt, negative):
    encoded = encode(pipeline, prompt, negative, emphasis=emphasis)
    assert_same_bytes(tensors(encoded)[:2], plain(pipeline, prompt, negative))


@pytest.mark.parametrize("text", [SHORT, "(a:1.3) BREAK [b] \\(c", LONG, LONG[:-1] + "é 写真 🙂"])
def test_off_is_plain_diffusers_for_any_text(pipeline, xl, text):
    assert_same_bytes(
        tensors(encode(pipeline, text, text + " hat", emphasis="off"))[:2], plain(pipeline, text, text + " hat")
    )
    assert_same_bytes(tensors(encode(xl, text, text + " hat", emphasis="off")), plain(xl, text, text + " hat"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_plain_diffusers(pipeline, dtype):
    pipeline.text_encoder.to(dtype)
    encoded = encode(pipeline, SHORT, "sky")
    assert_same_bytes(tensors(encoded)[:2], plain(pipeline, SHORT, "sky"))
    assert encode(pipeline, "(red:1.3) hoodie").prompt_embeds.dtype == dtype


def test_attention_mask_is_given_where_the_encoder_wants_it(pipeline):
    pipeline.text_encoder.config.use_attention_mask = True
    assert_same_bytes(tensors(encode(pipeline, SHORT, "sky"))[:2], plain(pipeline, SHORT, "sky"))


@pytest.mark.parametrize("emphasis", ["mean", "plain", "off"])
@pytest.mark.parametrize("negative", ["a blue sky", None, ""])
@pytest.mark.parametrize("force_zeros", [True, False])
def test_xl_is_plain_diffusers(make_xl, emphasis, negative, force_zeros):
    xl = make_xl(force_zeros)
    encoded = encode(xl, SHORT, negative, emphasis=emphasis)
    assert_same_bytes(tensors(encoded), plain(xl, SHORT, negative))
    assert (encoded.report.negative_prompt is None) == (force_zeros and negative is None)


def test_xl_off_skips_layers_of_the_prompt_alone_as_diffusers_does(xl):
    assert_same_bytes(tensors(encode(xl, SHORT, "sky", emphasis="off", clip_skip=1)), plain(xl, SHORT, "sky", 1))


def test_refiner_of_xl(xl):
    """It has the second text encoder alone."""
    xl.text_encoder = xl.tokenizer = None
    assert_same_bytes(tensors(encode(xl, SHORT, "sky")), plain(xl, SHORT, "sky"))


def test_textual_inversion_of_several_vectors(pipeline):
    pipeline.load_textual_inversion({"<house-style>": torch.ones(3, 32) * torch.arange(1, 4)[:, None]})
    prompt = "a <house-style> hoodie"
    encoded = encode(pipeline, prompt)
    assert encoded.report.prompt.counts == (5,)
    assert [token.text for token in encoded.report.prompt.chunks[0]][1:4] == [
        "<house-style>",
        "<house-style>_1",
        "<house-style>_2",
    ]
    assert_same_bytes(tensors(encoded)[:2], plain(pipeline, prompt))
    weighted = encode(pipeline, "a (<house-style>:1.2) hoodie").report.prompt.chunks[0]
    assert [token.weight for token in weighted] == [1, 1.2, 1.2, 1.2, 1]


# Long prompts


def test_a_long_prompt_is_encoded_whole(pipeline, caplog):
    encoded = encode(pipeline, LONG, "sky")
    assert not caplog.records  # the tokenizer's warning of "indexing errors" would be wrong
    assert encoded.prompt_embeds.shape == encoded.negative_prompt_embeds.shape == (1, 154, 32)
    assert encoded.report.prompt.counts == (70, 69)  # cut behind a comma
    tokens = [token.text for chunk in encoded.report.prompt.chunks for token in chunk]
    assert "".join(tokens).replace("</w>", " ").replace(" ,", ",").strip() == LONG
    first, second = LONG.split(", ")[:10], LONG.split(", ")[10:]
    both = [plain(pipeline, part)[0] for part in (", ".join(first) + ",", ", ".join(second))]
    assert torch.equal(encoded.prompt_embeds, torch.cat(both, dim=1))


def test_the_shorter_text_is_padded_with_empty_chunks(pipeline):
    encoded = encode(pipeline, "red hoodie", LONG)
    empty = plain(pipeline, "")[0]
    assert encoded.prompt_embeds.shape == (1, 154, 32)
    assert torch.equal(encoded.prompt_embeds[:, 77:], empty)
    assert encoded.report.prompt.counts == (2,)
    assert encoded.report.negative_prompt.counts == (70, 69)


def test_xl_joins_chunks_of_both_encoders_and_pools_the_first(xl):
    encoded = encode(xl, LONG, "sky BREAK street BREAK a")
    assert encoded.prompt_embeds.shape == encoded.negative_prompt_embeds.shape == (1, 231, 80)
    first = ", ".join(LONG.split(", ")[:10]) + ","
    one = plain(xl, first, "street")
    assert torch.equal(encoded.prompt_embeds[:, :77], one[0])
    assert torch.equal(encoded.pooled_prompt_embeds, one[2])
    assert torch.equal(encoded.negative_prompt_embeds[:, 77:154], one[1])
    assert torch.equal(encoded.prompt_embeds[:, 154:], plain(xl, "")[0])


def test_zeros_of_xl_are_as_long_as_the_prompt(xl):
    encoded = encode(xl, LONG)
    assert encoded.negative_prompt_embeds.shape == (1, 154, 80)
    assert not encoded.negative_prompt_embeds.any()
    assert not encoded.negative_pooled_prompt_embeds.any()


def test_without_guidance_the_negative_prompt_adds_nothing(pipeline, xl):
    encoded = encode(pipeline, "red hoodie", LONG, guidance=False)
    assert encoded.negative_prompt_embeds is None
    assert encoded.prompt_embeds.shape == (1, 77, 32)
    assert encoded.report.negative_prompt is None
    assert encode(xl, "red hoodie", guidance=False).negative_pooled_prompt_embeds is None


def test_break_starts_a_chunk(pipeline):
    encoded = encode(pipeline, "red BREAK blue")
    assert torch.equal(encoded.prompt_embeds, torch.cat([plain(pipeline, "red")[0], plain(pipeline, "blue")[0]], dim=1))


def test_off_says_what_it_drops(pipeline):
    report = encode(pipeline, LONG, emphasis="off").report
    assert report.prompt.counts == (75,)
    assert len(report.prompt.dropped) == 64
    assert str(report).startswith("prompt: 75 tokens in 1 chunk, 64 tokens dropped")


# Weights


@pytest.mark.parametrize("weight", [1.3, 0.5, 0.0, -1.0])
def test_plain_emphasis_multiplies_the_weighted_tokens_alone(pipeline, weight):
    base = encode(pipeline, "a red hoodie", emphasis="plain").prompt_embeds
    found = encode(pipeline, f"a (red:{weight}) hoodie", emphasis="plain").prompt_embeds
    place = 2  # BOS, a, red
    assert torch.allclose(found[:, place], base[:, place] * weight)
    others = [number for number in range(77) if number != place]
    assert torch.equal(found[:, others], base[:, others])


def test_mean_emphasis_restores_each_chunks_mean(pipeline):
    base = encode(pipeline, "a red hoodie BREAK blue jeans").prompt_embeds
    found = encode(pipeline, "a (red:1.5) hoodie BREAK (blue:0.5) jeans").prompt_embeds
    for chunk in (slice(0, 77), slice(77, 154)):
        assert not torch.equal(found[:, chunk], base[:, chunk])
        assert found[:, chunk].mean().item() == pytest.approx(base[:, chunk].mean().item(), rel=1e-5)
    ratio = found[:, :77] / base[:, :77]
    assert torch.allclose(ratio[:, 2], 1.5 * ratio[:, 1], rtol=1e-4)  # red against a


def test_a_chunk_without_weights_is_untouched(pipeline):
    found = encode(pipeline, "a (red:1.5) hoodie BREAK blue jeans").prompt_embeds
    assert torch.equal(found[:, 77:], plain(pipeline, "blue jeans")[0])


def test_each_encoder_of_xl_keeps_its_own_mean(xl):
    base, found = encode(xl, "a red hoodie").prompt_embeds, encode(xl, "a (red:1.4) hoodie").prompt_embeds
    for features in (slice(0, 32), slice(32, 80)):
        assert found[..., features].mean().item() == pytest.approx(base[..., features].mean().item(), rel=1e-4)


def test_a_mean_near_zero_is_left_alone():
    """A freshly made text encoder's final norm has a bias of 0: its mean is noise, the factor would be wild."""
    embedding = torch.tensor([1.0, -1.0] * 16).repeat(1, 4, 1) + 1e-6
    found = emphasised(embedding, (1.0, 1.5, 1.0, 1.0), restore_mean=True)
    assert torch.equal(found, emphasised(embedding, (1.0, 1.5, 1.0, 1.0), restore_mean=False))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(dtype):
    embedding = (torch.randn(1, 4, 32, generator=torch.Generator().manual_seed(0)) + 0.3).to(dtype)
    weights = (1.0, 1.37, 1.0, 0.61)
    exact = emphasised(embedding.float(), weights, restore_mean=True)
    assert torch.equal(emphasised(embedding, weights, restore_mean=True), exact.to(dtype))


def test_a_mean_that_changes_its_sign_is_left_alone():
    """The factor would turn every other token around."""
    embedding = torch.full((1, 4, 8), 0.5)
    found = emphasised(embedding, (1.0, -2.0, -2.0, 1.0), restore_mean=True)
    assert found[0, :, 0].tolist() == [0.5, -1, -1, 0.5]


def test_a_weight_beyond_the_dtype_is_refused(pipeline):
    pipeline.text_encoder.to(torch.float16)
    with pytest.raises(PromptError, match=r"a weight of 900000 is more than torch.float16 can hold"):
        encode(pipeline, "(red:900000)", emphasis="plain")


# clip_skip


@pytest.mark.parametrize("skip", [1, 2])
def test_clip_skip_leaves_out_the_last_layers(pipeline, skip):
    """Against the layers run by hand, final norm included, for both prompts."""
    encoder = pipeline.text_encoder
    encoded = encode(pipeline, "red hoodie", "sky", clip_skip=skip)
    for text, found in (("red hoodie", encoded.prompt_embeds), ("sky", encoded.negative_prompt_embeds)):
        ids = pipeline.tokenizer(text, padding="max_length", return_tensors="pt").input_ids
        causal = torch.full((1, 1, 77, 77), float("-inf")).triu(1)
        with torch.no_grad():
            hidden = encoder.embeddings(ids)
            for layer in encoder.encoder.layers[: 3 - skip]:
                hidden = layer(hidden, causal)
            hidden = encoder.final_layer_norm(hidden)
        assert torch.allclose(found, hidden, atol=1e-6)


def test_clip_skip_0_is_the_last_layer(pipeline):
    assert_same_bytes(tensors(encode(pipeline, SHORT, "sky", clip_skip=0))[:2], plain(pipeline, SHORT, "sky"))


def test_clip_skip_with_the_layout_of_older_transformers(pipeline):
    expected = encode(pipeline, SHORT, clip_skip=1).prompt_embeds
    encoder = pipeline.text_encoder

    class Old(torch.nn.Module):
        config, dtype, device = encoder.config, encoder.dtype, encoder.device

        def __init__(self):
            super().__init__()
            self.text_model = encoder

        def forward(self, *args, **kwargs):
            return self.text_model(*args, **kwargs)

    pipeline.text_encoder = Old()
    assert torch.equal(encode(pipeline, SHORT, clip_skip=1).prompt_embeds, expected)


def test_xl_counts_clip_skip_from_the_layer_before_the_last(xl):
    assert torch.equal(encode(xl, SHORT, clip_skip=1).prompt_embeds, plain(xl, SHORT, clip_skip=1)[0])


@pytest.mark.parametrize("skip", [3, -1, 1.0, True, None])
def test_clip_skip_beyond_the_layers_is_refused(pipeline, skip):
    with pytest.raises(SettingsError, match="expected a whole number of 0 to 2"):
        encode(pipeline, "a", clip_skip=skip)


# The whole, and what is refused


def test_house_prompts_reach_the_picture(pipeline, xl):
    prompt, negative = PRESETS["musinsaigo"].apply("a woman in a red hoodie")
    for pipe in (pipeline, xl):
        encoded = encode(pipe, prompt, negative)
        assert not encoded.report.prompt.dropped
        settings = {"num_inference_steps": 1, "height": 16, "width": 16, "output_type": "np"}
        image = pipe(**encoded.kwargs(), generator=torch.Generator().manual_seed(0), **settings).images
        assert image.shape == (1, 16, 16, 3)


def test_an_offloaded_encoder_computes_where_its_hooks_bring_it(pipeline):
    from accelerate import cpu_offload

    expected = plain(pipeline, SHORT, "sky")
    cpu_offload(pipeline.text_encoder, execution_device=torch.device("cpu"))
    assert pipeline.text_encoder.device.type == "meta"
    assert_same_bytes(tensors(encode(pipeline, SHORT, "sky", cache=PromptCache()))[:2], expected)


def test_no_gradient_is_kept(pipeline):
    assert not encode(pipeline, "(a:1.2)").prompt_embeds.requires_grad


def test_only_clip_alone_is_supported(pipeline, xl):
    from types import SimpleNamespace

    clip = SimpleNamespace(config=SimpleNamespace(model_type="clip_text_model"))
    t5 = SimpleNamespace(config=SimpleNamespace(model_type="t5"))
    assert supports(pipeline)
    assert supports(xl)
    for other in (
        SimpleNamespace(transformer=object(), tokenizer=object(), text_encoder=t5),
        SimpleNamespace(transformer=object(), tokenizer=object(), text_encoder=clip),
        SimpleNamespace(unet=object(), tokenizer=object(), text_encoder=t5),
        SimpleNamespace(unet=object(), tokenizer=object(), text_encoder=clip, tokenizer_2=object(), text_encoder_2=t5),
        SimpleNamespace(unet=object(), tokenizer=object(), text_encoder=clip, text_encoder_3=None),
        SimpleNamespace(unet=object(), tokenizer=None, text_encoder=clip),
        SimpleNamespace(unet=object(), tokenizer=object(), text_encoder=None),
    ):
        assert not supports(other)
        with pytest.raises(SettingsError, match="give it the prompts as strings"):
            encode(other, "a")


def test_an_unknown_emphasis_is_refused(pipeline):
    with pytest.raises(SettingsError, match=r"emphasis is 'means'; did you mean 'mean'\?"):
        encode(pipeline, "a", emphasis="means")


@pytest.mark.parametrize("prompt", [None, ["a", "b"], 3])
def test_a_prompt_is_one_text(pipeline, prompt):
    with pytest.raises(PromptError, match="expected one text"):
        encode(pipeline, prompt)


def test_half_a_character_is_refused(pipeline):
    with pytest.raises(PromptError, match=r"half of a character \(U\+D83D\)"):
        encode(pipeline, "a \ud83d")


def test_torch_is_imported_by_nothing_but_encoding():
    modules = ", ".join(f"igo.painting.prompts.{name}" for name in ("syntax", "chunks", "presets", "encode"))
    code = f"import {modules}; import sys; print({{'torch', 'transformers', 'diffusers'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_token_is_written_without_advice_on_spaces(make_tokenizer, monkeypatch):
    """Tokenizers of before 2025 say clean_up_tokenization_spaces, which transformers comments on once."""
    from transformers import tokenization_utils_tokenizers

    tokenizer, said = make_tokenizer(), []
    tokenizer.clean_up_tokenization_spaces = True
    monkeypatch.setattr(tokenization_utils_tokenizers.logger, "warning_once", said.append)
    reader = TextEncoder(None, tokenizer, None, penultimate=False)
    assert [reader.written(token_id) for token_id, _ in reader.tokenize("red hoodie")] == ["red", "hoodie"]
    assert said == []
