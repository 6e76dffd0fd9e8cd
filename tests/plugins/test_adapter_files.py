"""Where adapters lie and how their keys are spelt: peft's folders, diffusers' of all times, kohya's for XL, a hub."""

import json
import shutil

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from peft import LoHaConfig, LoKrConfig, LoraConfig, inject_adapter_in_model
from peft.utils import get_peft_model_state_dict

import igo
from igo.errors import CheckpointError
from igo_plugins import Adapter
from tests.builders import adapters, tiny

ASKED = {"prompt": "a red coat", "width": 32, "height": 32, "num_inference_steps": 2, "guidance_scale": 3.0}
LAYERS = [("unet", adapters.ATTENTION), ("unet", adapters.OUT), ("text_encoder", adapters.TEXT[0])]


@pytest.fixture(scope="module")
def xl_checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("xl")
    tiny.make_xl_pipeline(folder / "tokenizer").save_pretrained(folder / "checkpoint")
    return folder / "checkpoint"


def painter(folder):
    runtime = igo.Runtime(device="cpu")

    def run(*steps):
        runtime.release()
        chain = igo.Chain(igo.TextToImage(str(folder)), *steps, runtime=runtime)
        return np.asarray(chain.run(seed=5, **ASKED).image).astype(int)

    return run


@pytest.fixture(scope="module")
def paint(tiny_checkpoint):
    return painter(tiny_checkpoint)


@pytest.fixture(scope="module")
def kohya(tiny_checkpoint, tmp_path_factory):
    """A file in kohya's layout, rank 2, alpha 2, and its tensors."""
    from diffusers import StableDiffusionPipeline

    parts = StableDiffusionPipeline.from_pretrained(tiny_checkpoint, safety_checker=None).components
    tensors, _ = adapters.kohya(parts, [(*layer, lambda weight: adapters.lora(weight, 2, 2)) for layer in LAYERS])
    return adapters.saved(tensors, tmp_path_factory.mktemp("kohya") / "a.safetensors"), tensors


@pytest.fixture(scope="module")
def expected(kohya, paint):
    return paint(Adapter(kohya[0]))


def spelt(tensors, unet, text, down, up, processors=False):
    """The same tensors under other names."""
    named = {}
    for key, value in tensors.items():
        layer, _, ending = key.partition(".")
        if ending == "alpha":
            continue
        for (part, path), name in {layer_: layer_[1] for layer_ in LAYERS}.items():
            prefix = "lora_unet_" if part == "unet" else "lora_te_text_model_"
            if layer == prefix + path.replace(".", "_"):
                if processors:
                    for new, old in (("q_proj", "to_q"), ("to_out.0", "to_out")):
                        name = name.removesuffix(new) + old if name.endswith(new) else name
                    head, _, last = name.rpartition(".")
                    name = f"{head}.processor.{last}" if part == "unet" else name
                named[(unet if part == "unet" else text) + name + (down if "down" in ending else up)] = value
    assert len(named) == 2 * len(LAYERS)
    return named


@pytest.mark.parametrize(
    "names",
    [
        ("unet.", "text_encoder.", ".lora_A.weight", ".lora_B.weight"),
        ("unet.", "text_encoder.text_model.", ".lora.down.weight", ".lora.up.weight"),
        ("unet.", "text_encoder.text_model.", "_lora.down.weight", "_lora.up.weight", True),
        ("", "text_encoder.", "_lora.down.weight", "_lora.up.weight", True),
        ("base_model.model.unet.", "base_model.model.text_encoder.", ".lora_A.weight", ".lora_B.weight"),
        ("diffusion_model.", "text_encoder.", ".lora_A.weight", ".lora_B.weight"),
        ("", "", ".lora_A.default.weight", ".lora_B.default.weight"),
    ],
)
def test_spellings_of_all_times(names, kohya, expected, paint, tmp_path):
    file = adapters.saved(spelt(kohya[1], *names), tmp_path / "a.safetensors")
    assert np.array_equal(paint(Adapter(file)), expected)


def test_names_as_people_have_them(kohya, expected, paint, tmp_path):
    shutil.copy(kohya[0], tmp_path / "JACKET.SAFETENSORS")
    assert np.array_equal(paint(Adapter(str(tmp_path / "JACKET.SAFETENSORS"))), expected)
    assert np.array_equal(paint(Adapter(str(tmp_path))), expected), "a folder with one file"
    (tmp_path / "optimizer.bin").write_bytes(b"")
    shutil.copy(kohya[0], tmp_path / "b.safetensors")
    with pytest.raises(CheckpointError, match="several files; say which in weight_name: JACKET"):
        paint(Adapter(str(tmp_path)))
    assert np.array_equal(paint(Adapter(str(tmp_path), weight_name="b.safetensors")), expected)
    shutil.copy(kohya[0], tmp_path / "pytorch_lora_weights.safetensors")
    assert np.array_equal(paint(Adapter(str(tmp_path))), expected)
    with pytest.raises(CheckpointError, match=r"has no c\.safetensors; it has: JACKET"):
        paint(Adapter(str(tmp_path), weight_name="c.safetensors"))


@pytest.mark.parametrize("suffix", [".bin", ".pt", ".ckpt"])
def test_pickles_of_tensors_alone_are_read(suffix, kohya, expected, paint, tmp_path):
    torch.save(kohya[1], tmp_path / f"a{suffix}")
    assert np.array_equal(paint(Adapter(str(tmp_path / f"a{suffix}"))), expected)
    torch.save({"state_dict": kohya[1], "epoch": 3}, tmp_path / f"a{suffix}")
    assert np.array_equal(paint(Adapter(str(tmp_path / f"a{suffix}"))), expected)


class Runs:
    def __reduce__(self):
        return (print, ("ran",))


@pytest.mark.parametrize("content", [{"a": Runs()}, None])
def test_pickles_that_could_run_code_are_not(content, paint, tmp_path, capsys):
    file = tmp_path / "a.bin"
    torch.save(content, file) if content else file.write_bytes(b"\x80nothing")
    with pytest.raises(CheckpointError, match=r"is not loaded: .* convert it to \.safetensors") as raised:
        paint(Adapter(str(file)))
    assert "\n" not in str(raised.value)
    assert "weights_only" not in str(raised.value)
    assert capsys.readouterr().out == ""


def test_a_suffix_of_another_thing(paint, tmp_path):
    (tmp_path / "a.txt").write_text("words")
    with pytest.raises(CheckpointError, match=r"a\.txt is no adapter"):
        paint(Adapter(str(tmp_path / "a.txt")))
    with pytest.raises(CheckpointError, match=r"there is no adapter .*none\.bin"):
        paint(Adapter(str(tmp_path / "none.bin")))
    with pytest.raises(CheckpointError, match="there is no adapter 'none'; expected a"):
        paint(Adapter("none"))


@pytest.mark.parametrize(
    "config",
    [
        LoraConfig(r=2, lora_alpha=3, target_modules=["to_k", "ff.net.2"]),
        LoraConfig(
            r=2,
            lora_alpha=3,
            target_modules=["to_k", "to_q"],
            rank_pattern={"to_q": 4},
            alpha_pattern={"attn1.to_k": 9},
        ),
        LoraConfig(r=4, lora_alpha=3, target_modules=["to_k"], use_rslora=True),
        LoraConfig(r=2, lora_alpha=3, target_modules=["to_k", "conv1"], use_dora=True),
        LoHaConfig(r=2, alpha=3, target_modules=["to_k", "conv1"]),
        LoKrConfig(r=2, alpha=3, target_modules=["to_k", "conv1"], decompose_factor=4),
        LoKrConfig(r=30, alpha=60, target_modules=["to_k", "ff.net.2"], decompose_factor=4),
    ],
    ids=lambda config: config.peft_type.value,
)  # fmt: skip
def test_folders_of_peft(config, tiny_checkpoint, paint, tmp_path):
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(tiny_checkpoint, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    config.init_weights = False
    inject_adapter_in_model(config, pipeline.unet)
    generator = torch.Generator().manual_seed(1)
    for name, parameter in pipeline.unet.named_parameters():
        if any(part in name for part in ("lora_A", "lora_B", "hada_", "lokr_")):
            parameter.data = torch.randn(parameter.shape, generator=generator) / 2
        elif "magnitude" in name:
            parameter.data *= 1 + torch.rand(parameter.shape, generator=generator)
    wanted = np.asarray(pipeline(**ASKED, generator=torch.Generator().manual_seed(5)).images[0]).astype(int)
    state = {f"base_model.model.{key}": value for key, value in get_peft_model_state_dict(pipeline.unet).items()}
    adapters.saved(state, tmp_path / "adapter_model.safetensors")
    config.save_pretrained(tmp_path)
    found = paint(Adapter(str(tmp_path)))
    assert abs(found - paint()).max() > 4
    assert abs(found - wanted).max() <= 1


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"peft_type": "VERA", "r": 2}, "peft's VERA"),
        ({"peft_type": "LORA", "r": 0}, "can't be read"),
        ({"peft_type": "LORA", "r": 2, "lora_alpha": 1e400}, "can't be read"),
        ({"peft_type": "LORA", "r": 2, "alpha_pattern": {"(a+)+$": 2}}, "can't be read"),
        ({"peft_type": "LORA", "r": 2, "alpha_pattern": [1]}, "can't be read"),
        ([], "holds a list"),
        ("{", "can't be read"),
    ],
)
def test_folders_of_peft_that_can_not_be_meant(config, told, kohya, paint, tmp_path):
    shutil.copy(kohya[0], tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    with pytest.raises(CheckpointError, match=told):
        paint(Adapter(str(tmp_path)))


def test_kohyas_names_for_xl(xl_checkpoint, tmp_path):
    """They are the original UNet's, each of which diffusers has under another."""
    pipeline = StableDiffusionXLPipeline.from_pretrained(xl_checkpoint, add_watermarker=False)
    pipeline.set_progress_bar_config(disable=True)
    pairs = {
        "input_blocks_0_0": "conv_in",
        "input_blocks_1_0_in_layers_2": "down_blocks.0.resnets.0.conv1",
        "input_blocks_1_0_emb_layers_1": "down_blocks.0.resnets.0.time_emb_proj",
        "input_blocks_2_0_op": "down_blocks.0.downsamplers.0.conv",
        "input_blocks_3_0_out_layers_3": "down_blocks.1.resnets.0.conv2",
        "input_blocks_3_0_skip_connection": "down_blocks.1.resnets.0.conv_shortcut",
        "input_blocks_3_1_transformer_blocks_0_attn2_to_out_0": (
            "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_out.0"
        ),
        "input_blocks_3_1_proj_in": "down_blocks.1.attentions.0.proj_in",
        "middle_block_0_in_layers_2": "mid_block.resnets.0.conv1",
        "middle_block_1_transformer_blocks_0_ff_net_0_proj": adapters.FEED_FORWARD,
        "middle_block_2_out_layers_3": "mid_block.resnets.1.conv2",
        "output_blocks_0_1_transformer_blocks_0_attn1_to_q": "up_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
        "output_blocks_1_2_conv": "up_blocks.0.upsamplers.0.conv",
        "output_blocks_3_0_in_layers_2": "up_blocks.1.resnets.1.conv1",
        "time_embed_2": "time_embedding.linear_2",
        "label_emb_0_0": "add_embedding.linear_1",
        "out_2": "conv_out",
    }
    tensors, added = {}, {}
    for original, path in pairs.items():
        named, added["unet", path] = adapters.lora(pipeline.unet.get_submodule(path).weight.detach(), 2, 1)
        tensors |= {f"lora_unet_{original}.{ending}": value for ending, value in named.items()}
    texts = [("text_encoder", adapters.TEXT[0]), ("text_encoder_2", f"text_model.{adapters.TEXT[1]}")]
    named, more = adapters.kohya(pipeline.components, [(*layer, adapters.lora) for layer in texts])
    file = adapters.saved(tensors | named, tmp_path / "a.safetensors")
    adapters.merge(pipeline, added | more)
    wanted = np.asarray(pipeline(**ASKED, generator=torch.Generator().manual_seed(5)).images[0]).astype(int)
    assert abs(painter(xl_checkpoint)(Adapter(file)) - wanted).max() <= 1


def test_a_hubs_repository_needs_no_name_of_a_file(hub, xl_checkpoint):
    pipeline = StableDiffusionXLPipeline.from_pretrained(xl_checkpoint, add_watermarker=False)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_lora_weights(str(hub.root / "youngmki/musinsaigo-2.0"))
    wanted = np.asarray(pipeline(**ASKED, generator=torch.Generator().manual_seed(5)).images[0]).astype(int)
    paint = painter(xl_checkpoint)
    assert np.array_equal(paint(Adapter("youngmki/musinsaigo-2.0")), wanted)
    assert len(hub.fetched) == 2, "the file and its card, once"
    with pytest.raises(CheckpointError, match=r"has no other\.safetensors; it has: README\.md, pytorch_lora"):
        paint(Adapter("youngmki/musinsaigo-2.0", weight_name="other.safetensors"))
    with pytest.raises(CheckpointError, match="there is no 'nobody/nothing' on the hub"):
        paint(Adapter("nobody/nothing"))


def test_a_hubs_repository_that_was_fetched_needs_no_hub(hub, xl_checkpoint, monkeypatch):
    paint = painter(xl_checkpoint)
    before = paint(Adapter("youngmki/musinsaigo-2.0"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert np.array_equal(paint(Adapter("youngmki/musinsaigo-2.0")), before)
