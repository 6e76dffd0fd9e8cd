"""The weights that IGO carries are the ones that were trained, load in plain diffusers, and paint what is asked for."""

import hashlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import igo
from igo import embedded, wardrobe
from igo.errors import CheckpointError

PROMPT = "fashion photo of a woman in a {} sweater and gray jeans, studio background"
LARGEST_TOTAL = 60_000_000


def digests():
    lines = (embedded.WEIGHTS / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}


def test_weights_are_those_on_record():
    files = {
        path.relative_to(embedded.WEIGHTS).as_posix(): path
        for path in embedded.WEIGHTS.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    }
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == digests()
    assert sum(path.stat().st_size for path in files.values()) <= LARGEST_TOTAL
    assert not [name for name in files if name.endswith((".bin", ".pt", ".ckpt", ".pickle"))]


def test_an_absent_part_is_one_clear_line():
    for part in ("nothing", "", "..", "../weights"):
        with pytest.raises(CheckpointError, match=r"^mini has no embedded weights"):
            embedded.path(part)


def test_mini_loads_in_plain_diffusers_and_paints_the_same():
    import torch
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(embedded.path("base"))
    pipeline.set_progress_bar_config(disable=True)
    prompt = PROMPT.format("red")
    width, height = embedded.NATIVE_SIZE
    plain = pipeline(
        prompt,
        width=width,
        height=height,
        num_inference_steps=4,
        guidance_scale=5.0,
        generator=torch.Generator("cpu").manual_seed(7),
    ).images[0]
    look = igo.Chain(igo.TextToImage("mini")).run(prompt, seed=7, num_inference_steps=4, guidance_scale=5.0)
    assert look.image == plain


@pytest.mark.slow
def test_mini_paints_the_colour_that_is_asked_for():
    chain = igo.Chain(igo.TextToImage("mini"))
    names = ("red", "green", "blue", "yellow")
    right = 0
    for name in names:
        look = chain.run(PROMPT.format(name), seed=11)
        torso = np.asarray(look.image, float)[70:95, 52:76].reshape(-1, 3).mean(0)
        nearest = min(names, key=lambda other: np.abs(torso - np.array(wardrobe.COLORS[other])).sum())
        right += nearest == name
    assert right >= 3


@pytest.fixture(scope="module")
def drawing():
    figure = wardrobe.sample(
        102_000_500, top="hoodie", top_color="blue", top_pattern="plain", bottom="jeans", bag="none"
    )
    return wardrobe.draw(figure, *embedded.NATIVE_SIZE)


def test_mini_repaints_a_garment_with_its_own_checkpoint_for_masks(drawing):
    photo = Image.fromarray(drawing.image)
    mask = Image.fromarray((drawing.labels == wardrobe.Part.TOP).astype(np.uint8) * 255)
    chain = igo.Chain(igo.TextToImage("mini", feather=0))
    look = chain.run("a red hoodie", image=photo, layers={"mask": mask}, seed=3)
    before, after, inside = np.asarray(photo), np.asarray(look.image).astype(int), np.asarray(mask) > 0
    red, green, blue = after[inside].mean(0)
    assert red > green + 40
    assert red > blue + 40
    assert np.array_equal(before[~inside], after[~inside])
    assert look.frames[0].history[0].report["checkpoint"] == "mini/inpaint"
    assert set(look.models) == {"mini/inpaint"}


def test_text_finds_what_is_there_and_nothing_else(drawing):
    from transformers import CLIPSegForImageSegmentation, CLIPSegProcessor

    model = CLIPSegForImageSegmentation.from_pretrained(embedded.path("clipseg"))
    processor = CLIPSegProcessor.from_pretrained(embedded.path("clipseg"))
    phrases = ["hoodie", "jeans", "background", "guitar"]
    images = [Image.fromarray(drawing.image)] * len(phrases)
    logits = model(**processor(text=phrases, images=images, padding=True, return_tensors="pt")).logits
    found = [np.asarray(Image.fromarray(one).resize(embedded.NATIVE_SIZE)) > 0 for one in logits.detach().numpy()]
    parts = {"hoodie": wardrobe.Part.TOP, "jeans": wardrobe.Part.BOTTOM, "background": wardrobe.Part.BACKGROUND}
    for phrase, mask in zip(phrases, found, strict=True):
        truth = drawing.labels == parts[phrase] if phrase in parts else np.zeros_like(mask)
        overlap = (mask & truth).sum() / max((mask | truth).sum(), 1)
        assert overlap > 0.6 if phrase in parts else mask.mean() < 0.01, phrase


@pytest.mark.parametrize("scale", [2, 4])
def test_the_upscalers_beat_lanczos_on_spoilt_pictures(scale, drawing):
    import torch

    from igo.networks.files import load_srvgg

    large = wardrobe.draw(drawing.figure, 256, 384).image
    file = BytesIO()
    Image.fromarray(large).resize((256 // scale, 384 // scale), Image.Resampling.BOX).save(file, "JPEG", quality=40)
    small = np.asarray(Image.open(file))
    network = load_srvgg(embedded.path("upscaler") / f"x{scale}.safetensors")
    assert network.scale == scale
    with torch.no_grad():
        made = network(torch.from_numpy(small.copy()).permute(2, 0, 1)[None].float() / 255)[0].permute(1, 2, 0)
    made = (made.clamp(0, 1) * 255).numpy()
    plain = np.asarray(Image.fromarray(small).resize((256, 384), Image.Resampling.LANCZOS))
    error, plain_error = (np.square(picture - large.astype(float)).mean() for picture in (made, plain))
    assert error < 0.9 * plain_error


def test_the_parser_tells_who_wears_what_and_what_lies_flat():
    import torch
    from transformers import AutoImageProcessor, SegformerForSemanticSegmentation

    drawing = wardrobe.draw(wardrobe.sample(4, top="sweater", top_color="red", bottom="trousers", bag="none"))
    folder = embedded.path("parser")
    model = SegformerForSemanticSegmentation.from_pretrained(folder).eval()
    processor = AutoImageProcessor.from_pretrained(folder)
    assert tuple(model.config.id2label[value] for value in range(model.config.num_labels)) == wardrobe.PARSE

    def found(image):
        with torch.no_grad():
            outputs = model(**processor(Image.fromarray(image), return_tensors="pt"))
        return processor.post_process_semantic_segmentation(outputs, [image.shape[:2]])[0].numpy()

    parse = found(drawing.image)
    for name in ("background", "face", "top", "pants"):
        value = wardrobe.PARSE.index(name)
        mask, truth = parse == value, drawing.parse == value
        assert (mask & truth).sum() / (mask | truth).sum() > 0.7, name
    for garment, name in (("upper", "top"), ("lower", "pants")):
        laid = wardrobe.lay_flat(drawing.figure, garment, *embedded.NATIVE_SIZE)
        inside = found(laid.image)[laid.shape > 0.5]
        assert (inside == wardrobe.PARSE.index(name)).mean() > 0.7, name


def test_the_try_on_takes_the_garment_of_the_picture():
    from igo_plugins import TryOn

    person = wardrobe.sample(6, top="t-shirt", top_color="gray", top_pattern="plain", bottom="jeans", bag="none")
    drawing = wardrobe.draw(person)
    chain, runtime = TryOn(), igo.Runtime()
    for color in ("red", "blue"):
        worn = wardrobe.sample(9, top="t-shirt", top_color=color, top_pattern="plain", bottom="jeans")
        laid = Image.fromarray(wardrobe.lay_flat(worn, "upper", *embedded.NATIVE_SIZE).image)
        look = igo.Chain(chain, runtime=runtime).run(
            image=Image.fromarray(drawing.image), references={"garment": laid}, seed=3
        )
        inside = np.asarray(look.image)[drawing.labels == wardrobe.Part.TOP].astype(float)
        near = {name: np.abs(inside - wardrobe.COLORS[name]).mean() for name in ("red", "blue", "gray")}
        assert min(near, key=near.get) == color, near
