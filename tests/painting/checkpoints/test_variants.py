"""Which files of a checkpoint are loaded: those for the dtype, those that were asked for, those that are there."""

import shutil

import pytest
import torch

import igo
from igo.errors import CheckpointError
from igo.painting.checkpoints import checkpoint
from igo.painting.checkpoints.components import pipeline_class
from igo.painting.checkpoints.digests import digest

INPAINTING = "stable-diffusion-v1-5/stable-diffusion-inpainting"
PARTS = ("unet", "vae", "text_encoder", "safety_checker")


@pytest.fixture
def folder(published_repositories, tmp_path):
    """The published inpainting checkpoint: .bin, .fp16.bin and .fp16.safetensors, a little different each."""
    return shutil.copytree(published_repositories / INPAINTING, tmp_path / "checkpoint")


def load(folder, dtype=torch.float32, **settings):
    return checkpoint.load(str(folder), inpainting=True, dtype=dtype, **settings)


def lose(folder, *patterns):
    for path in (path for pattern in patterns for path in folder.glob(pattern)):
        path.unlink()


def taken(folder, **settings):
    """Which files make the identity, and the note."""
    loaded = load(folder, **settings)
    for pattern in ("*.fp16.safetensors", "*.fp16.bin", "*.bin"):
        files = [
            path.relative_to(folder).as_posix()
            for path in folder.glob(f"*/{pattern}")
            if pattern != "*.bin" or ".fp16" not in path.name
        ]
        if len(files) == len(PARTS) and loaded.identity == digest(folder, files):
            return pattern, loaded.note
    raise AssertionError("other files, or not all from one kind")


def test_by_itself_the_dtype_decides(folder):
    assert taken(folder) == ("*.bin", None)
    assert taken(folder, dtype=torch.float16) == ("*.fp16.safetensors", None)
    lose(folder, "*/*.fp16.safetensors")
    assert taken(folder, dtype=torch.float16) == ("*.fp16.bin", None)
    lose(folder, "*/*.fp16.*")
    assert taken(folder, dtype=torch.float16) == ("*.bin", None)


def test_a_variant_that_is_asked_for(folder):
    assert taken(folder, variant="fp16") == ("*.fp16.safetensors", None)
    assert taken(folder, variant="ema") == ("*.bin", "there is no variant 'ema'; plain files are used")
    lose(folder, "text_encoder/*.fp16.*")
    note = load(folder, variant="fp16").note
    assert note == "there is no variant 'fp16' of text_encoder; other files of it are used"


def test_a_folder_with_half_precision_alone_is_taken_with_a_word(folder):
    for path in folder.glob("*/*.bin"):
        if ".fp16" not in path.name:
            path.unlink()
    assert taken(folder) == ("*.fp16.safetensors", "there are no plain files; fp16 files are used")
    assert taken(folder, dtype=torch.float16) == ("*.fp16.safetensors", None)


def test_the_note_is_on_the_frame(folder):
    base = igo.TextToImage("mini", inpaint_checkpoint=str(folder), inpaint_variant="ema")
    from PIL import Image

    mask = Image.new("L", (32, 32), 255)
    look = igo.Chain(base).run(
        "a red hoodie", image=Image.new("RGB", (32, 32)), layers={"mask": mask}, seed=1, num_inference_steps=1
    )
    (entry,) = [entry for entry in look.frames[0].history if "checkpoint" in entry.report]
    assert entry.report["note"] == "there is no variant 'ema'; plain files are used"


@pytest.mark.parametrize(
    ("kind", "inpainting", "taken"),
    [
        ("StableDiffusionPipeline", False, "StableDiffusionPipeline"),
        ("StableDiffusionPipeline", True, "StableDiffusionInpaintPipeline"),
        ("StableDiffusionInpaintPipeline", False, "StableDiffusionPipeline"),
        ("FluxFillPipeline", True, "FluxFillPipeline"),
        ("FluxFillPipeline", False, "FluxFillPipeline"),
        ("QwenImageEditPipeline", True, "QwenImageEditInpaintPipeline"),
        ("QwenImageEditPipeline", False, "QwenImageEditPipeline"),
        ("StableDiffusionInstructPix2PixPipeline", False, "StableDiffusionInstructPix2PixPipeline"),
    ],
)
def test_the_class_is_autopipelines_or_the_checkpoints_own(kind, inpainting, taken):
    assert pipeline_class("it", {"_class_name": kind}, inpainting).__name__ == taken


@pytest.mark.parametrize(
    ("index", "inpainting", "message"),
    [
        ({"_class_name": "StableDiffusionInstructPix2PixPipeline"}, True, "which doesn't paint in masks"),
        ({"_class_name": "WanPipeline"}, False, "which doesn't paint pictures of a prompt"),
        ({"_class_name": "AudioLDMPipeline"}, False, "which doesn't paint pictures of a prompt"),
        (
            {
                "_class_name": "StableDiffusionXLImg2ImgPipeline",
                "tokenizer": [None, None],
                "text_encoder": [None, None],
                "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
            },
            False,
            "is the refiner of Stable Diffusion XL",
        ),
    ],
)
def test_classes_that_cannot_paint_what_is_asked(index, inpainting, message):
    with pytest.raises(CheckpointError, match=message):
        pipeline_class("it", index, inpainting)


@pytest.fixture
def pix2pix(tmp_path):
    """A checkpoint that works from pictures alone, which AutoPipeline doesn't know."""
    from diffusers import StableDiffusionInstructPix2PixPipeline

    from tests.builders import tiny

    parts = tiny.make_pipeline(tmp_path / "tokenizer", in_channels=8).components
    parts.pop("image_encoder", None)
    StableDiffusionInstructPix2PixPipeline(**parts, requires_safety_checker=False).save_pretrained(tmp_path / "p2p")
    return tmp_path / "p2p"


def test_a_class_of_its_own_paints_what_it_can(pix2pix, photo):
    chain = igo.Chain(igo.TextToImage(str(pix2pix)))
    look = chain.run("a red hoodie", image=photo, seed=1, num_inference_steps=2)
    assert look.image.size == photo.size
    assert look.image != photo
    with pytest.raises(CheckpointError, match="can't paint from text alone, only from a picture; name another"):
        chain.run("a red hoodie", seed=1, num_inference_steps=2, width=32, height=32)
