"""Files that no tool wrote, and adapters of other checkpoints: one line each, before a base loads where that can be."""

import time

import pytest
import torch

import igo
from igo import cli
from igo.errors import CheckpointError
from igo_plugins import Adapter
from tests.builders import adapters

LAYER = f"lora_unet_{adapters.ATTENTION.replace('.', '_')}"
GOOD = {f"{LAYER}.lora_down.weight": torch.ones(2, 32), f"{LAYER}.lora_up.weight": torch.ones(16, 2)}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({f"{LAYER}.lora_up.weight": torch.full((16, 2), torch.nan)}, "is not finite"),
        ({f"{LAYER}.lora_up.weight": torch.full((16, 2), torch.inf)}, "is not finite"),
        ({f"{LAYER}.lora_up.weight": torch.ones(16, 2, dtype=torch.int32)}, "holds torch.int32"),
        ({f"{LAYER}.lora_up.weight": torch.ones(16, 2, dtype=torch.bool)}, "holds torch.bool"),
        ({f"{LAYER}.lora_up.weight": torch.ones(0, 2)}, "is empty"),
        ({f"{LAYER}.alpha": torch.tensor(torch.nan)}, "is no finite number"),
        ({f"{LAYER}.alpha": torch.ones(3)}, "is no finite number"),
        ({f"{LAYER}.lora_down.weight": torch.ones(1_000_000, 1)}, "has 1000000 ranks; expected at most"),
        ({f"{LAYER}.lora_down.weight": torch.ones(2)}, "another shape"),
        ({f"{LAYER}.lora_down.weight": torch.ones(3, 32)}, "another shape"),
        ({f"{LAYER}.lora_up.weight": torch.ones(())}, "is a single number"),
        ({f"{LAYER}.lora_down.weight": torch.ones(())}, "is a single number"),
        ({f"{LAYER}.lora_mid.weight": torch.ones(3, 3)}, "another shape"),
        ({f"{LAYER}.dora_scale": torch.ones(5, 1)}, "another shape"),
        ({f"{LAYER}.diff_b": torch.ones(5)}, "another shape"),
        (
            {f"{LAYER}.hada_w1_a": torch.ones(5, 1)},
            "holds no LoRA or other change that is known, but down, hada_w1_a, up",
        ),
        (
            {key.replace("blocks_1", "blocks_1000000"): value.clone() for key, value in GOOD.items()},
            "1 of its 2 layers",
        ),
        ({"a" * 100_000 + ".alpha": torch.tensor(1.0)}, "holds no LoRA"),
        ({"\x1b[31m\n.weight": torch.ones(1)}, "holds no LoRA"),
    ],
)
def test_numbers_that_no_adapter_has(changes, told, tiny_checkpoint, tmp_path):
    file = adapters.saved(GOOD | changes, tmp_path / "a.safetensors")
    chain = igo.Chain(igo.TextToImage(str(tiny_checkpoint)), Adapter(file))
    asked = {"width": 16, "height": 16, "num_inference_steps": 1, "seed": 1}
    start = time.process_time()
    with pytest.raises(CheckpointError, match=told) as raised:
        chain.run("a coat", **asked)
    assert time.process_time() - start < 5
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize(
    "tensors",
    [
        {
            f"hada_w{n}_{side}": torch.ones(shape)
            for n in (1, 2)
            for side, shape in zip("ab", [(16, 4000), (4000, 32)], strict=True)
        },
        {
            f"hada_w{n}_{side}": torch.ones(200_000, 1).reshape(shape)
            for n in (1, 2)
            for side, shape in zip("ab", [(-1, 1), (1, -1)], strict=True)
        },
        {"lokr_w1": torch.ones(1000, 1000), "lokr_w2": torch.ones(1000, 1000)},
        {"lokr_w1": torch.ones(1, 100_000), "lokr_w2_a": torch.ones(16, 1), "lokr_w2_b": torch.ones(1, 32)},
        {"oft_blocks": torch.ones(1, 3000, 3000)},
        {
            "a1.weight": torch.ones(200_000, 1),
            "a2.weight": torch.ones(1, 200_000),
            "b1.weight": torch.ones(16, 1),
            "b2.weight": torch.ones(1, 32),
        },
    ],
)
def test_small_files_that_would_make_large_layers(tensors, tiny_checkpoint, tmp_path):
    """The first is of the layer's shape, and only of a rank that would be squared."""
    file = adapters.saved(
        {f"{LAYER}.{end}": value.clone() for end, value in tensors.items()}, tmp_path / "a.safetensors"
    )
    chain = igo.Chain(igo.TextToImage(str(tiny_checkpoint)), Adapter(file))
    start = time.process_time()
    if tensors.get("hada_w1_a", torch.ones(0)).shape == (16, 4000):
        chain.run("a coat", width=16, height=16, num_inference_steps=1, seed=1)
    else:
        with pytest.raises(CheckpointError, match="another shape"):
            chain.run("a coat", seed=1)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("content", [None, b"not one", b"\xff" * 100, {"a": torch.zeros(1)}, {}])
def test_what_fits_no_checkpoint_is_said_before_one_loads(content, tmp_path):
    path = tmp_path / "a.safetensors"
    if isinstance(content, dict):
        adapters.saved(content, path)
    elif content is not None:
        path.write_bytes(content)
    (tmp_path / "base").mkdir()  # which can't be loaded
    with pytest.raises(CheckpointError, match="adapter"):
        igo.Chain(igo.TextToImage(str(tmp_path / "base")), Adapter(str(path))).run("a coat", seed=1)


def test_an_adapter_of_another_checkpoint_is_one_line(tiny_checkpoint, tmp_path, capfd):
    wide = {key: torch.ones(2, 64) if "down" in key else value for key, value in GOOD.items()}
    told = {"ss_base_model_version": "sdxl_base_v1-0"}
    file = adapters.saved(GOOD | wide, tmp_path / "a.safetensors", told)
    given = ["--checkpoint", str(tiny_checkpoint), "--adapter", file, "--quiet", "-o", str(tmp_path / "a.png")]
    capfd.readouterr()
    assert cli.run_command(["generate", "a coat", *given]) == 2
    errors = capfd.readouterr().err
    assert errors.count("\n") == 1
    assert "doesn't fit this checkpoint; it says that it is for sdxl_base_v1-0: the layer 'lora_unet_down" in errors
    assert "is made for another shape than this checkpoint's 16x32" in errors


def test_a_change_of_a_layer_by_two_names_is_refused(tiny_checkpoint, tmp_path):
    more = {key.replace(LAYER, f"unet.{adapters.ATTENTION}"): value.clone() for key, value in GOOD.items()}
    chain = igo.Chain(
        igo.TextToImage(str(tiny_checkpoint)), Adapter(adapters.saved(GOOD | more, tmp_path / "a.safetensors"))
    )
    with pytest.raises(CheckpointError, match="changes a layer twice"):
        chain.run("a coat", seed=1)
