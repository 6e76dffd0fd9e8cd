"""Each picture carries what is needed to make it again, and a replay says what differs."""

import json
from dataclasses import dataclass

import pytest
from PIL import Image

import igo
from igo.chains.replaying import replay
from igo.errors import ConfigError, ImageError, ProvenanceError
from igo.images import read_text, write_image
from igo.records import provenance
from igo.testing import PaintedBase


@dataclass(frozen=True)
class Noise:
    """Draws from the step's own generator."""

    level: int = 9

    @igo.hookimpl
    def postprocess(self, frame, runtime):
        return frame.with_image(frame.image.point(lambda v: v ^ (runtime.seed(frame.seed) % self.level)))


@pytest.fixture
def saved(tmp_path):
    look = igo.Chain(PaintedBase(), Noise()).run(
        "a (red:1.2) coat, über", seed=5, num_images=2, negative_prompt="blurry"
    )
    return [written.path for written in look.save(tmp_path / "look.png")]


def test_names_of_several_pictures(saved):
    assert [path.name for path in saved] == ["look-1.png", "look-2.png"]


def test_replay_makes_the_same_bytes(saved, tmp_path):
    for index, path in enumerate(saved):
        made = replay(path)
        assert (made.identical, made.differences, made.index) == (True, (), index)
        again = made.look.save_frame(made.index, tmp_path / "again.png")
        assert again.path.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_every_format_carries_the_record_and_the_parameters(suffix, tmp_path):
    look = igo.Chain(PaintedBase()).run("a coat", seed=5, width=40)
    path = look.save(tmp_path / f"look{suffix}")[0].path
    assert replay(path).identical
    text = read_text(path)
    assert text["parameters"] == f"a coat\nSeed: 5, Size: 40x96, Version: IGO {igo.__version__}"
    assert provenance.read_record(path) == json.loads(text["igo"]) == look.record()


def test_record_holds_chain_request_seed_inputs_and_stack(photo, tmp_path):
    photo.save(tmp_path / "me.png")
    look = igo.Chain(PaintedBase(8, 8), Noise()).run(image=tmp_path / "me.png", seed=3)
    record = look.record()
    assert [step["use"] for step in record["chain"]["step"]] == ["igo.testing:PaintedBase", f"{__name__}:Noise"]
    assert record["chain"]["step"][0] == {"use": "igo.testing:PaintedBase", "width": 8, "height": 8}
    assert (record["request"]["seed"], record["request"]["width"], record["seed"]) == (3, None, 3)
    assert record["inputs"]["image"]["name"] == "me.png"
    assert (record["inputs"]["image"]["width"], record["inputs"]["image"]["height"]) == photo.size
    assert record["stack"]["igo"] == igo.__version__
    assert {"python", "machine", "pillow"} <= record["stack"].keys()
    json.dumps(record)


def test_replay_finds_inputs_beside_the_picture_or_where_it_is_told(photo, tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    photo.save(tmp_path / "in" / "me.png")
    Image.new("L", photo.size, 200).save(tmp_path / "in" / "mask.png")
    look = igo.Chain(PaintedBase()).run(
        "a coat", image=tmp_path / "in" / "me.png", layers={"mask": tmp_path / "in" / "mask.png"}, seed=2
    )
    path = look.save(tmp_path / "out" / "look.png")[0].path
    with pytest.raises(
        ProvenanceError, match=r"the input 'image' \(it was called me.png\) is not here; give .* --image"
    ):
        replay(path)
    inputs = {"image": tmp_path / "in" / "me.png", "mask": tmp_path / "in" / "mask.png"}
    assert replay(path, inputs).identical
    monkeypatch.chdir(tmp_path / "in")
    assert replay(path).identical
    photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "other.png")
    with pytest.raises(ProvenanceError, match=r"other.png is not the picture that was used as 'image'"):
        replay(path, {**inputs, "image": tmp_path / "other.png"})


def test_what_differs_is_said(saved, tmp_path):
    record = provenance.read_record(saved[0])
    record["stack"]["pillow"] = "1.0"
    record["stack"]["cv3"] = "2.0"
    record["models"]["mini"] = "sha256:0"
    record["pixels"] = "0"
    path = tmp_path / "changed.png"
    write_image(Image.open(saved[0]).convert("RGB"), path, text={"igo": json.dumps(record)})
    made = replay(path)
    assert not made.identical
    assert "cv3: 2.0 then, absent now" in made.differences
    assert f"pillow: 1.0 then, {Image.__version__} now" in made.differences
    assert "model mini: sha256:0 then, absent now" in made.differences


def test_a_chain_that_cannot_be_written_says_why(tmp_path):
    class Plain:
        @igo.hookimpl
        def postprocess(self, frame):
            return frame

    path = igo.Chain(PaintedBase(), Plain()).run("a").save(tmp_path / "look.png")[0].path
    with pytest.raises(ProvenanceError, match="can't be made again: step 'plain': Plain is not a dataclass"):
        replay(path)


@pytest.mark.parametrize("kind", ["picture", "array", "bytes"])
def test_inputs_that_were_no_files_are_known_by_their_pixels(photo, kind, tmp_path):
    import numpy as np

    photo.save(tmp_path / "me.png")
    source = {"picture": photo, "array": np.asarray(photo), "bytes": (tmp_path / "me.png").read_bytes()}[kind]
    path = igo.Chain(PaintedBase()).run("a coat", image=source, seed=2).save(tmp_path / "look.png")[0].path
    assert replay(path, {"image": tmp_path / "me.png"}).identical
    assert replay(path, {"image": photo}).identical
    assert replay(path, {"image": np.asarray(photo)}).identical


def test_a_record_may_not_import_what_it_likes(tmp_path, monkeypatch):
    (tmp_path / "evil.py").write_text(
        "import igo\nfrom dataclasses import dataclass\nfrom pathlib import Path\nPath('ran').touch()\n"
        "@dataclass\nclass X:\n    @igo.hookimpl\n    def observe(self, event): ...\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    look = igo.Chain(PaintedBase()).run("a", seed=1)
    record = look.record()
    record["chain"]["step"].append({"use": "evil:X"})
    write_image(look.image, tmp_path / "a.png", text={"igo": json.dumps(record)})
    with pytest.raises(ConfigError, match="'evil:X' is no installed plugin, and its module is not imported unless"):
        replay(tmp_path / "a.png")
    assert not (tmp_path / "ran").exists()
    assert replay(tmp_path / "a.png", trust=True).identical
    assert (tmp_path / "ran").exists()


def test_settings_and_reports_that_cannot_be_written_do_not_lose_the_picture(tmp_path):
    import numpy as np

    @dataclass
    class Holds:
        values: object = None

        @igo.hookimpl
        def postprocess(self, frame):
            return frame

    look = igo.Chain(PaintedBase(), Holds(np.zeros(3))).run("a", seed=1)
    assert look.save(tmp_path / "a.png")[0].exact
    assert "setting 'values' is a ndarray" in look.record()["why"]


def with_text(folder, **text):
    path = folder / "picture.png"
    write_image(Image.new("RGB", (2, 2)), path, text=text)
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({}, "carries no record of IGO"),
        ({"parameters": "x"}, "carries no record of IGO"),
        ({"igo": "{"}, "its record is damaged"),
        ({"igo": "[1]"}, "its record is damaged"),
        ({"igo": "[" * 100_000}, "its record is damaged"),
        ({"igo": '{"format": 99, "igo": "9.1"}'}, "was made by IGO 9.1, whose records this version can't read"),
        ({"igo": '{"format": 1}'}, "its record is damaged"),
        ({"igo": '{"format": 1, "chain": 3, "request": {}, "inputs": {}, "index": 0}'}, "its record is damaged"),
    ],
)
def test_pictures_without_a_usable_record(text, message, tmp_path):
    with pytest.raises(ProvenanceError, match=message):
        replay(with_text(tmp_path, **text))


def test_what_is_no_picture(tmp_path):
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(ImageError):
        replay(tmp_path / "a.png")


def test_parameters_quote_what_would_be_misread():
    frame = igo.Frame(Image.new("RGB", (8, 16)), 7).noted(
        prompt="a coat", negative_prompt="blurry", num_inference_steps=20, scheduler="DDIM, v", guidance_scale=7.5,
        checkpoint="a:b", identity="sha256:abcdef0123456789", clip_skip=2, strength=0.25,
    )  # fmt: skip
    assert provenance.parameters(igo.Request(prompt="ignored"), frame) == (
        'a coat\nNegative prompt: blurry\nSteps: 20, Sampler: "DDIM, v", CFG scale: 7.5, Seed: 7, Size: 8x16, '
        f'Model: "a:b", Denoising strength: 0.25, Clip skip: 2, Version: IGO {igo.__version__}'
    )
