"""The ControlNet plugin: exact against plain diffusers for every task, along whatever layer, and off again."""

import json
import shutil

import numpy as np
import pytest
import torch
from diffusers import (
    ControlNetModel,
    StableDiffusionControlNetImg2ImgPipeline,
    StableDiffusionControlNetInpaintPipeline,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLControlNetInpaintPipeline,
    StableDiffusionXLControlNetPipeline,
    StableDiffusionXLPipeline,
)
from PIL import Image

import igo
from igo.errors import CheckpointError, MissingLayerError, SettingsError
from igo.painting.diffusion import Diffusion
from igo.testing import check_plugin
from igo.training.adapters.lora import LoraSettings, add_lora, write_lora
from igo_plugins import Adapter, ControlNet, Edges, Outpainting
from tests.builders.controls import make_controlnet
from tests.builders.tiny import make_xl_pipeline

SIZE = 32, 40
ASKED = {"prompt": "a red coat", "num_inference_steps": 2, "guidance_scale": 3.0, "seed": 7}
OPTIONS = {"num_inference_steps": 2, "guidance_scale": 3.0, "width": SIZE[0], "height": SIZE[1]}
PIPELINES = {
    "text2img": StableDiffusionControlNetPipeline,
    "img2img": StableDiffusionControlNetImg2ImgPipeline,
    "inpaint": StableDiffusionControlNetInpaintPipeline,
    "xl": StableDiffusionXLControlNetPipeline,
    "xl-inpaint": StableDiffusionXLControlNetInpaintPipeline,
}


@pytest.fixture(scope="module")
def xl_checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("xl")
    make_xl_pipeline(folder / "tokenizer").save_pretrained(folder / "checkpoint")
    return folder / "checkpoint"


@pytest.fixture(scope="module")
def nets(tiny_checkpoint, xl_checkpoint, tmp_path_factory):
    """Two for the tiny checkpoint, one for the tiny XL."""
    folder = tmp_path_factory.mktemp("nets")
    unet = StableDiffusionPipeline.from_pretrained(tiny_checkpoint).unet
    for seed in (0, 1):
        make_controlnet(unet, seed).save_pretrained(folder / str(seed))
    make_controlnet(StableDiffusionXLPipeline.from_pretrained(xl_checkpoint).unet).save_pretrained(folder / "xl")
    return folder


@pytest.fixture(scope="module")
def runtime():
    return igo.Runtime("cpu", "float32")


@pytest.fixture
def paint(tiny_checkpoint, xl_checkpoint, runtime, monkeypatch):
    """The first picture that the pipeline makes, before it is put into another, and what the chain makes of it."""
    made, paint = [], Diffusion.paint
    monkeypatch.setattr(Diffusion, "paint", lambda *given: made.append(paint(*given)) or made[-1])

    def run(*steps, xl=False, **changes):
        made.clear()
        base = igo.TextToImage(str(xl_checkpoint if xl else tiny_checkpoint))
        look = igo.Chain(base, *steps, runtime=runtime).run(**(ASKED | changes))
        return made[0].images[0] if made else None, look.image

    return run


def noise(size=SIZE, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def mask_of(size, box):
    mask = Image.new("L", size)
    mask.paste(255, box)
    return mask


def plain(checkpoint, kind, folders, **arguments):
    """diffusers alone."""
    nets = [ControlNetModel.from_pretrained(folder) for folder in folders]
    pipeline = kind.from_pretrained(checkpoint, controlnet=nets[0] if len(nets) == 1 else nets)
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator("cpu").manual_seed(7)
    return pipeline("a red coat", generator=generator, **{**OPTIONS, **arguments}).images[0]


@pytest.mark.parametrize(
    ("task", "count"),
    [
        ("text2img", 1),
        pytest.param("text2img", 2, marks=pytest.mark.slow),
        ("img2img", 2),
        ("inpaint", 1),
        pytest.param("xl", 1, marks=pytest.mark.slow),
        ("xl-inpaint", 1),
    ],
)
def test_the_picture_is_that_of_plain_diffusers(task, count, nets, paint, tiny_checkpoint, xl_checkpoint):
    xl = task.startswith("xl")
    folders = [nets / "xl"] if xl else [nets / "0", nets / "1"][:count]
    settings = [{"scale": 0.8, "end": 0.5}, {"scale": 0.4, "start": 0.25}][:count]
    steps = [ControlNet(str(folder), f"pose-{k}", **settings[k]) for k, folder in enumerate(folders)]
    controls, photo, mask = [noise(seed=3), noise(seed=4)][:count], noise(seed=5), mask_of(SIZE, (8, 8, 24, 32))
    layers = {f"pose-{k}": control for k, control in enumerate(controls)}
    one_or_all = (lambda values: values) if count > 1 else (lambda values: values[0])
    arguments = {
        "controlnet_conditioning_scale": one_or_all([one["scale"] for one in settings]),
        "control_guidance_start": one_or_all([one.get("start", 0.0) for one in settings]),
        "control_guidance_end": one_or_all([one.get("end", 1.0) for one in settings]),
    }
    if task in ("text2img", "xl"):
        painted, _ = paint(*steps, layers=layers, xl=xl)
        arguments["image"] = one_or_all(controls)
    else:
        layers |= {} if task == "img2img" else {"mask": mask}
        painted, _ = paint(*steps, image=photo, layers=layers, strength=0.6, xl=xl)
        arguments |= {"image": photo, "control_image": one_or_all(controls), "strength": 0.6}
        arguments |= {} if task == "img2img" else {"mask_image": mask}
    assert painted == plain(xl_checkpoint if xl else tiny_checkpoint, PIPELINES[task], folders, **arguments)


def test_it_leaves_no_trace_in_other_chains(nets, paint):
    edges = {"edges": noise(seed=3)}
    alone = {"width": SIZE[0], "height": SIZE[1]}
    before, _ = paint(**alone)
    steered, _ = paint(ControlNet(str(nets / "0")), layers=edges)
    assert steered != before
    assert paint(**alone)[0] == before
    assert paint(ControlNet(str(nets / "0"), scale=0), layers=edges)[0] == before
    assert paint(ControlNet(str(nets / "0")), layers=edges)[0] == steered


def test_a_layer_that_a_step_makes_is_as_good_as_ones_own(nets, paint):
    photo = noise(seed=5).resize((64, 80)).resize(SIZE)
    net, mask = ControlNet(str(nets / "0")), mask_of(SIZE, (8, 8, 24, 32))
    for layers in ({}, {"mask": mask}):
        made = paint(Edges(20, 60), net, image=photo, layers=layers)
        brought = {"edges": igo.Chain(Edges(20, 60)).layer("edges", photo)}
        assert paint(net, image=photo, layers=layers | brought) == made
        assert paint(net, Edges(), image=photo, layers=layers | brought) == made  # one's own comes first
    outside = np.asarray(mask) == 0
    assert np.array_equal(np.asarray(made[1])[outside], np.asarray(photo)[outside])


def test_it_holds_around_a_picture_too(nets, paint):
    around = Outpainting(right=16, num_inference_steps=2)
    steps = Edges(20, 60), ControlNet(str(nets / "0"))
    photo = noise((64, 64)).resize((16, 16)).resize((64, 64))
    _, look = paint(*steps, around, image=photo, prompt="", strength=None)
    _, without = paint(around, image=photo, prompt="", strength=None)
    assert look.crop((0, 0, 56, 64)) == photo.crop((0, 0, 56, 64))
    assert look != without


def test_without_a_picture_the_layers_size_is_painted(nets, paint):
    net = ControlNet(str(nets / "0"))
    edges = noise((48, 32), 3)
    assert paint(net, layers={"edges": edges})[1].size == (48, 32)
    smaller, look = paint(net, layers={"edges": edges}, width=24)
    assert look.size == (24, 32)
    assert paint(net, layers={"edges": edges.resize((24, 32))})[0] == smaller
    with pytest.raises(MissingLayerError, match="needs a layer 'edges', and there is no picture to make it from"):
        paint(net, Edges())
    with pytest.raises(MissingLayerError, match="needs a layer 'edges' that nobody makes"):
        paint(net)


def test_it_goes_with_adapters_that_follow_a_schedule(nets, paint, tiny_checkpoint, tmp_path):
    """They hold the pipeline, in whatever order the steps stand."""
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_checkpoint)
    add_lora(pipeline, LoraSettings(rank=2), text=True)
    for name, parameter in pipeline.unet.named_parameters():
        if "lora_B" in name:
            torch.nn.init.constant_(parameter, 0.5)
    file = tmp_path / "coat.safetensors"
    write_lora(pipeline, file)
    net, layers = ControlNet(str(nets / "0")), {"edges": noise(seed=3)}

    def both(*schedule, first=True, **settings):
        adapter = Adapter(str(file), schedule=schedule, **settings)
        return paint(*((adapter, net) if first else (net, adapter)), layers=layers)[0]

    late = both(0, 1)
    assert late == both(0, 1, first=False)
    assert len({image.tobytes() for image in (late, both(1, 0), both(), both(scale=0))}) == 4
    assert both(scale=0) == paint(net, layers=layers)[0]
    twice = paint(Adapter(str(file)), net, Adapter(str(file), 0.5), layers=layers)[0]
    assert twice == paint(net, Adapter(str(file)), Adapter(str(file), 0.5), layers=layers)[0]


def test_the_record_names_the_files_and_the_picture_is_made_again(nets, tiny_checkpoint, runtime, tmp_path):
    net = shutil.copytree(nets / "0", tmp_path / "net")
    chain = igo.Chain(igo.TextToImage(str(tiny_checkpoint)), ControlNet(str(net)), runtime=runtime)
    noise(seed=3).save(tmp_path / "edges.png")
    look = chain.run(**ASKED, layers={"edges": tmp_path / "edges.png"})
    assert look.models[str(net)].startswith("sha256:")
    look.save(tmp_path / "look.png")
    assert igo.replay(tmp_path / "look.png").look.image == look.image
    (net / "config.json").write_text((net / "config.json").read_text() + "\n")
    with pytest.raises(igo.IGOError, match="is not the model that was used"):
        igo.replay(tmp_path / "look.png")


def test_what_does_not_fit_is_told_in_one_line(nets, paint, tiny_checkpoint, tmp_path):
    layers = {"edges": noise(seed=3)}
    with pytest.raises(
        CheckpointError, match="another family than this checkpoint: its cross_attention_dim is 32, the"
    ):
        paint(ControlNet(str(nets / "0")), layers=layers, xl=True)
    with pytest.raises(
        CheckpointError, match="another family than this checkpoint: its cross_attention_dim is 80, the"
    ):
        paint(ControlNet(str(nets / "xl")), layers=layers)
    with pytest.raises(CheckpointError, match="can't be loaded: it has a UNet2DConditionModel; name a folder"):
        paint(ControlNet(str(tiny_checkpoint / "unet")), layers=layers)
    with pytest.raises(CheckpointError, match="there is no such folder; name a folder in diffusers' layout"):
        paint(ControlNet(str(tmp_path / "nowhere")), layers=layers)
    damaged = shutil.copytree(nets / "0", tmp_path / "damaged")
    config = json.loads((damaged / "config.json").read_text())
    (damaged / "config.json").write_text(json.dumps(config | {"conditioning_embedding_out_channels": [8, 8, 16]}))
    with pytest.raises(CheckpointError) as caught:
        paint(ControlNet(str(damaged)), layers=layers)
    assert "damaged" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_it_keeps_the_rules(nets, tiny_checkpoint, runtime):
    base = igo.TextToImage(str(tiny_checkpoint))
    check_plugin(
        ControlNet(str(nets / "0")), base=base, image=noise(), prompt="a coat", runtime=runtime, num_inference_steps=2
    )


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"model": " "}, "model is empty"),
        ({"layer": ""}, "layer is empty; expected a layer's name"),
        ({"layer": "mask"}, "layer is 'mask', which says where to paint"),
        ({"scale": -1}, "scale is -1; expected a number from 0 to 10"),
        ({"scale": float("nan")}, "scale is nan"),
        ({"start": 0.5, "end": 0.5}, "start is 0.5, end 0.5; expected 0 ≤ start < end ≤ 1"),
        ({"end": 1.5}, "end 1.5"),
    ],
)
def test_settings_that_can_not_be_meant(settings, told):
    with pytest.raises(SettingsError, match=told):
        ControlNet(**{"model": "lllyasviel/control_v11p_sd15_canny", **settings})
