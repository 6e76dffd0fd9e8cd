"""KServe v2 over HTTP in one process, as far as IGO speaks it: for machines that Triton doesn't serve, and for tests.

What a client sees is what Triton shows it: the same addresses, the same metadata, tensors as binary data after the
JSON, and errors as ``{"error": ...}``. There is no queue: pictures are painted one request after the other.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from igo.errors import RemoteError
from igo.files import reason
from igo.serving.protocol import ANSWER, MAX_MESSAGE, REQUEST

MAX_JSON = 2**16
"""Bytes of the JSON before the tensor."""
QUIET = 60.0
"""Seconds in which a client has to go on sending."""
LENGTH = "Inference-Header-Content-Length"

Answering = Callable[[Sequence[bytes]], list[bytes]]


class Service(ThreadingHTTPServer):
    """Serves ``answering``, such as an ``igo.serving.server.Server``, as the model ``name``.

    ``port`` 0 takes a free one, which ``url`` names. Raises ``RemoteError`` for an address that can't be had.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, answering: Answering, name: str = "igo", host: str = "127.0.0.1", port: int = 0) -> None:
        self.answering, self.name = answering, name
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            raise RemoteError(f"{host}:{port} can't be served ({reason(error)}); choose another port") from error

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print what is wrong here; a client that has gone is not."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """Where it is reached on this machine."""
        return f"http://127.0.0.1:{self.server_port}"

    @contextmanager
    def serving(self) -> Iterator[Service]:
        """Within it, requests are answered in threads of their own."""
        thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            self.server_close()


class _RefusedError(Exception):
    """A request that isn't KServe's, or isn't for this model."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: Service
    protocol_version = "HTTP/1.1"
    timeout = QUIET
    disable_nagle_algorithm = True  # or each answer waits 40 ms for the client's acknowledgement

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 (the base class's)
        """Nothing is printed; errors go to the client."""

    def do_GET(self) -> None:
        try:
            self._send_json(self._metadata(self.path.rstrip("/")))
        except _RefusedError as error:
            self._send_json({"error": str(error)}, error.status)

    def do_POST(self) -> None:
        try:
            if self._own(self.path.rstrip("/")) != "/infer":
                raise _RefusedError(HTTPStatus.NOT_FOUND, f"nothing is at {self.path[:200]}")
            self._infer()
        except _RefusedError as error:
            self.close_connection = True  # of the body, not all may have been read
            self._send_json({"error": str(error)}, error.status)

    def _metadata(self, path: str) -> dict[str, Any]:
        if path in ("/v2/health/live", "/v2/health/ready"):
            return {}
        if path == "/v2":
            return {"name": "igo", "version": "2", "extensions": ["binary_tensor_data"]}
        rest = self._own(path)
        if rest == "/ready":
            return {}
        if rest == "":
            tensor = {"datatype": "UINT8", "shape": [-1, -1]}
            ends = {"inputs": [{"name": REQUEST, **tensor}], "outputs": [{"name": ANSWER, **tensor}]}
            return {"name": self.server.name, "versions": ["1"], "platform": "igo", **ends}
        raise _RefusedError(HTTPStatus.NOT_FOUND, f"nothing is at {path[:200]}")

    def _own(self, path: str) -> str:
        """What follows the model's name in a path."""
        found = re.fullmatch(r"/v2/models/([^/]+)(?:/versions/1)?(/ready|/infer|)", path)
        if found is None or found[1] != self.server.name:
            raise _RefusedError(HTTPStatus.NOT_FOUND, f"there is no model at {path[:200]}; there is {self.server.name}")
        return found[2]

    def _infer(self) -> None:
        length, header = self._number("Content-Length", MAX_MESSAGE + MAX_JSON), self._number(LENGTH, MAX_JSON)
        body = self.rfile.read(length)
        if len(body) < length or header > length:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, f"the body has {len(body):,} bytes of {max(length, header):,}")
        id_, message = _tensor(body[:header]), body[header:]
        answer = self.server.answering([message])[0]
        output = {
            "name": ANSWER,
            "datatype": "UINT8",
            "shape": [1, len(answer)],
            "parameters": {"binary_data_size": len(answer)},
        }
        told = {"model_name": self.server.name, "model_version": "1", "id": id_, "outputs": [output]}
        written = json.dumps(told).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header(LENGTH, str(len(written)))
        self.send_header("Content-Length", str(len(written) + len(answer)))
        self.end_headers()
        self.wfile.write(written)
        self.wfile.write(answer)

    def _number(self, name: str, most: int) -> int:
        given = self.headers.get(name) or ""
        if not re.fullmatch(r"[0-9]{1,12}", given) or int(given) > most:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, f"{name} is {given[:20]!r}; expected a number up to {most}")
        return int(given)

    def _send_json(self, told: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        written = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)


def _tensor(header: bytes) -> str:
    """The request's id, of a header that speaks of one tensor of bytes after it."""
    try:
        told = json.loads(header)
        (tensor,) = told["inputs"]
        size = tensor["parameters"]["binary_data_size"]
        good = tensor["name"] == REQUEST and tensor["datatype"] == "UINT8" and tensor["shape"] == [1, size]
        id_ = told.get("id", "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        good, id_ = False, ""
    if not good or not isinstance(id_, str):
        raise _RefusedError(
            HTTPStatus.BAD_REQUEST, f"expected one input '{REQUEST}' of UINT8 [1, bytes], as binary data"
        )
    return id_
