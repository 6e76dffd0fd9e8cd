"""A base whose pictures are painted by a server."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import igo
from igo.errors import ChainError, ProtocolError, SettingsError

if TYPE_CHECKING:
    from PIL.Image import Image

    from igo.hookspecs import Fit
    from igo.values import Conditions


@dataclass(frozen=True)
class Remote:
    """Have pictures painted by a server that speaks KServe v2, such as NVIDIA's Triton (see ``igo deploy``).

    Prompts, pictures, layers and references go over the wire, pictures come back as they were painted, byte for byte;
    masks, compositing and records stay here. Steps that change a pipeline belong into the chain that is deployed.
    """

    url: str = "http://localhost:8000"
    """The server's address. It stands in the record of every picture."""
    model: str = "igo"
    """What the model is called there."""
    timeout: float = 600.0
    """Seconds for an answer, the server's queue included."""
    retry: float = 10.0
    """Seconds in which it is asked again after a lost connection: under the same id, so nothing is painted twice."""

    def __post_init__(self) -> None:
        from igo_plugins.wire.connection import Server

        Server(self.url, self.model)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", self.model):
            raise SettingsError(f"model is {self.model!r}; expected the name that it is deployed under, such as 'igo'")
        if not 0 < self.timeout <= 86400:
            raise SettingsError(f"timeout is {self.timeout}; expected more than 0 and at most 86400 seconds")
        if not 0 <= self.retry <= 86400:
            raise SettingsError(f"retry is {self.retry}; expected 0 to 86400 seconds")

    @igo.hookimpl
    def check(self) -> None:
        """Whether the server is there, ready, and has the model."""
        from igo_plugins.wire.connection import Server

        if find_spec("tritonclient") is None:
            raise SettingsError("Remote needs the package tritonclient: pip install 'igo[remote]'")
        Server(self.url, self.model).check()

    @igo.hookimpl
    def generate(
        self, request: igo.Request, conditions: Callable[[igo.Request, Fit], Conditions], runtime: igo.Runtime
    ) -> list[igo.Frame] | None:
        """Frames of ``request.num_images`` pictures, picture k of the seed ``request.seed + k``."""
        if request.image is not None and (
            request.strength == 0 or (request.strength is None and not request.prompt.strip())
        ):
            return None
        self._refuse(conditions(request, _as_it_is), runtime)
        dropped = {"alpha"} if request.image else {"alpha", "mask"}  # the chain's own affair
        layers = {name: layer for name, layer in request.layers.items() if name not in dropped}
        request = request.replace(layers=layers)
        frames: list[igo.Frame] = []
        while len(frames) < request.num_images:
            frames += self._painted(request, len(frames), runtime)
            runtime.progress(len(frames), request.num_images)
        return frames

    def _painted(self, request: igo.Request, first: int, runtime: igo.Runtime) -> list[igo.Frame]:
        """Pictures from number ``first`` on, as many as go into one message."""
        from igo.licensing import License
        from igo.serving import protocol
        from igo_plugins.wire.connection import Server

        count = min(request.num_images - first, protocol.MAX_IMAGES)
        asked = protocol.Asked(str(uuid.uuid4()), request.replace(seed=(request.seed or 0) + first, num_images=count))
        server = Server(self.url, self.model)
        message = server.infer(protocol.ask(asked), asked.id, self.timeout, self.retry)
        answer = protocol.read_answer(message, asked.id)
        for name, identity in answer.models.items():
            stated = License(answer.licenses.get(name, ""))
            runtime.identify(name, identity, runtime.permit(name, stated))
        if len(answer.frames) != count:
            raise ProtocolError(f"{self.url} gives {len(answer.frames)} pictures; expected {count}, as it was asked")
        return [self._checked(frame, request.image, answer.versions) for frame in answer.frames]

    def _checked(self, frame: igo.Frame, image: Image | None, versions: Any) -> igo.Frame:
        """The frame, with the server's steps and versions on record."""
        if image is not None and frame.image.size != image.size:
            raise ChainError(
                f"the server's chain makes {frame.image.width}x{frame.image.height} of {image.width}x{image.height}; "
                "steps that change a picture's size belong into the chain here"
            )
        history = tuple(igo.Entry("", {**entry.report, "at": entry.step}) for entry in frame.history)
        return replace(frame, history=(*history[:-1], _with(history[-1:], server=dict(versions))))

    def _refuse(self, given: Conditions, runtime: igo.Runtime) -> None:
        """Raise ``ChainError`` for steps whose work the server would never see."""
        if given or runtime.prepares:
            steps = sorted({step for some in given.steps.values() for step in some})
            which = f"'{steps[0]}' gives" if steps else "a step of this chain changes"
            raise ChainError(
                f"{which} the base's pipeline something, and that pipeline is on a server; put the step into the chain "
                "that is deployed there"
            )


def _with(last: tuple[igo.Entry, ...], **report: Any) -> igo.Entry:
    return igo.Entry("", {**(last[0].report if last else {}), **report})


def _as_it_is(picture: Image, resample: object = None) -> Image:  # noqa: ARG001
    """How a picture to paint by is brought to a base that is elsewhere: not at all."""
    return picture
