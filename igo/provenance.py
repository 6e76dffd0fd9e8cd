"""The record that each picture carries: everything needed to make it again, and the text that other tools read.

Two text chunks: ``igo`` is JSON (chain, request, seeds, input digests, models, versions), ``parameters`` is the form
that AUTOMATIC1111's web UI made common.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from dataclasses import fields
from importlib.metadata import version
from os import PathLike
from types import NoneType
from typing import TYPE_CHECKING, Any

from igo import registry
from igo.errors import ConfigError, ProvenanceError
from igo.values import Frame, Request

if TYPE_CHECKING:
    from PIL.Image import Image

    from igo.look import Look

FORMAT = 1
LIBRARIES = ("torch", "diffusers", "transformers", "numpy", "PIL", "cv2")
KINDS: dict[str, type | tuple[type, ...]] = {
    "chain": (dict, NoneType),
    "request": dict,
    "index": int,
    "seed": int,
    "pixels": str,
    "inputs": dict,
    "history": list,
    "models": dict,
    "stack": dict,
}
NOT_RECORDED = ("image", "layers")


def record(look: Look, index: int = 0) -> dict[str, Any]:
    """The record of picture ``index``. Without the date, so that the same picture is the same file.

    Where the chain can't be written down (a plugin that is no dataclass), ``chain`` is ``None`` and ``why`` says it.
    """
    frame = look.frames[index]
    found: dict[str, Any] = {
        "format": FORMAT,
        "igo": version("igo"),
        "chain": None,
        "request": _request(look.request),
        "index": index,
        "seed": frame.seed,
        "pixels": digest(frame.image),
        "inputs": {name: origin.as_dict() for name, origin in look.origins.items()},
        "history": [{"step": entry.step, **entry.report} for entry in frame.history],
        "models": look.chain.runtime.identities,
        "stack": stack(look),
    }
    try:
        found["chain"] = look.chain.describe()
    except ConfigError as error:
        found["why"] = str(error)
    return found


def stack(look: Look) -> dict[str, str]:
    """What the bytes may depend on: versions of what was loaded, plugins' distributions, the machine."""
    found = {"igo": version("igo"), "python": platform.python_version(), "machine": platform.machine()}
    for name in LIBRARIES:
        if name in sys.modules:
            found[name] = sys.modules[name].__version__
    for step in look.chain.steps:
        offered = registry.distribution_of(type(step.plugin))
        if offered is not None:
            found[offered[0]] = offered[1]
    torch = sys.modules.get("torch")
    if torch is not None:
        found |= {
            "device": str(look.chain.runtime.device),
            "dtype": str(look.chain.runtime.dtype).removeprefix("torch."),
            "threads": str(torch.get_num_threads()),
        }
    return found


def digest(image: Image) -> str:
    """SHA-256 over mode, size and pixels."""
    head = f"{image.mode} {image.width}x{image.height} ".encode()
    return hashlib.sha256(head + image.tobytes()).hexdigest()


def text_chunks(look: Look, index: int = 0) -> dict[str, str]:
    """What goes into the file of picture ``index``."""
    return {
        "parameters": parameters(look.request, look.frames[index]),
        "igo": json.dumps(record(look, index), ensure_ascii=False, sort_keys=True),
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
        "Sampler": used.get("scheduler"),
        "CFG scale": used.get("guidance_scale"),
        "Seed": frame.seed,
        "Size": f"{frame.image.width}x{frame.image.height}",
        "Model hash": used["identity"].partition(":")[2][:10] if "identity" in used else None,
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


def read_record(path: str | PathLike[str]) -> dict[str, Any]:
    """The record in a picture's file. Raises ``ProvenanceError`` where there is none, ``ImageError`` for no picture."""
    from igo.images import read_text

    text = read_text(path).get("igo")
    if text is None:
        raise ProvenanceError(f"{path} carries no record of IGO; expected a picture that IGO saved")
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ProvenanceError(f"{path}: its record is damaged ({error})") from None
    if not isinstance(found, dict) or not isinstance(found.get("format"), int):
        raise ProvenanceError(f"{path}: its record is damaged; expected a table with a 'format'")
    if found["format"] > FORMAT:
        made_by = found.get("igo", "?")
        raise ProvenanceError(f"{path} was made by IGO {made_by}, whose records this version can't read; upgrade IGO")
    for key, kind in KINDS.items():
        if not isinstance(found.get(key), kind):
            raise ProvenanceError(f"{path}: its record is damaged; '{key}' is {type(found.get(key)).__name__}")
    return found


def _request(request: Request) -> dict[str, Any]:
    return {item.name: getattr(request, item.name) for item in fields(request) if item.name not in NOT_RECORDED}


def _quoted(value: Any) -> str:
    """The web UI's own quoting: JSON where a comma, colon or line break would be misread."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ",:\n") else text
