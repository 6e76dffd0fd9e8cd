"""On a CUDA device: chains in half precision, and every kind of training."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

import igo
from igo.mini.pictures import balanced_figures
from igo.mini.recipe import BaseTraining, Recipe
from igo.mini.repaints import drawn_repaints
from igo.mini.upscaler import train_upscaler
from igo.runtime import Runtime
from igo.training import finetune
from igo.training.adapters import adapt
from igo.training.loop.effort import Effort
from igo_plugins import Acceleration, Outpainting, Upscaling, VirtualStyling

PROMPT = "fashion photo of a woman in a white t-shirt and blue jeans, street background"
EFFORT = Effort(steps=3, batch_size=4, quiet=True)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def pixels(look):
    return np.asarray(look.image).astype(int)


def chain(*plugins, device="cuda", dtype="auto"):
    return igo.Chain(igo.TextToImage("mini"), *plugins, runtime=Runtime(device, dtype))


@pytest.mark.parametrize("engine", ["compile", "tensorrt"])
def test_engines_paint_what_torch_paints(engine):
    if engine == "tensorrt":
        pytest.importorskip("torch_tensorrt", reason="torch-tensorrt is not installed: pip install torch-tensorrt")
    look = chain(Acceleration(engine)).run(PROMPT, seed=3)
    (report,) = [entry.report for entry in look.frames[0].history if "engine" in entry.report]
    assert report["exactness"] == "lossy"
    assert "unet" in report["parts"]
    if engine == "compile":
        assert set(report["kernels"]["group_norm_silu"]) >= {"unet", "vae.decoder"}
    assert np.abs(pixels(look) - pixels(chain().run(PROMPT, seed=3))).mean() < 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=["fp32", "fp16"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["first", "last"])
def test_the_kernel_gives_what_torch_does(dtype, layout):
    pytest.importorskip("triton", reason="Triton is not installed: pip install triton")
    from igo.painting.engines.group_norm_silu import group_norm_silu

    given = torch.randn(2, 320, 64, 96, device="cuda").to(dtype).to(memory_format=layout)
    weight, bias = (torch.randn(320, device="cuda").to(dtype) for _ in range(2))
    expected = torch.nn.functional.silu(
        torch.nn.functional.group_norm(given.double(), 32, weight.double(), bias.double(), 1e-5)
    )
    found = group_norm_silu(given, 32, weight, bias, 1e-5)
    assert found.stride() == given.stride()
    torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=1e-3 if dtype == torch.float16 else 1e-5)


def test_a_picture_repeats():
    on_gpu = chain()
    one, again = (pixels(on_gpu.run(PROMPT, seed=7)) for _ in range(2))
    assert np.array_equal(one, again)


def test_a_picture_is_the_cpus_but_for_rounding():
    on_gpu, on_cpu = (pixels(chain(device=device, dtype="float32").run(PROMPT, seed=7)) for device in ("cuda", "cpu"))
    assert np.abs(on_gpu - on_cpu).mean() < 4


def test_a_chain_of_all_plugins_changes_nothing_outside_its_zones():
    photo = chain().run(PROMPT, seed=7).image
    mask = Image.new("L", photo.size)
    mask.paste(255, (40, 50, 90, 110))
    styled = chain(VirtualStyling("t-shirt", to="a red hoodie")).run(image=photo, layers={"mask": mask}, seed=7)
    changed = (np.asarray(styled.image) != np.asarray(photo)).any(-1)
    assert changed.any()
    assert not (changed & (np.asarray(mask) == 0)).any()
    styling = VirtualStyling("t-shirt", to="a red hoodie")
    whole = chain(styling, Outpainting(to="1:1"), Upscaling(2)).run(image=photo, seed=7)
    assert whole.image.size == (2 * photo.height, 2 * photo.height)


def test_garments_painted_at_once_are_those_painted_alone():
    runtime = Runtime("cuda", "float32")
    base, photo = igo.TextToImage("mini"), chain().run(PROMPT, seed=7).image
    garments = ("a red hoodie", "a blue coat", "a green jacket")
    chains = [igo.Chain(base, VirtualStyling("t-shirt", to=garment), runtime=runtime) for garment in garments]
    calls = [partial(one.run, image=photo, seed=7, num_images=2) for one in chains]
    for look, alone in zip(igo.together(calls), [call() for call in calls], strict=True):
        for frame, other in zip(look, alone, strict=True):
            assert np.abs(np.asarray(frame.image).astype(int) - np.asarray(other.image)).mean() < 1


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A folder with drawings, which all trainings here share."""
    return tmp_path_factory.mktemp("drawn")


def test_a_base_is_trained_from_nothing(drawn, tmp_path):
    training = BaseTraining(drawn, Recipe(minutes=0.02, pictures=96, full_pictures=96, batch_scale=1))
    training.run(tmp_path / "base")
    picture = igo.Chain(igo.TextToImage(str(tmp_path / "base"))).run(PROMPT, seed=1).image
    assert picture.size == (128, 192)


def test_a_base_learns_to_repaint_and_an_adapter_is_trained(drawn, tmp_path):
    base = finetune.load_base("mini")
    figures = balanced_figures(24, 1)
    masks = drawn_repaints(drawn / "repaints", figures, base.pipeline.tokenizer, (128, 192))
    report = finetune.train_inpaint(base, *masks.hold_out(8), tmp_path / "inpaint", tmp_path / "work", EFFORT)
    assert np.isfinite(report.measures["held-out loss"])
    captioned = finetune.CaptionedSet(masks.pictures, [[PROMPT]] * len(masks))
    adapter = tmp_path / "lora.safetensors"
    adapt.train_lora(adapt.load_adaptable("mini"), [captioned], adapter, tmp_path / "lora", EFFORT)
    assert adapter.is_file()


def test_upscalers_are_trained_on_what_processes_degrade(tmp_path):
    effort = replace(EFFORT, batch_size=16)
    report = train_upscaler(4, tmp_path, tmp_path / "out", effort, pictures=4, held_out=2, workers=2)
    assert report.samples == 48
    enlarged = igo.Chain(Upscaling(4, model=str(tmp_path / "out" / "x4.safetensors"))).run(
        image=Image.new("RGB", (40, 30), "red")
    )
    assert enlarged.image.size == (160, 120)
