"""Networks with fewer operations: what they give in float64 is what they gave, and nothing of it stays."""

import inspect

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from igo.painting.engines.calls import Call
from igo.painting.engines.rewriting import halved, replaced, rewritten
from tests.builders import tiny


@pytest.fixture(scope="module")
def unet():
    return tiny.make_unet().double().eval()


def asked(unet, size=(8, 12), latents=2, apart=0.0, **others):
    """The call that guidance makes: each latent with two texts, its second time ``apart`` from its first."""
    rng = torch.Generator().manual_seed(5)
    sample = torch.randn(latents, 4, *size, generator=rng, dtype=torch.float64)
    texts = torch.randn(2 * latents, 7, 32, generator=rng, dtype=torch.float64)
    call = {
        "sample": torch.cat([sample, sample + apart]),
        "timestep": torch.tensor(500),
        "encoder_hidden_states": texts,
    }
    return Call.of(inspect.signature(unet.forward), (), call | {"return_dict": False} | others)


def given(unet, call):
    args, kwargs = call.with_tensors(call.tensors)
    with torch.no_grad():
        return unet(*args, **kwargs)[0]


@pytest.mark.parametrize("size", [(8, 12), (7, 9)], ids=["even", "odd"])
def test_a_unet_gives_the_same(unet, size):
    call = asked(unet, size)
    expected, half, layers = given(unet, call), halved(unet, call), [set(vars(layer)) for layer in unet.modules()]
    assert [len(one) for one in half.tensors[::2]] == [2, 4]
    assert half.rest != call.rest
    with replaced(rewritten(unet)):
        assert torch.allclose(given(unet, call), expected, rtol=0, atol=1e-13)
        assert torch.allclose(given(unet, half), expected, rtol=0, atol=1e-13)
    assert [set(vars(layer)) for layer in unet.modules()] == layers
    assert torch.equal(given(unet, call), expected)


def test_other_calls_and_networks_are_not_halved(unet):
    assert halved(unet, asked(unet, apart=1e-9)) is None
    skips = {"down_block_additional_residuals": (torch.zeros(4, 8, 8, 12),)}
    assert halved(unet, asked(unet, **skips)) is None
    single = {
        "sample": torch.zeros(1, 4, 8, 8),
        "timestep": torch.tensor(1),
        "encoder_hidden_states": torch.zeros(1, 7, 32),
    }
    assert halved(unet, Call.of(inspect.signature(unet.forward), (), single)) is None
    each = Call.of(inspect.signature(unet.forward), (), single | {"timestep": torch.tensor([1])})
    assert halved(unet, each) is None
    assert halved(torch.nn.Linear(2, 2), asked(unet)) is None


def test_a_decoder_does_less_for_the_same():
    decoder, latents = tiny.make_vae().double().eval().decoder, torch.randn(1, 4, 6, 5, dtype=torch.float64)

    def asked_and_given():
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            found = decoder(latents)
        return counter.get_total_flops(), found

    before, expected = asked_and_given()
    with replaced(rewritten(decoder)):
        after, found = asked_and_given()
    assert torch.allclose(found, expected, rtol=0, atol=1e-13)
    assert before - after == (9 - 4) * 2 * (12 * 10) * (16 * 16), "four products of nine, where it doubles pixels"


def test_layers_with_adapters_stay_as_they_are(unet):
    from peft import LoraConfig

    adapted = tiny.make_unet().double().eval()
    adapted.add_adapter(LoraConfig(r=2, target_modules=["conv", "proj"], init_lora_weights=False))
    call = asked(adapted)
    with replaced(rewritten(adapted)):
        found = given(adapted, halved(adapted, call))
    assert torch.allclose(found, given(adapted, call), rtol=0, atol=1e-13)
    assert (found - given(unet, call)).abs().max() > 1e-3
