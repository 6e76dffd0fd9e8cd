"""What can't be painted is said before a checkpoint is loaded."""

import pytest
from PIL import Image

import igo
from igo.errors import ImageError, LayerError, SettingsError
from igo.painting.checkpoints import checkpoint
from igo.testing import PaintedBase


@pytest.fixture(autouse=True)
def nothing_is_loaded(monkeypatch):
    def load(*_, **__):
        pytest.fail("a checkpoint was loaded")

    monkeypatch.setattr(checkpoint, "load", load)


def base(**settings):
    return igo.Chain(igo.TextToImage("mini", **settings), runtime=igo.Runtime("cpu", "float32"))


PHOTO = Image.new("RGB", (32, 48), "gray")


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        ({"num_inference_steps": 10**6}, SettingsError, "num_inference_steps is 1000000; expected at most 1000"),
        ({"num_inference_steps": 1001, "image": PHOTO}, SettingsError, "num_inference_steps is 1001; expected at most"),
        ({"width": 100_000}, SettingsError, "width is 100000; expected at most 16384 in one piece"),
        ({"height": 20_000, "width": 20_000}, SettingsError, "20000x20000 is more than can be painted in one piece"),
        ({"width": 100_000, "image": PHOTO}, ImageError, "a picture of 100000x150000 is asked for; expected at most"),
        ({"num_images": 10**9}, SettingsError, "num_images is 1000000000; expected at most 10,000"),
        ({"strength": 0.5}, SettingsError, r"strength is 0\.5, and there is no picture to change; give image="),
        (
            {"layers": {"mask": PHOTO}},
            LayerError,
            "the layer 'mask' says where to paint in a picture, and there is none",
        ),
    ],
)
def test_of_a_request(request_, error, message):
    with pytest.raises(error, match=message):
        base().run("a coat", seed=1, **request_)


def refusals(chain):
    """What a chain says when it is checked, and when it is run."""
    for do in (chain.check, lambda: chain.run("a coat", seed=1)):
        with pytest.raises(SettingsError) as caught:
            do()
        yield str(caught.value)


@pytest.mark.parametrize("memory", ["offload", "sequential"])
def test_memory_modes_that_this_device_lacks(memory):
    expected = f"step 'text-to-image' (check): memory='{memory}' moves weights off a GPU; on the CPU use"
    assert all(text.startswith(expected) for text in refusals(base(memory=memory)))


def test_packages_that_a_scheduler_needs(monkeypatch):
    monkeypatch.setattr("igo.painting.schedulers.find_spec", lambda name: None)
    expected = "step 'text-to-image' (check): this scheduler needs the package torchsde; pip install torchsde"
    assert list(refusals(base(scheduler="DPM++ SDE"))) == [expected] * 2


@pytest.mark.parametrize(
    ("scheduler", "options", "expected"),
    [
        ("Euler", {"beta_schedule": "spiral"}, "EulerDiscreteScheduler can't be made: spiral is not implemented"),
        (
            "Euler a",
            {"timestep_spacing": "even"},
            "EulerAncestralDiscreteScheduler can't be made: even is not supported",
        ),
    ],
)
def test_options_that_the_scheduler_refuses(scheduler, options, expected):
    assert all(expected in text for text in refusals(base(scheduler=scheduler, scheduler_config=options)))


def test_a_device_that_is_not_here_is_told_as_such():
    for base_ in (PaintedBase(), igo.TextToImage()):
        for text in refusals(igo.Chain(base_, runtime=igo.Runtime("cuda:99"))):
            assert text.startswith("device 'cuda:99' can't be used here (")


def test_captions_and_layers_ask_for_the_device_first():
    chain = igo.Chain(PaintedBase(), runtime=igo.Runtime("cuda:99"))
    for ask in (lambda: chain.caption([PHOTO]), lambda: chain.layer("mask", PHOTO)):
        with pytest.raises(SettingsError, match="device 'cuda:99' can't be used here"):
            ask()


def test_steps_are_asked_in_order_before_anybody_paints():
    asked = []

    class Asked:
        @igo.hookimpl
        def check(self, runtime):
            asked.append(runtime.step)

        @igo.hookimpl
        def postprocess(self, frame):
            asked.append("painted")

    igo.Chain(PaintedBase(), Asked(), Asked()).run("a", seed=1)
    assert asked == ["asked", "asked-2", "painted", "painted"]


def test_a_mask_without_a_picture_is_for_the_steps_behind_the_base():
    class Looks:
        @igo.hookimpl
        def postprocess(self, frame, layer):
            return frame.noted(area=layer("mask").getbbox())

    mask = Image.new("L", (64, 96), 255)
    look = igo.Chain(PaintedBase(), Looks()).run("a", width=64, height=96, layers={"mask": mask}, seed=1)
    assert look[0].told["area"] == (0, 0, 64, 96)
