"""What a record names is not fetched unless it is trusted, by whatever library it would be."""

import json
import socket
import threading
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

import igo
from igo.chains import registry
from igo.chains.offline import OfflineError, offline
from igo.errors import ProvenanceError
from igo.images import write_image
from igo.testing import PaintedBase


@dataclass(frozen=True)
class Fetches:
    """A plugin that needs something of the network, by one library or another."""

    how: str
    what: str

    @igo.hookimpl
    def postprocess(self, frame):
        FETCH[self.how](self.what)
        return frame


def hub_file(name):
    from huggingface_hub import hf_hub_download

    hf_hub_download(name, "config.json")


def hub_snapshot(name):
    from huggingface_hub import snapshot_download

    snapshot_download(name)


def transformers_model(name):
    from transformers import AutoConfig

    AutoConfig.from_pretrained(name)


def diffusers_pipeline(name):
    from diffusers import DiffusionPipeline

    DiffusionPipeline.download(name)


def plain(address):
    try:
        urllib.request.urlopen(f"http://{address}/x", timeout=5).read()
    except urllib.error.HTTPError as error:
        error.close()
        raise


def raw(address):
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"GET /raw HTTP/1.0\r\n\r\n")
        raise ValueError(connection.recv(100))


FETCH = {call.__name__: call for call in (hub_file, hub_snapshot, transformers_model, diffusers_pipeline, plain, raw)}


@pytest.fixture(scope="module")
def server():
    """A hub on loopback that has nothing, and remembers that it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_): ...

    asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{running.server_port}", asked
        running.shutdown()


@pytest.fixture
def hub(server, monkeypatch, tmp_path):
    from huggingface_hub import constants

    address, asked = server
    asked.clear()
    monkeypatch.setattr(constants, "ENDPOINT", f"http://{address}")
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"http://{address}/{{repo_id}}/{{revision}}/{{filename}}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return server


def recorded(folder, *steps):
    """A picture whose record names steps that were never run."""
    igo.Chain(Fetches("plain", ""))
    record = igo.Chain(PaintedBase(8, 8)).run("a coat", seed=5).record()
    record["chain"]["step"] += steps
    write_image(Image.new("RGB", (2, 2)), folder / "a.png", text={"igo": json.dumps(record)})
    return folder / "a.png"


@pytest.mark.parametrize("how", FETCH)
def test_nothing_is_fetched_without_trust(how, hub, tmp_path):
    address, asked = hub
    what = address if how in ("plain", "raw") else "some/body"
    path = recorded(tmp_path, {"use": registry.name_of(Fetches), "how": how, "what": what})
    with pytest.raises(ProvenanceError) as caught:
        igo.replay(path)
    assert asked == []
    assert f"needs {what}" in str(caught.value)
    assert "igo replay --trust" in str(caught.value)
    assert "\n" not in str(caught.value)
    if how != "diffusers_pipeline":  # which has read the hub's address by now
        with pytest.raises(igo.IGOError):
            igo.replay(path, trust=True)
        assert asked != []


@pytest.mark.parametrize(
    "step",
    [
        {"use": "text-to-image", "checkpoint": "some/body"},
        {"use": "text-to-image", "inpaint_checkpoint": "some/body"},
        {"use": "text-to-image", "config": "some/body"},
        {"use": "adapter", "weights": "some/body", "weight_name": "a.safetensors"},
        {"use": "text-mask", "target": "coat", "mask_model": "some/body"},
        {"use": "virtual-styling", "target": "coat", "to": "a red hoodie", "mask_model": "some/body"},
        {"use": "captioning", "model": "some/body"},
    ],
    ids=lambda step: f"{step['use']} {list(step)[-1]}",
)
def test_own_plugins_are_refused_before_anything_is_loaded(step, tmp_path, monkeypatch):
    path = recorded(tmp_path, step)
    monkeypatch.setattr(igo.Chain, "run", lambda *_, **__: pytest.fail("it was run"))
    with pytest.raises(ProvenanceError, match=r"needs some/body, which is not on this machine, and nothing is fetched"):
        igo.replay(path)


def test_words_with_a_slash_are_no_models(tmp_path):
    step = {"use": registry.name_of(Fetches), "how": "plain", "what": "jacket/coat"}
    path = recorded(tmp_path, step)
    FETCH["plain"], kept = (lambda _: None), FETCH["plain"]
    try:
        assert igo.replay(path).look
    finally:
        FETCH["plain"] = kept


def test_what_other_threads_do_is_their_own(server):
    address, asked = server
    asked.clear()
    done = []

    def other():
        with pytest.raises(urllib.error.HTTPError):
            plain(address)
        done.append(True)

    from huggingface_hub import constants

    was = constants.HF_HUB_OFFLINE
    with offline() as refusals:
        assert constants.HF_HUB_OFFLINE
        with pytest.raises(OSError, match=r"no connection to 127.0.0.1"):
            plain(address)
        with offline():
            pass
        assert constants.HF_HUB_OFFLINE
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        with pytest.raises(OfflineError):
            socket.getaddrinfo("example.org", 80)
    assert (done, asked, constants.HF_HUB_OFFLINE) == ([True], ["/x"], was)
    assert refusals == [address, "example.org:80"]
    with pytest.raises(urllib.error.HTTPError):
        plain(address)
