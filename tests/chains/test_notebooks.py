"""What notebooks show: stages, tables and one bar; everything escaped, nothing from elsewhere, and little of it."""

import io
import re
import sys
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from types import ModuleType

import pytest
from PIL import Image, ImageOps
from rich.console import Console

import igo
from igo.errors import SettingsError
from igo.testing import PaintedBase
from igo_plugins import Outpainting, VirtualStyling

HOSTILE = "<script>alert(1)</script><img src=//elsewhere/x onerror='a'>\"&"


@dataclass(frozen=True)
class Invert:
    """Turn the colours around."""

    text: object = ""

    @igo.hookimpl
    def postprocess(self, frame):
        return frame.with_image(ImageOps.invert(frame.image), text=str(self.text))


class BestOf:
    """Three of the base's, one of which stays."""

    def __init__(self, keeps_its_seed=True):
        self.keeps_its_seed = keeps_its_seed

    @igo.hookimpl
    def generate(self, request, inner):
        best = inner(request.replace(num_images=3))[1]
        return [best if self.keeps_its_seed else replace(best, seed=999)]


class Parsed(HTMLParser):
    """The tags, and the places that are named in a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.places, self.text = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attributes)
        self.places += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data):
        self.text += data


def shown(thing):
    parsed = Parsed(thing._repr_html_())
    allowed = {"div", "figure", "figcaption", "img", "table", "tr", "td", "th", "br", "p"}
    assert set(parsed.tags) <= allowed
    assert all(place.startswith("data:image/jpeg;base64,") for place in parsed.places)
    return parsed


def test_the_picture_after_each_step():
    chain = igo.Chain(PaintedBase(8, 6), Invert(), Invert())
    look = chain.run("a coat", seed=1, num_images=2, stages=True)
    painted = igo.Chain(PaintedBase(8, 6)).run("a coat", seed=1, num_images=2)
    for index in (0, 1, -1):
        stages = look.stages(index)
        assert list(stages) == ["painted-base", "invert", "invert-2"]
        assert stages["painted-base"] == painted[index].image
        assert stages["invert"] == ImageOps.invert(painted[index].image)
        assert stages["invert-2"] is look[index].image
    assert look._repr_html_().count("<div") == 2, "a row for each picture"
    for index in (2, -3):
        with pytest.raises(SettingsError, match=f"there is no picture {index}; expected 0 to 1"):
            look.stages(index)
    assert look.record(1) == chain.run("a coat", seed=1, num_images=2).record(1)


def test_the_stages_of_steps_that_ask_others():
    look = igo.Chain(PaintedBase(), BestOf(), Invert()).run("a coat", seed=5, stages=True)
    assert list(look.stages()) == ["painted-base", "best-of", "invert"]
    assert look.stages()["painted-base"] == look.stages()["best-of"]
    assert "painted-base" not in igo.Chain(PaintedBase(), BestOf(False)).run("a", seed=5, stages=True).stages()
    painted = igo.Chain(PaintedBase(64, 96), Outpainting(left=8), Invert()).run("a", seed=5, stages=True)
    assert [image.size for image in painted.stages().values()] == [(64, 96), (72, 96), (72, 96)]
    taken = igo.Chain(PaintedBase(), Invert()).run(image=Image.new("RGBA", (9, 7), (9, 9, 9, 90)), stages=True)
    assert taken.stages() == {"invert": taken.image}


def test_stages_are_kept_on_request_alone():
    look = igo.Chain(PaintedBase(), Invert()).run("a coat", seed=1)
    assert look._stages is None
    with pytest.raises(SettingsError, match="this run kept no stages; ask for them"):
        look.stages()


@pytest.mark.parametrize(("stages", "size"), [(False, (2, 1)), (True, (3, 2))])
def test_a_sheet(stages, size):
    photo = Image.new("RGB", (64, 96), "red")
    chain = igo.Chain(PaintedBase(), Invert())
    look = chain.run("a coat", image=photo, seed=1, num_images=size[1], stages=stages)
    sheet = look.sheet(height=96)
    columns, rows = size
    assert sheet.size == (columns * (64 + 12) + 12, rows * (96 + 6 + 24) + 12)
    assert sheet.getpixel((20, 20)) == (255, 0, 0)
    left, top = 12 + (columns - 1) * 76, 12 + (rows - 1) * 126
    assert sheet.crop((left, top, left + 64, top + 96)) == look[-1].image
    with pytest.raises(SettingsError, match="height is 3; expected at least 16"):
        look.sheet(height=3)


def test_a_sheet_of_a_ribbon_is_no_ribbon():
    sheet = igo.Chain(Invert()).run(image=Image.new("RGB", (5000, 2), "red")).sheet()
    assert sheet.width < 4000


def test_looks_show_inputs_stages_and_settings():
    look = igo.Chain(PaintedBase(), Invert(HOSTILE)).run(
        HOSTILE, image=Image.new("RGB", (64, 96)), references={HOSTILE: Image.new("RGB", (20, 10))}, seed=3, stages=True
    )
    parsed = shown(look)
    assert parsed.tags.count("img") == 4
    for text in ("before", HOSTILE, "painted-base", "invert, seed 3", "prompt"):
        assert text in parsed.text
    assert shown(igo.Chain(PaintedBase()).run("a", seed=3, num_images=2)).text.startswith("seed 3seed 4")


def test_frames_show_their_layers_and_history():
    frame = (
        igo.Chain(PaintedBase(8, 6), Invert(HOSTILE)).run("a", seed=3)[0].with_layer(HOSTILE, Image.new("L", (8, 6)))
    )
    parsed = shown(replace(frame, nsfw_content_detected=True))
    assert parsed.tags.count("img") == 2
    for text in ("seed 3, flagged by the safety checker", f"text: {HOSTILE}", HOSTILE):
        assert text in parsed.text
    assert "table" not in shown(igo.Frame(Image.new("RGB", (8, 6)))).tags


class Unspeakable:
    def __repr__(self):
        raise ValueError


def test_chains_show_steps_and_settings():
    chain = igo.Chain(PaintedBase(), VirtualStyling("coat", to=HOSTILE), Invert(Unspeakable()), Invert([0] * 10**6))
    parsed = shown(chain)
    assert parsed.tags.count("tr") == 5
    assert f"to = {HOSTILE!r}" in parsed.text
    assert "text = <Unspeakable instance at" in parsed.text
    assert len(chain._repr_html_()) < 4000


def test_what_is_large_is_shown_small():
    noise = Image.effect_noise((2400, 1600), 90).convert("RGB")
    look = igo.Chain(Invert("x" * 10**6)).run(image=noise, num_images=20, stages=True)
    assert len(look._repr_html_()) < 2_000_000
    assert "and 5 more" in shown(look).text
    assert len(look[0]._repr_html_()) < 200_000
    with Image.open(io.BytesIO(look[0]._repr_png_())) as png:
        assert png.size == (512, 341)


def test_what_shows_no_html_shows_pictures():
    look = igo.Chain(PaintedBase(8, 6)).run("a coat", seed=1, num_images=3)
    with Image.open(io.BytesIO(look._repr_png_())) as strip:
        assert strip.size == (24, 6)
        for number, image in enumerate(look.images):
            assert strip.crop((8 * number, 0, 8 * number + 8, 6)) == image
    with Image.open(io.BytesIO(look[1]._repr_png_())) as png:
        assert png.convert("RGB") == look[1].image


@dataclass(frozen=True)
class Slow:
    """Tells how far it has come, and fails in between."""

    @igo.hookimpl
    def postprocess(self, frame, request, paint, runtime):
        runtime.progress(1, 4)
        try:
            paint(request.replace(image=None, strength=None, layers={}, prompt="fail"))
        except igo.IGOError:
            runtime.progress(2, 4)
        return frame


class Fails:
    @igo.hookimpl
    def generate(self, request, inner, runtime):
        runtime.progress(3, 8)
        if request.prompt == "fail":
            raise igo.IGOError
        return inner(request)


class Place:
    def __init__(self):
        self.shown = []

    def update(self, data, raw):
        assert raw
        self.shown.append(data)


@pytest.fixture
def place(monkeypatch):
    """Where IPython displays."""
    made, module = Place(), ModuleType("IPython.display")
    module.display = lambda data, raw, display_id: made
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr("igo.chains.progress.OFTEN", 0)
    return made


def test_notebooks_show_one_bar(place):
    with igo.ProgressBar(Console(file=io.StringIO(), force_jupyter=True)) as bar:
        igo.Chain(PaintedBase(), Fails(), Slow()).run("a coat", seed=1, observers=[bar])
    *texts, last = [data["text/plain"] for data in place.shown]
    steps = [re.sub(r", \d+ s$", "", text) for text in texts]
    assert list(dict.fromkeys(steps)) == ["fails 3/8", "slow 1/4", "slow > fails 3/8", "slow 2/4"]
    assert last == ""
    assert '<progress max="4" value="1"></progress> slow 1/4' in place.shown[texts.index("slow 1/4, 0 s")]["text/html"]


@pytest.mark.parametrize("terminal", [True, False])
def test_terminals_show_one_bar_and_nothing_else_shows_any(terminal):
    out = io.StringIO()
    with igo.ProgressBar(Console(file=out, force_terminal=terminal, force_jupyter=False, width=80)) as bar:
        bar.observe(igo.Event("progress", "photos", "caption", 2, 5))
        bar.observe(igo.Event("progress", "photos", "caption", 3, 5))
        if terminal:
            bar._bar._progress.refresh()
    assert ("3/5" in out.getvalue()) is terminal
    assert ("photos" in out.getvalue()) is terminal
