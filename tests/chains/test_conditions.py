"""What steps give a base: asked of all of them, joined or refused; and the layers and targets that they go by."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from PIL import Image

import igo
from igo.chains.conditions import joined
from igo.errors import LayerError, MissingLayerError, PluginError
from igo.testing import PaintedBase
from igo_plugins import Outpainting, VirtualStyling


@dataclass(frozen=True)
class Asks:
    """A base that keeps what it is given."""

    seen: list = field(default_factory=list, hash=False)

    @igo.hookimpl
    def generate(self, request, conditions):
        self.seen.append((request, conditions(request, lambda picture, resample=None: picture)))
        return PaintedBase().generate(request.replace(prompt=request.prompt or "a coat", strength=1.0))


@dataclass(frozen=True)
class Gives:
    """Gives what it is told to, and the layers that it is to ask for."""

    arguments: Any = field(default_factory=dict, hash=False)
    layers: tuple = ()

    @igo.hookimpl
    def condition(self, layer):
        return {**self.arguments, **{name: layer(name) for name in self.layers}}


@dataclass(frozen=True)
class Makes:
    """A parser: a mask of the left of a picture, or of what it is asked for."""

    told: list = field(default_factory=list, hash=False)
    provides = ("mask",)

    @igo.hookimpl
    def provide(self, name, target, asking, frame):
        self.told.append((name, target, asking))
        if name != "mask":
            return None
        mask = Image.new("L", frame.image.size)
        mask.paste(255, (0, 0, 9, 9) if target == "shirt" else (20, 20, 29, 29))
        return mask


def noise(size=(40, 60), mode="RGB", seed=0):
    bands = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], bands), dtype=np.uint8)
    return Image.fromarray(pixels.squeeze())


def test_all_steps_are_asked_in_order_wherever_they_stand():
    base = Asks()
    igo.Chain(Gives({"a": [1], "b": 2}), base, Gives({"a": [3, 4]})).run("a coat", seed=1)
    ((_, given),) = base.seen
    assert given == {"a": [1, 3, 4], "b": 2}
    assert given.steps == {"a": ("gives", "gives-2"), "b": ("gives",)}


def test_who_says_nothing_gives_nothing():
    class Silent:
        @igo.hookimpl
        def condition(self):
            return None

    base = Asks()
    igo.Chain(base, Silent()).run("a coat", seed=1)
    assert base.seen[0][1] == {}


@pytest.mark.parametrize("values", [(1, 1), ([1], 1), (1, [1]), ((1,), (1,)), ("a", "b"), ({}, {})])
def test_what_is_no_list_can_not_be_given_twice(values):
    with pytest.raises(PluginError, match=r"step 'two' \(condition\): gives 'a', which step 'one' gives too"):
        joined([("one", {"a": values[0]}), ("two", {"a": values[1]})])


def test_joining_changes_no_plugins_own_list():
    own = [1]
    joined([("one", {"a": own}), ("two", {"a": [2]})])
    assert own == [1]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (noise(), noise()),
        (noise(mode="L"), noise(mode="L")),
        (noise(mode="L").convert("RGB"), noise(mode="L")),
        (noise(mode="L").convert("1"), noise(mode="L").convert("1").convert("L")),
        (noise(mode="LA"), noise(mode="LA").getchannel("A")),
        (noise(mode="RGBA"), None),
    ],
    ids=["RGB", "L", "gray RGB", "1", "LA", "RGBA"],
)
def test_layers_keep_their_colours(layer, expected):
    """On black, where they are transparent; and without any, they are gray, or their alpha."""
    if expected is None:
        expected = Image.composite(layer.convert("RGB"), Image.new("RGB", layer.size), layer.getchannel("A"))
    base = Asks()
    igo.Chain(base).run("a coat", image=noise(seed=1), layers={"pose": layer}, seed=1)
    assert base.seen[0][0].layers["pose"] == expected
    assert base.seen[0][0].layers["pose"].mode == expected.mode


def test_an_alpha_is_levels_whatever_its_file_is():
    look = igo.Chain(Asks()).run("a coat", image=noise(seed=1), layers={"alpha": noise(seed=2)}, seed=1)
    assert look[0].layers["alpha"] == noise(seed=2).convert("L")


def test_a_parser_is_told_whose_mask_it_makes():
    base, parser = Asks(), Makes()
    steps = VirtualStyling("shirt", to="a red shirt"), VirtualStyling("skirt", to="a red skirt")
    igo.Chain(base, parser, *steps).run(image=noise(), seed=1)
    assert parser.told == [("mask", "shirt", "virtual-styling"), ("mask", "skirt", "virtual-styling-2")]
    assert [request.layers["mask"].getbbox() for request, _ in base.seen[1:]] == [(0, 0, 9, 9), (20, 20, 29, 29)]


def test_a_user_may_say_of_what_a_layer_shall_be():
    parser = Makes()
    assert igo.Chain(parser).layer("mask", noise(), target="shirt").getbbox() == (0, 0, 9, 9)
    assert igo.Chain(parser).layer("mask", noise()).getbbox() == (20, 20, 29, 29)
    assert parser.told == [("mask", "shirt", ""), ("mask", "", "")]


def test_what_the_user_brought_reaches_what_a_styling_paints():
    base, photo = Asks(), noise()
    layers, references = {"pose": noise(seed=2), "mask": Image.new("L", photo.size, 255)}, {"style": noise((9, 7))}
    styling = VirtualStyling("shirt", to="a red shirt")
    chain = igo.Chain(Gives(layers=("pose",)), base, styling)
    chain.run(image=photo, layers=layers, references=references, strength=0, seed=1)
    request, given = base.seen[-1]
    assert request.image is not None
    assert given["pose"] == request.layers["pose"] == layers["pose"]
    assert request.references == references


def test_what_the_user_brought_follows_outpainting_and_is_black_beyond():
    base, photo, pose = Asks(), noise((64, 96)), noise((64, 96), seed=2)
    steps = Outpainting(left=7, prompt="a coat"), VirtualStyling("shirt", to="a shirt", mask_model="mini")
    igo.Chain(Gives(layers=("pose",)), steps[0], base).run(image=photo, layers={"pose": pose}, seed=1)
    request, given = base.seen[-1]
    assert request.image.size == (71, 96)
    assert given["pose"].crop((7, 0, 71, 96)) == pose
    assert given["pose"].crop((0, 0, 7, 96)).getbbox() is None


def test_a_part_of_a_picture_says_by_box_what_it_shows():
    @dataclass(frozen=True)
    class Zooms:
        @igo.hookimpl
        def postprocess(self, frame, paint):
            shown = frame.image.crop((10, 20, 20, 40)).resize((20, 40))
            paint(igo.Request(prompt="a", image=shown, seed=1), (10, 20, 20, 40))
            paint(igo.Request(prompt="a", image=shown, seed=1))

    base, parse = Asks(), noise(mode="L", seed=2)
    igo.Chain(base, Zooms()).run(image=noise(), layers={"parse": parse}, strength=0, seed=1)
    shown, unknown = (request for request, _ in base.seen[-2:])
    assert shown.layers["parse"] == parse.crop((10, 20, 20, 40)).resize((20, 40), Image.Resampling.NEAREST)
    assert unknown.layers == {}


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (9, 0, 3, 9)])
def test_a_box_without_area_is_refused(box):
    class Wrong:
        @igo.hookimpl
        def postprocess(self, frame, paint):
            paint(igo.Request(prompt="a", image=frame.image, seed=1), box=box)

    with pytest.raises(PluginError, match=r"step 'wrong' \(postprocess\): box is .*; expected left, top, right and b"):
        igo.Chain(Asks(), Wrong()).run(image=noise(), layers={"pose": noise()}, seed=1)


def test_a_layer_that_could_not_follow_is_said_to_whom_it_is_missing():
    class Enlarges:
        resizes = True

        @igo.hookimpl
        def postprocess(self, frame):
            return frame.with_image(frame.image.resize((80, 120)))

    class Repaints:
        @igo.hookimpl
        def postprocess(self, frame, paint):
            return frame.with_image(paint(igo.Request(prompt="a", image=frame.image, seed=1))[0].image)

    @dataclass(frozen=True)
    class Later(Gives):
        """Asks for nothing as long as the picture is small."""

        @igo.hookimpl
        def condition(self, request, layer):
            return {} if request.image.width < 80 else {"pose": layer("pose")}

    chain = igo.Chain(Asks(), Later(), Enlarges(), Repaints())
    with pytest.raises(
        LayerError, match="the layer 'pose' that you gave is for the picture before step 'enlarges' made"
    ):
        chain.run(image=noise(), layers={"pose": noise()}, seed=1)


def test_a_layer_that_nobody_makes_is_missing():
    with pytest.raises(MissingLayerError, match=r"step 'gives' \(condition\): needs a layer 'pose' that nobody makes"):
        igo.Chain(Asks(), Gives(layers=("pose",))).run(image=noise(), seed=1)


def test_observers_hear_who_is_asked():
    heard = []

    class Listens:
        @igo.hookimpl
        def observe(self, event):
            heard.append((event.kind, event.step, event.hook))

    igo.Chain(Asks(), Gives()).run("a coat", seed=1, observers=[Listens()])
    assert ("start", "gives", "condition") in heard
    assert ("end", "gives", "condition") in heard
