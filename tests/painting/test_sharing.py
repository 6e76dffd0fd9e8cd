"""A base and its inpainting checkpoint hold what they have in common once, and nothing of one shows in the other."""

import pytest
import torch
from PIL import Image

import igo
from igo.painting.diffusion import Diffusion
from igo.painting.sharing import hold_once

SETTINGS = {"seed": 3, "num_inference_steps": 2, "width": 32, "height": 32}
PARTS = ("vae", "text_encoder")


class Loud:
    """Writes into the text encoder, as fusing an adapter does."""

    @igo.hookimpl
    def prepare(self, pipeline):
        with torch.no_grad():
            pipeline.text_encoder.final_layer_norm.bias += 1
        return pipeline


@pytest.fixture
def picture():
    return Image.new("RGB", (32, 32), "gray")


@pytest.fixture
def mask():
    mask = Image.new("L", (32, 32))
    mask.paste(255, (8, 8, 24, 24))
    return mask


@pytest.fixture
def loaded(monkeypatch):
    """All that is loaded, in order."""
    made, init = [], Diffusion.__init__

    def noted(self, *arguments):
        init(self, *arguments)
        made.append(self)

    monkeypatch.setattr(Diffusion, "__init__", noted)
    return made


def places(diffusion, part):
    return [weight.data_ptr() for weight in getattr(diffusion.pipeline, part).parameters()]


def paint(runtime, checkpoint, inpainting, picture, mask, *steps):
    """The picture of each of the two, as bytes."""
    base = igo.TextToImage(str(checkpoint), inpaint_checkpoint=str(inpainting), feather=0)
    chain = igo.Chain(base, *steps, runtime=runtime)
    first = chain.run("a red hoodie", **SETTINGS)
    second = chain.run("a red hoodie", image=picture, layers={"mask": mask}, seed=3, num_inference_steps=2)
    return first.image.tobytes(), second.image.tobytes()


def test_equal_weights_are_held_once(tiny_checkpoint, tiny_inpaint_checkpoint, loaded, picture, mask, monkeypatch):
    shared = paint(igo.Runtime("cpu"), tiny_checkpoint, tiny_inpaint_checkpoint, picture, mask)
    base, inpainting = loaded
    for part in PARTS:
        assert places(base, part) == places(inpainting, part)
        assert getattr(base.pipeline, part) is not getattr(inpainting.pipeline, part)
    assert base.pipeline.unet.conv_in.weight.data_ptr() != inpainting.pipeline.unet.conv_in.weight.data_ptr()
    monkeypatch.setattr("igo.painting.sharing.hold_once", lambda new, others: None)
    assert paint(igo.Runtime("cpu"), tiny_checkpoint, tiny_inpaint_checkpoint, picture, mask) == shared
    assert places(loaded[2], "vae") != places(loaded[3], "vae")


def test_what_a_step_has_prepared_is_never_shared(tiny_checkpoint, tiny_inpaint_checkpoint, loaded, picture, mask):
    runtime = igo.Runtime("cpu")
    before = paint(runtime, tiny_checkpoint, tiny_inpaint_checkpoint, picture, mask)
    loud = paint(runtime, tiny_checkpoint, tiny_inpaint_checkpoint, picture, mask, Loud())
    assert loud[0] != before[0]
    assert loud[1] != before[1]
    assert len(loaded) == 4
    for part in PARTS:
        held = [set(places(diffusion, part)) for diffusion in loaded]
        assert held[0] == held[1]
        assert not held[0] & held[2]
        assert not held[0] & held[3]
        assert not held[2] & held[3]
    again = [diffusion.pipeline.text_encoder.final_layer_norm.bias.mean().item() for diffusion in loaded]
    assert again[2] == again[3] == pytest.approx(again[0] + 1)
    assert paint(runtime, tiny_checkpoint, tiny_inpaint_checkpoint, picture, mask) == before


def test_another_dtype_of_one_leaves_the_other(tiny_checkpoint):
    from igo.painting.checkpoints import checkpoint

    def load():
        return Diffusion(checkpoint.load(str(tiny_checkpoint), dtype=torch.float32).pipeline, torch.device("cpu"))

    one, other = load(), load()
    hold_once(other, [one])
    assert places(one, "unet") == places(other, "unet")
    other.pipeline.vae.to(torch.float16)
    assert one.pipeline.vae.dtype == torch.float32
    zero = one.pipeline.vae.decoder.conv_in.bias
    third = load()
    with torch.no_grad():
        zero.fill_(0.0)
        third.pipeline.vae.decoder.conv_in.bias.fill_(-0.0)
    hold_once(third, [one])
    assert third.pipeline.vae.decoder.conv_in.bias.data_ptr() != zero.data_ptr()
    assert torch.signbit(third.pipeline.vae.decoder.conv_in.bias).all()
