"""Chains, looks and frames as values: compared, copied, sent to other processes, and shown in notebooks."""

import copy
import io
import pickle
from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import igo
from igo.errors import ImageError
from igo.images import read_image, read_text
from igo.testing import PaintedBase
from igo_plugins import Upscaling, VirtualStyling


@dataclass(frozen=True)
class Holds:
    """Settings that can't be hashed, and one that doesn't say whether it is equal."""

    names: list = field(default_factory=list)
    table: object = None

    @igo.hookimpl
    def observe(self, event): ...


def chain():
    return igo.Chain(igo.TextToImage("mini"), VirtualStyling("coat", to="a <red> hoodie"), runtime=igo.Runtime("cpu"))


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, lambda one: pickle.loads(pickle.dumps(one))])
def test_chains_are_compared_copied_and_sent(copied):
    again = copied(chain())
    assert again == chain()
    assert hash(again) == hash(chain())
    assert again.to_toml() == chain().to_toml()
    assert copied(igo.Chain(PaintedBase())).run("a", seed=1).image == igo.Chain(PaintedBase()).run("a", seed=1).image
    assert copied(igo.Runtime("cpu", "float32")).describe() == igo.Runtime("cpu", "float32").describe()


def test_a_deep_copy_shares_the_models():
    first = chain()
    first.runtime.model("a", lambda: "loaded")
    assert copy.deepcopy(first).runtime.model("a", lambda: "again") == "loaded"


def test_chains_are_sequences_of_plugins():
    assert len(chain()) == 2
    assert list(chain()) == [igo.TextToImage("mini"), VirtualStyling("coat", to="a <red> hoodie")]
    assert len(igo.Chain(*chain(), Upscaling(2))) == 3
    others = [igo.Chain(*chain()), igo.Chain(igo.TextToImage("mini")), igo.Chain(*reversed(list(chain())))]
    assert all(other != chain() for other in others)
    assert chain() != "chain"
    one, other = (igo.Chain(Holds(["a"], np.zeros(2))) for _ in range(2))
    assert one != other, "arrays don't say whether they are equal"
    assert hash(one) == hash(other)
    assert {chain(): 1}[chain()] == 1


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_looks_and_frames_are_copied_and_sent(copied):
    look = igo.Chain(PaintedBase()).run("a coat", seed=1, num_images=2, image=Image.new("RGB", (8, 8)))
    again = copied(look)
    assert again.record(1) == look.record(1)
    assert copied(look[0]).image == look[0].image
    assert copied(look[0]).history[0].report == dict(look[0].history[0].report)


def test_notebooks_show_pictures_and_tables():
    look = igo.Chain(PaintedBase(8, 6)).run("a coat", seed=1, num_images=3)
    strip = Image.open(io.BytesIO(look._repr_png_()))
    assert strip.size == (24, 6)
    for number, image in enumerate(look.images):
        assert strip.crop((8 * number, 0, 8 * number + 8, 6)) == image
    assert read_image(look[1]._repr_png_()).image == look[1].image
    table = chain()._repr_html_()
    assert table.count("<tr>") == 3
    assert "to = &#x27;a &lt;red&gt; hoodie&#x27;" in table
    assert "<tr><td>holds</td>" in igo.Chain(Holds())._repr_html_()


@pytest.mark.parametrize(
    ("terminal", "jupyter", "shown"), [(True, False, True), (False, False, False), (False, True, True)]
)
def test_the_progress_bar_shows_in_terminals_and_notebooks_alone(terminal, jupyter, shown, monkeypatch):
    monkeypatch.setattr("igo.chains.progress.find_spec", lambda name: name == "ipywidgets")
    console = Console(file=io.StringIO(), force_terminal=terminal, force_jupyter=jupyter)
    assert igo.ProgressBar(console)._progress.disable is not shown
    monkeypatch.setattr("igo.chains.progress.find_spec", lambda _: None)
    assert igo.ProgressBar(console)._progress.disable is not terminal


@pytest.mark.parametrize("format_", ["png", "PNG", ".webp", "jpg", "jpeg"])
def test_a_look_is_saved_into_a_stream(format_):
    look, stream = igo.Chain(PaintedBase()).run("a coat", seed=1), io.BytesIO()
    (written,) = look.save(stream, format=format_)
    assert (written.path, written.format) == (None, format_.strip(".").upper().replace("JPG", "JPEG"))
    assert read_text(stream.getvalue())["parameters"].startswith("a coat\n")
    if written.exact:
        assert read_image(stream.getvalue()).image == look.image


def test_streams_that_cannot_be_written():
    look = igo.Chain(PaintedBase()).run("a coat", seed=1, num_images=2)
    for options, message in (({}, "these are 2; use save_frame"), ({"format": "png"}, "these are 2; use save_frame")):
        with pytest.raises(ImageError, match=message):
            look.save(io.BytesIO(), **options)
    for options, message in (({}, "a stream with no format"), ({"format": "gif"}, "with the format 'gif': expected")):
        with pytest.raises(ImageError, match=message):
            look.save_frame(0, io.BytesIO(), **options)


def test_a_base_that_is_never_asked_is_told():
    notes = [entry.report.get("note") for entry in igo.Chain(PaintedBase(), PaintedBase()).run("a", seed=1)[0].history]
    assert notes == [
        "it paints by itself, so 'painted-base', which stands before it, was not asked; keep one of them",
        None,
    ]

    class Wraps:
        @igo.hookimpl
        def generate(self, request, inner):
            return inner(request)

    class Declines:
        @igo.hookimpl
        def generate(self, request):
            return None

    for other in (Wraps(), Declines()):
        frame = igo.Chain(PaintedBase(), other).run("a", seed=1)[0]
        assert not any("note" in entry.report for entry in frame.history)


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((4, 5, 3), "tensor.cpu"),
        ((3, 4, 5), "tensor.permute(1, 2, 0).cpu"),
        ((1, 3, 4, 5), "tensor[0].permute(1, 2, 0)"),
    ],
)
def test_a_tensor_is_told_how_it_becomes_a_picture(shape, hint):
    import torch

    with pytest.raises(ImageError) as caught:
        read_image(torch.zeros(shape))
    assert f"; pass {hint}" in str(caught.value)
