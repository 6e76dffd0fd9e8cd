"""Which engine computes on a device, what it needs, and how exact it is."""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from igo.errors import SettingsError

if TYPE_CHECKING:
    import torch

    from igo.painting.engines.part import Ledger

Engine = Literal["auto", "openvino", "none"]
PACKAGES = {"openvino": ("openvino", "torch")}
"""What an engine's numbers depend on, by the names of distributions."""
FASTER = "plain torch computes; OpenVINO is faster on CPUs: pip install 'igo[openvino]'"


def chosen(engine: Engine, device: torch.device) -> str:
    """The engine by name; for ``"auto"`` the one that this machine has for the device: OpenVINO on a CPU where it
    is installed, else none."""
    if engine != "auto":
        return engine
    return "openvino" if device.type == "cpu" and find_spec("openvino") else "none"


def check(engine: Engine, device: torch.device) -> None:
    """Raise ``SettingsError`` for an engine that doesn't compute on this device, or needs what isn't installed."""
    if engine == "openvino":
        if device.type != "cpu":
            raise SettingsError(f"engine 'openvino' computes on CPUs, and the device is {device}; use 'auto'")
        if not find_spec("openvino"):
            raise SettingsError("engine 'openvino' needs openvino, which is not installed: pip install 'igo[openvino]'")


def put_in(pipeline: Any, engine: str, ledger: Ledger) -> None:
    """Put an engine, as ``chosen`` names it, into the places of a pipeline's networks."""
    from igo.painting.engines import part

    if engine == "openvino":
        from igo.painting.engines.openvino import OpenVINOPart

        part.put_in(pipeline, OpenVINOPart, ledger)


def described(engine: str) -> dict[str, Any]:
    """What a record says of an engine: its name, the versions behind it, and how exact it is beside plain torch:
    ``"exact"`` is to rounding in fp32, 2e-5 of the latents and 1 level in the picture."""
    return {"engine": engine, "exactness": "exact", "versions": {name: version(name) for name in PACKAGES[engine]}}
