"""Adapters of pipelines whose denoiser is a transformer."""

import copy

import pytest
import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
)
from transformers import T5Config, T5EncoderModel

import igo
from igo.errors import CheckpointError
from igo_plugins import Adapter
from tests.builders import adapters, tiny


def t5():
    torch.manual_seed(0)
    return T5EncoderModel(T5Config(vocab_size=8, d_model=32, d_kv=8, d_ff=16, num_layers=1, num_heads=2)).eval()


@pytest.fixture(scope="module")
def flux(tmp_path_factory):
    torch.manual_seed(1)
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        axes_dims_rope=[4, 4, 8],
    )
    tokenizer = tiny.make_tokenizer(tmp_path_factory.mktemp("flux"))
    return FluxPipeline(
        FlowMatchEulerDiscreteScheduler(), None, tiny.make_text_encoder(tokenizer), tokenizer, t5(), None, transformer
    )


@pytest.fixture(scope="module")
def sd3(tmp_path_factory):
    torch.manual_seed(1)
    transformer = SD3Transformer2DModel(
        sample_size=8,
        patch_size=1,
        in_channels=4,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=32,
        caption_projection_dim=32,
        pooled_projection_dim=64,
        out_channels=4,
    )
    tokenizer = tiny.make_tokenizer(tmp_path_factory.mktemp("sd3"))
    encoders = [tiny.make_text_encoder(tokenizer, projection=True, seed=seed) for seed in (1, 2)]
    return StableDiffusion3Pipeline(
        transformer, FlowMatchEulerDiscreteScheduler(), None, encoders[0], tokenizer, encoders[1], tokenizer, t5(), None
    )


def fresh(pipeline):
    """The same with modules of its own."""
    own = {
        name: copy.deepcopy(part) if isinstance(part, torch.nn.Module) else part
        for name, part in pipeline.components.items()
    }
    return type(pipeline)(**{"vae": None, **own})


def answer(pipeline):
    """What the transformer makes of noise."""
    generator = torch.Generator().manual_seed(4)
    drawn = {name: torch.randn(*shape, generator=generator) for name, shape in (("a", (1, 4, 4)), ("b", (1, 3, 32)))}
    with torch.no_grad():
        if isinstance(pipeline, FluxPipeline):
            return pipeline.transformer(
                hidden_states=drawn["a"],
                encoder_hidden_states=drawn["b"],
                pooled_projections=torch.ones(1, 32),
                timestep=torch.tensor([0.5]),
                img_ids=torch.zeros(4, 3),
                txt_ids=torch.zeros(3, 3),
            ).sample
        return pipeline.transformer(
            hidden_states=torch.randn(1, 4, 8, 8, generator=generator),
            encoder_hidden_states=drawn["b"],
            pooled_projections=torch.ones(1, 64),
            timestep=torch.tensor([500.0]),
        ).sample


BLOCK = "transformer_blocks.0.attn"
CHANGES = {
    f"{BLOCK}.to_q": (2, 1),
    f"{BLOCK}.to_out.0": (4, 8),
    f"{BLOCK}.add_k_proj": (1, None),
    "transformer_blocks.0.ff.net.2": (3, 3),
}


@pytest.mark.parametrize("name", ["flux", "sd3"])
@pytest.mark.parametrize("kind", [adapters.lora, adapters.lokr, adapters.dora])
def test_layers_of_a_transformer_are_layers_too(name, kind, request, tmp_path):
    pipeline = fresh(request.getfixturevalue(name))
    tensors, added = {}, {}
    for path, (rank, alpha) in CHANGES.items():
        weight = pipeline.transformer.get_submodule(path).weight.detach()
        named, added["transformer", path] = kind(weight, rank, alpha) if kind is adapters.lora else kind(weight)
        tensors |= {f"lora_transformer_{path.replace('.', '_')}.{end}": value for end, value in named.items()}
    wanted = answer(adapters.merge(fresh(pipeline), added, 0.5 if kind is not adapters.dora else 1))
    before = answer(pipeline)
    file = adapters.saved(tensors, tmp_path / "a.safetensors")
    pipeline = Adapter(file, 0.5 if kind is not adapters.dora else 1).prepare(pipeline, igo.Runtime())
    assert not torch.allclose(before, wanted, atol=1e-3)
    assert torch.allclose(answer(pipeline), wanted, atol=1e-5)


def test_an_alpha_and_a_text_encoder_beside_it_are_plain_diffusers(flux, tmp_path):
    pipeline = fresh(flux)
    tensors = {}
    for part, path in (("transformer", f"{BLOCK}.to_q"), ("text_encoder", adapters.TEXT[0])):
        named, _ = adapters.lora(getattr(pipeline, part).get_submodule(path).weight.detach(), 2)
        words = {"lora_down.weight": "lora_A.weight", "lora_up.weight": "lora_B.weight"}
        tensors |= {f"{part}.{path}.{words[end]}": value for end, value in named.items()}
    file = adapters.saved(tensors, tmp_path / "a.safetensors")
    pipeline = Adapter(file).prepare(pipeline, igo.Runtime())
    plain = fresh(flux)
    plain.load_lora_weights(file)
    ids = torch.tensor([[1, 2, 3, 40]])
    assert torch.equal(answer(pipeline), answer(plain))
    assert torch.equal(pipeline.text_encoder(ids)[0], plain.text_encoder(ids)[0])


def test_kohyas_names_for_flux_are_the_originals(flux, tmp_path):
    """One layer of them is three of diffusers'; the alphas differ."""
    pipeline = fresh(flux)
    paths = [f"{BLOCK}.{name}" for name in ("to_q", "to_k", "to_v")]
    stacked = torch.cat([pipeline.transformer.get_submodule(path).weight.detach() for path in paths])
    tensors, added = {}, {}
    named, change = adapters.lora(stacked, 2, 1)
    tensors |= {f"lora_unet_double_blocks_0_img_attn_qkv.{end}": value for end, value in named.items()}
    added |= {("transformer", path): part for path, part in zip(paths, change.chunk(3), strict=True)}
    path = f"{BLOCK}.to_out.0"
    named, added["transformer", path] = adapters.lora(pipeline.transformer.get_submodule(path).weight.detach(), 4, 3)
    tensors |= {f"lora_unet_double_blocks_0_img_attn_proj.{end}": value for end, value in named.items()}
    wanted = answer(adapters.merge(fresh(pipeline), added))
    pipeline = Adapter(adapters.saved(tensors, tmp_path / "a.safetensors")).prepare(pipeline, igo.Runtime())
    assert torch.allclose(answer(pipeline), wanted, atol=1e-5)


def test_a_schedule_follows_the_steps_of_flow_matching(flux, tmp_path):
    pipeline = fresh(flux)
    named, _ = adapters.lora(pipeline.transformer.get_submodule(f"{BLOCK}.to_q").weight.detach(), 2)
    tensors = {f"lora_transformer_{BLOCK.replace('.', '_')}_to_q.{end}": value for end, value in named.items()}
    off = answer(pipeline)
    pipeline = Adapter(adapters.saved(tensors, tmp_path / "a.safetensors"), schedule=(0, 1)).prepare(
        pipeline, igo.Runtime()
    )
    pipeline.scheduler.set_timesteps(4)
    on = []
    for timestep in pipeline.scheduler.timesteps:
        on.append(not torch.equal(answer(pipeline), off))
        pipeline.scheduler.step(torch.zeros(1), timestep, torch.zeros(1))
    assert on == [False, False, True, True]


def test_an_adapter_of_stable_diffusion_has_no_place_in_flux(flux, tmp_path, capfd):
    named, _ = adapters.lora(torch.ones(16, 32), 2)
    key = f"lora_unet_{adapters.ATTENTION.replace('.', '_')}"
    file = adapters.saved({f"{key}.{end}": value for end, value in named.items()}, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="doesn't fit this checkpoint"):
        Adapter(file).prepare(fresh(flux), igo.Runtime())
    assert capfd.readouterr().err == ""
