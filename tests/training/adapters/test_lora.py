"""Adapters: what is trained, what is written, and that plain diffusers paints the same with it."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors import safe_open

from igo.errors import CheckpointError, SettingsError
from igo.painting.checkpoints import checkpoint
from igo.training import finetune
from igo.training.adapters import adapt
from igo.training.adapters.adapt import Adaptation
from igo.training.adapters.lora import LoraSettings, add_lora, lora_state, write_lora
from igo.training.data.folders import CaptionedSet
from igo.training.data.masks import MaskSet
from igo.training.loop import effort, loop
from igo.training.loop.effort import Effort
from tests.builders.tiny import make_xl_pipeline

EFFORT = Effort(steps=4, batch_size=2, learning_rate=1e-2, quiet=True)


def captioned(count=4, width=32, height=48):
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(256, (count, height, width, 3), generator=generator, dtype=torch.uint8)
    return CaptionedSet(pictures, [[f"a red hoodie {index}"] for index in range(count)])


@pytest.fixture
def base(tiny_checkpoint):
    return adapt.load_adaptable(str(tiny_checkpoint))


@pytest.fixture(scope="module")
def xl(tmp_path_factory):
    folder = tmp_path_factory.mktemp("xl")
    make_xl_pipeline(folder / "parts").save_pretrained(folder / "xl")
    return folder / "xl"


def paint(pipeline):
    """A picture by the pipeline itself."""
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(5)
    made = pipeline("a red hoodie", width=32, height=48, num_inference_steps=2, generator=generator, output_type="np")
    return made.images[0]


def changed(pipeline):
    """The adapters of ``pipeline`` with weights that act."""
    torch.manual_seed(1)
    for name, parameter in [*pipeline.unet.named_parameters(), *pipeline.text_encoder.named_parameters()]:
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, 0, 0.5)


@pytest.mark.parametrize("layout", ["diffusers", "kohya"])
@pytest.mark.parametrize("targets", ["attention", "all", "to_q, to_v"])
def test_plain_diffusers_paints_the_same_picture_byte_for_byte(layout, targets, base, tiny_checkpoint, tmp_path):
    before = paint(base.pipeline)
    add_lora(base.pipeline, LoraSettings(rank=2, alpha=5, targets=targets), text=True)
    assert np.array_equal(paint(base.pipeline), before), "an adapter that has learned nothing changes nothing"
    changed(base.pipeline)
    write_lora(base.pipeline, tmp_path / "lora.safetensors", layout)
    plain = StableDiffusionPipeline.from_pretrained(tiny_checkpoint, safety_checker=None)
    plain.load_lora_weights(str(tmp_path), weight_name="lora.safetensors")
    expected = paint(base.pipeline)
    assert not np.array_equal(expected, before)
    assert np.array_equal(paint(plain), expected)


def test_dora_is_of_the_unet_alone(base, tiny_checkpoint, tmp_path):
    add_lora(base.pipeline, LoraSettings(rank=2, dora=True), text=True)
    changed(base.pipeline)
    names = list(lora_state(base.pipeline))
    assert any("magnitude" in name for name in names if name.startswith("unet."))
    assert not any("magnitude" in name for name in names if name.startswith("text_encoder."))
    write_lora(base.pipeline, tmp_path / "lora.safetensors")
    plain = StableDiffusionPipeline.from_pretrained(tiny_checkpoint, safety_checker=None)
    plain.load_lora_weights(str(tmp_path), weight_name="lora.safetensors")
    assert np.array_equal(paint(plain), paint(base.pipeline))
    with pytest.raises(SettingsError, match="DoRA can't be written in kohya's format"):
        write_lora(base.pipeline, tmp_path / "other.safetensors", "kohya")


def test_kohya_keys_have_alphas(base, tmp_path):
    add_lora(base.pipeline, LoraSettings(rank=2, alpha=5), text=True)
    write_lora(base.pipeline, tmp_path / "lora.safetensors", "kohya", {"author": "me"})
    with safe_open(tmp_path / "lora.safetensors", "pt") as file:
        names = set(file.keys())
        assert "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight" in names
        alphas = [name for name in names if name.endswith(".alpha")]
        assert len(alphas) * 3 == len(names)
        assert all(file.get_tensor(name).item() == 5 for name in alphas)
        assert file.metadata()["author"] == "me"


@pytest.mark.parametrize("text_rate", [0.0, 0.5])
def test_an_adapter_is_trained_and_nothing_else_changes(text_rate, base, tmp_path):
    frozen = {name: value.clone() for name, value in base.pipeline.unet.state_dict().items()}
    adaptation = Adaptation(LoraSettings(rank=2), text_rate=text_rate, mirror=True, offset_noise=0.05)
    out, work = tmp_path / "out" / "lora.safetensors", tmp_path / "work"
    report = adapt.train_lora(base, [captioned()], out, work, EFFORT, adaptation, metadata={"note": "x"})
    assert report.step == 4
    now = {name.replace(".base_layer", ""): value for name, value in base.pipeline.unet.state_dict().items()}
    assert all(torch.equal(now[name], value) for name, value in frozen.items())
    with safe_open(out, "pt") as file:
        metadata, names = file.metadata(), list(file.keys())
        assert any(file.get_tensor(name).abs().max() > 0 for name in names if "lora_B" in name)
    assert any(name.startswith("text_encoder") for name in names) == (text_rate > 0)
    assert metadata["igo_note"] == "x"
    assert metadata["igo_base"] == base.identity
    assert json.loads(metadata["igo_settings"])["lora"]["rank"] == 2
    assert len(list(work.glob("captions-*.safetensors"))) == (0 if text_rate else 1)
    state = torch.load(work / "state.pt", weights_only=True)
    assert all("lora" in name for name in state["module"]), "checkpoints hold the adapter alone"
    assert (work / "samples" / "step-000004.png").exists()


@pytest.mark.slow
def test_encoded_captions_teach_what_anew_encoded_ones_do(tiny_checkpoint, tmp_path, monkeypatch):
    losses = []
    for name in ("cached", "anew"):
        if name == "anew":
            monkeypatch.setattr(adapt, "conditions_of", lambda *_: None)
        base = adapt.load_adaptable(str(tiny_checkpoint))
        adapt.train_lora(base, [captioned()], tmp_path / f"{name}.safetensors", tmp_path / name, EFFORT)
        losses.append(
            [json.loads(line)["loss"] for line in (tmp_path / name / "losses.jsonl").read_text().splitlines()]
        )
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.slow
def test_a_killed_training_ends_with_the_same_adapter(tiny_checkpoint, tmp_path, monkeypatch):
    def run(out, work):
        base = adapt.load_adaptable(str(tiny_checkpoint))
        adapt.train_lora(base, [captioned()], tmp_path / f"{out}.safetensors", tmp_path / work, EFFORT)

    run("whole", "whole")
    monkeypatch.setattr(effort, "train", partial(loop.train, halt_at=2))
    run("half", "broken")
    monkeypatch.undo()
    run("again", "broken")
    one, other = (safe_open(tmp_path / f"{name}.safetensors", "pt") for name in ("whole", "again"))
    assert all(torch.equal(one.get_tensor(name), other.get_tensor(name)) for name in one.keys())  # noqa: SIM118


@pytest.mark.slow
def test_a_training_goes_on_with_its_own_pictures_and_captions_alone(tiny_checkpoint, tmp_path):
    def learn(data, **changes):
        out, effort = tmp_path / "a.safetensors", replace(EFFORT, **changes)
        return adapt.train_lora(adapt.load_adaptable(str(tiny_checkpoint)), [data], out, tmp_path / "work", effort)

    data = captioned()
    assert learn(data).step == 4
    assert learn(data, steps=6, learning_rate=1e-3).samples == 4, "efforts may change"
    for other in (replace(data, captions=[["a blue hoodie"]] * 4), replace(data, pictures=255 - data.pictures)):
        with pytest.raises(CheckpointError, match="has learned from another base, pictures, captions or settings"):
            learn(other)


def test_sizes_of_pictures_are_trained_together(base, tmp_path):
    sets = [captioned(3, 32, 48), captioned(2, 48, 32)]
    weights = [torch.tensor([1.0, 1.0, 2.0]), torch.tensor([1.0, 3.0])]
    effort = replace(EFFORT, steps=8)
    report = adapt.train_lora(base, sets, tmp_path / "lora.safetensors", tmp_path / "work", effort, weights=weights)
    assert report.samples == 16


def test_what_lies_outside_a_zone_hardly_counts(base, tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(Effort, "train", lambda self, task, *_: seen.update(task=task))
    zones = torch.zeros(4, 48, 32, dtype=torch.bool)
    zones[:, :24, :16] = True
    adapt.train_lora(base, [captioned()], tmp_path / "lora.safetensors", tmp_path / "work", EFFORT, zones=[zones])
    counts = seen["task"].batch(2, torch.Generator().manual_seed(0))["weights"]
    assert counts.mean((1, 2, 3)).tolist() == pytest.approx([1, 1])
    assert (counts.amin() / counts.amax()).item() == pytest.approx(adapt.OUTSIDE)
    assert counts[0, 0].argmax() == 0


@pytest.mark.parametrize("text_rate", [0.0, 0.3])
def test_an_xl_checkpoint_gets_an_adapter(text_rate, xl, tmp_path):
    base = adapt.load_adaptable(str(xl))
    adaptation = Adaptation(LoraSettings(rank=2), text_rate=text_rate)
    adapt.train_lora(base, [captioned()], tmp_path / "lora.safetensors", tmp_path / "work", EFFORT, adaptation)
    plain = StableDiffusionXLPipeline.from_pretrained(xl)
    before = paint(plain)
    plain.load_lora_weights(str(tmp_path), weight_name="lora.safetensors")
    adapted = paint(plain)
    assert not np.array_equal(adapted, before)
    assert np.array_equal(paint(base.pipeline), adapted)


def test_half_precision_holds_what_is_frozen(base, tmp_path, monkeypatch):
    monkeypatch.setattr(AcceleratorState, "_shared_state", {})  # whose precision is settled once for a process
    effort = replace(EFFORT, precision="bf16")
    adaptation = Adaptation(LoraSettings(rank=2), text_rate=0.5, gradient_checkpointing=True)
    adapt.train_lora(base, [captioned()], tmp_path / "lora.safetensors", tmp_path / "work", effort, adaptation)
    dtypes = {parameter.requires_grad: parameter.dtype for parameter in base.pipeline.unet.parameters()}
    assert dtypes == {True: torch.float32, False: torch.bfloat16}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: LoraSettings(rank=0), "rank is 0"),
        (lambda: LoraSettings(alpha=0), "alpha is 0"),
        (lambda: LoraSettings(targets=" , "), "targets is empty"),
        (lambda: Adaptation(text_rate=-1), "text_rate is -1"),
        (lambda: Adaptation(caption_dropout=1), "caption_dropout is 1"),
        (lambda: Adaptation(snr_gamma=0), "snr_gamma is 0"),
        (lambda: Adaptation(layout="koyha"), "did you mean 'kohya'"),
        (lambda: Adaptation(LoraSettings(dora=True), layout="kohya"), "DoRA"),
    ],
)
def test_settings_that_can_not_be_are_refused(wrong, message):
    with pytest.raises(SettingsError, match=message):
        wrong()


def test_layers_that_are_not_there_are_named(base):
    with pytest.raises(SettingsError, match="no layers 'attentoin'; did you mean 'attention'"):
        add_lora(base.pipeline, LoraSettings(targets="attentoin"), text=False)


def test_what_can_not_be_adapted_is_refused(base, tmp_path):
    with pytest.raises(CheckpointError, match="for which no adapter can be trained"):
        adapt.load_adaptable("mini/inpaint")
    with pytest.raises(SettingsError, match=r"no \.safetensors file"):
        adapt.train_lora(base, [captioned()], tmp_path / "lora.bin", tmp_path / "work", EFFORT)
    assert not (tmp_path / "work").exists()
    assert checkpoint.load("mini", dtype=torch.float32).pipeline.unet.config.in_channels == 4


def test_a_checkpoint_that_repaints_gets_an_adapter(tiny_checkpoint, tiny_inpaint_checkpoint, tmp_path):
    pictures = captioned().pictures
    masks = MaskSet(
        pictures,
        torch.zeros(4, 48, 32, dtype=torch.uint8),
        codes=torch.tensor([1]),
        asks=torch.zeros(4, 1, dtype=torch.long),
        members=torch.zeros(4, 1, dtype=torch.long),
        weights=torch.ones(4, 1),
        tokens=adapt.tokenize(adapt.load_adaptable(str(tiny_checkpoint)).pipeline, ["a red hoodie"])[:, None],
        groups=torch.zeros(1, dtype=torch.long),
        names=("all",),
    )
    out, base = tmp_path / "lora.safetensors", finetune.load_base(str(tiny_inpaint_checkpoint))
    adapt.train_inpaint_lora(base, *masks.hold_out(1), out, tmp_path / "work", EFFORT, LoraSettings(2))
    plain = finetune.load_base(str(tiny_inpaint_checkpoint)).pipeline
    plain.load_lora_weights(str(tmp_path), weight_name="lora.safetensors")
    narrow = finetune.load_base(str(tiny_checkpoint))
    with pytest.raises(CheckpointError, match="needs a checkpoint of 9 channels, this has 4; make one first"):
        adapt.train_inpaint_lora(narrow, *masks.hold_out(1), out, tmp_path / "other", EFFORT, LoraSettings(2))
