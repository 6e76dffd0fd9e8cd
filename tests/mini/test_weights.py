"""The weights that IGO carries are the ones that were trained, load in plain diffusers, and paint what is asked for."""

import hashlib

import numpy as np
import pytest

import igo
from igo import mini
from igo.errors import CheckpointError
from igo.mini import wardrobe

PROMPT = "fashion photo of a woman in a {} sweater and gray jeans, studio background"
LARGEST_TOTAL = 40_000_000


def digests():
    lines = (mini.WEIGHTS / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}


def test_weights_are_those_on_record():
    files = {
        path.relative_to(mini.WEIGHTS).as_posix(): path
        for path in mini.WEIGHTS.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    }
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == digests()
    assert sum(path.stat().st_size for path in files.values()) <= LARGEST_TOTAL
    assert not [name for name in files if name.endswith((".bin", ".pt", ".ckpt", ".pickle"))]


def test_an_absent_part_is_one_clear_line():
    for part in ("nothing", "", "..", "../weights"):
        with pytest.raises(CheckpointError, match=r"^mini has no embedded weights"):
            mini.path(part)


def test_mini_loads_in_plain_diffusers_and_paints_the_same():
    import torch
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(mini.path("base"))
    pipeline.set_progress_bar_config(disable=True)
    prompt = PROMPT.format("red")
    width, height = mini.NATIVE_SIZE
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
