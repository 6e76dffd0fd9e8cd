import pytest
import torch

from igo.errors import SettingsError
from igo.painting.prompts.cache import PromptCache, encoder_state
from igo.painting.prompts.clip import text_encoders
from igo.painting.prompts.encode import encode


def counted(encoder):
    """The encoder's calls, as a list that grows."""
    calls = []
    encoder.register_forward_hook(lambda *_: calls.append(1))
    return calls


def test_the_same_text_is_encoded_once(pipeline):
    calls, cache = counted(pipeline.text_encoder), PromptCache()
    first = encode(pipeline, "a (red:1.3) hoodie", "sky", cache=cache)
    again = encode(pipeline, "a (red:1.3) hoodie", "sky", cache=cache)
    assert len(calls) == 2
    assert (cache.hits, cache.misses) == (2, 2)
    assert torch.equal(first.prompt_embeds, again.prompt_embeds)
    assert first.report == again.report


def test_what_comes_out_can_be_changed_without_harm(xl):
    cache = PromptCache()
    first = encode(xl, "red", "sky", cache=cache)
    before = [tensor.clone() for tensor in first.kwargs().values()]
    for tensor in first.kwargs().values():
        tensor.zero_()
    again = encode(xl, "red", "sky", cache=cache)
    assert all(torch.equal(a, b) for a, b in zip(again.kwargs().values(), before, strict=True))


@pytest.mark.parametrize("settings", [{"emphasis": "plain"}, {"emphasis": "off"}, {"clip_skip": 1}])
def test_other_settings_are_other_entries(pipeline, settings):
    cache = PromptCache()
    encode(pipeline, "(red:1.3)", "sky", cache=cache)
    found = encode(pipeline, "(red:1.3)", "sky", cache=cache, **settings)
    assert cache.hits == 0
    assert torch.equal(found.prompt_embeds, encode(pipeline, "(red:1.3)", "sky", **settings).prompt_embeds)


def test_adapters_and_their_scales_are_part_of_the_key(pipeline):
    from peft import LoraConfig

    encoder, cache = pipeline.text_encoder, PromptCache()
    plain = encode(pipeline, "red", cache=cache).prompt_embeds
    encoder.add_adapter(LoraConfig(target_modules=["q_proj"], init_lora_weights=False), "style")
    with_adapter = encode(pipeline, "red", cache=cache).prompt_embeds
    pipeline.set_adapters("style", 0.3)
    weaker = encode(pipeline, "red", cache=cache).prompt_embeds
    encoder.disable_adapters()
    without = encode(pipeline, "red", cache=cache).prompt_embeds
    assert cache.hits < 2
    assert not torch.equal(plain, with_adapter)
    assert not torch.equal(with_adapter, weaker)
    assert torch.equal(plain, without)


def test_weights_changed_in_place_are_part_of_the_key(pipeline):
    """As a LoRA leaves them that was fused and then unloaded."""
    cache = PromptCache()
    plain = encode(pipeline, "red", cache=cache).prompt_embeds
    weight = pipeline.text_encoder.encoder.layers[1].self_attn.q_proj.weight
    weight.data += 0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(encode(pipeline, "red", cache=cache).prompt_embeds, plain)


def test_dtype_is_part_of_the_key(pipeline):
    cache = PromptCache()
    encode(pipeline, "red", cache=cache)
    pipeline.text_encoder.to(torch.bfloat16)
    assert encode(pipeline, "red", cache=cache).prompt_embeds.dtype == torch.bfloat16


def test_new_tokens_are_part_of_the_key(pipeline):
    cache = PromptCache()
    encode(pipeline, "a <style>", cache=cache)
    pipeline.load_textual_inversion({"<style>": torch.ones(1, 32)})
    assert encode(pipeline, "a <style>", cache=cache).report.prompt.counts == (2,)


def test_the_vocabulary_is_part_of_the_state(pipeline):
    (encoder,) = text_encoders(pipeline)
    before = encoder.state()
    pipeline.tokenizer.add_tokens("<style>")
    assert encoder.state() != before


def test_state_is_repeatable_with_weights_that_are_no_numbers(pipeline):
    with torch.no_grad():
        pipeline.text_encoder.final_layer_norm.bias.fill_(float("nan"))
    assert encoder_state(pipeline.text_encoder) == encoder_state(pipeline.text_encoder)


def test_the_entry_unused_for_longest_goes_first():
    cache = PromptCache(size=2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert cache.get("b") is None
    assert (cache.get("a"), cache.get("c"), len(cache)) == (1, 3, 2)
    cache.clear()
    assert len(cache) == 0


def test_a_cache_holds_something():
    with pytest.raises(SettingsError, match="size of a prompt cache is 0"):
        PromptCache(0)
