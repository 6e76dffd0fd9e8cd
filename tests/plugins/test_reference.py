"""The reference plugin: exact against plain diffusers' IP-Adapters, of every kind, together, and off again."""

import inspect
import shutil

import numpy as np
import pytest
import torch
from diffusers import (
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
    ControlNetModel,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
)
from PIL import Image
from safetensors.torch import load_file, save_file

import igo
from igo.errors import CheckpointError, SettingsError
from igo.painting.diffusion import Diffusion
from igo.testing import check_plugin
from igo_plugins import ControlNet, Reference, VirtualStyling
from tests.builders.controls import make_controlnet
from tests.builders.ip_adapters import save_image_encoder, save_ip_adapter
from tests.builders.tiny import make_xl_pipeline

SIZE = 32, 40
ASKED = {"prompt": "a red coat", "num_inference_steps": 2, "guidance_scale": 3.0, "seed": 7}
OPTIONS = {"num_inference_steps": 2, "guidance_scale": 3.0, "width": SIZE[0], "height": SIZE[1]}
KINDS = {"ip-adapter_sd15": "plain", "ip-adapter-plus_sd15": "plus", "ip-adapter-full-face_sd15": "full-face"}


@pytest.fixture(scope="module")
def xl_checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("xl")
    make_xl_pipeline(folder / "tokenizer").save_pretrained(folder / "checkpoint")
    return folder / "checkpoint"


@pytest.fixture(scope="module")
def repository(tiny_checkpoint, xl_checkpoint, tmp_path_factory):
    """A folder laid out as h94/IP-Adapter is."""
    folder = tmp_path_factory.mktemp("ip-adapter")
    unet = StableDiffusionPipeline.from_pretrained(tiny_checkpoint).unet
    for seed, (name, kind) in enumerate(KINDS.items()):
        save_ip_adapter(folder / "models" / f"{name}.safetensors", unet, kind, seed)
    save_ip_adapter(folder / "models" / "ip-adapter_sd15.bin", unet)
    save_image_encoder(folder / "models" / "image_encoder")
    xl = StableDiffusionXLPipeline.from_pretrained(xl_checkpoint).unet
    save_ip_adapter(folder / "sdxl_models" / "ip-adapter_sdxl_vit-h.safetensors", xl)
    save_image_encoder(folder / "sdxl_models" / "image_encoder", 1, projection_dim=20)
    return folder


@pytest.fixture(scope="module")
def runtime():
    return igo.Runtime("cpu", "float32")


@pytest.fixture
def paint(tiny_checkpoint, xl_checkpoint, runtime, monkeypatch):
    """The first picture that the pipeline makes, before it is put into another."""
    made, paint = [], Diffusion.paint
    monkeypatch.setattr(Diffusion, "paint", lambda *given: made.append(paint(*given)) or made[-1])

    def run(*steps, xl=False, **changes):
        made.clear()
        base = igo.TextToImage(str(xl_checkpoint if xl else tiny_checkpoint))
        size = {} if "image" in changes else {"width": SIZE[0], "height": SIZE[1]}
        igo.Chain(base, *steps, runtime=runtime).run(**(ASKED | size | changes))
        return made[0].images[0]

    return run


@pytest.fixture
def adapter(repository):
    """The step for one of the repository's files."""

    def make(name="ip-adapter_sd15", reference="style", scale=0.7, **settings):
        given = {"subfolder": "models", "weight_name": f"{name}.safetensors", **settings}
        return Reference(str(repository), reference, scale, **given)

    return make


def noise(size=SIZE, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def plain(pipeline, repository, names, scales, pictures, subfolder="models", encoder="image_encoder", **arguments):
    """diffusers alone."""
    pipeline.set_progress_bar_config(disable=True)
    files = [f"{name}.safetensors" for name in names]
    pipeline.load_ip_adapter(str(repository), subfolder, files, image_encoder_folder=encoder)
    pipeline.set_ip_adapter_scale(scales)
    generator = torch.Generator("cpu").manual_seed(7)
    given = {**OPTIONS, **arguments, "ip_adapter_image": pictures}
    takes = inspect.signature(pipeline.__call__).parameters  # some have their size from the picture
    given = {name: value for name, value in given.items() if name in takes}
    return pipeline("a red coat", generator=generator, **given).images[0]


@pytest.mark.parametrize("name", KINDS)
def test_the_picture_is_that_of_plain_diffusers(name, adapter, paint, repository, tiny_checkpoint):
    style = noise((50, 30), 3)
    painted = paint(adapter(name), references={"style": style})
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_checkpoint)
    assert painted == plain(pipeline, repository, [name], 0.7, style)
    assert painted != paint(adapter(name), references={"style": noise((50, 30), 4)})


def test_so_it_is_with_several_adapters_that_go_by_several_pictures(adapter, paint, repository, tiny_checkpoint):
    pictures = {name: noise((40, 40), seed) for seed, name in enumerate(("style", "mood", "face"))}
    names = ["ip-adapter_sd15", "ip-adapter-plus_sd15"]
    steps = adapter(names[0], "style, mood", 0.5), adapter(names[1], "face", 0.9)
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_checkpoint)
    given = [[pictures["style"], pictures["mood"]], [pictures["face"]]]
    assert paint(*steps, references=pictures) == plain(pipeline, repository, names, [0.5, 0.9], given)


@pytest.mark.parametrize("task", ["img2img", "inpaint"])
def test_so_it_is_from_a_picture_and_in_a_mask(task, adapter, paint, repository, tiny_checkpoint):
    style, photo, mask = noise(seed=3), noise(seed=5), Image.new("L", SIZE)
    mask.paste(255, (8, 8, 24, 32))
    inpainting = task == "inpaint"
    layers = {"mask": mask} if inpainting else {}
    painted = paint(adapter(), references={"style": style}, image=photo, layers=layers, strength=0.6)
    kind = AutoPipelineForInpainting if inpainting else AutoPipelineForImage2Image
    given = {"image": photo, "strength": 0.6, **({"mask_image": mask} if inpainting else {})}
    pipeline = kind.from_pretrained(tiny_checkpoint)
    assert painted == plain(pipeline, repository, ["ip-adapter_sd15"], 0.7, style, **given)


def test_so_it_is_with_xl_by_an_image_encoder_that_lies_elsewhere(adapter, paint, repository, xl_checkpoint):
    style, name = noise(seed=3), "ip-adapter_sdxl_vit-h"
    step = adapter(name, subfolder="sdxl_models", image_encoder_folder="models/image_encoder")
    painted = paint(step, references={"style": style}, xl=True)
    pipeline = StableDiffusionXLPipeline.from_pretrained(xl_checkpoint)
    encoder = "models/image_encoder"
    assert painted == plain(pipeline, repository, [name], 0.7, style, subfolder="sdxl_models", encoder=encoder)


@pytest.mark.parametrize("first", [True, False])
def test_so_it_is_beside_a_controlnet(first, adapter, paint, repository, tiny_checkpoint, tmp_path):
    style, edges = noise(seed=3), noise(seed=4)
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_checkpoint)
    make_controlnet(pipeline.unet).save_pretrained(tmp_path / "net")
    steps = adapter(), ControlNet(str(tmp_path / "net"), scale=0.8)
    painted = paint(*steps[:: 1 if first else -1], references={"style": style}, layers={"edges": edges})
    net = ControlNetModel.from_pretrained(tmp_path / "net")
    pipeline = StableDiffusionControlNetPipeline(**pipeline.components, controlnet=net, requires_safety_checker=False)
    arguments = {"image": edges, "controlnet_conditioning_scale": 0.8}
    assert painted == plain(pipeline, repository, ["ip-adapter_sd15"], 0.7, style, **arguments)


def test_it_leaves_no_trace_in_other_chains(adapter, paint):
    style = {"style": noise(seed=3)}
    before = paint()
    after = paint(adapter(), references=style)
    assert after != before
    assert paint() == before
    assert paint(adapter(), references=style) == after
    assert paint(adapter(scale=0), references=style) == before


def test_files_are_named_in_the_ways_that_people_have_them(adapter, paint, repository, tmp_path):
    style = {"style": noise(seed=3)}
    expected = paint(adapter(), references=style)
    assert paint(adapter(weight_name="ip-adapter_sd15.bin"), references=style) == expected
    own = tmp_path / "own"
    shutil.copytree(repository / "models" / "image_encoder", own / "image_encoder")
    shutil.copy(repository / "models" / "ip-adapter_sd15.safetensors", own / "mine.safetensors")
    for model in (own, own / "mine.safetensors"):
        assert paint(Reference(str(model), scale=0.7), references=style) == expected


def test_a_styling_goes_by_it_too(adapter, paint):
    photo, mask = noise((64, 96)), Image.new("L", (64, 96))
    mask.paste(255, (20, 30, 44, 60))
    styling = VirtualStyling("hoodie", to="a red hoodie", num_inference_steps=2)
    given = {"prompt": "", "image": photo, "layers": {"mask": mask}}
    looks = [paint(adapter(), styling, references={"style": noise(seed=seed)}, **given) for seed in (3, 4)]
    assert looks[0] != looks[1]


def test_what_does_not_fit_is_told_in_one_line(adapter, paint, repository, tmp_path, tiny_checkpoint):
    style = {"style": noise(seed=3)}

    def refused(step, **settings):
        with pytest.raises(CheckpointError) as caught:
            paint(step, references=style, **settings)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "another family than this checkpoint: its cross_attention_dim is 32, the" in refused(adapter(), xl=True)
    xl = adapter("ip-adapter_sdxl_vit-h", subfolder="sdxl_models")
    assert "another family than this checkpoint: its cross_attention_dim is 80, the" in refused(xl)
    assert "reads 12 numbers of a picture, and the image encoder beside it gives 20; name its own" in refused(
        xl, xl=True
    )
    assert "has several files; say which in weight_name: ip-adapter-full-face" in refused(adapter(weight_name=None))
    assert "has no ip.bin; it has: ip-adapter-full-face" in refused(adapter(weight_name="ip.bin"))
    elsewhere = adapter(image_encoder_folder="encoder")
    assert "has no image encoder in models/encoder/, by which an IP-Adapter sees" in refused(elsewhere)
    assert "there is no IP-Adapter '/nowhere'; name a folder" in refused(Reference("/nowhere"))
    unet = Reference(str(tiny_checkpoint / "unet"))
    assert "is no IP-Adapter: it holds 'conv_in.bias'; name a folder" in refused(unet)
    two = adapter("ip-adapter-plus_sd15"), adapter(image_encoder_folder="sdxl_models/image_encoder", scale=1)
    with pytest.raises(CheckpointError, match="has another image encoder than the IP-Adapter ip-adapter-plus_sd15"):
        paint(*two, references=style)
    tensors = load_file(repository / "models" / "ip-adapter_sd15.safetensors")
    models = shutil.copytree(repository / "models" / "image_encoder", tmp_path / "image_encoder").parent
    face = {"image_proj.proj.0.weight": torch.ones(2, 2), "image_proj.proj.2.weight": torch.ones(2, 2)}
    face |= {name: value for name, value in tensors.items() if "image_proj.proj" not in name}
    save_file(face, models / "faceid.safetensors")
    assert "is a FaceID adapter, which goes by InsightFace's numbers" in refused(
        Reference(f"{models}/faceid.safetensors")
    )
    tensors.pop("ip_adapter.1.to_k_ip.weight")
    save_file(tensors, models / "cut.safetensors")
    assert "another family" in refused(Reference(f"{models}/cut.safetensors"))
    (models / "empty.safetensors").write_bytes(b"")
    assert "empty.safetensors" in refused(Reference(f"{models}/empty.safetensors"))


def test_the_record_tells_files_of_one_folder_apart_and_the_picture_is_made_again(
    adapter, repository, tiny_checkpoint, runtime, tmp_path
):
    steps = adapter("ip-adapter_sd15"), adapter("ip-adapter-plus_sd15", "face")
    noise(seed=3).save(tmp_path / "style.png")
    noise(seed=4).save(tmp_path / "face.png")
    chain = igo.Chain(igo.TextToImage(str(tiny_checkpoint)), *steps, runtime=runtime)
    shown = {name: tmp_path / f"{name}.png" for name in ("style", "face")}
    look = chain.run(**ASKED, width=SIZE[0], height=SIZE[1], references=shown)
    names = {name for name in look.models if str(repository) in name}
    assert names == {str(repository), f"{repository} (reference-2)"}
    assert len({look.models[name] for name in names}) == 2
    look.save(tmp_path / "look.png")
    assert igo.replay(tmp_path / "look.png").look.image == look.image


def test_a_reference_that_is_missing_is_told_before_anything_loads(adapter, paint):
    with pytest.raises(igo.IGOError, match="needs a reference 'mood', a picture to go by"):
        paint(adapter(reference="style, mood"), references={"style": noise()})


@pytest.mark.slow
def test_it_keeps_the_rules(adapter, tiny_checkpoint, runtime):
    check_plugin(
        adapter(), base=igo.TextToImage(str(tiny_checkpoint)), prompt="a coat", runtime=runtime,
        references={"style": noise(seed=3)}, num_inference_steps=2,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"model": " "}, "model is empty"),
        ({"reference": " ,"}, "reference is empty; expected the name of a picture"),
        ({"scale": float("nan")}, "scale is nan; expected a number from 0 to 10"),
        ({"subfolder": "../models"}, "subfolder is '../models'; expected a place within the folder"),
        ({"image_encoder_folder": "/models"}, "image_encoder_folder is '/models'; expected a place within"),
    ],
)
def test_settings_that_can_not_be_meant(settings, told):
    with pytest.raises(SettingsError, match=told):
        Reference(**{"model": "h94/IP-Adapter", **settings})
