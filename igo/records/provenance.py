"""The record that each picture carries: everything needed to make it again, and the text that other tools read.

Two text chunks: ``igo`` is JSON (chain, request, seeds, input digests, models, versions), ``parameters`` is the form
that AUTOMATIC1111's web UI made common.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from os import PathLike
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    NotRequired,  # pydantic wants these below Python 3.12
    cast,
)

from typing_extensions import TypedDict

from igo.errors import ProvenanceError
from igo.records import limits, paths
from igo.values import MAX_SEED, Entry, Frame, Request

if TYPE_CHECKING:
    from igo.images import Picture
    from igo.runtime import Runtime

FORMAT = 1
LIBRARIES = ("torch", "diffusers", "transformers", "numpy", "pillow", "opencv-python-headless", "opencv-python")
NOT_RECORDED = ("image", "layers", "references")
"""What a request has that is an input: pictures, of which the record tells the origin."""
MADE_FROM = 2**16
"""Characters of what is kept of how one input was made."""
GENERATIONS = 8
"""How far back that goes."""


class Origin(TypedDict):
    """Where an input picture came from, so that a replay can tell whether it has the same."""

    name: str | None
    sha256: str
    """Of the file, or of the array's or picture's data."""
    pixels: str
    """Of the decoded picture (see ``igo.images.digest``): the same for a file and for the picture in it."""
    width: int
    height: int
    made_from: NotRequired[dict[str, Any]]
    """How it was made itself (see ``history_of``); records have that beside their inputs."""


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
    references: NotRequired[list[str]]
    """Which of the inputs were references, in the order in which they were given; others are the image and layers."""
    history: list[dict[str, Any]]
    models: dict[str, str]
    stack: dict[str, str]
    licenses: NotRequired[dict[str, str]]
    """By the names of ``models``, the licence that each states, or "none stated"."""
    files: NotRequired[dict[str, str]]
    """What the chain's settings name on this machine, and the digest (see ``igo.records.paths``)."""
    made_from: NotRequired[dict[str, Any]]
    """By the input's name, the record that it carried itself, or another tool's ``{"parameters": text}``."""


def origin(picture: Picture) -> Origin:
    """Where a picture that was read came from."""
    from igo.images import digest

    found: Origin = {
        "name": picture.name,
        "sha256": picture.sha256,
        "pixels": digest(picture.image, picture.alpha),
        "width": picture.image.width,
        "height": picture.image.height,
    }
    made_from = history_of(picture)
    return {**found, "made_from": made_from} if made_from else found


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
    names: Mapping[str, str] = field(default_factory=dict)
    """What files are called that a record named already, by the paths where they are here."""
    licenses: Mapping[str, str] = field(default_factory=dict)
    """What each of the models says of its licence."""


def record(making: Making, frame: Frame, index: int = 0, folder: Path | None = None) -> Record:
    """The record of ``frame``, picture ``index`` of its batch, for a file in ``folder``.

    Without the date, so that the same picture is the same file, and without a path of this machine, or its user's name.
    """
    from igo.images import digest

    chain, why = dict(making.chain) if making.chain is not None else None, making.why
    if unreadable := _unreadable(chain):
        chain, why = None, f"its chain has {unreadable}"
    found: dict[str, Any] = {
        "format": FORMAT,
        "igo": version("igo"),
        "chain": chain,
        "request": asked_for(making.request),
        "index": index,
        "seed": frame.seed,
        "pixels": digest(frame.image, frame.layers.get("alpha")),
        "inputs": {name: _without(origin, "made_from") for name, origin in making.origins.items()},
        "history": [_line(entry) for entry in frame.history],
        "models": dict(making.models),
        "stack": dict(making.stack),
    }
    if making.licenses:
        found["licenses"] = dict(making.licenses)
    if chain is None:
        found["why"] = why
    if making.request.references:
        found["references"] = list(making.request.references)
    names = paths.named(chain, folder, making.names)
    if names:
        found["files"] = paths.digests(names, making.models)
    if made_from := {name: origin["made_from"] for name, origin in making.origins.items() if "made_from" in origin}:
        found["made_from"] = made_from
    for part in ("chain", "history", "models", "licenses"):
        if part in found:
            found[part] = paths.told(found[part], folder, names)
    return cast(Record, {**paths.without_home(found), "request": found["request"]})


def _line(entry: Entry) -> dict[str, Any]:
    """What a step reports, or why that isn't here."""
    if unreadable := _unreadable(dict(entry.report)):
        return {"step": entry.step, "left_out": unreadable}
    return {"step": entry.step, **entry.report}


def _unreadable(value: Any) -> str:
    """Why plain data can't be part of a record, which is refused as a whole for it; empty if it can."""
    try:
        limits.parse(json.dumps(value))
    except ValueError as error:
        return _reason(error)
    return ""


def history_of(picture: Picture) -> dict[str, Any] | None:
    """How a picture that was read was made, as far as it tells and in few words: its record, or the parameters of
    another tool; ``None`` if it doesn't."""
    text = picture.text
    if "igo" in text:
        try:
            return _few_words(dict(parse_record(text["igo"])))
        except ProvenanceError:
            return None
    parameters = text.get("parameters", "")
    return {"parameters": parameters} if 0 < len(parameters) <= MADE_FROM else None


def _few_words(found: dict[str, Any]) -> dict[str, Any] | None:
    """A record that is short enough to be part of another: without what its inputs' inputs were made from, if it must
    be, or without its history."""
    cuts = [_cut(found, depth) for depth in reversed(range(GENERATIONS))]
    cuts.append(_without(cuts[-1], "history"))
    return next((cut for cut in cuts if len(json.dumps(cut)) <= MADE_FROM), None)


def _cut(found: dict[str, Any], depth: int) -> dict[str, Any]:
    """A record with no more than ``depth`` generations of what it was made from."""
    inner = found.get("made_from", {})
    rest = _without(found, "made_from")
    if not depth or not inner:
        return rest
    return rest | {"made_from": {name: _cut(one, depth - 1) for name, one in inner.items() if isinstance(one, dict)}}


def _without(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key != name}


def stack(plugins: Mapping[str, str], runtime: Runtime | None = None, libraries: Iterable[str] = ()) -> dict[str, str]:
    """What the bytes may depend on: versions of libraries, those that steps name too, and of ``plugins`` (name to
    version), the machine, and, given the ``runtime`` of models that took part, what they ran on."""
    found = {"igo": version("igo"), **_installed(), **_versions(libraries), **plugins}
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
    return {"python": platform.python_version(), "machine": platform.machine(), **_versions(LIBRARIES)}


def _versions(names: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in names:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def text_chunks(making: Making, frame: Frame, index: int = 0, folder: Path | None = None) -> dict[str, str]:
    """What goes into a file in ``folder`` of ``frame``, picture ``index`` of its batch."""
    return {
        "parameters": parameters(making.request, frame),
        "igo": json.dumps(record(making, frame, index, folder), ensure_ascii=False, sort_keys=True),
    }


def parameters(request: Request, frame: Frame) -> str:
    """The text that other tools read: prompt, negative prompt, and a line of settings.

    Values come from what the base reports that it used, else from the request.
    """
    used: dict[str, Any] = {key: value for key, value in asked_for(request).items() if value is not None}
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
        "Model": paths.told(used.get("checkpoint"), None, {}),
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
    from igo.images import read_text

    text = read_text(path).get("igo")
    if text is None:
        raise ProvenanceError(f"{path} carries no record of IGO; expected a picture that IGO saved")
    try:
        return parse_record(text)
    except ProvenanceError as error:
        raise ProvenanceError(f"{path}{error}") from None


def parse_record(text: str) -> Record:
    """A record out of its JSON. Raises ``ProvenanceError``, whose message goes on after the picture's name."""
    import pydantic

    try:
        found = limits.parse(text)
    except ValueError as error:
        raise ProvenanceError(f": its record is damaged ({_reason(error)})") from None
    made_by = found.get("igo") if isinstance(found, dict) else None
    if made_by and isinstance(found.get("format"), int) and found["format"] > FORMAT:
        raise ProvenanceError(f" was made by IGO {made_by}, whose records this version can't read; upgrade")
    try:
        known: Record = pydantic.TypeAdapter(Record).validate_python(found, strict=True)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise ProvenanceError(f": its record is damaged ({where}: {first['msg'].lower()})") from None
    if known["index"] < 0 or not 0 <= known["seed"] <= MAX_SEED:
        raise ProvenanceError(f": its record is damaged (picture {known['index']} of seed {known['seed']})")
    references = known.get("references", [])
    if len(set(references)) < len(references) or not known["inputs"].keys() - {"image"} >= set(references):
        raise ProvenanceError(": its record is damaged (references that are no inputs of their own)")
    return known


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON from character {error.pos} on: {error.msg}"
    return str(error)


def asked_for(request: Request) -> dict[str, Any]:
    """A request's settings: all that is no picture."""
    return {item.name: getattr(request, item.name) for item in fields(request) if item.name not in NOT_RECORDED}


def _quoted(value: Any) -> str:
    """The web UI's own quoting: JSON where a comma, colon or line break would be misread."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ",:\n") else text
