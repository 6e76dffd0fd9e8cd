"""Pictures to go by: read as every other, needed by steps, handed on with each request, and on record."""

import json
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import igo
from igo.cli import run_command
from igo.errors import IGOError, ImageError, MissingReferenceError, ProvenanceError, SettingsError
from igo.images import read_image, write_image
from igo.records.provenance import read_record
from igo.testing import PaintedBase
from igo_plugins import Outpainting, VirtualStyling

SHIRT = Image.new("RGB", (30, 20), (10, 200, 30))
SKIRT = Image.new("RGB", (7, 90), (200, 20, 90))


@dataclass(frozen=True)
class Worn:
    """Puts a patch of the reference's mean colour into the corner."""

    reference: str = "garment"
    at: int = 0

    @property
    def needs_references(self) -> tuple[str, ...]:
        return (self.reference,)

    @igo.hookimpl
    def postprocess(self, frame, request):
        image, color = frame.image.copy(), request.references[self.reference].resize((1, 1)).getpixel((0, 0))
        image.paste(color, (self.at, 0, self.at + 1, 1))
        return frame.with_image(image)


@dataclass(frozen=True)
class Recalled:
    """A base that tells the references of each request."""

    @igo.hookimpl
    def generate(self, request):
        if request.strength == 0:
            return None
        image = Image.new("RGB", request.image.size if request.image else (16, 16), "white")
        told = {name: list(picture.size) for name, picture in request.references.items()}
        return [igo.Frame(image, request.seed).noted(references=told)]


TWO = igo.Chain(PaintedBase(8, 8), Worn("shirt"), Worn("skirt", at=1))


def test_each_step_gets_its_own():
    image = TWO.run("a", seed=1, references={"skirt": SKIRT, "shirt": SHIRT}).image
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(10, 200, 30), (200, 20, 90)]


@pytest.mark.parametrize(
    ("given", "step", "told"),
    [
        ({}, "worn", "needs a reference 'shirt', .* given none; give references={'shirt': ...}"),
        ({"shirt": SHIRT}, "worn-2", "needs a reference 'skirt', .* given 'shirt'; give references={'skirt': ...}"),
        ({"skirt": SHIRT, "x": SKIRT}, "worn", "needs a reference 'shirt', .* given 'skirt' and 'x'"),
    ],
)
def test_a_missing_one_is_told_before_anything_is_painted(given, step, told):
    for call in (lambda: TWO.run("a", references=given), lambda: TWO.check(references=given)):
        with pytest.raises(MissingReferenceError, match=f"^step '{step}': {told}"):
            call()
    TWO.check(references=["skirt", "shirt"])


def test_one_that_no_step_needs_is_noted():
    look = igo.Chain(PaintedBase(8, 8), Worn()).run("a", seed=1, references={"garment": SHIRT, "stile": SKIRT})
    notes = [(entry.step, entry.report["note"]) for entry in look[0].history if "note" in entry.report]
    assert notes == [("stile", "no step of this chain says that it needs this reference")]


def as_bytes(image, **options):
    buffer = BytesIO()
    image.save(buffer, options.pop("format", "PNG"), **options)
    return buffer.getvalue()


def turned(image):
    exif = Image.Exif()
    exif[0x0112] = 6
    return as_bytes(image, exif=exif)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (SHIRT, SHIRT),
        (as_bytes(SHIRT), SHIRT),
        (BytesIO(as_bytes(SHIRT)), SHIRT),
        (np.asarray(SHIRT), SHIRT),
        (read_image(SHIRT), SHIRT),
        (turned(SHIRT), SHIRT.rotate(90, expand=True)),
        (Image.new("LA", (5, 4), (0, 0)), Image.new("RGB", (5, 4), "white")),
        (Image.new("L", (5, 4), 7), Image.new("RGB", (5, 4), (7, 7, 7))),
    ],
    ids=["picture", "bytes", "stream", "array", "read", "turned", "transparent", "gray"],
)
def test_they_are_read_as_every_picture_is(source, expected):
    look = igo.Chain(PaintedBase(8, 8), Worn()).run("a", seed=1, references={"garment": source})
    assert look.request.references == {"garment": expected}
    assert look.origins["garment"]["width"] == expected.width


def test_one_of_which_nothing_is_seen_is_noted():
    look = igo.Chain(PaintedBase(8, 8), Worn()).run("a", references={"garment": Image.new("RGBA", (4, 4))})
    assert look[0].history[0].report == {"note": "it is transparent everywhere: nothing of it can be seen"}


@pytest.mark.parametrize(
    ("references", "error", "told"),
    [
        ({"garment": "gone.png"}, ImageError, "gone.png"),
        ({"garment": b"no picture"}, ImageError, "expected PNG"),
        ({"garment": 3}, ImageError, "is no picture: expected a path"),
        (["shirt.png"], SettingsError, "references is a list; expected pictures by their names"),
        ({"image": SHIRT}, SettingsError, "a reference can't be called 'image', as the picture to start from is"),
        ({"mask": SHIRT}, SettingsError, "a reference can't be called 'mask', as a layer is"),
    ],
    ids=["gone", "bytes", "number", "list", "image", "layer"],
)
def test_what_cannot_be_one_is_one_line(references, error, told, photo):
    with pytest.raises(error, match=told):
        TWO.run("a", image=photo, layers={"mask": photo.convert("L")}, references=references)


def test_they_go_along_with_what_steps_ask_the_base(photo):
    mask, told = Image.new("L", photo.size, 255), {"style": [30, 20]}
    run = {"image": photo, "layers": {"mask": mask}, "references": {"style": SHIRT}, "strength": 0}
    styled = igo.Chain(Recalled(), VirtualStyling("shirt", to="a red coat")).run("a", **run)
    assert styled[0].told["references"] == told
    for chain in (igo.Chain(Outpainting(left=9), Recalled()), igo.Chain(Recalled(), Outpainting(left=9))):
        assert chain.run("a", image=photo, references={"style": SHIRT})[0].told["references"] == told
    photo.putalpha(128)
    assert igo.Chain(Recalled()).run("a", image=photo, references={"style": SHIRT})[0].told["references"] == told


def test_calls_made_together_keep_their_own():
    chain = igo.Chain(PaintedBase(8, 8), Worn())
    calls = [partial(chain.run, "a", seed=1, references={"garment": picture}) for picture in (SHIRT, SKIRT)]
    assert [look.image.getpixel((0, 0)) for look in igo.together(calls)] == [(10, 200, 30), (200, 20, 90)]


def test_a_layer_may_be_made_by_one(photo):
    @dataclass(frozen=True)
    class Half:
        provides = ("mask",)

        @igo.hookimpl
        def provide(self, name, frame, request):
            return Image.new("L", frame.image.size, request.references["garment"].width)

    assert igo.Chain(Half()).layer("mask", photo, references={"garment": SHIRT}).getpixel((0, 0)) == 30
    with pytest.raises(SettingsError, match="references is a list"):
        igo.Chain(Half()).layer("mask", photo, references=[SHIRT])


@pytest.fixture
def worn(tmp_path, monkeypatch):
    """A picture made by two references, and its folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    SHIRT.save("shirt.png")
    igo.Chain(PaintedBase(7, 90)).run("a skirt", seed=3).save("skirt.png")
    references = {"skirt": "skirt.png", "shirt": "shirt.png"}
    return TWO.run("a", seed=1, references=references).save("look.png")[0].path


def test_they_are_on_record_and_replayed(worn, tmp_path):
    record = read_record(worn)
    assert record["references"] == ["skirt", "shirt"]
    assert record["inputs"]["shirt"] | {"sha256": "", "pixels": ""} == {
        "name": "shirt.png", "width": 30, "height": 20, "sha256": "", "pixels": "",
    }  # fmt: skip
    assert record["made_from"]["skirt"]["request"]["prompt"] == "a skirt"
    made = igo.replay(worn)
    assert made.identical
    again = made.look.save_frame(0, "again.png")
    assert again.path.read_bytes() == worn.read_bytes()


def test_a_moved_one_is_asked_for_and_held_against_the_record(worn, tmp_path):
    (tmp_path / "away").mkdir()
    shirt = (tmp_path / "shirt.png").rename("away/other.png")
    with pytest.raises(ProvenanceError, match=r"input 'shirt' \(.*\) is not here; give it with --reference shirt=FILE"):
        igo.replay(worn)
    assert igo.replay(worn, {"shirt": shirt}).identical
    SKIRT.save("shirt.png")
    with pytest.raises(
        ProvenanceError, match=r"shirt.png is not the picture that was used as 'shirt'; give .*reference"
    ):
        igo.replay(worn)
    with pytest.raises(ProvenanceError, match="record has no input 'shrit'; it has: shirt, skirt"):
        igo.replay(worn, {"shrit": shirt})


def test_the_command_line_gives_and_shows_them(worn, capsys):
    Path("worn.toml").write_text(TWO.to_toml())
    given = ["--reference", "shirt=shirt.png", "--reference", "skirt=skirt.png"]
    run = ["run", "worn.toml", "-p", "a", "--seed", "1", "-q"]
    assert run_command([*run, *given, "-o", "again.png"]) == 0
    assert read_image("again.png").image == read_image(worn).image
    assert run_command(["show", "again.png"]) == 0
    assert "# inputs\nshirt: reference shirt.png 30x20 sha256:" in capsys.readouterr().out
    Path("skirt.png").rename("other.png")
    assert run_command(["replay", "again.png", "-q", "--reference", "skirt=other.png"]) == 0
    assert run_command([*run, *given[:2], "-o", "none.png"]) == 2
    told = "needs a reference 'skirt', a picture to go by, and was given 'shirt'; give --reference skirt=FILE"
    assert capsys.readouterr().err == f"igo: step 'worn-2': {told}\n"
    assert not Path("none.png").exists()


def test_a_replay_never_writes_over_one(worn, capsys):
    before = Path("shirt.png").read_bytes()
    assert run_command(["replay", worn.name, "-q", "-o", "shirt.png"]) == 2
    assert "--output would write over the input" in capsys.readouterr().err
    assert Path("shirt.png").read_bytes() == before


def test_a_plugins_page_names_what_it_needs(capsys, monkeypatch):
    monkeypatch.setattr("igo.chains.registry.load", lambda name: Worn)
    assert run_command(["plugins", "worn"]) == 0
    assert "needs references: as its settings say\n" in capsys.readouterr().out
    monkeypatch.setattr(Worn, "needs_references", ("garment", "style"))
    assert run_command(["plugins", "worn"]) == 0
    assert "needs references: garment, style\n" in capsys.readouterr().out


def test_who_asks_for_one_that_is_not_there_is_told(photo):
    request = igo.Request(references={"style": SHIRT})
    assert request.references.get("garment") is None
    assert "garment" not in request.references
    with pytest.raises(MissingReferenceError, match=r"^needs a reference 'garment', .* given 'style'; give") as caught:
        request.references["garment"]
    assert isinstance(caught.value, KeyError)


def test_one_that_is_called_mask_is_read_as_a_picture(tmp_path):
    SHIRT.save(tmp_path / "shirt.png")
    chain = igo.Chain(PaintedBase(8, 8), Worn("mask"))
    path = chain.run("a", seed=1, references={"mask": tmp_path / "shirt.png"}).save(tmp_path / "look.png")[0].path
    assert igo.replay(path).identical


@pytest.mark.parametrize("spoilt", [["skirt", "skirt"], ["gone"], ["image"], [3], "skirt", None, {"skirt": 1}])
def test_a_record_of_others_is_refused(spoilt, worn):
    record = read_record(worn)
    record["inputs"]["image"] = record["inputs"]["skirt"]
    text = json.dumps({**record, "references": spoilt})
    write_image(Image.new("RGB", (2, 2)), "bad.png", text={"igo": text})
    with pytest.raises(ProvenanceError, match=r"bad.png: its record is damaged \(references"):
        igo.replay("bad.png")


@pytest.mark.parametrize(
    ("count", "side", "told"),
    [(65, 1, "65 pictures went in; expected at most 64"), (64, 4096, "pictures of 1074 MP went in; .* at most 268")],
)
def test_a_record_may_have_so_many(count, side, told, worn):
    record = read_record(worn)
    names = [f"r{index}" for index in range(count)]
    record["inputs"] = dict.fromkeys(names, record["inputs"]["shirt"] | {"width": side, "height": side})
    write_image(Image.new("RGB", (2, 2)), "bad.png", text={"igo": json.dumps({**record, "references": names})})
    with pytest.raises(IGOError, match=told):
        igo.replay("bad.png")


def test_a_record_that_lies_of_the_size_is_refused(worn):
    record = read_record(worn)
    record["inputs"]["shirt"]["width"] = 1
    write_image(Image.new("RGB", (2, 2)), "bad.png", text={"igo": json.dumps(record)})
    with pytest.raises(ProvenanceError, match=r"shirt.png is not the picture that was used as 'shirt'"):
        igo.replay("bad.png")
