"""One call of a server over HTTP: within its time, of a size that was agreed on, tried again where the connection was
lost.

tritonclient writes and reads the bodies. It doesn't carry them: its transport reads whatever it is sent, for as long as
it is sent something.
"""

from __future__ import annotations

import json
import ssl
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlsplit

from igo.errors import ProtocolError, RemoteError, RemoteTimeoutError, SettingsError
from igo.files import reason
from igo.serving.protocol import ANSWER, MAX_MESSAGE, REQUEST

MAX_JSON = 2**16
"""Bytes of whatever isn't an answer."""
CONNECTING = 10.0
"""Seconds for a connection, and for each question that needs no painting."""
LENGTH = "Inference-Header-Content-Length"
_CHUNK = 2**20


class _LostError(Exception):
    """The connection ended before the answer was here."""


class _NotReadyError(RemoteError):
    """A server that is there, and isn't ready."""


@dataclass(frozen=True)
class Server:
    """A model of a server: ``url`` such as ``http://host:8000``, the model's name."""

    url: str
    model: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        try:
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            good = False
        if not good or parts.username or parts.password or parts.query or parts.fragment or not self.url.isprintable():
            raise SettingsError(f"url is {self.url!r}; expected a server's address, such as 'http://gpu.local:8000'")

    def check(self) -> None:
        """Raise ``RemoteError`` for a server that can't be reached, isn't ready, or has no such model of IGO."""
        try:
            self._check(time.monotonic() + CONNECTING)
        except _LostError as error:
            raise self._unreachable(error) from error

    def infer(self, message: bytes, id: str, timeout: float, retry: float) -> bytes:  # noqa: A002
        """What the model answers to a message, within ``timeout`` seconds. Where the connection is lost, it is asked
        again under the same ``id`` for ``retry`` seconds.

        Raises ``RemoteTimeoutError``, ``ProtocolError`` for what is no answer, ``RemoteError`` for the rest.
        """
        body, header = _body(message, id)
        headers = {LENGTH: str(header), "Content-Type": "application/octet-stream"}
        end = time.monotonic() + timeout
        lost_at: float | None = None
        pause = 0.1
        while True:
            try:
                if lost_at is not None:
                    self._check(min(end, time.monotonic() + CONNECTING))
                status, length, answer = self._call("POST", "/infer", end, MAX_MESSAGE + MAX_JSON, body, headers)
                break
            except (_LostError, _NotReadyError) as error:
                now = time.monotonic()
                lost_at = lost_at or now
                if now + pause > lost_at + retry or now + pause > end:
                    raise self._unreachable(error) from error
                time.sleep(pause)
                pause = min(2 * pause, 2.0)
        if status != 200:
            raise RemoteError(f"{self.url} refuses to paint: {_said(answer, status)}")
        return _tensor(answer, length)

    def _check(self, end: float) -> None:
        status, _, said = self._call("GET", "", end)  # which a model that isn't loaded doesn't answer
        if status != 200:
            raise _NotReadyError(f"{self.url} isn't ready to paint by its model '{self.model}': {_said(said, status)}")
        told = _json(said)
        ends = [told.get(name) for name in ("inputs", "outputs")] if told else []
        names = [[one.get("name") for one in some if isinstance(one, dict)] for some in ends if isinstance(some, list)]
        if names != [[REQUEST], [ANSWER]]:
            raise ProtocolError(
                f"the model '{self.model}' of {self.url} doesn't paint for IGO; expected one that igo deploy wrote"
            )

    def _call(
        self,
        method: str,
        path: str,
        end: float,
        most: int = MAX_JSON,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, str | None, bytes]:
        """Status, the length of the header within the body, and the body, of at most ``most`` bytes, by ``end``."""
        parts = urlsplit(self.url)
        kind: type[HTTPConnection] = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=min(CONNECTING, self._left(end)))
        target = f"{parts.path.rstrip('/')}/v2/models/{quote(self.model, safe='')}{path}"
        try:
            connection.connect()
            sock = connection.sock  # which the response takes over where nothing else may follow it
            sock.settimeout(self._left(end))
            connection.request(method, target, body, headers or {})
            with connection.getresponse() as response:
                if response.length is None and not response.chunked:
                    raise _LostError("the answer doesn't say where it ends")  # a header that was cut, for one
                if (response.length or 0) > most:
                    raise self._too_long(most)
                found = bytearray()
                while chunk := response.read1(_CHUNK):
                    found += chunk
                    if len(found) > most:
                        raise self._too_long(most)
                    sock.settimeout(self._left(end))
                if response.length:
                    raise _LostError(f"{response.length:,} bytes of the answer are missing")
                return response.status, response.getheader(LENGTH), bytes(found)
        except TimeoutError as error:
            raise RemoteTimeoutError(f"{self.url} has not answered in time; give it more, or ask for less") from error
        except ssl.SSLError as error:
            raise RemoteError(f"{self.url} can't be trusted ({reason(error)})") from error
        except (OSError, HTTPException) as error:
            raise _LostError(reason(error)) from error
        finally:
            connection.close()

    def _left(self, end: float) -> float:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _too_long(self, most: int) -> ProtocolError:
        return ProtocolError(f"{self.url} answers with more than {most:,} bytes; expected an answer of IGO's")

    def _unreachable(self, error: Exception) -> RemoteError:
        if isinstance(error, _NotReadyError):
            return RemoteError(str(error))
        return RemoteError(f"{self.url} can't be reached, or has gone ({error}); is it running?")


def _body(message: bytes, id_: str) -> tuple[bytes, int]:
    """The body of a request, and how much of it is JSON."""
    import numpy as np
    from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput

    tensor = InferInput(REQUEST, [1, len(message)], "UINT8")
    tensor.set_data_from_numpy(np.frombuffer(message, np.uint8)[None])
    body, header = InferenceServerClient.generate_request_body(
        [tensor], outputs=[InferRequestedOutput(ANSWER, binary_data=True)], request_id=id_
    )
    return body, header


def _tensor(answer: bytes, length: str | None) -> bytes:
    """The tensor in the body of an answer, ``length`` bytes of which are JSON."""
    from tritonclient.http import InferenceServerClient

    try:
        result = InferenceServerClient.parse_response_body(answer, header_length=int(length or ""))
        found = result.as_numpy(ANSWER)
        if found is not None and found.dtype == "uint8":
            return bytes(found.tobytes())
    except Exception as error:  # whatever tritonclient stumbles on
        raise ProtocolError(f"the answer can't be read ({reason(error)}); expected KServe v2") from error
    raise ProtocolError(f"the answer has no tensor '{ANSWER}' of UINT8; expected one")


def _json(said: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(said)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _said(answer: bytes, status: int) -> str:
    """What a server says of an error."""
    told = _json(answer[:MAX_JSON])
    text = str(told["error"]) if told and "error" in told else answer[:200].decode("utf-8", "replace")
    return " ".join(text.split())[:300] or f"status {status}"
