"""A chain that answers messages, whatever brings them: Triton's Python backend, or ``igo.serving.kserve``."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from igo.chains.chain import Chain
from igo.chains.gathering import together
from igo.chains.run import Run
from igo.errors import ChainError, IGOError, MaskError, ProtocolError, RemoteError
from igo.records.provenance import stack
from igo.serving import protocol
from igo.serving.answers import Answers
from igo.serving.protocol import Answer, Asked
from igo.values import Entry, Request

ANSWERS = "IGO_ANSWERS"
"""The environment variable that names the folder in which answers are kept under their ids."""


class Server:
    """Answers messages by ``chain``, those that come at once in batches.

    ``answers`` are kept where ``IGO_ANSWERS`` says, by default in a folder of the system's for temporary files. Raises
    ``ChainError`` for a chain that doesn't paint.
    """

    def __init__(self, chain: Chain, answers: Answers | None = None) -> None:
        check_paints(chain)
        self.chain = chain
        self.answers = answers or Answers(Path(os.environ.get(ANSWERS) or _temporary()))

    def warm(self) -> None:
        """Load the base, by painting one picture in two steps, so that who asks first needn't wait. Raises ``IGOError``
        where it can't be loaded; a chain that needs other pictures, or finds nothing in this one, has loaded it."""
        with suppress(ChainError, MaskError):
            Run(self.chain.steps, self.chain.runtime).frames(Request("a garment", num_inference_steps=2, seed=0))

    def __call__(self, messages: Sequence[bytes]) -> list[bytes]:
        """The answer to each message; what can't be done is a message too, that says why."""
        read: list[Asked | bytes] = [_read(message) for message in messages]
        asked = [(one, message) for one, message in zip(read, messages, strict=True) if isinstance(one, Asked)]

        def make(numbers: Sequence[int]) -> list[bytes]:
            wanted = [asked[number][0] for number in numbers]
            calls = [partial(self._painted, one) for one in wanted]
            results = together(calls, len(calls), return_exceptions=True)
            return [
                result if isinstance(result, bytes) else protocol.refusal(one.id, _told(result))
                for one, result in zip(wanted, results, strict=True)
            ]

        given = iter(self.answers.of([(one.id, message) for one, message in asked], make))
        answers = []
        for one in read:
            answers.append((next(given) or _taken(one.id)) if isinstance(one, Asked) else one)
        return answers

    def _painted(self, asked: Asked) -> bytes:
        run = Run(self.chain.steps, self.chain.runtime)
        lossy = tuple(Entry(step.name, {"lossy": step.lossy}) for step in self.chain.steps if step.lossy)
        frames = [replace(frame, history=(*lossy, *frame.history)) for frame in run.frames(asked.request)]
        versions = stack({}, self.chain.runtime if run.identities else None)
        return protocol.answer(asked.id, Answer(frames, run.identities, run.licenses, versions))


def check_paints(chain: Chain) -> None:
    """Raise ``ChainError`` for a chain without a base."""
    if not any(step.implements("generate") for step in chain.steps):
        raise ChainError("no step of this chain makes pictures, so there is nothing to serve; put a base first")


def _read(message: bytes) -> Asked | bytes:
    """What a message asks for, or the message that refuses it."""
    try:
        return protocol.read_request(message)
    except IGOError as error:
        return protocol.refusal(protocol.id_of(message), error)


def _taken(id_: str) -> bytes:
    return protocol.refusal(id_, ProtocolError("this id was used for another request; give each an id of its own"))


def _told(error: Exception) -> IGOError:
    """An error as a client may hear of it: one of IGO's, or in one line what has failed."""
    if isinstance(error, IGOError):
        return error
    return RemoteError(f"internal error of the server ({type(error).__name__}: {' '.join(str(error).split())[:200]})")


def _temporary() -> Path:
    return Path(tempfile.gettempdir()) / f"igo-answers-{os.getuid()}"
