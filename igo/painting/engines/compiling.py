"""Networks by torch.compile: inductor's own kernels, or TensorRT's where torch-tensorrt is installed.

A network is compiled whole, for each kind of call and each size by itself, a few times and never more: a size that
comes after those is computed by plain torch. Inductor keeps what it has compiled in its own cache on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from types import FunctionType
from typing import Any

import torch
from torch import nn

from igo.errors import out_of_memory
from igo.networks.quiet import quietly
from igo.painting.engines.calls import Call
from igo.painting.engines.part import Ledger, NotServed, Part

COMPILATIONS = 8
"""How often a network is compiled."""


class CompiledPart(Part):
    """A network that torch.compile computes, by inductor."""

    backend = "inductor"
    options: Any = None
    """Of the backend on a GPU."""

    def __init__(self, name: str, network: nn.Module, ledger: Ledger) -> None:
        super().__init__(name, network, ledger)
        self._done: dict[Hashable, Callable[..., Any]] = {}

    def placed(self) -> None:
        """Convolutions are quicker with the channels last."""
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def removed(self) -> None:
        """As they were."""
        self.network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    def serve(self, call: Call) -> Any:
        """Compiled for the sizes of the call; on a CPU with the weights as they are, which inductor then lays out for
        it."""
        on_cpu = all(one.device.type == "cpu" for one in call.tensors)
        state = self.look(weights=on_cpu)
        self.admit(state)
        key = state, call.rest, call.shapes, on_cpu and torch.get_num_threads()
        if key not in self._done:
            if len(self._done) == COMPILATIONS:
                raise NotServed(f"it has been compiled {COMPILATIONS} times, for other sizes")
            self._done[key] = self._first(on_cpu, call)
        args, kwargs = call.with_tensors(call.tensors)
        with torch.no_grad():
            return self._done[key](*args, **kwargs)

    def _first(self, on_cpu: bool, call: Call) -> Callable[..., Any]:
        """Compiled by a first call, whose answer is only looked at; what can't be compiled refuses all calls."""
        args, kwargs = call.with_tensors(call.tensors)
        try:
            with quietly(), torch.no_grad():
                run = self._compiled(on_cpu)
                output = run(*args, **kwargs)
            half = any(one.dtype in (torch.float16, torch.bfloat16) for one in call.tensors)
            if on_cpu and not half and not self.is_right(output, call):  # on GPUs torch itself rounds to TF32
                return _refusing("torch.compile computes it otherwise than torch")
        except Exception as error:
            if out_of_memory(error):
                raise
            return _refusing(f"torch.compile can't compile it ({type(error).__name__})")
        return run

    def _compiled(self, on_cpu: bool) -> Callable[..., Any]:
        plain = self.plain

        def run(*args: Any, **kwargs: Any) -> Any:
            return plain(*args, **kwargs)

        # dynamo counts what it has compiled by the code, which here is this network's and this size's alone
        code, defaults = run.__code__.replace(), run.__defaults__
        own = FunctionType(code, run.__globals__, run.__name__, defaults, run.__closure__)
        options: Any = {"freezing": True} if on_cpu else self.options
        compiled: Callable[..., Any] = torch.compile(own, backend=self.backend, dynamic=False, options=options)
        return compiled


def _refusing(reason: str) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise NotServed(reason)

    return refuse


class TensorRTPart(CompiledPart):
    """The same by TensorRT."""

    backend = "tensorrt"
    options = {"disable_tf32": True}  # noqa: RUF012  (nobody writes into it)

    def __init__(self, name: str, network: nn.Module, ledger: Ledger) -> None:
        import torch_tensorrt  # noqa: F401  which tells torch of its backend

        super().__init__(name, network, ledger)
