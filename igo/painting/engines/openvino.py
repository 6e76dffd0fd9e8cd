"""Networks on CPUs by OpenVINO, in fp32: converted once and kept on disk, compiled for each size by itself.

A model that takes any size is no choice: it computes other bits than one of a fixed size, so that a picture would
depend on what was painted before, and gives away half of what is won.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from torch import nn

from igo.errors import out_of_memory
from igo.networks.quiet import quietly
from igo.painting.engines import cache as disk
from igo.painting.engines.calls import Call, put_together, taken_apart
from igo.painting.engines.part import Ledger, NotServed, Part
from igo.painting.engines.rewriting import replaced, rewritten
from igo.painting.engines.state import State, digest

FORMAT = 2
"""Of what is kept on disk; raised with each change of how it is made."""
FILE = "model.xml"
ROOM = 8e9
"""Bytes of weights that a network's compiled models may hold, each its own."""

_CONVERTING = Lock()
"""What a conversion silences is the whole process's."""


class OpenVINOPart(Part):
    """A network that OpenVINO computes."""

    def __init__(self, name: str, network: nn.Module, ledger: Ledger) -> None:
        super().__init__(name, network, ledger)
        self._known: dict[State, str] = {}
        self._refused: dict[Any, str] = {}
        self._converted: dict[Any, tuple[Any, Path | None, Any]] = {}

    def serve(self, call: Call) -> Any:
        """Compiled for the sizes of the call, for the weights as they are, and for as many threads as torch has."""
        _check(call.tensors)
        identity = self._identity()
        self.admit(identity)
        return self.sooner(call, lambda one: self._run(identity, one, call))

    def _run(self, identity: str, call: Call, whole: Call) -> Any:
        """What is given for a call, by a model that has given it for the ``whole`` call as it was asked."""
        key = identity, call.rest, call.shapes, torch.get_num_threads()
        if key in self._refused:
            raise NotServed(self._refused[key])
        try:
            run = self.kept(key, self._room, lambda: self._built(identity, call, whole))
        except NotServed as error:
            self._refused[key] = str(error)
            raise
        return run(call.tensors)

    def _room(self) -> int:
        """For how many sizes it is kept compiled."""
        size = sum(one.numel() * one.element_size() for one in self.network.parameters())
        return max(2, min(8, int(ROOM / max(size, 1))))

    def _identity(self) -> str:
        state = self.look(weights=True)
        if state not in self._known:
            _check(self.network.parameters())
            if len(self._known) == 2 * len(self._states) + 8:
                self._known.clear()
            self._known[state] = digest(self.network)
        return self._known[state]

    def _built(self, identity: str, call: Call, whole: Call) -> Callable[[Sequence[torch.Tensor]], Any]:
        """Compiled from the first model that is right for this size: the one that was converted from the first size
        that came, the one from the first that this couldn't serve (a UNet of sizes that don't halve evenly takes other
        ways), or one of its own."""
        for which in ("first", "second", call.shapes):
            model, place, structure = self._model(identity, call, which)
            mark = _Mark(place, call.shapes)
            if mark.says is False:
                continue
            try:
                run = _compiled(model, call.shapes, structure)
                right = mark.says or self.is_right(run(call.tensors), whole)
            except RuntimeError as error:  # it can't have this size
                if out_of_memory(error):
                    raise
                continue
            mark.set(right)
            if right:
                return run
        raise NotServed("OpenVINO computes it otherwise than torch")

    def _model(self, identity: str, call: Call, which: Any) -> tuple[Any, Path | None, Any]:
        """The converted model as it is read anew, where it is kept on disk, and what its answer is made of."""
        import openvino

        key = _key(FORMAT, identity, call.rest, which, version("torch"), openvino.__version__)
        kept = disk.find(key)
        if kept is not None:
            try:
                return _core().read_model(kept[0] / FILE), kept[0], kept[1]["structure"]
            except (RuntimeError, KeyError):
                kept = None  # taken away just now, or another's
        if key not in self._converted:
            model, structure = self._convert(call)

            def write(folder: Path) -> Mapping[str, Any]:
                openvino.save_model(model, folder / FILE, compress_to_fp16=False)
                return {"structure": structure}

            try:
                place, _ = disk.keep(key, write)
            except (OSError, RuntimeError):  # no disk that takes it: it stays in memory
                self._converted[key] = model, None, structure
            else:
                return _core().read_model(place / FILE), place, structure
        found, nowhere, structure = self._converted[key]
        return found.clone(), nowhere, structure

    def _convert(self, call: Call) -> tuple[Any, Any]:
        import openvino

        flat = _Flat(self.network, self.plain, call)
        own = vars(self.network).pop("forward", None)  # which is this part, and nothing to be traced
        training = flat.training
        flat.training = False
        try:
            # quietly: tracing is deprecated, and warns of each size that Python looks at
            with _CONVERTING, quietly(), torch.inference_mode(False), torch.no_grad():
                tensors = tuple(one.clone() for one in call.tensors)
                with replaced(rewritten(self.network)):
                    model = openvino.convert_model(flat, example_input=tensors)
        except Exception as error:
            text = " ".join(str(error).split())
            raise NotServed(f"OpenVINO can't convert it ({type(error).__name__}: {text[:120]})") from error
        finally:
            flat.training = training
            if own is not None:
                vars(self.network)["forward"] = own
        if len(model.inputs) != len(call.tensors):
            raise NotServed("OpenVINO takes others of its inputs than torch")
        return model, flat.structure


def _check(tensors: Iterable[torch.Tensor]) -> None:
    for one in tensors:
        if one.device.type != "cpu":
            raise NotServed(f"it is on {one.device.type}, and OpenVINO computes on the CPU")
        if one.is_floating_point() and one.dtype != torch.float32:
            raise NotServed(f"it is in {str(one.dtype).removeprefix('torch.')}, and OpenVINO is given float32")


class _Flat(nn.Module):
    """A network from tensors to tensors, for one kind of call."""

    def __init__(self, network: nn.Module, plain: Callable[..., Any], call: Call) -> None:
        super().__init__()
        self.network = network
        self._plain, self._call = plain, call
        self.structure: Any = None

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """What the network's answer holds."""
        args, kwargs = self._call.with_tensors(tensors)
        found, self.structure = taken_apart(self._plain(*args, **kwargs))
        return tuple(found)


class _Mark:
    """On disk, beside a converted model: whether it is right for some sizes, on this processor."""

    def __init__(self, place: Path | None, shapes: Any) -> None:
        name = _key(shapes, _processor())[:16]
        self._right = None if place is None else place / f"right-{name}"
        self._wrong = None if place is None else place / f"wrong-{name}"

    @property
    def says(self) -> bool | None:
        """None where nobody has looked yet."""
        if self._right is None or self._wrong is None:
            return None
        return True if self._right.exists() else False if self._wrong.exists() else None

    def set(self, right: bool) -> None:
        """A disk that doesn't take it is asked again next time."""
        if (mark := self._right if right else self._wrong) is not None:
            with suppress(OSError):
                mark.touch()


def _compiled(model: Any, shapes: Sequence[Sequence[int]], structure: Any) -> Callable[[Sequence[torch.Tensor]], Any]:
    model.reshape({port: list(shape) for port, shape in zip(model.inputs, shapes, strict=True)})
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "EXECUTION_MODE_HINT": "ACCURACY",
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "ENABLE_CPU_PINNING": False,
    }
    request = _core().compile_model(model, "CPU", settings).create_infer_request()

    def run(tensors: Sequence[torch.Tensor]) -> Any:
        given = [one.detach().contiguous().numpy() for one in tensors]
        found = request.infer(dict(enumerate(given)), share_inputs=True)
        return put_together([torch.from_numpy(found[number].copy()) for number in range(len(found))], structure)

    return run


@cache
def _core() -> Any:
    import openvino

    return openvino.Core()


@cache
def _processor() -> str:
    return str(_core().get_property("CPU", "FULL_DEVICE_NAME"))


def _key(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()
