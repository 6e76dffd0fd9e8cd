"""What is asked of a server and what it answers, as bytes: the one place that client and server know each other by.

A message is one tensor of KServe v2 (what Triton speaks), ``request`` or ``answer``, of datatype UINT8 and shape
[1, bytes]: four bytes that give the header's length (big-endian), the header (JSON, UTF-8), and the pixels of the
pictures that it lists, one after the other. Pixels are rows of RGB or L from the top, 8 bits a channel, as they are
(``raw``) or in zlib's format (``deflate``), so that every picture arrives as it left. Whatever comes in is held against
limits before room is made for it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from igo import errors
from igo.errors import IGOError, MaskError, ProtocolError, RemoteError
from igo.values import MAX_NAME, MAX_SEED, Entry, Frame, Request

if TYPE_CHECKING:
    from PIL.Image import Image

VERSION = 1
"""Counts up with every change that an older client or server would misread."""
REQUEST, ANSWER = "request", "answer"
"""What the tensors are called."""
MAX_HEADER = 2**20
"""Bytes of a header, prompts and reports included."""
MAX_PIXELS_BYTES = 2**28
"""Bytes that the pictures of one message may have once they are decoded: 89 megapixels in RGB."""
MAX_MESSAGE = 4 + MAX_HEADER + MAX_PIXELS_BYTES + 2**20
"""Bytes of a message: deflate makes what can't be compressed a little longer."""
MAX_IMAGES = 16
"""Pictures that one message may ask for; a client with more asks several times."""
MAX_PICTURES = 64
"""Layers and references that one message may bring."""
_CHANNELS = {"RGB": 3, "L": 1}
_KINDS = {
    kind.__name__: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, IGOError)
}


class _Part(BaseModel):
    """Part of a header: nothing else in it, and no number taken for text."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Version(BaseModel):
    igo: int


class _Picture(_Part):
    role: Literal["image", "layer", "reference", "frame"]
    name: Annotated[str, Field(max_length=MAX_NAME)] = ""
    mode: Literal["RGB", "L"]
    width: Annotated[int, Field(ge=1, le=2**16)]
    height: Annotated[int, Field(ge=1, le=2**16)]
    encoding: Literal["raw", "deflate"]
    length: Annotated[int, Field(ge=1, le=MAX_MESSAGE)]

    @property
    def decoded(self) -> int:
        return self.width * self.height * _CHANNELS[self.mode]


class _Asked(_Part):
    prompt: str = ""
    negative_prompt: str = ""
    width: int | None = None
    height: int | None = None
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    num_images: int = 1
    seed: int = 0
    strength: float | None = None


class _Failure(_Part):
    kind: str
    message: str
    area: float = 0.0
    confidence: float | None = None


class _Told(_Part):
    step: str
    report: dict[str, JsonValue]


class _Painted(_Part):
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)]
    nsfw_content_detected: bool | None = None
    history: list[_Told] = []


class _Header(_Part):
    igo: int
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]
    pictures: Annotated[list[_Picture], Field(max_length=MAX_PICTURES)] = []


class _Request(_Header):
    request: _Asked


class _Answer(_Header):
    frames: Annotated[list[_Painted], Field(max_length=MAX_IMAGES)] = []
    models: dict[str, str] = {}
    licenses: dict[str, str] = {}
    versions: dict[str, str] = {}
    error: _Failure | None = None


T = TypeVar("T", bound=_Header)


@dataclass(frozen=True)
class Asked:
    """A request, under the id by which a client that lost its connection may ask again."""

    id: str
    request: Request


@dataclass(frozen=True)
class Answer:
    """What a server has painted: frames whose history names its steps; and by name which weights it used, under which
    licences, and by which versions of what."""

    frames: Sequence[Frame]
    models: Mapping[str, str]
    licenses: Mapping[str, str]
    versions: Mapping[str, str]


def ask(asked: Asked) -> bytes:
    """The message that asks for a request. Raises ``RemoteError`` for one that is too large to be sent."""
    request = asked.request
    pictures = [("image", "", request.image)] if request.image else []
    pictures += [("layer", name, layer) for name, layer in request.layers.items()]
    pictures += [("reference", name, reference) for name, reference in request.references.items()]
    wanted = {name: getattr(request, name) for name in _Asked.model_fields}
    return _packed({"id": asked.id, "request": {**wanted, "seed": request.seed or 0}}, pictures)


def read_request(message: bytes) -> Asked:
    """What a message asks for. Raises ``ProtocolError`` for one that can't be read, ``RemoteError`` for too much, and
    what ``igo.Request`` raises for numbers that can't be meant."""
    header, pictures = _unpacked(message, _Request, "request")
    settings = {name: getattr(header.request, name) for name in _Asked.model_fields}
    if header.request.num_images > MAX_IMAGES:
        raise RemoteError(f"num_images is {header.request.num_images}; expected at most {MAX_IMAGES} in one message")
    found: dict[str, dict[str, Image]] = {"image": {}, "layer": {}, "reference": {}}
    for part, picture in pictures:
        if part.role not in found or part.name in found[part.role] or (part.role == "image" and part.name):
            raise ProtocolError(f"the request has a second or nameless {part.role} '{part.name}'; expected one of each")
        found[part.role][part.name] = picture
    return Asked(
        header.id,
        Request(**settings, image=found["image"].get(""), layers=found["layer"], references=found["reference"]),
    )


def answer(id: str, answer: Answer) -> bytes:  # noqa: A002
    """The message that answers a request. Raises ``RemoteError`` for more than can be sent."""
    frames = [
        {
            "seed": frame.seed,
            "nsfw_content_detected": frame.nsfw_content_detected,
            "history": [{"step": entry.step, "report": dict(entry.report)} for entry in frame.history],
        }
        for frame in answer.frames
    ]
    told = {name: dict(getattr(answer, name)) for name in ("models", "licenses", "versions")}
    return _packed({"id": id, "frames": frames, **told}, [("frame", "", frame.image) for frame in answer.frames])


def refusal(id: str, error: IGOError) -> bytes:  # noqa: A002
    """The message that says why a request isn't answered."""
    figures = {"area": error.area, "confidence": error.confidence} if isinstance(error, MaskError) else {}
    return _packed({"id": id, "error": {"kind": type(error).__name__, "message": str(error)[:2000], **figures}}, [])


def read_answer(message: bytes, id: str) -> Answer:  # noqa: A002
    """What a message answers to the request ``id``. Raises what the server says went wrong, as an error of the same
    kind; ``ProtocolError`` for a message that can't be read or answers something else."""
    header, pictures = _unpacked(message, _Answer, "answer")
    if header.error is not None:
        raise _raised(header.error)
    if header.id != id:
        raise ProtocolError("the answer is to another request; ask again")
    if not pictures or len(pictures) != len(header.frames) or any(part.role != "frame" for part, _ in pictures):
        raise ProtocolError(f"the answer has {len(pictures)} pictures of {len(header.frames)} frames; expected some")
    if any(part.mode != "RGB" for part, _ in pictures):
        raise ProtocolError("the answer has a picture in mode L; expected RGB")
    frames = [
        Frame(
            picture,
            painted.seed,
            nsfw_content_detected=painted.nsfw_content_detected,
            history=tuple(Entry(told.step, told.report) for told in painted.history),
        )
        for painted, (_, picture) in zip(header.frames, pictures, strict=True)
    ]
    return Answer(frames, header.models, header.licenses, header.versions)


def id_of(message: bytes) -> str:
    """The id that a refusal of a message can be sent under: its own, where that can be read."""
    try:
        return _unpacked(message, _Header, "request", pixels=False)[0].id
    except IGOError:
        return "unreadable"


def _packed(header: dict[str, Any], pictures: Iterable[tuple[str, str, Image]]) -> bytes:
    parts, bodies, total = [], [], 0
    for role, name, picture in pictures:
        encoding = "raw" if picture.mode == "RGB" else "deflate"  # masks shrink to nothing, photographs don't
        pixels = picture.tobytes()
        total += len(pixels)
        if total > MAX_PIXELS_BYTES:
            raise RemoteError(
                f"the pictures have {total / 2**20:,.0f} MiB or more; expected at most {MAX_PIXELS_BYTES / 2**20:.0f} "
                "MiB in one message: use smaller pictures, or fewer"
            )
        body = pixels if encoding == "raw" else zlib.compress(pixels, 1)
        size = {"width": picture.width, "height": picture.height}
        parts.append(
            {"role": role, "name": name, "mode": picture.mode, **size, "encoding": encoding, "length": len(body)}
        )
        bodies.append(body)
    if len(parts) > MAX_PICTURES:
        raise RemoteError(f"{len(parts)} pictures, layers and references; expected at most {MAX_PICTURES}")
    written = json.dumps({"igo": VERSION, **header, "pictures": parts}, ensure_ascii=False).encode("utf-8", "replace")
    if len(written) > MAX_HEADER:
        raise RemoteError(f"prompts and reports have {len(written):,} bytes; expected at most {MAX_HEADER:,}")
    return b"".join((len(written).to_bytes(4, "big"), written, *bodies))


def _unpacked(message: bytes, kind: type[T], what: str, pixels: bool = True) -> tuple[T, list[tuple[_Picture, Image]]]:
    if len(message) < 4 or len(message) > MAX_MESSAGE:
        raise ProtocolError(f"the {what} has {len(message):,} bytes; expected 4 to {MAX_MESSAGE:,}")
    length = int.from_bytes(message[:4], "big")
    written = message[4 : 4 + length]
    if length > MAX_HEADER or len(written) < length:
        raise ProtocolError(
            f"the {what} has a header of {length:,} bytes; expected up to {MAX_HEADER:,}, all of it there"
        )
    try:
        version = _Version.model_validate_json(written).igo
        if version != VERSION:
            raise ProtocolError(
                f"the {what} is of version {version} of IGO's protocol, and here is {VERSION}; install the same "
                "version of IGO at both ends"
            )
        header = kind.model_validate_json(written)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ProtocolError(
            f"the {what}'s header can't be read ({f'{place}: ' if place else ''}{first['msg']}); expected one of IGO"
        ) from None
    return header, _pictures(header.pictures, message, 4 + length, what) if pixels else []


def _pictures(parts: Sequence[_Picture], message: bytes, start: int, what: str) -> list[tuple[_Picture, Image]]:
    if (total := sum(part.decoded for part in parts)) > MAX_PIXELS_BYTES:
        raise ProtocolError(f"the {what}'s pictures have {total:,} bytes; expected at most {MAX_PIXELS_BYTES:,}")
    if (sent := start + sum(part.length for part in parts)) != len(message):
        raise ProtocolError(f"the {what} has {len(message):,} bytes, and its header speaks of {sent:,}")
    from PIL import Image

    pictures = []
    for part in parts:
        body = message[start : start + part.length]
        start += part.length
        pixels = body if part.encoding == "raw" else _inflated(body, part.decoded)
        if pixels is None or len(pixels) != part.decoded:
            raise ProtocolError(
                f"the {what}'s {part.role} '{part.name}' isn't {part.width}x{part.height} pixels of {part.mode}"
            )
        pictures.append((part, Image.frombytes(part.mode, (part.width, part.height), pixels)))
    return pictures


def _inflated(body: bytes, size: int) -> bytes | None:
    """``size`` bytes out of zlib's format; None if it holds others, or more."""
    inflating = zlib.decompressobj()
    try:
        pixels = inflating.decompress(body, size + 1)
    except zlib.error:
        return None
    return pixels if inflating.eof and not inflating.unused_data else None


def _raised(failure: _Failure) -> IGOError:
    """The error that a server tells of."""
    kind = _KINDS.get(failure.kind, RemoteError)
    if issubclass(kind, MaskError):
        return kind(failure.message, failure.area, failure.confidence)
    return kind(failure.message)
