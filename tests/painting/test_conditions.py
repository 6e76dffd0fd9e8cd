"""What steps give the base's pipeline: where it arrives, as what, and what is refused."""

from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    MultiControlNetModel,
    StableDiffusionControlNetImg2ImgPipeline,
    StableDiffusionControlNetInpaintPipeline,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
)
from PIL import Image

import igo
from igo.errors import LayerError, MissingLayerError, PluginError
from igo.painting.diffusion import Diffusion
from igo.painting.job import Job
from igo.values import Conditions
from igo_plugins import Outpainting, VirtualStyling
from tests.builders.controls import Control, make_controlnet

PIPELINES = {
    "text2img": StableDiffusionControlNetPipeline,
    "img2img": StableDiffusionControlNetImg2ImgPipeline,
    "inpaint": StableDiffusionControlNetInpaintPipeline,
}
ASKED = {"num_inference_steps": 2, "guidance_scale": 3.0, "seed": 7}


@dataclass(frozen=True)
class Gives:
    """Gives what it is told to."""

    arguments: Any = field(default_factory=dict, hash=False)

    @igo.hookimpl
    def condition(self):
        return self.arguments


@dataclass(frozen=True)
class GivesToo(Gives):
    """Gives what it is told to, too."""


@pytest.fixture(scope="module")
def runtime():
    return igo.Runtime("cpu", "float32")


@pytest.fixture(scope="module")
def base(tiny_checkpoint):
    return igo.TextToImage(str(tiny_checkpoint), emphasis="off", color_match=False, feather=0)


@pytest.fixture
def calls(monkeypatch):
    """What ControlNet pipelines are called with, and the pictures that they make."""
    seen = []

    def watched(original):
        @wraps(original)  # so that it takes what it took
        def call(self, **arguments):
            made = original(self, **arguments)
            seen.append((type(self), arguments, list(made.images)))
            return made

        return call

    for kind in PIPELINES.values():
        monkeypatch.setattr(kind, "__call__", watched(kind.__call__))
    return seen


def noise(size, seed=0, mode="RGB"):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def box_mask(size, *boxes):
    mask = Image.new("L", size)
    for box in boxes:
        mask.paste(255, box)
    return mask


def oracle(checkpoint, task, nets, **arguments):
    """diffusers' own pipeline."""
    plain = StableDiffusionPipeline.from_pretrained(checkpoint)
    nets = [make_controlnet(plain.unet, seed) for seed in nets]
    net = nets[0] if len(nets) == 1 else MultiControlNetModel(nets)
    pipeline = PIPELINES[task](**plain.components, controlnet=net, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator("cpu").manual_seed(7)
    options = {"num_inference_steps": 2, "guidance_scale": 3.0, "generator": generator}
    return pipeline(prompt="a red hoodie", **options, **arguments).images[0]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("task", PIPELINES)
def test_a_control_paints_as_plain_diffusers_does(base, runtime, tiny_checkpoint, calls, task, count):
    size = 32, 40
    photo, controls = noise(size, 1), [noise(size, 2), noise(size, 3)][:count]
    steps = [Control(f"edges-{k}", 0.4 + k, k) for k in range(count)]
    layers = {f"edges-{k}": control for k, control in enumerate(controls)}
    given: dict[str, Any] = (
        {"width": size[0], "height": size[1]} if task == "text2img" else {"image": photo, "strength": 0.5}
    )
    mask = box_mask(size, (8, 8, 24, 32))
    if task == "inpaint":
        layers["mask"] = mask
    igo.Chain(base, *steps, runtime=runtime).run("a red hoodie", layers=layers, **given, **ASKED)
    (kind, arguments, images), _ = calls[0], calls.clear()
    assert kind is PIPELINES[task]
    assert arguments["image" if task == "text2img" else "control_image"] == (controls if count > 1 else controls[0])
    plain: dict[str, Any] = {"width": size[0], "height": size[1], "image": controls if count > 1 else controls[0]}
    if task != "text2img":
        plain |= {"image": photo, "control_image": plain["image"], "strength": 0.5}
    if task == "inpaint":
        plain["mask_image"] = arguments["mask_image"]
    scales = [0.4, 1.4][:count]
    expected = oracle(
        tiny_checkpoint, task, range(count), controlnet_conditioning_scale=scales if count > 1 else 0.4, **plain
    )
    assert images[0] == expected


@pytest.mark.parametrize("size", [(45, 37), (32, 48), (13, 90), (200, 300)])
@pytest.mark.parametrize("zones", [(), ((4, 5, 9, 30),), ((0, 0, 6, 9), (190, 285, 198, 297))])
def test_a_picture_to_paint_by_arrives_as_the_photo_itself_does(base, runtime, calls, size, zones):
    photo = noise(size)
    layers = {"edges": photo, **({"mask": box_mask(size, *zones)} if zones else {})}
    igo.Chain(base, Control(), runtime=runtime).run("a red hoodie", image=photo, layers=layers, **ASKED)
    assert len(calls) >= 1
    for _, arguments, _ in calls:
        assert arguments["control_image"] == arguments["image"][0]


def test_each_part_of_a_picture_has_its_own_fit(base, runtime, calls):
    photo = noise((200, 300))
    mask = box_mask(photo.size, (0, 0, 6, 9), (190, 285, 198, 297))
    layers = {"edges": noise(photo.size, 5), "mask": mask}
    igo.Chain(base, Control(), runtime=runtime).run("a red hoodie", image=photo, layers=layers, **ASKED)
    one, other = (arguments["control_image"] for _, arguments, _ in calls)
    assert one != other


def test_from_text_what_is_cropped_afterwards_is_mirrored(base, runtime, calls):
    edges = noise((29, 43))
    layers = {"edges": edges}
    look = igo.Chain(base, Control(), runtime=runtime).run("a hoodie", width=29, height=43, layers=layers, **ASKED)
    painted = calls[0][1]["image"]
    assert painted.size == (32, 48)
    assert painted.crop((1, 2, 30, 45)) == edges
    assert look.image.size == (29, 43)


def test_a_layers_numbers_and_mode_may_be_kept(base, runtime):
    seen = []

    @dataclass(frozen=True)
    class Parts:
        @igo.hookimpl
        def condition(self, fit, layer):
            seen.extend([fit(layer("parse"), Image.Resampling.NEAREST), fit(layer("parse"))])

    parts = Image.fromarray(np.random.default_rng(0).choice(np.array([3, 250], np.uint8), (300, 200)))
    chain = igo.Chain(base, Parts(), runtime=runtime)
    chain.run("a red hoodie", image=noise(parts.size), layers={"parse": parts}, **ASKED)
    assert [picture.mode for picture in seen] == ["L", "L"]
    assert set(np.unique(seen[0])) == {3, 250}
    assert len(np.unique(seen[1])) > 2


def test_a_layer_that_a_step_makes_is_made_once_for_all_parts(base, runtime, calls):
    made = []

    @dataclass(frozen=True)
    class Edges:
        provides = ("edges",)

        @igo.hookimpl
        def provide(self, name, asking, frame):
            made.append(asking)
            return frame.image.convert("L") if name == "edges" else None

    photo = noise((200, 300))
    mask = box_mask(photo.size, (0, 0, 6, 9), (190, 285, 198, 297))
    chain = igo.Chain(base, Control(), Edges(), runtime=runtime)
    chain.run("a red hoodie", image=photo, layers={"mask": mask}, **ASKED)
    assert made == ["control"]
    assert len(calls) == 2
    assert calls[0][1]["control_image"].mode == "L"


@pytest.mark.parametrize("task", ["text2img", "img2img"])
def test_chains_that_run_together_make_the_pictures_that_they_make_alone(base, runtime, task):
    def call(seed, scale):
        layers = {"edges": noise((32, 40), seed)}
        given = {"width": 32, "height": 40} if task == "text2img" else {"image": noise((32, 40), seed + 50)}
        asked = {**ASKED, "seed": seed, "num_images": 2}
        chain = igo.Chain(base, Control(scale=scale), runtime=runtime)
        return partial(chain.run, "a red hoodie", layers=layers, **given, **asked)

    some = [call(seed, scale) for seed, scale in ((1, 0.5), (2, 0.5), (3, 0.5))]
    alone = [frame.image for one in some for frame in one()]
    assert [frame.image for look in igo.together(some) for frame in look] == alone
    assert len({image.tobytes() for image in alone}) == 6


@pytest.mark.parametrize("nets", [1, 2])
@pytest.mark.parametrize("task", PIPELINES)
def test_pictures_of_a_batch_have_each_their_own_control(tiny_checkpoint, calls, task, nets):
    """As on a GPU, where they are painted in one call."""
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_checkpoint)
    pipeline.set_progress_bar_config(disable=True)
    for seed in range(nets):
        pipeline = Control(seed=seed).prepare(pipeline)
    diffusion, size = Diffusion(pipeline, torch.device("cpu")), (32, 40)

    def job(seed):
        pictures = [noise(size, 10 * seed + net) for net in range(nets)]
        given = {"control_image": pictures, "controlnet_conditioning_scale": [0.8] * nets}
        photo = {} if task == "text2img" else {"image": noise(size, seed + 50), "strength": 0.5}
        mask = {"mask": box_mask(size, (8, 8, 24, 32))} if task == "inpaint" else {}
        conditions = Conditions(given, dict.fromkeys(given, ("control",)))
        return Job("a red hoodie", "", *size, 2, 3.0, (seed,), conditions=conditions, **photo, **mask)

    jobs = [job(1), job(2)]
    alone = [diffusion.paint(one).images[0] for one in jobs]
    calls.clear()
    diffusion.memory.at_once = 2
    batch = igo.together([partial(diffusion.paint, one) for one in jobs])
    assert len(calls) == 1
    for one, painted in zip(alone, batch, strict=True):
        assert np.abs(np.asarray(one).astype(int) - np.asarray(painted.images[0])).max() <= 1
    assert alone[0] != alone[1]


def test_calls_whose_conditions_can_not_be_joined_are_painted_by_themselves(tiny_checkpoint, calls):
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_checkpoint)
    diffusion = Diffusion(Control().prepare(pipeline), torch.device("cpu"))
    diffusion.memory.at_once = 4

    def job(scale):
        given = {"control_image": [noise((32, 40))], "controlnet_conditioning_scale": [scale]}
        conditions = Conditions(given, dict.fromkeys(given, ("control",)))
        return Job("a red hoodie", "", 32, 40, 2, 3.0, (1,), conditions=conditions)

    igo.together([partial(diffusion.paint, job(scale)) for scale in (0.1, 0.9, 0.1)])
    assert [arguments["controlnet_conditioning_scale"] for _, arguments, _ in calls] == [0.1, 0.9]
    assert len(calls[0][2]) == 2


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([Gives({"eta": 0.1}), GivesToo({"eta": 0.1})],
         "step 'gives-too' (condition): gives 'eta', which step 'gives' gives too; take one of them out of the chain"),
        ([Gives({"sigmas": [1.0]}), GivesToo({"sigmas": 1.0})], "gives 'sigmas', which step 'gives' gives too"),
        ([Gives({"eat": 0.1})], "step 'gives' (condition): gives 'eat', which StableDiffusionPipeline doesn't take"),
        ([Gives({"control_image": noise((32, 48))})],
         "step 'gives' (condition): gives 'control_image', which StableDiffusionPipeline doesn't take"),
        ([Gives({"generator": None})], "step 'gives' (condition): gives 'generator', which is the base's own"),
        ([Gives({"prompt_embeds": None})], "gives 'prompt_embeds', which is the base's own"),
        ([Gives({"latents": None})], "gives 'latents', which is the base's own"),
        ([Gives({"image": noise((32, 48))})], "is the base's own; a picture to paint by is called control_image"),
        ([Gives([1])], "step 'gives' (condition): returned list; expected a dict of arguments by their names"),
        ([Gives({1: 2})], "step 'gives' (condition): returned 1 as an argument's name; expected text"),
        ([Gives({"guidance_rescale": "much"})],
         "step 'gives' (condition): StableDiffusionPipeline fails with what it is given (guidance_rescale): TypeError"),
        ([Control()], "step 'control' (condition): needs a layer 'edges', and there is no picture to make it from"),
        ([Control(), Gives({"control_image": [noise((32, 48))]})], "needs a layer 'edges'"),
    ],
)  # fmt: skip
def test_what_can_not_be_given_is_one_line_that_names_the_step(base, runtime, steps, message):
    with pytest.raises((PluginError, MissingLayerError)) as caught:
        igo.Chain(base, *steps, runtime=runtime).run("a red hoodie", width=32, height=48, **ASKED)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("steps", "layers", "message"),
    [
        ([Control(), Gives({"control_image": [noise((32, 48))]})], {"edges": noise((32, 48))},
         "'control_image' has 2 values, and StableDiffusionControlNetPipeline has 1 ControlNet; give one for each"),
        ([Control()], {"edges": noise((30, 48))},
         "step 'control' (condition): what is to be painted by is 30x48; expected a picture of 32x48, as width and"),
    ],
)  # fmt: skip
def test_what_prepare_brought_and_what_is_given_must_agree(base, runtime, steps, layers, message):
    with pytest.raises((PluginError, LayerError)) as caught:
        igo.Chain(base, *steps, runtime=runtime).run("a hoodie", width=32, height=48, layers=layers, **ASKED)
    assert message in str(caught.value)


def test_a_controlnet_without_a_picture_is_said_to_lack_it(base, runtime):
    class Forgets:
        prepare = Control.prepare
        seed = 0

    with pytest.raises(PluginError, match="paints by a picture, and no step gives it a control_image"):
        igo.Chain(base, Forgets(), runtime=runtime).run("a hoodie", width=32, height=48, **ASKED)


def test_the_history_says_who_gave_what(base, runtime):
    steps = Control(), Control(seed=1)
    layers = {"edges": noise((32, 48))}
    look = igo.Chain(*steps, base, runtime=runtime).run("a hoodie", width=32, height=48, layers=layers, **ASKED)
    assert look[0].told["conditions"] == {
        "control_image": ["control", "control-2"],
        "controlnet_conditioning_scale": ["control", "control-2"],
    }


def test_the_users_layers_reach_what_a_styling_paints(base, runtime, calls):
    photo = noise((64, 96))
    layers = {"pose": photo, "mask": box_mask(photo.size, (20, 30, 44, 60))}
    styling = VirtualStyling("hoodie", to="a red hoodie", num_inference_steps=2)
    igo.Chain(base, Control("pose"), styling, runtime=runtime).run(image=photo, layers=layers, seed=1)
    ((kind, arguments, _),) = calls
    assert kind is StableDiffusionControlNetInpaintPipeline
    assert arguments["control_image"] == arguments["image"][0]
    assert arguments["control_image"].mode == "RGB"


def test_layers_follow_to_what_is_outpainted_and_are_black_beyond(base, runtime, calls):
    photo = noise((32, 44))
    chain = igo.Chain(base, Control("pose"), Outpainting(right=6, num_inference_steps=2), runtime=runtime)
    chain.run("a hoodie", image=photo, layers={"pose": photo}, strength=0, seed=1)
    ((_, arguments, _),) = calls
    control, shown = np.asarray(arguments["control_image"]), np.asarray(arguments["image"][0])
    known = (control != 0).any(axis=(0, 2))
    assert list(known) == [True] * 33 + [False] * 7, (
        "32 columns of the photo, one mirrored on the left, and what is new"
    )
    assert (control[:, :33] == shown[:, :33]).all()
