"""The record that each picture carries: everything needed to make it again, and the text that other tools read.

Two text chunks: ``igo`` is JSON (chain, request, seeds, input digests, models, versions), ``parameters`` is the form
that AUTOMATIC1111's web UI made common.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from os import PathLike
from typing import (
    TYPE_CHECKING,
    Any,
    NotRequired,  # pydantic wants these below Python 3.12
)

from typing_extensions import TypedDict

from igo.errors import ProvenanceError
from igo.values import Frame, Request

if TYPE_CHECKING:
    from igo.images import Picture
    from igo.runtime import Runtime

FORMAT = 1
LIBRARIES = ("torch", "diffusers", "transformers", "numpy", "pillow", "opencv-python-headless", "opencv-python")
NOT_RECORDED = ("image", "layers")


class Origin(TypedDict):
    """Where an input picture came from, so that a replay can tell whether it has the same."""

    name: str | None
    sha256: str
    """Of the file, or of the array's or picture's data."""
    pixels: str
    """Of the decoded picture (see ``igo.images.digest``): the same for a file and for the picture in it."""
    width: int
    height: int


class Record(TypedDict):
    """What a picture carries. ``chain`` is ``None`` where it could not be written down, and ``why`` says it."""

    format: int
    igo: str
    chain: dict[str, Any] | None
    why: NotRequired[str]
    request: dict[str, Any]
    index: int
    seed: int
    pixels: str
    inputs: dict[str, Origin]
    history: list[dict[str, Any]]
    models: dict[str, str]
    stack: dict[str, str]


def origin(picture: Picture) -> Origin:
    """Where a picture that was read came from."""
    from igo.images import digest

    return {
        "name": picture.name,
        "sha256": picture.sha256,
        "pixels": digest(picture.image, picture.alpha),
        "width": picture.image.width,
        "height": picture.image.height,
    }


@dataclass(frozen=True)
class Making:
    """How a run made its pictures: what their records say beside the pictures themselves."""

    request: Request
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """Of the input pictures, by name."""
    models: Mapping[str, str] = field(default_factory=dict)
    """The identity of each model that took part."""
    chain: Mapping[str, Any] | None = None
    """The chain as plain data; ``None`` where it could not be written down, and ``why`` says it."""
    why: str = ""
    stack: Mapping[str, str] = field(default_factory=dict)
    """What the bytes may depend on (see ``stack``)."""


def record(making: Making, frame: Frame, index: int = 0) -> Record:
    """The record of ``frame``, picture ``index`` of its batch. Without the date, so that the same picture is the same
    file."""
    from igo.images import digest

    found: Record = {
        "format": FORMAT,
        "igo": version("igo"),
        "chain": dict(making.chain) if making.chain is not None else None,
        "request": _request(making.request),
        "index": index,
        "seed": frame.seed,
        "pixels": digest(frame.image, frame.layers.get("alpha")),
        "inputs": dict(making.origins),
        "history": [{"step": entry.step, **entry.report} for entry in frame.history],
        "models": dict(making.models),
        "stack": dict(making.stack),
    }
    if making.chain is None:
        found["why"] = making.why
    return found


def stack(plugins: Mapping[str, str], runtime: Runtime | None = None) -> dict[str, str]:
    """What the bytes may depend on: versions of libraries and of ``plugins`` (name to version), the machine, and, given
    the ``runtime`` of models that took part, what they ran on."""
    found = {"igo": version("igo"), **_installed(), **plugins}
    if runtime is not None:
        import torch

        found |= {
            "device": str(runtime.device),
            "dtype": str(runtime.dtype).removeprefix("torch."),
            "threads": str(torch.get_num_threads()),
        }
    return found


@cache
def _installed() -> dict[str, str]:
    """What doesn't change while a program runs."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def text_chunks(making: Making, frame: Frame, index: int = 0) -> dict[str, str]:
    """What goes into the file of ``frame``, picture ``index`` of its batch."""
    return {
        "parameters": parameters(making.request, frame),
        "igo": json.dumps(record(making, frame, index), ensure_ascii=False, sort_keys=True),
    }


def parameters(request: Request, frame: Frame) -> str:
    """The text that other tools read: prompt, negative prompt, and a line of settings.

    Values come from what the base reports that it used, else from the request.
    """
    used: dict[str, Any] = {key: value for key, value in _request(request).items() if value is not None}
    for entry in frame.history:
        if "num_inference_steps" in entry.report:
            used |= entry.report
            break
    settings = {
        "Steps": used.get("num_inference_steps"),
        "Sampler": used.get("sampler") or used.get("scheduler"),
        "Schedule type": used.get("schedule_type"),
        "CFG scale": used.get("guidance_scale"),
        "Seed": frame.seed,
        "Size": f"{frame.image.width}x{frame.image.height}",
        "Model": used.get("checkpoint"),
        "Denoising strength": used.get("strength"),
        "Clip skip": used.get("clip_skip") or None,
        "Version": f"IGO {version('igo')}",
    }
    lines = [used["prompt"]] if used.get("prompt") else []
    if used.get("negative_prompt"):
        lines.append(f"Negative prompt: {used['negative_prompt']}")
    lines.append(", ".join(f"{key}: {_quoted(value)}" for key, value in settings.items() if value is not None))
    return "\n".join(lines)


def read_record(path: str | PathLike[str]) -> Record:
    """The record in a picture's file. Raises ``ProvenanceError`` where there is none, ``ImageError`` for no picture."""
    import pydantic

    from igo.images import read_text

    text = read_text(path).get("igo")
    if text is None:
        raise ProvenanceError(f"{path} carries no record of IGO; expected a picture that IGO saved")
    try:
        found = json.loads(text)
        made_by = found.get("igo") if isinstance(found, dict) else None
        if made_by and isinstance(found.get("format"), int) and found["format"] > FORMAT:
            raise ProvenanceError(f"{path} was made by IGO {made_by}, whose records this version can't read; upgrade")
        return pydantic.TypeAdapter(Record).validate_python(found, strict=True)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ProvenanceError(f"{path}: its record is damaged ({type(error).__name__})") from None
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise ProvenanceError(f"{path}: its record is damaged ({where}: {first['msg'].lower()})") from None


def _request(request: Request) -> dict[str, Any]:
    return {item.name: getattr(request, item.name) for item in fields(request) if item.name not in NOT_RECORDED}


def _quoted(value: Any) -> str:
    """The web UI's own quoting: JSON where a comma, colon or line break would be misread."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ",:\n") else text
