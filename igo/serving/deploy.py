"""Folders to deploy: a chain with all that a server needs to paint by it, written whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

from igo.chains import registry
from igo.chains.chain import Chain
from igo.embedded import DEFAULTS
from igo.errors import ChainError, SettingsError
from igo.files import write_folder
from igo.painting.text_to_image import TextToImage
from igo.serving.protocol import ANSWER, MAX_MESSAGE, REQUEST
from igo.serving.server import check_paints

TEMPLATES = Path(__file__).parent / "templates"
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
TRITON = {
    "README.md": "README.md",
    "requirements.txt": "requirements.txt",
    "start.sh": "start.sh",
    "models/@{name}/config.pbtxt": "config.pbtxt",
    "models/@{name}/1/model.py": "model.py",
}
"""Each file of a model repository, and its template."""

NEURON = ("README.md", "requirements.txt", "Dockerfile", "compile.py", "serve.py")
COMPILED = ("checkpoint", "revision", "variant")
"""Settings of ``TextToImage`` that a compiled base has too."""


class _Text(Template):
    """A text with ``@{name}`` to be filled in; what shells and Python write with a dollar stays."""

    delimiter = "@"


def write_triton(
    folder: Path, chain: Chain, name: str = "igo", batch_size: int = 4, delay: int = 20, instances: int = 1
) -> list[str]:
    """Write what NVIDIA's Triton needs to serve ``chain`` as the model ``name``; returns what the chain names of this
    machine (see ``places``).

    Up to ``batch_size`` requests that come within ``delay`` milliseconds are painted together, by each of ``instances``
    on each GPU. Raises ``SettingsError`` for numbers that can't be meant or a folder that isn't empty, ``ChainError``
    for a chain that doesn't paint.
    """
    for option, value, most in (
        ("batch_size", batch_size, 128),
        ("delay", delay, 60_000),
        ("instances", instances, 64),
    ):
        if not (option != "delay") <= value <= most:
            raise SettingsError(f"{option} is {value}; expected {int(option != 'delay')} to {most}")
    check_deployable(chain, name)
    on_cpu = chain.runtime.describe().get("runtime", {}).get("device") == "cpu"
    values = {
        **common(chain, name),
        "batch_size": batch_size,
        "delay": delay * 1000,
        "delay_ms": delay,
        "instances": instances,
        "kind": "KIND_CPU" if on_cpu else "KIND_AUTO",
        "max_bytes": MAX_MESSAGE,
    }
    files = {filled(path, values): template("triton", name, values) for path, name in TRITON.items()}
    write_folder(folder, {**files, f"models/{name}/1/chain.toml": chain.to_toml()})
    return list(places(chain))


def write_neuron(
    folder: Path, chain: Chain, name: str = "igo", width: int | None = None, height: int | None = None
) -> list[str]:
    """Write what serves ``chain``, a ``TextToImage`` alone, from an AWS Inferentia2, at ``width`` x ``height`` pixels;
    by default 512x512, for `mini` its own. Returns what the chain names of this machine (see ``places``).

    Raises ``ChainError`` for other chains, ``SettingsError`` for settings that a compiled base hasn't got, a size that
    it can't have, or a folder that isn't empty.
    """
    check_deployable(chain, name)
    from igo.serving.neuron.base import NeuronTextToImage

    others = [step for step in chain.steps if type(step.plugin) is not TextToImage]
    if others or len(chain) != 1:
        which = f"'{others[0].name}'" if others else "a second text-to-image"
        raise ChainError(f"{which} can't be compiled; deploy a text-to-image alone, and keep other steps in your chain")
    (step,) = chain.steps
    asked = step.settings()
    for setting in asked:
        if setting not in COMPILED:
            raise SettingsError(f"{setting} is not for a compiled base, which has: {', '.join(COMPILED)}; leave it out")
    size = {key: value for key, value in (("width", width), ("height", height)) if value is not None}
    usual = DEFAULTS if asked.get("checkpoint", "mini") == "mini" else {}
    base = NeuronTextToImage(**{**usual, **asked, **size})
    compiled = Chain(base)
    values = {**common(chain, name), "width": base.width, "height": base.height}
    files = {path: template("neuron", path, values) for path in NEURON}
    write_folder(folder, {**files, "chain.toml": compiled.to_toml()})
    return list(places(chain))


def check_deployable(chain: Chain, name: str) -> None:
    """Raise ``ChainError`` for a chain without a base, ``SettingsError`` for a name that no model can have."""
    if not re.fullmatch(NAME, name):
        raise SettingsError(f"name is {name!r}; expected up to 100 letters, digits, '-', '_' and '.', such as 'igo'")
    check_paints(chain)


def common(chain: Chain, name: str) -> dict[str, Any]:
    """What the templates of every server name."""
    distributions = filter(None, (registry.distribution_of(type(step.plugin)) for step in chain.steps))
    required = {"igo": version("igo"), **dict(distributions)}
    found = list(places(chain))
    note = "The chain names places that have to be on the server too; relative ones are looked for beside `start.sh`:"
    return {
        "name": name,
        "version": version("igo"),
        "request": REQUEST,
        "answer": ANSWER,
        "requirements": "\n".join(f"{name}=={number}" for name, number in sorted(required.items())),
        "places": "\n".join(["", note, "", *(f"- `{place}`" for place in found)]) if found else "",
    }


def places(chain: Chain) -> Iterator[str]:
    """The files and folders of this machine that settings of the chain name."""
    for value in _texts(chain.describe()["step"]):
        if (os.sep in value or "/" in value or Path(value).suffix) and len(value) < 4096 and Path(value).exists():
            yield value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _texts(inner)


def template(kind: str, name: str, values: Mapping[str, Any]) -> str:
    """A template's text, filled in."""
    return filled((TEMPLATES / kind / f"{name}.template").read_text("utf-8"), values)


def filled(text: str, values: Mapping[str, Any]) -> str:
    """A text with ``@{name}`` in it, filled in."""
    return _Text(text).substitute(values)
