"""Every kind of change, as other tools write it, against weights merged by hand."""

from functools import partial

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

import igo
from igo.errors import CheckpointError
from igo_plugins import Adapter
from tests.builders import adapters

ASKED = {"prompt": "a red coat", "width": 32, "height": 32, "num_inference_steps": 2, "guidance_scale": 3.0}


def loaded(folder):
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="module")
def parts(tiny_checkpoint):
    """The tiny checkpoint, for its shapes."""
    return loaded(tiny_checkpoint).components


@pytest.fixture(autouse=True)
def _begin():
    adapters.begin()


@pytest.fixture(scope="module")
def paint(tiny_checkpoint):
    runtime = igo.Runtime(device="cpu")

    def run(*steps):
        runtime.release()
        chain = igo.Chain(igo.TextToImage(str(tiny_checkpoint)), *steps, runtime=runtime)
        return np.asarray(chain.run(seed=5, **ASKED).image).astype(int)

    return run


@pytest.fixture(scope="module")
def merged(tiny_checkpoint):
    """The picture of plain diffusers with weights merged by hand."""

    def run(added, scale=1.0):
        pipeline = adapters.merge(loaded(tiny_checkpoint), added, scale)
        return np.asarray(pipeline(**ASKED, generator=torch.Generator().manual_seed(5)).images[0]).astype(int)

    return run


ALL = [("unet", path) for path in adapters.LAYERS] + [("text_encoder", path) for path in adapters.TEXT]


@pytest.mark.parametrize("kind", adapters.KINDS, ids=lambda kind: kind.__name__)
def test_what_a_kind_adds_is_what_it_is_defined_to_add(kind, parts, paint, merged, tmp_path):
    tensors, added = adapters.kohya(parts, [(*layer, kind) for layer in ALL])
    file = adapters.saved(tensors, tmp_path / "a.safetensors")
    expected = merged(added)
    assert abs(expected - paint()).max() > 8, "so much that it can be seen"
    assert abs(paint(Adapter(file)) - expected).max() <= 1


@pytest.mark.parametrize("kind", [adapters.tucker, adapters.loha_tucker])
def test_kernels_in_tuckers_form(kind, parts, paint, merged, tmp_path):
    layers = [("unet", adapters.KERNEL), ("unet", "up_blocks.0.resnets.0.conv1"), ("unet", "conv_out")]
    tensors, added = adapters.kohya(parts, [(*layer, kind) for layer in layers])
    picture = paint(Adapter(adapters.saved(tensors, tmp_path / "a.safetensors")))
    assert abs(picture - merged(added)).max() <= 1


@pytest.mark.parametrize("scale", [1.0, 0.6, -0.5])
def test_each_layer_has_its_own_rank_and_alpha(scale, parts, paint, merged, tmp_path):
    sizes = [(1, 1), (4, 1), (2, 8), (3, None), (1, 0.5), (5, 5), (2, 3)]
    changes = [(*layer, partial(adapters.lora, rank=r, alpha=a)) for layer, (r, a) in zip(ALL, sizes, strict=True)]
    tensors, added = adapters.kohya(parts, changes)
    picture = paint(Adapter(adapters.saved(tensors, tmp_path / "a.safetensors"), scale))
    assert abs(picture - merged(added, scale)).max() <= 1


def test_a_dora_of_no_scale_changes_nothing(parts, paint, merged, tmp_path):
    tensors, added = adapters.kohya(parts, [("unet", path, adapters.dora) for path in adapters.LAYERS])
    file = adapters.saved(tensors, tmp_path / "a.safetensors")
    before = paint()
    assert np.array_equal(paint(Adapter(file, 0)), before)
    assert abs(paint(Adapter(file, schedule=(0, 0))) - before).max() <= 1
    assert abs(paint(Adapter(file, schedule=(0.5, 0.5))) - merged(added, 0.5)).max() <= 1


def test_one_rank_and_alpha_throughout_is_plain_diffusers(parts, tiny_checkpoint, paint, tmp_path):
    """To the byte."""
    kind = partial(adapters.lora, rank=3, alpha=1.1)
    text = [("text_encoder", f"encoder.layers.0.self_attn.{name}_proj") for name in ("q", "k", "v", "out")]
    file = adapters.saved(
        adapters.kohya(parts, [(*one, kind) for one in ALL[:5] + text])[0], tmp_path / "a.safetensors"
    )
    pipeline = loaded(tiny_checkpoint)
    pipeline.load_lora_weights(file)
    expected = np.asarray(pipeline(**ASKED, generator=torch.Generator().manual_seed(5)).images[0])
    assert np.array_equal(paint(Adapter(file)), expected)


def test_files_that_mix_kinds(parts, paint, merged, tmp_path):
    kinds = [adapters.lora, adapters.dora, adapters.loha, adapters.lokr, adapters.full, adapters.lokr_low, adapters.ia3]
    tensors, added = adapters.kohya(parts, [(*layer, kind) for layer, kind in zip(ALL, kinds, strict=True)])
    picture = paint(Adapter(adapters.saved(tensors, tmp_path / "a.safetensors"), 0.5))
    assert abs(picture - merged(added, 0.5)).max() <= 1


@pytest.mark.parametrize("kind", [adapters.full, partial(adapters.lora, alpha=5)])
def test_biases(kind, parts, tiny_checkpoint, paint, tmp_path):
    tensors, added = adapters.kohya(parts, [("unet", adapters.OUT, kind), ("unet", "conv_out", adapters.dora)])
    bias = adapters.drawn(parts["unet"].get_submodule(adapters.OUT).bias.shape[0])
    tensors[f"lora_unet_{adapters.OUT.replace('.', '_')}.diff_b"] = bias
    pipeline = adapters.merge(loaded(tiny_checkpoint), added)
    pipeline.unet.get_submodule(adapters.OUT).bias.data += bias
    expected = np.asarray(pipeline(**ASKED, generator=torch.Generator().manual_seed(5)).images[0]).astype(int)
    assert abs(paint(Adapter(adapters.saved(tensors, tmp_path / "a.safetensors"))) - expected).max() <= 1


@pytest.mark.parametrize(
    ("ending", "value", "told"),
    [
        ("w_norm", torch.ones(16), "a norm"),
        ("oft_blocks", torch.ones(2, 4, 4, 4), "a BOFT"),
        ("something", torch.ones(4), "holds no LoRA"),
        ("lora_down.weight", torch.ones(2, 32), "holds no LoRA"),
    ],
)
def test_what_can_not_be_loaded_is_named(ending, value, told, paint, tmp_path):
    layer = f"lora_unet_{adapters.ATTENTION.replace('.', '_')}"
    file = adapters.saved({f"{layer}.{ending}": value}, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match=told):
        paint(Adapter(file))
