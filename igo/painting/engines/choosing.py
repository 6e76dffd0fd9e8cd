"""Which engine computes on a device, what it needs, and how exact it is."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from igo.errors import SettingsError

if TYPE_CHECKING:
    import torch

    from igo.painting.engines.part import Ledger

Engine = Literal["auto", "compile", "openvino", "tensorrt", "none"]
PACKAGES = {"openvino": ("openvino", "torch"), "compile": ("torch",), "tensorrt": ("torch", "torch_tensorrt")}
"""What an engine's numbers depend on, by the names of distributions."""
COMPILERS = ("c++", "g++", "clang++")
FASTER = "plain torch computes; OpenVINO is faster on CPUs: pip install 'igo[openvino]'"


def chosen(engine: Engine, device: torch.device) -> str:
    """The engine by name; for ``"auto"`` the one that this machine has for the device: OpenVINO on a CPU where it
    is installed, torch.compile on CUDA, else none."""
    if engine != "auto":
        return engine
    if device.type == "cuda":
        return "compile" if find_spec("triton") else "none"
    return "openvino" if device.type == "cpu" and find_spec("openvino") else "none"


def check(engine: Engine, device: torch.device) -> None:
    """Raise ``SettingsError`` for an engine that doesn't compute on this device, or needs what isn't installed."""
    if engine == "openvino":
        _on(engine, device, "cpu", "CPUs")
        _installed(engine, "openvino", "pip install 'igo[openvino]'")
    elif engine == "tensorrt":
        _on(engine, device, "cuda", "CUDA")
        _installed(engine, "torch_tensorrt", "pip install torch-tensorrt")
    elif engine == "compile":
        if device.type == "cuda":
            _installed(engine, "triton", "pip install triton")
        elif device.type == "cpu" and not any(map(shutil.which, COMPILERS)):
            raise SettingsError("engine 'compile' needs a C++ compiler on a CPU, and there is none; install g++")


def _on(engine: str, device: torch.device, kind: str, called: str) -> None:
    if device.type != kind:
        raise SettingsError(f"engine '{engine}' computes on {called}, and the device is {device}; use 'auto'")


def _installed(engine: str, module: str, remedy: str) -> None:
    if not find_spec(module):
        raise SettingsError(f"engine '{engine}' needs {module}, which is not installed: {remedy}")


def put_in(pipeline: Any, engine: str, ledger: Ledger) -> None:
    """Put an engine, as ``chosen`` names it, into the places of a pipeline's networks."""
    from igo.painting.engines import part

    if engine == "openvino":
        from igo.painting.engines.openvino import OpenVINOPart

        part.put_in(pipeline, OpenVINOPart, ledger)
    elif engine != "none":
        from igo.painting.engines.compiling import CompiledPart, TensorRTPart

        part.put_in(pipeline, TensorRTPart if engine == "tensorrt" else CompiledPart, ledger)


def described(engine: str, dtype: torch.dtype) -> dict[str, Any]:
    """What a record says of an engine: its name, the versions behind it, and how exact it is beside plain torch:
    ``"exact"`` is to rounding in fp32, 2e-5 of the latents and 1 level in the picture. In half precision kernels that
    sum in another order differ by more, and what TensorRT chooses is its own: ``"lossy"``."""
    exact = engine == "openvino" or (engine == "compile" and str(dtype) == "torch.float32")  # OpenVINO has that alone
    return {
        "engine": engine,
        "exactness": "exact" if exact else "lossy",
        "versions": {name: version(name) for name in PACKAGES[engine]},
    }
