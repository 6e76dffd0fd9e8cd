"""``Remote`` against a server in the process: it paints as the server's chain would here, and never half."""

import json
import socket
import threading
from contextlib import contextmanager

import pytest
from PIL import Image

import igo
from igo.errors import (
    ChainError,
    ConfigError,
    LicenseError,
    NothingFoundError,
    ProtocolError,
    RemoteError,
    RemoteTimeoutError,
    SettingsError,
)
from igo.serving import protocol
from igo.serving.kserve import Service
from igo.serving.server import Server
from igo.testing import PaintedBase, check_plugin
from igo_plugins import Outpainting, Remote, VirtualStyling

pytest.importorskip("tritonclient.http", reason="needs tritonclient (igo[remote])")


def pixels(look):
    return [frame.image.tobytes() for frame in look]


@pytest.fixture
def mask(photo):
    mask = Image.new("L", photo.size)
    mask.paste(255, (8, 12, 30, 40))
    return mask


@pytest.mark.parametrize(
    "steps",
    [(), (VirtualStyling("shirt", to="a red shirt"),), (Outpainting(to="1:1", prompt="street"),)],
    ids=["alone", "styling", "outpainting"],
)
def test_a_chain_paints_as_it_would_here(steps, service, photo, mask):
    here, there = igo.Chain(PaintedBase(), *steps), igo.Chain(Remote(service.url), *steps)
    asked = [{"image": photo, "prompt": "a coat", "seed": 3}]
    if any(isinstance(step, VirtualStyling) for step in steps):
        asked = [{"image": photo, "layers": {"mask": mask}, "seed": 3}]
    elif not steps:
        asked += [
            {"prompt": "a coat", "seed": 3, "num_images": 18, "width": 9, "height": 5},
            {"prompt": "a coat", "seed": 3, "image": photo, "layers": {"mask": mask}, "strength": 0.5},
            {
                "prompt": "a coat",
                "seed": 3,
                "image": photo,
                "references": {"garment": photo},
                "layers": {"pose": photo},
            },
        ]
    for settings in asked:
        assert pixels(there.run(**settings)) == pixels(here.run(**settings))


def test_an_image_without_a_prompt_is_taken_as_it_is(service, base, photo):
    assert igo.Chain(Remote(service.url)).run(image=photo).image == photo
    assert not base.painted


def test_transparency_stays_at_home(service, base, photo):
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    here, there = igo.Chain(PaintedBase()), igo.Chain(Remote(service.url))
    assert pixels(there.run("x", image=photo, seed=1)) == pixels(here.run("x", image=photo, seed=1))
    assert not base.painted[0].layers


def test_the_record_says_who_painted(service):
    look = igo.Chain(Remote(service.url)).run("a coat", seed=1)
    (entry,) = look[0].history
    assert entry.step == "remote"
    assert entry.report["at"] == "counting"
    assert entry.report["prompt"] == "a coat"
    assert entry.report["server"]["igo"] == igo.__version__


def test_weights_of_the_server_are_on_record_and_may_be_refused(tiny_checkpoint, answers):
    served = igo.Chain(igo.TextToImage(str(tiny_checkpoint)))
    asked = {"prompt": "a coat", "seed": 1, "num_inference_steps": 1, "num_images": 2}
    with Service(Server(served, answers)).serving() as service:
        look = igo.Chain(Remote(service.url)).run(**asked)
        assert pixels(look) == pixels(served.run(**asked))
        assert look.making.models == served.run(**asked).making.models
        with pytest.raises(LicenseError, match="is not loaded for commercial use"):
            igo.Chain(Remote(service.url), runtime=igo.Runtime(commercial=True)).run(**asked)


def test_it_keeps_the_rules_of_plugins(service):
    check_plugin(Remote(service.url))


def test_errors_of_the_server_are_of_their_own_kind(base, service):
    def fail():
        raise NothingFoundError("found no 'coat'", 0.125, 0.5)

    base.before = fail
    with pytest.raises(NothingFoundError, match=r"^step 'remote' \(generate\): step 'counting' .*found no") as error:
        igo.Chain(Remote(service.url)).run("x")
    assert (error.value.area, error.value.confidence) == (0.125, 0.5)


def test_steps_that_change_a_pipeline_are_refused(service, photo):
    class Prepares:
        @igo.hookimpl
        def prepare(self, pipeline):
            return pipeline

    class Conditions:
        @igo.hookimpl
        def condition(self, fit):
            return {"control_image": [fit(photo)]}

    for step, named in ((Prepares(), "a step of this chain"), (Conditions(), "'conditions'")):
        with pytest.raises(ChainError, match=f"{named}.*put the step into the chain that is deployed"):
            igo.Chain(Remote(service.url), step).run("x")


def test_a_server_that_resizes_is_no_base_for_pictures(photo, answers):
    from igo_plugins import Upscaling

    with Service(Server(igo.Chain(PaintedBase(), Upscaling(2)), answers)).serving() as service:
        assert igo.Chain(Remote(service.url)).run("x", seed=1).image.size == (128, 192)
        with pytest.raises(ChainError, match="74x106 of 37x53; steps that change a picture's size belong"):
            igo.Chain(Remote(service.url)).run("x", image=photo)


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "gpu.local:8000"},
        {"url": "ftp://gpu.local"},
        {"url": "http://"},
        {"url": "http://me:secret@gpu.local"},
        {"url": "http://gpu.local:99999"},
        {"url": "http://gpu.local/?x=1"},
        {"model": "a/b"},
        {"model": ""},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"retry": -1},
    ],
)
def test_settings_that_cant_be_meant(settings):
    with pytest.raises(SettingsError, match=f"^{next(iter(settings))} is "):
        Remote(**settings)
    with pytest.raises(ConfigError):
        igo.load_chain(
            f'[[step]]\nuse = "remote"\n{next(iter(settings))} = {json.dumps(next(iter(settings.values())))}'
        )


def test_one_line_says_what_to_install(service, monkeypatch):
    monkeypatch.setattr("igo_plugins.remote.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"tritonclient: pip install 'igo\[remote\]'"):
        igo.Chain(Remote(service.url)).check()


# What fails on the way


def test_no_server_and_no_such_model(service):
    with pytest.raises(RemoteError, match="isn't ready to paint by its model 'other'"):
        igo.Chain(Remote(service.url, "other")).check()
    service.shutdown()
    service.server_close()
    with pytest.raises(RemoteError, match="can't be reached, or has gone"):
        igo.Chain(Remote(service.url)).check()


def test_an_answer_that_takes_too_long(base, service):
    waiting = threading.Event()
    base.before = lambda: waiting.wait(20)
    with pytest.raises(RemoteTimeoutError, match="has not answered in time"):
        igo.Chain(Remote(service.url, timeout=0.3)).run("x")
    waiting.set()


@contextmanager
def between(service, spoil):
    """A server that hands on to ``service``, and lets ``spoil(number, answer)`` change each answer to a POST; None: no
    answer."""
    listening = socket.create_server(("127.0.0.1", 0))
    posts = []

    def one(client):
        with client, socket.create_connection(("127.0.0.1", service.server_port)) as server:
            asked = client.recv(2**20)
            head, _, body = asked.partition(b"\r\n\r\n")
            length = int((head.lower() + b"\r\n").partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            while len(body) < length:
                body += client.recv(2**20)
            server.sendall(head + b"\r\nConnection: close\r\n\r\n" + body)
            answer = b"".join(iter(lambda: server.recv(2**20), b""))
            if head.startswith(b"POST"):
                posts.append(body)
                answer = spoil(len(posts), answer)
            if answer is not None:
                client.sendall(answer)

    def accept():
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", posts
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


@pytest.mark.parametrize("cut", [0, 20, 400, 5000])
def test_a_lost_connection_is_tried_again_and_nothing_is_painted_twice(cut, base, service):
    def lose_two(number, answer):
        return answer if number > 2 else answer[:cut] or None

    with between(service, lose_two) as (url, posts):
        look = igo.Chain(Remote(url)).run("a coat", seed=5)
    assert len(posts) == 3
    assert len(set(posts)) == 1
    assert len(base.painted) == 1
    assert pixels(look) == pixels(igo.Chain(PaintedBase()).run("a coat", seed=5))


def test_who_gives_up_says_so(base, service):
    with (
        between(service, lambda number, answer: None) as (url, posts),
        pytest.raises(RemoteError, match="can't be reached, or has gone"),
    ):
        igo.Chain(Remote(url, retry=0)).run("a coat", seed=5)
    assert len(posts) == 1


def test_a_server_that_is_restarted_goes_on(base, answers):
    """It dies while it paints; another one at its place is asked again."""
    died = threading.Event()

    def die(messages):
        died.set()
        raise ConnectionAbortedError

    looks = []
    with Service(die).serving() as first:
        remote = igo.Chain(Remote(first.url, retry=20))
        thread = threading.Thread(target=lambda: looks.append(remote.run("a coat", seed=5)))
        thread.start()
        died.wait(20)
    with Service(Server(igo.Chain(base), answers), port=first.server_port).serving():
        thread.join(30)
    assert pixels(looks[0]) == pixels(igo.Chain(PaintedBase()).run("a coat", seed=5))


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nInference-Header-Content-Length: %s\r\n\r\n%s"


def told(header, tensor=b"", length=None):
    return HEAD % (len(header) + len(tensor), str(len(header) if length is None else length).encode(), header + tensor)


OUTPUT = (
    b'{"outputs": [{"name": "answer", "datatype": "%s", "shape": [1, %d], "parameters": {"binary_data_size": %d}}]}'
)
WRONG = {
    "no JSON": told(b"<html>"),
    "no length": told(b"{}", length="x"),
    "a length beyond": told(b"{}", length=10**9),
    "no outputs": told(b"{}"),
    "another tensor": told(b'{"outputs": []}'),
    "text": told(OUTPUT % (b"BYTES", 1, 8), b"\xff" * 8),
    "numbers": told(OUTPUT % (b"FP32", 2, 8), bytes(8)),
    "a shape that doesn't fit": told(OUTPUT % (b"UINT8", 9, 4), bytes(4)),
    "no message": told(OUTPUT % (b"UINT8", 4, 4), b"\0\0\0\1"),
    "nested": told(b"[" * 50_000),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_hostile_answer_is_one_line(name, service):
    with between(service, lambda number, answer: WRONG[name]) as (url, _), pytest.raises(ProtocolError) as error:
        igo.Chain(Remote(url)).run("a coat", seed=5)
    assert "\n" not in str(error.value)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_a_refusal_of_the_server_is_told(status, service):
    body = b'{"error": "Exceeds maximum queue size\\n\\u001b[2J"}'
    refused = b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
    with (
        between(service, lambda number, answer: refused) as (url, posts),
        pytest.raises(RemoteError, match="refuses to paint: Exceeds maximum queue size") as error,
    ):
        igo.Chain(Remote(url)).run("a coat", seed=5)
    assert len(posts) == 1
    assert str(error.value).isprintable()


def test_an_endless_answer_ends(service, monkeypatch):
    monkeypatch.setattr("igo_plugins.wire.connection.MAX_MESSAGE", 2**16)
    endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"10000\r\n%s\r\n" % bytes(2**16) * 20
    with (
        between(service, lambda number, answer: endless) as (url, _),
        pytest.raises(ProtocolError, match="answers with more than"),
    ):
        igo.Chain(Remote(url)).run("a coat", seed=5)


def test_another_service_is_told_apart(answers, monkeypatch):
    monkeypatch.setattr("igo.serving.kserve.ANSWER", "logits")
    with (
        Service(Server(igo.Chain(PaintedBase()), answers), "resnet").serving() as service,
        pytest.raises(ProtocolError, match=r"'resnet' of .* doesn't paint for IGO"),
    ):
        igo.Chain(Remote(service.url, "resnet")).check()


def test_a_client_of_another_version_is_told(service, monkeypatch):
    packed = protocol.json.dumps

    def older(value, **options):
        return packed({**value, "igo": 0} if "request" in value else value, **options)

    monkeypatch.setattr(protocol.json, "dumps", older)
    with pytest.raises(ProtocolError, match="of version 0 of IGO's protocol, and here is 1"):
        igo.Chain(Remote(service.url)).run("x")
