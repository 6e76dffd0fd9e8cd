"""Chains, looks and frames as values: compared, copied, sent to other processes, and written into streams."""

import copy
import errno
import io
import os
import pickle
import subprocess
import sys
from dataclasses import InitVar, dataclass, field
from functools import cached_property

import numpy as np
import pytest
from PIL import Image

import igo
from igo import errors
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


COPIES = [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]


def chain():
    return igo.Chain(igo.TextToImage("mini"), VirtualStyling("coat", to="a <red> hoodie"), runtime=igo.Runtime("cpu"))


@pytest.mark.parametrize("copied", COPIES)
def test_chains_are_compared_copied_and_sent(copied):
    again = copied(chain())
    assert again == chain()
    assert hash(again) == hash(chain())
    assert again.to_toml() == chain().to_toml()
    assert copied(igo.Chain(PaintedBase())).run("a", seed=1).image == igo.Chain(PaintedBase()).run("a", seed=1).image
    assert copied(igo.Runtime("cpu", "float32")).describe() == igo.Runtime("cpu", "float32").describe()


@pytest.mark.parametrize("copied", COPIES[:2])
def test_copies_share_the_models(copied):
    first = chain()
    first.runtime.model("a", lambda: "loaded")
    for runtime in (copied(first).runtime, copied(first.runtime)):
        assert runtime.model("a", lambda: "again") == "loaded"
    assert pickle.loads(pickle.dumps(first)).runtime.model("a", lambda: "again") == "again"


@dataclass
class Caches:
    """Keeps what it has loaded with itself, as IGO's own never do."""

    size: int = 3

    @cached_property
    def model(self):
        return bytes(10**6)

    @igo.hookimpl
    def observe(self, event): ...


@dataclass
class Derives(Caches):
    """Takes what is no field."""

    size: InitVar[int] = 3

    def __post_init__(self, size):
        self.kept = size


class Counts:
    """No dataclass: all that it holds is what it is."""

    def __init__(self):
        self.seen = 0

    @igo.hookimpl
    def observe(self, event):
        self.seen += 1


@pytest.mark.parametrize("copied", COPIES[1:])
def test_copies_have_settings_and_nothing_that_was_loaded(copied):
    first = igo.Chain(Caches(4))
    assert len(next(iter(first)).model) == 10**6
    assert len(pickle.dumps(first)) < 1000
    (again,) = copied(first)
    assert (again.size, "model" in vars(again)) == (4, False)
    (derived,) = copied(igo.Chain(Derives(5)))
    assert derived.kept == 5
    counts = Counts()
    counts.seen = 7
    (counted,) = copied(igo.Chain(counts))
    assert counted.seen == 7


def test_another_process_has_the_chain_and_what_it_made(tmp_path):
    """Its plugins are in use there, so that records may name them; an error comes back as what it was."""
    (tmp_path / "elsewhere.py").write_text(ELSEWHERE)
    sent = igo.Chain(PaintedBase(), runtime=igo.Runtime("cpu", "float32"))
    code = (
        "import pickle, sys, elsewhere; pickle.dump(elsewhere.work(pickle.load(sys.stdin.buffer)), sys.stdout.buffer)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(sent), capture_output=True, cwd=tmp_path, check=True
    )
    chain, look, error, named = pickle.loads(done.stdout)
    assert chain == sent
    assert look.image == sent.run("a coat", seed=3).image
    assert list(look.stages()) == ["painted-base"]
    assert (str(error), error.area, error.confidence) == ("step 'mask' (provide): no coat", 0.25, 0.5)
    assert named == "PaintedBase"


ELSEWHERE = """
from igo.chains import registry
from igo.errors import NothingFoundError

def work(chain):
    error = NothingFoundError("no coat", 0.25, 0.5).at("mask", "provide")
    named = registry.load("igo.testing:PaintedBase", importing=False).__name__
    return chain, chain.run("a coat", seed=3, stages=True), error, named
"""


@pytest.mark.parametrize("kind", [kind for name, kind in vars(errors).items() if name.endswith("Error")])
def test_every_error_is_sent(kind):
    told = ("no coat", 0.25, 0.5) if issubclass(kind, errors.MaskError) else ("no coat",)
    error = kind(*told).at("mask", "provide")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (kind, "step 'mask' (provide): no coat", vars(error))
    assert str(copy.copy(error)) == str(error)


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


@pytest.mark.parametrize("copied", COPIES)
def test_looks_and_frames_are_copied_and_sent(copied):
    look = igo.Chain(PaintedBase()).run("a coat", seed=1, num_images=2, image=Image.new("RGB", (8, 8)))
    again = copied(look)
    assert again.record(1) == look.record(1)
    assert copied(look[0]).image == look[0].image
    assert copied(look[0]).history[0].report == dict(look[0].history[0].report)


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
    for stream, options, message in (
        (io.BytesIO(), {}, "a stream with no format"),
        (io.BytesIO(), {"format": "gif"}, "with the format 'gif': expected"),
        (io.StringIO(), {"format": "png"}, "the stream takes no picture: string argument expected"),
        (Closed(), {"format": "png"}, "the stream takes no picture: No space left"),
        (7, {"format": "png"}, "a int is no place for a picture"),
    ):
        with pytest.raises(ImageError, match=message):
            look.save_frame(0, stream, **options)


class Closed(io.BytesIO):
    def write(self, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_stream_with_a_name_says_its_format(tmp_path):
    look = igo.Chain(PaintedBase()).run("a coat", seed=1)
    with (tmp_path / "look.webp").open("wb") as file:
        assert look.save(file, lossless=True)[0].format == "WEBP"
    assert read_image(tmp_path / "look.webp").image == look.image
    with (tmp_path / "look").open("wb") as file, pytest.raises(ImageError, match="a stream with no format"):
        look.save(file)


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
