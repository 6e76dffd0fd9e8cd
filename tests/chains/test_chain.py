"""The five ways in which a chain combines its steps, and what happens when they don't fit together."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

import igo
from igo.errors import ChainError, LayerError, PluginError, SettingsError
from igo.images import read_mask
from igo.testing import PaintedBase


@dataclass(frozen=True)
class Add:
    """Adds to the red channel: order shows where others multiply."""

    amount: int = 1

    @igo.hookimpl
    def postprocess(self, frame: igo.Frame) -> igo.Frame:
        red, green, blue = frame.image.split()
        return frame.with_image(Image.merge("RGB", (red.point(lambda v: v + self.amount), green, blue)), by=self.amount)


@dataclass(frozen=True)
class Double:
    @igo.hookimpl
    def postprocess(self, frame):
        return frame.with_image(frame.image.point(lambda v: v * 2))


@dataclass
class Says:
    """Adds a word to the prompt. Not frozen, so not hashable."""

    word: str = ""

    @igo.hookimpl
    def preprocess(self, request):
        return request.replace(prompt=f"{request.prompt} {self.word}".strip()) if self.word else None


def gray(value, size=(2, 2)):
    return Image.new("RGB", size, (value,) * 3)


def red_of(look):
    return look.image.getpixel((0, 0))[0]


def test_postprocess_folds_in_order_and_the_same_plugin_may_stand_twice():
    assert red_of(igo.Chain(Add(3), Double(), Add(1)).run(image=gray(10))) == 27
    assert red_of(igo.Chain(Double(), Add(1), Add(3)).run(image=gray(10))) == 24


def test_instances_that_compare_equal_both_act_and_have_names_of_their_own():
    chain = igo.Chain(Add(1), Add(1))
    assert [step.name for step in chain.steps] == ["add", "add-2"]
    look = chain.run(image=gray(0))
    assert red_of(look) == 2
    assert [(entry.step, dict(entry.report)) for entry in look[0].history] == [("add", {"by": 1}), ("add-2", {"by": 1})]


def test_preprocess_folds_and_none_means_unchanged():
    look = igo.Chain(PaintedBase(), Says("red"), Says(""), Says("hoodie")).run("a", seed=1)
    assert look[0].history[0].report["prompt"] == "a red hoodie"


@given(st.lists(st.sampled_from([Add(1), Add(3), Double(), Says("x"), Says("")]), max_size=6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_chain_is_the_composition_of_its_steps(plugins):
    expected = 5
    for plugin in plugins:
        expected = expected + plugin.amount if isinstance(plugin, Add) else expected
        expected = expected * 2 if isinstance(plugin, Double) else expected
    assert red_of(igo.Chain(*plugins).run(image=gray(5))) == min(expected, 255)


def test_generate_nests_with_the_last_step_outermost():
    calls = []

    class Wrap:
        def __init__(self, name):
            self.name = name

        @igo.hookimpl
        def generate(self, request, inner):
            calls.append(f"{self.name} in")
            frames = inner(request.replace(prompt=request.prompt + self.name))
            calls.append(f"{self.name} out")
            return frames

    look = igo.Chain(PaintedBase(), Wrap("b"), Wrap("c")).run("a", seed=1)
    assert calls == ["c in", "b in", "b out", "c out"]
    assert look[0].history[0].report["prompt"] == "acb"
    assert look[0].history[0].step == "painted-base"


def test_generate_can_be_replaced_and_can_step_aside():
    class Replace:
        @igo.hookimpl
        def generate(self, request):
            return [igo.Frame(gray(9), request.seed)]

    class NotMe:
        @igo.hookimpl
        def generate(self):
            return None

    assert red_of(igo.Chain(PaintedBase(), Replace(), NotMe()).run("a")) == 9


def test_best_of_n_keeps_one_of_a_batch():
    @dataclass
    class Brightest:
        n: int

        @igo.hookimpl
        def generate(self, request: igo.Request, inner) -> list[igo.Frame]:
            frames = inner(request.replace(num_images=self.n))
            return [max(frames, key=lambda frame: sum(frame.image.convert("L").tobytes()))]

    base = PaintedBase()
    every = igo.Chain(base).run("a", seed=3, num_images=5)
    look = igo.Chain(base, Brightest(5)).run("a", seed=3)
    assert len(look) == 1
    assert look.image in every.images
    assert sum(look.image.convert("L").tobytes()) == max(sum(image.convert("L").tobytes()) for image in every.images)


def test_each_frame_of_a_batch_is_folded_by_itself():
    look = igo.Chain(PaintedBase(), Add(1)).run("a", seed=3, num_images=3)
    assert [frame.seed for frame in look] == [3, 4, 5]
    assert look.images[2] == igo.Chain(PaintedBase(), Add(1)).run("a", seed=5).image
    assert [len(frame.history) for frame in look] == [2, 2, 2]


@dataclass
class Masks:
    """Provides a mask of one value."""

    value: int
    provides: ClassVar = ("mask",)

    @igo.hookimpl
    def provide(self, name, frame):
        return Image.new("L", frame.image.size, self.value) if name == "mask" else None


@dataclass
class Asks:
    """Reports the mask that it is given; may provide its own."""

    own: int | None = None
    needs: ClassVar = ("mask",)

    @igo.hookimpl
    def provide(self, name, frame):
        return None if self.own is None else Image.new("L", frame.image.size, self.own)

    @igo.hookimpl
    def postprocess(self, frame, layer):
        return frame.noted(mask=layer("mask").getpixel((0, 0)))


def masks_seen(look):
    return [entry.report["mask"] for entry in look[0].history if "mask" in entry.report]


def test_provide_asks_the_asking_step_first_then_the_others_in_order():
    assert masks_seen(igo.Chain(Masks(1), Masks(2), Asks(), Asks(own=7), Asks()).run(image=gray(0))) == [1, 7, 1]


def test_the_users_own_layer_comes_before_all_others():
    mask = Image.new("L", (2, 2), 255)
    assert masks_seen(igo.Chain(Masks(1), Asks(own=7)).run(image=gray(0), layers={"mask": mask})) == [255]


def test_a_layer_on_the_frame_comes_before_other_steps_until_the_image_changes():
    class Marks:
        @igo.hookimpl
        def postprocess(self, frame):
            return frame.with_layer("mask", Image.new("L", frame.image.size, 50))

    chain = igo.Chain(Masks(1), Marks(), Asks(), Asks(own=7), Add(1), Asks())
    assert masks_seen(chain.run(image=gray(0))) == [50, 7, 1]


def test_a_layer_that_a_step_makes_for_the_canvas_is_not_the_users():
    class Canvas:
        @igo.hookimpl
        def preprocess(self, request):
            return request.replace(layers={"mask": Image.new("L", request.image.size, 11)})

    assert masks_seen(igo.Chain(Canvas(), Masks(1), Asks()).run(image=gray(0))) == [1]


@dataclass
class Moves:
    """Puts the picture on another canvas, in ``place``; tells so, or not."""

    place: tuple
    size: tuple
    tells: bool = True

    @igo.hookimpl
    def postprocess(self, frame):
        left, top, right, bottom = self.place
        canvas = Image.new("RGB", self.size)
        canvas.paste(frame.image.resize((right - left, bottom - top)), (left, top))
        return frame.with_image(canvas, place=self.place if self.tells else None)


@dataclass
class Keeps:
    """Keeps the layer that it is given as the picture."""

    name: str = "mask"

    @igo.hookimpl
    def postprocess(self, frame, layer):
        return frame.with_image(layer(self.name).convert("RGB"))


def marked(size, *pixels):
    mask = Image.new("L", size)
    for pixel in pixels:
        mask.putpixel(pixel, 255)
    return mask


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([Moves((3, 1, 5, 3), (6, 4))], marked((6, 4), (4, 1))),  # extended
        ([Moves((0, 0, 2, 2), (4, 3)), Moves((1, 0, 5, 3), (5, 5))], marked((5, 5), (2, 0))),
        ([Moves((-1, 0, 1, 2), (1, 2))], marked((1, 2), (0, 0))),  # cut
        ([Moves((-2, 0, 0, 2), (1, 2))], marked((1, 2))),
        ([Moves((-1, 0, 1, 2), (2, 2))], marked((2, 2), (0, 0))),  # moved, at the same size
        ([Moves((1, 1, 3, 3), (4, 4)), Add(1)], marked((4, 4), (2, 1))),  # colours may change on the way
    ],
)
def test_the_users_mask_follows_the_picture(steps, expected):
    mask = marked((2, 2), (1, 0))
    assert igo.Chain(*steps, Keeps()).run(image=gray(9), layers={"mask": mask}).image.convert("L") == expected


def test_the_users_mask_is_scaled_softly_and_parts_keep_their_numbers():
    layer = Image.new("L", (2, 2))
    layer.paste(200, (0, 0, 1, 2))
    doubled = Moves((0, 0, 4, 4), (4, 4))
    for name, values in (("mask", {255, 191, 64, 0}), ("parse", {200, 0})):
        look = igo.Chain(doubled, Keeps(name)).run(image=gray(9), layers={name: layer})
        assert set(look.image.convert("L").tobytes()) == values


def test_layers_that_could_not_follow_are_refused_and_never_stale():
    mask = marked((2, 2), (1, 0))
    there_and_back = [Moves((1, 1, 3, 3), (4, 4), tells=False), Moves((0, 0, 2, 2), (2, 2))]
    told = r"step 'keeps' .*: the layer 'mask' that you gave is for the picture before step 'moves' made it 4x4"
    with pytest.raises(LayerError, match=told):
        igo.Chain(*there_and_back, Keeps()).run(image=gray(9), layers={"mask": mask})
    with pytest.raises(LayerError, match="the layer 'depth' that you gave doesn't reach over what step 'moves' added"):
        igo.Chain(Moves((1, 0, 3, 2), (2, 2)), Keeps("depth")).run(image=gray(9), layers={"depth": mask})
    assert igo.Chain(*there_and_back, Masks(5), Add(1)).run(image=gray(9), layers={"depth": mask})


def test_a_layer_that_the_frame_carries_for_all_is_the_frames():
    photo = Image.merge("RGBA", [Image.new("L", (2, 2), 255)] * 4)

    class Extends:
        @igo.hookimpl
        def postprocess(self, frame):
            canvas = Image.new("RGB", (3, 2))
            return frame.with_image(canvas, place=(0, 0, 2, 2)).with_layer("alpha", Image.new("L", (3, 2), 77))

    photo.putpixel((0, 0), (255, 255, 255, 0))
    assert igo.Chain(Extends(), Keeps("alpha")).run(image=photo).image.getpixel((1, 0)) == (77,) * 3


@dataclass
class Judges:
    """Scores by the first pixel's red times ``factor``; says "not me" of pictures that are darker than ``least``."""

    factor: float = 1.0
    least: int = 0

    @igo.hookimpl
    def score(self, frame: igo.Frame) -> float | None:
        red = frame.image.getpixel((0, 0))[0]
        return red * self.factor if red >= self.least else None


@dataclass
class ReportsScores:
    """Reports the scores of three grays; may score by itself, which it isn't asked for."""

    own: float | None = None

    @igo.hookimpl
    def score(self):
        return self.own

    @igo.hookimpl
    def postprocess(self, frame, request, scores):
        found = scores([igo.Frame(gray(value)) for value in (10, 30, 20)], request)
        return frame.noted(scores=found)


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ([], None),
        ([Judges()], [10, 30, 20]),
        ([Judges(-1), Judges()], [-10, -30, -20]),
        ([Judges(2, least=15), Judges()], [10, 30, 20]),  # numbers of two scorers are never compared
        ([Judges(2, least=15)], None),
    ],
)
def test_the_first_other_step_that_scores_every_frame_is_taken(others, found):
    look = igo.Chain(ReportsScores(own=7), *others).run(image=gray(0))
    assert look[0].history[0].report["scores"] == found


@pytest.mark.parametrize(
    ("answer", "got"), [("good", "str"), (float("nan"), "nan"), (float("inf"), "inf"), ([1.0], "list")]
)
def test_a_score_that_cannot_be_compared_is_blamed(answer, got):
    class Wrong:
        @igo.hookimpl
        def score(self):
            return answer

    with pytest.raises(PluginError, match=rf"step 'wrong' \(score\): returned {got}; expected a finite number"):
        igo.Chain(ReportsScores(), Wrong()).run(image=gray(0))


def test_the_best_of_n_may_ask_for_scores():
    class BestOfThree:
        @igo.hookimpl
        def generate(self, request, inner, scores):
            frames = inner(request.replace(num_images=3))
            found = scores(frames, request)
            return [frames[found.index(max(found))]]

    every = igo.Chain(PaintedBase()).run("a", seed=3, num_images=3).images
    for factor, best in ((1, max), (-1, min)):
        look = igo.Chain(PaintedBase(), BestOfThree(), Judges(factor)).run("a", seed=3)
        assert look.image == best(every, key=lambda image: image.getpixel((0, 0))[0])


def test_missing_layers_are_named_before_anything_is_made():
    class Explodes:
        @igo.hookimpl
        def generate(self):
            raise AssertionError("a model was loaded")

    chain = igo.Chain(Explodes(), Asks())
    expected = "^step 'asks': needs a layer 'mask' that nobody makes; add a step that provides it"
    with pytest.raises(LayerError, match=expected):
        chain.run("a")
    with pytest.raises(LayerError, match=expected):
        chain.check()
    chain.check(layers=["mask"])


def test_a_layer_asked_for_without_being_declared_is_blamed_on_the_asking_step():
    class Asking:
        @igo.hookimpl
        def postprocess(self, layer):
            return layer("depth")

    with pytest.raises(LayerError, match=r"step 'asking' \(postprocess\): needs a layer 'depth' that nobody makes"):
        igo.Chain(Asking()).run(image=gray(0))


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (Image.new("L", (3, 3)), "made one of 3x3 as layer 'mask'; expected a PIL picture of 2x2"),
        ([[255]], "made list as layer 'mask'; expected a PIL picture of 2x2"),
    ],
)
def test_a_layer_of_another_size_or_type_is_blamed_on_who_made_it(made, message):
    class Wrong:
        provides = ("mask",)

        @igo.hookimpl
        def provide(self, name):
            return made

    with pytest.raises(PluginError, match=rf"step 'wrong' \(provide\): {message}"):
        igo.Chain(Wrong(), Asks()).run(image=gray(0))


def test_the_users_layer_must_fit_the_picture_it_meets():
    with pytest.raises(LayerError, match=r"step 'asks' \(postprocess\): layer 'mask' is 8x8; expected .* 64x96"):
        igo.Chain(PaintedBase(), Asks()).run("a", layers={"mask": Image.new("L", (8, 8))})


def test_paint_asks_the_chains_own_generate_with_its_wrappers():
    class Repaints:
        @igo.hookimpl
        def postprocess(self, frame, request, paint):
            made = paint(igo.Request(prompt="a blue coat", image=frame.image, strength=1.0, seed=5))
            return frame.with_image(made[0].image, prompt=made[0].history[0].report["prompt"])

    class Shouts:
        @igo.hookimpl
        def generate(self, request, inner):
            return inner(request.replace(prompt=request.prompt.upper()))

    look = igo.Chain(PaintedBase(), Shouts(), Repaints()).run(image=gray(0, (64, 96)))
    assert look[0].history[-1].report["prompt"] == "A BLUE COAT"
    assert look.image == igo.Chain(PaintedBase()).run("A BLUE COAT", seed=5).image


def test_without_a_base_the_chain_works_on_the_given_image(photo):
    assert igo.Chain(Add(0)).run(image=photo).image == photo
    with pytest.raises(ChainError, match=r"no step of this chain makes pictures; put igo.TextToImage\(...\) first"):
        igo.Chain(Add(0)).run("a")


def test_an_image_without_prompt_passes_the_base_untouched(photo):
    chain = igo.Chain(PaintedBase())
    assert chain.run(image=photo).image == photo
    assert chain.run("a red hoodie", image=photo, strength=0.0).image == photo
    assert ImageChops.difference(chain.run("a red hoodie", image=photo).image, photo).getbbox()


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (3, "returned int; expected a list of Frames, or None"),
        ([], "returned no frame; expected at least one"),
        ([gray(1)], "returned a list with a Image in it; expected Frames"),
    ],
)
def test_wrong_results_of_generate_are_blamed(result, message):
    class Wrong:
        @igo.hookimpl
        def generate(self):
            return result

    with pytest.raises(PluginError, match=rf"^step 'wrong' \(generate\): {message}"):
        igo.Chain(Wrong()).run("a")


@pytest.mark.parametrize(("hook", "wanted"), [("preprocess", "Request"), ("postprocess", "Frame")])
def test_wrong_results_of_folds_are_blamed(hook, wanted):
    class Wrong:
        pass

    def implementation(self):
        return "text"

    implementation.__name__ = hook
    setattr(Wrong, hook, igo.hookimpl(implementation))
    with pytest.raises(PluginError, match=rf"^step 'wrong' \({hook}\): returned str; expected a {wanted}, or None"):
        igo.Chain(Wrong()).run(image=gray(0))


def test_paint_refuses_what_is_no_request():
    class Paints:
        @igo.hookimpl
        def postprocess(self, paint):
            return paint("a red hoodie")[0]

    with pytest.raises(PluginError, match="asked for pictures with a str; expected a Request"):
        igo.Chain(PaintedBase(), Paints()).run("a")


def test_every_step_and_observer_hears_of_starts_ends_and_progress():
    class Hears:
        def __init__(self):
            self.heard = []

        @igo.hookimpl
        def observe(self, event: igo.Event):
            self.heard.append((event.kind, event.step, event.hook, event.done))

    class Works:
        @igo.hookimpl
        def postprocess(self, frame, runtime):
            runtime.progress(1, 2, "half")
            return frame

    within, outside = Hears(), Hears()
    igo.Chain(within, Works()).run(image=gray(0), observers=[outside])
    assert (
        outside.heard
        == within.heard
        == [
            ("start", "works", "postprocess", 0),
            ("progress", "works", "postprocess", 1),
            ("end", "works", "postprocess", 0),
        ]
    )


def test_prepare_folds_once_per_loaded_model_and_set_of_prepare_steps():
    loads = []

    class Base:
        @igo.hookimpl
        def generate(self, request, runtime):
            def load(prepare):
                loads.append("load")
                return prepare("pipeline")

            name = runtime.pipeline("key", load)
            return [igo.Frame(gray(1), request.seed).noted(pipeline=name)]

    @dataclass(frozen=True)
    class Adapter:
        name: str

        @igo.hookimpl
        def prepare(self, pipeline):
            return f"{pipeline}+{self.name}"

    runtime, base = igo.Runtime(), Base()

    def made(*adapters):
        return igo.Chain(base, *adapters, runtime=runtime).run("a")[0].history[0].report["pipeline"]

    assert made(Adapter("a"), Adapter("b")) == "pipeline+a+b"
    assert made(Adapter("a"), Adapter("b")) == "pipeline+a+b"  # equal settings share what was loaded
    assert made() == "pipeline"
    assert made(Adapter("b")) == "pipeline+b"
    assert loads == ["load"] * 3


def test_transparency_outlives_changes_of_colour_but_not_of_size(tmp_path):
    rgba = Image.merge("RGBA", (*gray(10, (4, 4)).split(), Image.new("L", (4, 4), 77)))
    look = igo.Chain(Add(1)).run(image=rgba)
    path = look.save(tmp_path / "a.png")[0].path
    assert Image.open(path).convert("RGBA").getpixel((0, 0)) == (11, 10, 10, 77)

    class Shrinks:
        @igo.hookimpl
        def postprocess(self, frame):
            return frame.with_image(frame.image.resize((2, 2)))

    assert "alpha" not in igo.Chain(Shrinks()).run(image=rgba)[0].layers


def test_transparency_outlives_painting_from_the_photo(photo):
    rgba = photo.copy()
    rgba.putalpha(Image.new("L", photo.size, 88))
    look = igo.Chain(PaintedBase()).run("a coat", image=rgba, strength=0.5, seed=1)
    assert look[0].layers["alpha"].getextrema() == (88, 88)


@pytest.mark.parametrize(("mode", "expected"), [("L", 0), ("RGB", 0), ("RGBA", 0), ("LA", 0), ("P", 0), ("1", 0)])
def test_an_opaque_mask_is_read_by_its_luminance_in_any_mode(mode, expected):
    mask = Image.new("L", (2, 2))
    mask.putpixel((1, 1), 255)
    assert masks_seen(igo.Chain(Asks()).run(image=gray(0), layers={"mask": mask.convert(mode)})) == [expected]


def test_a_mask_with_transparency_is_its_alpha():
    mask = Image.new("RGBA", (2, 2), (255, 255, 255, 0))
    mask.putpixel((0, 0), (0, 0, 0, 200))
    assert masks_seen(igo.Chain(Asks()).run(image=gray(0), layers={"mask": mask})) == [255]


@pytest.mark.parametrize("values", [(0, 1), (0, 38), (1, 255)])
def test_what_a_mask_means_goes_by_its_values_and_is_told(values):
    mask = Image.new("L", (4, 4), values[0])
    mask.paste(values[1], (1, 1, 3, 3))
    look = igo.Chain(PaintedBase(), Keeps("mask")).run(image=gray(0, (4, 4)), layers={"mask": mask})
    assert set(look.image.convert("L").tobytes()) == {0, 255}
    told = [entry.report["note"] for entry in look[0].history if entry.step == "mask"]
    assert told == ([] if values == (1, 255) else [f"its two levels, 0 and {values[1]}, are read as no and yes"])


def test_only_a_mask_is_read_as_one():
    layer = Image.new("L", (4, 4))
    layer.paste(1, (0, 0, 2, 2))
    layer.paste(3, (2, 2, 4, 4))
    for name in ("parse", "depth", "pose"):
        look = igo.Chain(PaintedBase(), Keeps(name)).run(image=gray(0, (4, 4)), layers={name: layer}, seed=1)
        assert look.image.convert("L") == layer
    look = igo.Chain(PaintedBase(), Keeps("parse")).run(image=gray(0, (4, 4)), layers={"parse": layer}, width=9, seed=1)
    assert set(look.image.convert("L").tobytes()) == {0, 1, 3}


def test_a_mask_that_was_read_and_one_of_odd_numbers_come_back_in_a_replay(tmp_path):
    zone = np.zeros((96, 64), np.int64)
    zone[20:60, 20:40] = 1
    photo = tmp_path / "me.png"
    Image.new("RGB", (64, 96), "tan").save(photo)
    look = igo.Chain(PaintedBase()).run("a coat", image=photo, layers={"mask": read_mask(zone)}, seed=1)
    saved = look.save(tmp_path / "look.png")[0].path
    assert igo.replay(saved, inputs={"mask": zone}).identical


def test_width_and_height_resize_the_picture_and_its_layers_before_the_steps(photo):
    mask = Image.new("L", photo.size, 255)
    look = igo.Chain(Asks()).run(image=photo, layers={"mask": mask}, width=80)
    assert look.image.size == (80, 115)
    assert masks_seen(look) == [255]


def test_a_layer_is_made_once_for_a_step():
    made = []

    class Counts:
        provides = ("mask",)

        @igo.hookimpl
        def provide(self, frame):
            made.append(1)
            return Image.new("L", frame.image.size)

    class AsksTwice:
        @igo.hookimpl
        def postprocess(self, layer):
            assert layer("mask") is layer("mask")

    igo.Chain(Counts(), AsksTwice()).run(image=gray(0))
    assert made == [1]


def test_a_step_may_put_the_layer_on_the_frame_that_another_needs():
    class Marks:
        provides = ("mask",)

        @igo.hookimpl
        def postprocess(self, frame):
            return frame.with_layer("mask", Image.new("L", frame.image.size, 50))

    assert masks_seen(igo.Chain(Marks(), Asks()).run(image=gray(0))) == [50]


def test_a_prepare_that_returns_no_pipeline_is_blamed():
    class Base:
        @igo.hookimpl
        def generate(self, runtime):
            class Pipeline:
                components: ClassVar = {}

            runtime.pipeline("key", lambda prepare: prepare(Pipeline()))

    class Wrong:
        @igo.hookimpl
        def prepare(self, pipeline):
            return "pipeline"

    with pytest.raises(PluginError, match=r"step 'wrong' \(prepare\): returned str; expected a diffusers pipeline"):
        igo.Chain(Base(), Wrong()).run("a")


def test_a_chain_within_a_step_is_prepared_by_its_own_steps_alone():
    class Base:
        @igo.hookimpl
        def generate(self, request, runtime):
            name = runtime.pipeline("key", lambda prepare: prepare("pipeline"))
            return [igo.Frame(gray(1), request.seed).noted(pipeline=name)]

    class Adapter:
        @igo.hookimpl
        def prepare(self, pipeline):
            return f"{pipeline}+adapter"

    class Nests:
        @igo.hookimpl
        def postprocess(self, frame, runtime):
            inner = igo.Chain(Base(), runtime=runtime).run("a")
            return frame.noted(inner=inner[0].history[0].report["pipeline"])

    look = igo.Chain(Base(), Adapter(), Nests()).run("a")
    assert look[0].history[0].report["pipeline"] == "pipeline+adapter"
    assert look[0].history[1].report["inner"] == "pipeline"


def test_a_seed_is_drawn_and_kept_where_none_is_given():
    look = igo.Chain(PaintedBase()).run("a")
    assert look.seed == look.request.seed
    assert igo.Chain(PaintedBase()).run("a", seed=look.seed).image == look.image
    assert igo.Chain(PaintedBase()).run("a").seed != look.seed


def test_bad_settings_of_a_run_are_refused():
    chain = igo.Chain(PaintedBase())
    with pytest.raises(SettingsError, match="a request has no 'steps'"):
        chain.run("a", steps=3)
    with pytest.raises(SettingsError, match="num_images is 0"):
        chain.run("a", num_images=0)
    with pytest.raises(LayerError, match="a layer can't be called 'image'"):
        chain.run("a", layers={"image": gray(1)})


def test_look_is_a_sequence_that_notebooks_can_show():
    look = igo.Chain(PaintedBase()).run("a", seed=1, num_images=2)
    assert [frame.seed for frame in look] == [1, 2]
    assert look[-1].seed == 2
    assert repr(look) == "Look(2 pictures of 64x96, seed=1)"
    assert look._repr_png_().startswith(b"\x89PNG")


def test_outside_a_mask_nothing_changes_whatever_the_base_does():
    class Careless:
        @igo.hookimpl
        def generate(self, request):
            return [igo.Frame(Image.new("RGB", request.image.size, "red"))]

    photo, mask = Image.new("RGB", (8, 8), "blue"), Image.new("L", (8, 8))
    mask.paste(255, (2, 2, 4, 4))
    look = igo.Chain(Careless()).run("red", image=photo, layers={"mask": mask}, seed=1)
    assert look.image.getpixel((3, 3)) == (255, 0, 0)
    assert look.image.getpixel((5, 5)) == (0, 0, 255)


def test_observers_see_what_each_step_has_made():
    class Listener:
        def __init__(self):
            self.seen = []

        @igo.hookimpl
        def observe(self, event):
            if event.frames:
                self.seen.append((event.kind, event.step, event.hook, event.frames[0].image))

    class Red:
        @igo.hookimpl
        def postprocess(self, frame):
            return frame.with_image(Image.new("RGB", frame.image.size, "red"))

    class Nothing:
        @igo.hookimpl
        def postprocess(self, frame):
            return None

    listener = Listener()
    look = igo.Chain(PaintedBase(8, 8), Red(), Nothing()).run("a", seed=1, observers=[listener])
    assert [place[:3] for place in listener.seen] == [
        ("end", "painted-base", "generate"), ("end", "red", "postprocess"), ("end", "nothing", "postprocess"),
    ]  # fmt: skip
    images = [place[3] for place in listener.seen]
    assert images[0] != images[1] == images[2] == look.image
