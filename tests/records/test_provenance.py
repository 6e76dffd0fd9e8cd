"""Each picture carries what is needed to make it again, and a replay says what differs."""

import json
from dataclasses import dataclass

import pytest
from PIL import Image

import igo
from igo.chains.replaying import replay
from igo.errors import ConfigError, ImageError, ProvenanceError
from igo.images import digest, read_image, read_text, write_image
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


MADE = []


@dataclass
class NoPlugin:
    """Not marked as a plugin."""

    def __post_init__(self):
        MADE.append(self)


@dataclass
class Unused(NoPlugin):
    """A plugin that no chain has had."""

    @igo.hookimpl
    def observe(self, event): ...


@dataclass
class Used(Unused): ...


def test_a_record_builds_nothing_that_no_chain_of_this_program_has(tmp_path):
    igo.Chain(Used())
    MADE.clear()
    look = igo.Chain(PaintedBase()).run("a", seed=1)
    for cls in (NoPlugin, Unused, Used):
        record = look.record()
        record["chain"]["step"].append({"use": f"{__name__}:{cls.__name__}"})
        write_image(look.image, tmp_path / "a.png", text={"igo": json.dumps(record)})
        if cls is Used:
            assert replay(tmp_path / "a.png").identical
        else:
            with pytest.raises(ConfigError, match="is no installed plugin"):
                replay(tmp_path / "a.png")
            assert MADE == []


@pytest.mark.parametrize("last", [{"use": "no-such"}, {"use": "upscaling", "tile": "x"}, {"use": "upscaling", "x": 1}])
def test_nothing_is_built_before_all_steps_are_known_to_be_good(last, tmp_path):
    igo.Chain(Used())
    MADE.clear()
    look = igo.Chain(PaintedBase()).run("a", seed=1)
    record = look.record()
    record["chain"]["step"] += [{"use": f"{__name__}:Used"}, last]
    write_image(look.image, tmp_path / "a.png", text={"igo": json.dumps(record)})
    for trust in (False, True):
        with pytest.raises(ConfigError):
            replay(tmp_path / "a.png", trust=trust)
    assert MADE == []


def test_trust_lifts_the_limits(tmp_path):
    path = igo.Chain(PaintedBase(2, 2)).run("a " * 20_000, seed=1, num_images=65).save(tmp_path / "a.png")[64].path
    with pytest.raises(ProvenanceError, match="record asks for too much: num_images is 65; expected at most 64"):
        replay(path)
    assert replay(path, trust=True).identical


@pytest.mark.parametrize(
    "report", [{"a": float("nan")}, {"a": 10**30}, {"a": "\ud800"}, {"k" * 2000: 1}, {"a": [0] * 10**5}]
)
def test_reports_that_no_record_can_hold_do_not_lose_it(report, tmp_path):
    @dataclass
    class Reports:
        @igo.hookimpl
        def postprocess(self, frame):
            return frame.noted(**report)

    path = igo.Chain(PaintedBase(), Reports()).run("a", seed=1).save(tmp_path / "a.png")[0].path
    assert provenance.read_record(path)["history"][-1].keys() == {"step", "left_out"}


def test_what_an_input_was_made_from_is_kept(tmp_path):
    path = igo.Chain(PaintedBase()).run("a coat", seed=0).save(tmp_path / "0.png")[0].path
    first = provenance.read_record(path)
    for number in range(1, 12):
        look = igo.Chain(Noise()).run(image=path, seed=number, layers={"depth": path})
        path = look.save(tmp_path / f"{number}.png")[0].path
        assert replay(path).identical
        found, generations = provenance.read_record(path), 0
        while found := found.get("made_from", {}).get("image"):
            generations += 1
            assert found["seed"] == number - generations
        assert 1 <= generations <= min(number, provenance.GENERATIONS)
        assert path.stat().st_size < 2 * provenance.MADE_FROM + 10_000
    for source in (
        Image.open(tmp_path / "0.png"),
        Image.open(tmp_path / "0.png").copy(),
        read_image(tmp_path / "0.png"),
    ):
        assert igo.Chain(Noise()).run(image=source, seed=1).record()["made_from"] == {"image": first}
    for suffix in (".jpg", ".webp"):
        look = igo.Chain(Noise()).run(image=Image.open(tmp_path / "0.png"), seed=1)
        path = look.save(tmp_path / f"look{suffix}")[0].path
        assert igo.Chain(Noise()).run(image=path, seed=1).record()["made_from"]["image"]["made_from"] == {
            "image": first
        }
    write_image(look.image, tmp_path / "other.png", text={"parameters": "a coat\nSteps: 3"})
    look = igo.Chain(Noise()).run(image=(tmp_path / "other.png").read_bytes(), seed=1)
    assert look.record()["made_from"] == {"image": {"parameters": "a coat\nSteps: 3"}}
    write_image(look.image, tmp_path / "bad.png", text={"igo": "{", "parameters": "x"})
    assert "made_from" not in igo.Chain(Noise()).run(image=tmp_path / "bad.png", seed=1).record()


def test_how_much_differs_is_said(tmp_path):
    path = igo.Chain(PaintedBase()).run("a coat", seed=1).save(tmp_path / "a.png")[0].path
    record = provenance.read_record(path)
    image = Image.open(path).convert("RGB")
    image.putpixel((0, 0), tuple(value ^ 7 for value in image.getpixel((0, 0))))
    for number, (picture, message) in enumerate(
        [
            (image, "0.02% of the pixels, by 7 levels of 255 at most"),
            (image.resize((8, 8)), "8x8 pixels then, 64x96 now"),
        ]
    ):
        changed = {**record, "pixels": digest(picture, None)}
        write_image(picture, tmp_path / f"{number}.png", text={"igo": json.dumps(changed)})
        made = replay(tmp_path / f"{number}.png")
        assert (made.identical, made.distance) == (False, message)
    write_image(image, tmp_path / "retouched.png", text={"igo": json.dumps({**record, "pixels": "0"})})
    assert replay(tmp_path / "retouched.png").distance == ""


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
