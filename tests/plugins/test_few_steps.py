"""FewSteps: adapters as they are published, each by the scheduler and guidance that it wants, as plain diffusers."""

import shutil

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, LCMScheduler, StableDiffusionPipeline, TCDScheduler
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import igo
from igo import cli
from igo.errors import CheckpointError, SettingsError
from igo.painting.checkpoints import checkpoint
from igo_plugins import Adapter, Caching, FewSteps
from tests.plugins.test_adapter import acting

SIZE = {"width": 32, "height": 48}
ASKED = {"prompt": "a red coat", "seed": 3, **SIZE}
NAMES = {
    "lcm-lora-sdv1-5.safetensors": (LCMScheduler, {}, 1.0, {}),
    "TCD-SD15-LoRA.safetensors": (TCDScheduler, {}, 1.0, {"eta": 0.3}),
    "Hyper-SD15-4steps-lora.safetensors": (DDIMScheduler, {"timestep_spacing": "trailing"}, 1.0, {}),
    "Hyper-SD15-8steps-CFG-lora.safetensors": (DDIMScheduler, {"timestep_spacing": "trailing"}, 5.0, {}),
    "Hyper-SD15-1step-lora.safetensors": (TCDScheduler, {}, 1.0, {"eta": 1.0}),
}
STEPS = {"Hyper-SD15-8steps-CFG-lora.safetensors": 8, "Hyper-SD15-1step-lora.safetensors": 1}


@pytest.fixture(scope="module")
def file(tiny_checkpoint, tmp_path_factory):
    """An adapter of the tiny checkpoint, whose name says nothing."""
    pipeline = checkpoint.load(str(tiny_checkpoint), dtype=torch.float32).pipeline
    return acting(pipeline, tmp_path_factory.mktemp("few") / "some.safetensors", 0)


@pytest.fixture(scope="module")
def run(tiny_checkpoint):
    runtime = igo.Runtime(device="cpu")

    def run(*steps, **changes):
        return igo.Chain(igo.TextToImage(str(tiny_checkpoint)), *steps, runtime=runtime).run(**(ASKED | changes))

    return run


def pixels(look):
    return np.asarray(look.image).astype(int)


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning")
@pytest.mark.parametrize("name", NAMES)
def test_the_picture_is_that_of_plain_diffusers(name, file, run, tiny_checkpoint, tmp_path):
    path = tmp_path / name
    shutil.copy(file, path)
    scheduler, options, guidance, more = NAMES[name]
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_checkpoint, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **options)
    pipeline.load_lora_weights(str(path))
    steps, generator = STEPS.get(name, 4), torch.Generator().manual_seed(3)
    beside = []
    for fuse in (lambda: None, lambda: (pipeline.fuse_lora(["unet", "text_encoder"]), pipeline.unload_lora_weights())):
        fuse()
        made = pipeline(
            "a red coat", num_inference_steps=steps, guidance_scale=guidance, generator=generator, **SIZE, **more
        ).images[0]
        beside.append(np.asarray(made).astype(int))
        generator.manual_seed(3)
    look = run(FewSteps(str(path)))
    assert np.array_equal(pixels(look), beside[1])
    assert np.abs(pixels(look) - beside[0]).max() <= 1
    told = look.frames[0].told
    assert (told["num_inference_steps"], told["guidance_scale"], told["scheduler"]) == (
        steps,
        guidance,
        scheduler.__name__,
    )


def test_it_is_in_the_weights_and_beside_other_adapters(file, tiny_checkpoint, tmp_path):
    """Whatever the order: with another adapter the picture is the same, to rounding."""
    other = shutil.copy(file, tmp_path / "other.safetensors")
    few, beside = FewSteps(file, method="lcm", scale=0.5), Adapter(str(other), 0.25)
    made, seen = {}, []

    class Seeing:
        @igo.hookimpl
        def prepare(self, pipeline):
            seen.append(pipeline)

    for name, steps in {"alone": [few], "first": [few, beside], "second": [beside, few]}.items():
        chain = igo.Chain(igo.TextToImage(str(tiny_checkpoint)), *steps, Seeing(), runtime=igo.Runtime(device="cpu"))
        made[name] = pixels(chain.run(**ASKED))
        layers = [layer for layer in seen[-1].unet.modules() if isinstance(layer, BaseTunerLayer)]
        held = {adapter for layer in layers for adapter in layer.lora_A}
        assert len(held) == {"alone": 0, "first": 1, "second": 2}[name]
    assert np.abs(made["first"] - made["second"]).max() <= 1
    assert np.abs(made["first"] - made["alone"]).max() > 1
    half = igo.Runtime(device="cpu", dtype="bfloat16")
    igo.Chain(igo.TextToImage(str(tiny_checkpoint)), few, Seeing(), runtime=half).run(**ASKED)
    assert any(isinstance(layer, BaseTunerLayer) for layer in seen[-1].unet.modules())


def test_what_is_asked_for_holds_and_no_trace_is_left(file, run):
    before = pixels(run(num_inference_steps=4))
    few = FewSteps(file, steps=3, method="lcm")
    assert run(few).frames[0].told["num_inference_steps"] == 3
    told = run(few, num_inference_steps=2, guidance_scale=2.0).frames[0].told
    assert (told["num_inference_steps"], told["guidance_scale"]) == (2, 2.0)
    assert run(FewSteps(file, method="tcd", guidance_scale=1.5)).frames[0].told["guidance_scale"] == 1.5
    assert np.array_equal(pixels(run(num_inference_steps=4)), before)


@pytest.mark.parametrize(
    ("metadata", "scheduler"),
    [({"igo_method": "lcm"}, "LCMScheduler"), ({"modelspec.title": "My TCD 4 steps"}, "TCDScheduler")],
)
def test_a_file_says_itself_what_it_is(metadata, scheduler, file, run, tmp_path):
    with safe_open(file, "pt") as opened:
        told = opened.metadata()
    save_file(load_file(file), tmp_path / "some.safetensors", {**told, **metadata})
    assert run(FewSteps(str(tmp_path / "some.safetensors"))).frames[0].told["scheduler"] == scheduler


def test_a_file_whose_method_nothing_says_is_refused(file, run):
    with pytest.raises(SettingsError, match="doesn't say which method it is for few steps by; give method, one of hyp"):
        run(FewSteps(file))
    with pytest.raises(CheckpointError, match="there is no adapter"):
        run(FewSteps("none.safetensors"))


def test_it_is_on_record_and_replays(file, tiny_checkpoint, tmp_path):
    chain = igo.Chain(igo.TextToImage(str(tiny_checkpoint)), FewSteps(file, 4, method="tcd"), Caching(2))
    look = chain.run(**ASKED)
    look.save(tmp_path / "look.png")
    again = igo.replay(tmp_path / "look.png")
    assert again.identical
    assert again.differences == ()
    assert look.models[file].startswith("sha256:")
    lossy = {entry.step: entry.report["lossy"] for entry in look.frames[0].history if "lossy" in entry.report}
    assert lossy["few-steps"] == "4 steps, by an adapter"


@pytest.mark.parametrize(
    "wrong",
    [
        {"weights": ""},
        {"weights": "a", "steps": 0},
        {"weights": "a", "steps": 51},
        {"weights": "a", "method": "lcn"},
        {"weights": "a", "guidance_scale": -1},
        {"weights": "a", "scale": 0},
    ],
)
def test_settings_that_can_not_be_meant(wrong):
    with pytest.raises(SettingsError):
        FewSteps(**wrong)


def test_an_installation_without_its_own_says_so(run, capsys, monkeypatch, tmp_path):
    from igo import embedded

    monkeypatch.setattr(embedded, "WEIGHTS", tmp_path)
    with pytest.raises(CheckpointError, match="mini has no embedded weights 'turbo'"):
        run(FewSteps("mini/turbo"))
    assert cli.run_command(["plugins", "few-steps"]) == 0
    assert "gives something of pictures up for speed" in capsys.readouterr().out
