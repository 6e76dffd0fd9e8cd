"""Messages: everything arrives as it was sent, and nothing that comes in is believed."""

import json
import zlib

import pytest
from PIL import Image

import igo
from igo import errors
from igo.errors import ProtocolError, RemoteError, SettingsError
from igo.serving import protocol
from igo.serving.protocol import Answer, Asked

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def noise(size, mode="RGB"):
    return Image.effect_noise(size, 90).convert(mode)


def packed(header, body=b""):
    written = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(written).to_bytes(4, "big") + written + body


def asking(*pictures, body=b"", **request):
    return packed({"igo": 1, "id": ID, "request": request, "pictures": list(pictures)}, body)


def picture(role="image", name="", mode="RGB", width=2, height=2, encoding="raw", length=12):
    return locals()


def test_a_request_arrives_as_it_was_sent():
    request = igo.Request(
        prompt="a (red:1.2) coat, 빨간 코트 🧥",
        negative_prompt="blur",
        width=511,
        height=3,
        num_inference_steps=7,
        guidance_scale=0.1 + 0.2,
        num_images=3,
        seed=2**63 - 4,
        strength=1e-9,
        image=noise((37, 53)),
        layers={"mask": noise((37, 53), "L"), "pose": noise((37, 53)), "parse": noise((37, 53), "L")},
        references={"garment": noise((1, 99))},
    )
    read = protocol.read_request(protocol.ask(Asked(ID, request)))
    assert read.id == ID
    for name in (
        "prompt",
        "width",
        "height",
        "num_inference_steps",
        "guidance_scale",
        "num_images",
        "seed",
        "strength",
    ):
        assert getattr(read.request, name) == getattr(request, name)
    assert read.request.image.tobytes() == request.image.tobytes()
    for table in ("layers", "references"):
        sent, got = getattr(request, table), getattr(read.request, table)
        assert {name: (one.mode, one.size, one.tobytes()) for name, one in got.items()} == {
            name: (one.mode, one.size, one.tobytes()) for name, one in sent.items()
        }


def test_an_answer_arrives_as_it_was_sent():
    frames = [
        igo.Frame(noise((5, 9)), 7, history=(igo.Entry("a", {"n": 1}), igo.Entry("b", {"zone": {"seam": None}}))),
        igo.Frame(noise((5, 9)), 8, nsfw_content_detected=True),
    ]
    told = {"mini": "sha256:1"}, {"mini": "apache-2.0"}, {"torch": "2"}
    read = protocol.read_answer(protocol.answer(ID, Answer(frames, *told)), ID)
    assert [(one.seed, one.nsfw_content_detected, one.image.tobytes()) for one in read.frames] == [
        (one.seed, one.nsfw_content_detected, one.image.tobytes()) for one in frames
    ]
    assert [(entry.step, dict(entry.report)) for entry in read.frames[0].history] == [
        ("a", {"n": 1}),
        ("b", {"zone": {"seam": None}}),
    ]
    assert (read.models, read.licenses, read.versions) == told


@pytest.mark.parametrize(
    "kind", [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, igo.IGOError)]
)
def test_every_error_arrives_as_its_own_kind(kind):
    error = kind("no", 0.25, 0.5) if issubclass(kind, errors.MaskError) else kind("no")
    with pytest.raises(kind, match="no") as told:
        protocol.read_answer(protocol.refusal(ID, error), ID)
    assert type(told.value) is kind
    assert getattr(told.value, "area", 0.25) == 0.25


HOSTILE = {
    "nothing": b"",
    "a length alone": b"\xff\xff\xff\xff",
    "a header that isn't there": b"\0\0\1\0{}",
    "no JSON": packed(b"\xff\xfe"),
    "nested": packed(b"[" * 100_000),
    "a number of thousands of digits": packed(b'{"igo": 1' + b"0" * 9000 + b"}"),
    "no version": packed({"id": ID}),
    "another version": packed({"igo": 2, "id": ID, "new": 1}),
    "no id": packed({"igo": 1, "request": {}}),
    "a path as id": packed({"igo": 1, "id": "../../../etc/passwd", "request": {}}),
    "more than is known": asking(prompt="x", device="cuda:1"),
    "text for a number": asking(prompt="x", seed="7"),
    "a truth for a number": asking(prompt="x", num_images=True),
    "a picture without pixels": asking(picture(), prompt="x"),
    "pixels that nobody speaks of": asking(prompt="x", body=b"123"),
    "too few pixels": asking(picture(width=3), body=bytes(12), prompt="x"),
    "a picture without sides": asking(picture(width=0, length=1), body=b"1", prompt="x"),
    "a large picture": asking(picture(width=65536, height=65536), body=bytes(12), prompt="x"),
    "a bomb": asking(
        picture(encoding="deflate", mode="L", length=len(zlib.compress(bytes(10**7)))),
        body=zlib.compress(bytes(10**7)),
        prompt="x",
    ),
    "no zlib": asking(picture(encoding="deflate"), body=bytes(12), prompt="x"),
    "more after zlib": asking(picture(encoding="deflate", length=21), body=zlib.compress(bytes(12)) + b"x" * 9),
    "another mode": asking(picture(mode="CMYK"), body=bytes(12), prompt="x"),
    "two images": asking(picture(), picture(), body=bytes(24), prompt="x"),
    "two layers of one name": asking(*[picture("layer", "mask")] * 2, body=bytes(24), prompt="x"),
    "an image with a name": asking(picture(name="x"), body=bytes(12), prompt="x"),
    "a frame": asking(picture("frame"), body=bytes(12), prompt="x"),
    "a thousand layers": asking(*[picture("layer", str(k)) for k in range(1000)], body=bytes(12000), prompt="x"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_request_is_one_line(name):
    with pytest.raises(ProtocolError) as error:
        protocol.read_request(HOSTILE[name])
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"seed": -1}, SettingsError),
        ({"seed": 2**63}, SettingsError),
        ({"guidance_scale": float("nan")}, SettingsError),
        ({"strength": 2.0}, SettingsError),
        ({"width": 0}, SettingsError),
        ({"prompt": "a\0b"}, SettingsError),
        ({"num_images": 17}, RemoteError),
    ],
)
def test_numbers_that_cant_be_meant_are_refused_as_at_home(settings, kind):
    with pytest.raises(kind):
        protocol.read_request(asking(**settings))


def test_layers_of_another_size_are_refused_as_at_home():
    with pytest.raises(errors.LayerError, match="layer 'mask' is 1x4"):
        protocol.read_request(asking(picture(), picture("layer", "mask", width=1, height=4), body=bytes(24)))


def answering(*pictures, body=b"", **told):
    return packed({"igo": 1, "id": ID, "pictures": list(pictures), **told}, body)


@pytest.mark.parametrize(
    "message",
    [
        answering(),
        answering(frames=[{"seed": 1}]),
        answering(picture("frame"), body=bytes(12)),
        answering(picture("layer", "x"), body=bytes(12), frames=[{"seed": 1}]),
        answering(picture("frame", mode="L", length=4), body=bytes(4), frames=[{"seed": 1}]),
        answering(picture("frame"), body=bytes(12), frames=[{"seed": -1}]),
        answering(picture("frame"), body=bytes(12), frames=[{"seed": 1}], models={"mini": 1}),
        packed({"igo": 1, "id": ID[:-1] + "f", "frames": [{"seed": 1}], "pictures": [picture("frame")]}, bytes(12)),
        packed({"igo": 9, "id": ID}),
        b"HTTP/1.1 200 OK",
    ],
)
def test_what_is_no_answer_is_one_line(message):
    with pytest.raises(ProtocolError) as error:
        protocol.read_answer(message, ID)
    assert "\n" not in str(error.value)


def test_an_error_of_a_kind_that_isnt_known_is_a_servers():
    with pytest.raises(RemoteError, match=r"^a b$"):
        protocol.read_answer(answering(error={"kind": "SystemExit", "message": "a\nb\x1b[2J"[:3]}), ID)


def test_what_is_too_large_is_not_sent(monkeypatch):
    monkeypatch.setattr(protocol, "MAX_PIXELS_BYTES", 100)
    with pytest.raises(RemoteError, match="expected at most 0 MiB in one message"):
        protocol.ask(Asked(ID, igo.Request("x", image=noise((9, 9)))))
    with pytest.raises(RemoteError, match="expected at most 1,048,576"):
        protocol.ask(Asked(ID, igo.Request("x" * 2**20)))
