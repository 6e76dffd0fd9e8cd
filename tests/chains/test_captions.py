"""What a chain says of pictures that it doesn't make: captions and layers, by the first step that has an answer."""

import numpy as np
import pytest
from PIL import Image

import igo
from igo.errors import ChainError, MissingLayerError, NothingFoundError, PluginError


class Sizes:
    """Captions pictures by their sizes, and remembers what it was given."""

    def __init__(self):
        self.given = []

    @igo.hookimpl
    def caption(self, images, prompt):
        self.given.append((list(images), prompt))
        return [f"{image.width} wide" for image in images]


class Silent:
    @igo.hookimpl
    def caption(self, images):
        return None


def gray(width=4):
    return Image.new("RGB", (width, 6), "gray")


def test_the_first_step_that_answers_captions():
    sizes = Sizes()
    chain = igo.Chain(Silent(), sizes, type("Never", (Sizes,), {})())
    assert chain.caption([gray(), gray(8)], "a photo of") == ["4 wide", "8 wide"]
    assert [prompt for _, prompt in sizes.given] == ["a photo of"]
    assert chain.caption([]) == []


def test_transparent_pictures_are_laid_on_white():
    sizes, picture = Sizes(), Image.new("RGBA", (4, 6), (0, 0, 0, 0))
    igo.Chain(sizes).caption([picture])
    assert np.asarray(sizes.given[0][0][0]).min() == 255


@pytest.mark.parametrize("steps", [[], [Silent()]])
def test_a_chain_that_has_nothing_to_say_is_an_error(steps):
    with pytest.raises(ChainError, match="no step of this chain captions pictures"):
        igo.Chain(*steps).caption([gray()])


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("text", "returned str; expected a list of texts, or None"),
        (["one"], "returned 1 answers; expected 2 texts, one for each picture"),
        (["one", 2], "returned a list with something else in it; expected 2 texts"),
    ],
)
def test_wrong_captions_are_blamed(result, message):
    class Wrong:
        @igo.hookimpl
        def caption(self):
            return result

    with pytest.raises(PluginError, match=rf"^step 'wrong' \(caption\): {message}"):
        igo.Chain(Wrong()).caption([gray(), gray()])


def test_a_declared_wrong_result_is_found_when_the_chain_is_built():
    class Wrong:
        @igo.hookimpl
        def caption(self) -> str: ...

    with pytest.raises(PluginError, match="is declared to return str; expected a list of texts"):
        igo.Chain(Wrong())


def test_observers_hear_of_captions():
    class Hears:
        def __init__(self):
            self.heard = []

        @igo.hookimpl
        def observe(self, event):
            self.heard.append((event.kind, event.step, event.hook))

    hears = Hears()
    igo.Chain(Sizes()).caption([gray()], observers=[hears])
    assert hears.heard == [("start", "sizes", "caption"), ("end", "sizes", "caption")]


class Top:
    """The upper half, in pictures that are wide enough."""

    provides = ("mask",)

    @igo.hookimpl
    def provide(self, name, frame):
        if name != "mask":
            return None
        if frame.image.width < 4:
            raise NothingFoundError("too narrow", area=0.0)
        mask = Image.new("L", frame.image.size)
        mask.paste(255, (0, 0, mask.width, mask.height // 2))
        return mask


def test_a_layer_of_a_picture_is_asked_for_by_name():
    mask = igo.Chain(Sizes(), Top()).layer("mask", gray())
    assert np.asarray(mask)[:3].all()
    assert not np.asarray(mask)[3:].any()
    with pytest.raises(MissingLayerError, match="no step of this chain provides a layer 'depth'"):
        igo.Chain(Top()).layer("depth", gray())
    with pytest.raises(NothingFoundError, match=r"^step 'top' \(provide\): too narrow"):
        igo.Chain(Top()).layer("mask", gray(2))
