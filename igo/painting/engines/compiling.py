"""Networks by torch.compile: inductor's own kernels, or TensorRT's where torch-tensorrt is installed.

On a GPU a network is compiled whole; on a CPU its blocks that repeat are, one by one: a third of the time until the
first picture, where compiling all of it gains a few per cent more after it. Both for each kind of call and each size by
itself, a few times and never more: a size that comes after those is computed by plain torch. Inductor keeps what it has
compiled in its own cache on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from igo.errors import out_of_memory
from igo.networks.quiet import quietly
from igo.painting.engines.calls import Call
from igo.painting.engines.dynamo import compiled
from igo.painting.engines.part import DENOISERS, Ledger, NotServed, Part
from igo.painting.engines.rewriting import replaced, rewritten

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
        """On a GPU convolutions are quicker with the channels last."""
        if not all(one.is_cpu for one in self.network.parameters()):
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def removed(self) -> None:
        """As they were."""
        self.network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    def serve(self, call: Call) -> Any:
        """Compiled for the sizes of the call; on a CPU with the weights as they are, which inductor then lays out for
        it."""
        on_cpu = all(one.device.type == "cpu" for one in call.tensors)
        if on_cpu and not self._blocks:
            raise NotServed("on a CPU it is sooner computed than compiled: it has no blocks that repeat")
        state = self.look(weights=on_cpu)
        self.admit(state)
        if on_cpu:
            return self.sooner(call, lambda one: self._run(state, one, call, True))
        return self._run(state, call, call, False)

    def _run(self, state: Hashable, call: Call, whole: Call, on_cpu: bool) -> Any:
        """What is given for a call, by what has given it for the ``whole`` call as it was asked."""
        key = state, call.rest, call.shapes, on_cpu and torch.get_num_threads()
        if key not in self._done:
            if len(self._done) == COMPILATIONS:
                raise NotServed(f"it has been compiled {COMPILATIONS} times, for other sizes")
            self._done[key] = self._first(on_cpu, call, whole)
        args, kwargs = call.with_tensors(call.tensors)
        with torch.no_grad():
            return self._done[key](*args, **kwargs)

    def _first(self, on_cpu: bool, call: Call, whole: Call) -> Callable[..., Any]:
        """Compiled by a first call, whose answer is only looked at; what can't be compiled refuses all calls."""
        args, kwargs = call.with_tensors(call.tensors)
        try:
            with quietly(), torch.no_grad():
                run = self._by_blocks() if on_cpu else self._whole(lambda: self.plain(*args, **kwargs))
                output = run(*args, **kwargs)
            half = any(one.dtype in (torch.float16, torch.bfloat16) for one in call.tensors)
            if on_cpu and not half and not self.is_right(output, whole):  # on GPUs torch itself rounds to TF32
                return _refusing("torch.compile computes it otherwise than torch")
        except Exception as error:
            if out_of_memory(error):
                raise
            return _refusing(f"torch.compile can't compile it ({type(error).__name__})")
        return run

    @cached_property
    def _blocks(self) -> list[nn.Module]:
        """Those that repeat, as diffusers knows them."""
        within = list(self.network.modules())
        repeated = {name for one in within for name in getattr(one, "_repeated_blocks", None) or ()}
        return [block for block in within if type(block).__name__ in repeated]

    def _by_blocks(self) -> Callable[..., Any]:
        """The network as its class computes it, with fewer operations, and its blocks compiled."""
        settings: Any = {"backend": self.backend, "dynamic": False, "options": {"freezing": True}}
        blocks = {block: compiled(block.forward, **settings) for block in self._blocks}
        return _within(rewritten(self.network) | blocks, self.plain)

    def _whole(self, run: Callable[[], Any]) -> Callable[..., Any]:
        """Compiled in one piece; on CUDA with a kernel of IGO's where that is quicker, and replayed as CUDA graphs if
        each step asks it."""
        forwards: dict[nn.Module, Callable[..., Any]] = {}
        by_inductor = self.backend == "inductor" and _is_on_cuda(self.network)
        if by_inductor and find_spec("triton"):
            from igo.painting.engines import group_norm_silu

            forwards, self.ledger.kernels[self.name] = group_norm_silu.forwards(self.network, run)
        if not (by_inductor and self.name.split(".")[0] in DENOISERS):
            options = self.options
            return _within(forwards, compiled(self.plain, backend=self.backend, dynamic=False, options=options))
        whole = _within(forwards, compiled(self.plain, dynamic=False, options={"triton.cudagraphs": True}))

        def replayed(*args: Any, **kwargs: Any) -> Any:
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
            found = whole(*args, **kwargs)  # which the next replay writes over
            return pytree.tree_map(lambda one: one.clone() if isinstance(one, torch.Tensor) else one, found)

        return replayed


def _is_on_cuda(network: nn.Module) -> bool:
    return any(one.is_cuda for one in network.parameters())


def _within(forwards: dict[nn.Module, Callable[..., Any]], compute: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        with replaced(forwards):
            return compute(*args, **kwargs)

    return run


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
