"""A network of a pipeline that an engine computes, and how it gets there and away again."""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from threading import RLock
from types import MethodType
from typing import Any
from weakref import WeakSet

import torch
from torch import nn

from igo.painting.engines.calls import Call, taken_apart
from igo.painting.engines.rewriting import halved
from igo.painting.engines.state import State, Watch

STATES = 4
"""How many states of weights and adapters a network is compiled in; a fifth is computed by plain torch."""
CLOSE = 1e-4
"""How far what is compiled may lie from plain torch when it is first used, as a share of the largest number (of at
least 1). What is right lies at 1e-5 and below; a conversion that is wrong for a size lies far beyond."""
ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")
DENOISERS = ("unet", "transformer", "transformer_2", "prior")
HALVES = "computed_by"
"""The attribute of a network that names those by which it is computed (see ``divide``)."""


class NotServed(Exception):  # noqa: N818  (no error: plain torch computes it)
    """Why an engine can't compute a call, in some words."""


class Ledger:
    """What the parts of an engine did: by the name of a part, how many calls it computed (""), and how many plain torch
    did, by the reason."""

    def __init__(self) -> None:
        self.pipelines: WeakSet[Any] = WeakSet()
        """Those that parts were put into."""
        self.left: dict[str, str] = {}
        """Those of the networks that were left as they are, and why."""
        self.kernels: dict[str, int] = {}
        """Of parts that were compiled with a kernel of IGO's: in how many places it was chosen, when last compiled."""
        self._counted: Counter[tuple[str, str]] = Counter()

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process counts anew."""
        return Ledger, ()

    def standing(self) -> set[str]:
        """The names of the networks whose places parts have now."""
        every = [named for pipeline in self.pipelines for named in networks(pipeline)]
        return {name for name, network in every if _part(network)}

    def count(self, part: str, reason: str = "") -> None:
        """One call."""
        self._counted[part, reason] += 1

    def counted(self) -> Counter[tuple[str, str]]:
        """As it is now."""
        return Counter(self._counted)

    def since(self, before: Counter[tuple[str, str]] | None = None) -> dict[str, dict[str, int]]:
        """The calls since then, or all: by part, and by reason."""
        found: dict[str, dict[str, int]] = {}
        for (part, reason), number in sorted((self._counted - (before or Counter())).items()):
            found.setdefault(part, {})[reason] = number
        return found


class Part(ABC):
    """The ``forward`` of a network that an engine computes where it can, and the network's class elsewhere.

    It stands in the network itself, which keeps its class, weights, hooks and attributes. Subclasses say in ``serve``
    how a call is computed.
    """

    def __init__(self, name: str, network: nn.Module, ledger: Ledger) -> None:
        self.name, self.network, self.ledger = name, network, ledger
        self.plain = MethodType(type(network).forward, network)
        self.signature = inspect.signature(self.plain)
        self.watch = Watch(network)
        self._states: list[Hashable] = []
        self._kept: OrderedDict[Hashable, Callable[..., Any]] = OrderedDict()
        self._lock = RLock()
        functools.update_wrapper(self, self.plain)  # for those who look at the signature of ``network.forward``

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What ``network.forward`` gives."""
        try:
            with self._lock:
                call = self._fit(Call.of(self.signature, args, kwargs))
                output = self.serve(call)
        except NotServed as reason:
            self.ledger.count(self.name, str(reason))
            return self.plain(*args, **kwargs)
        self.ledger.count(self.name)
        return output

    @abstractmethod
    def serve(self, call: Call) -> Any:
        """What the network gives. Raises ``NotServed``."""

    def placed(self) -> None:  # noqa: B027  (not every engine has something to do then)
        """Told when it stands in its network."""

    def removed(self) -> None:  # noqa: B027
        """Told when it stands there no more."""

    def is_right(self, output: Any, call: Call) -> bool:
        """Whether plain torch gives the same, to rounding in fp32."""
        args, kwargs = call.with_tensors(call.tensors)
        with torch.no_grad():
            expected, _ = taken_apart(self.plain(*args, **kwargs))
        found, _ = taken_apart(output)
        return all(
            one.shape == other.shape
            and one.dtype == other.dtype
            and float((one.float() - other.float()).abs().max()) <= CLOSE * max(1.0, float(other.float().abs().max()))
            for one, other in zip(found, expected, strict=True)
        )

    def sooner(self, call: Call, compute: Callable[[Call], Any]) -> Any:
        """What ``compute`` gives for the call, half of it where guidance doubles it (``rewriting.halved``)."""
        if (half := halved(self.network, call)) is not None:
            with suppress(NotServed):
                return compute(half)
        return compute(call)

    def look(self, weights: bool) -> State:
        """The network's state. Raises ``NotServed`` where it isn't what its class says."""
        state = self.watch.look(weights)
        if state.patched is not None:
            raise NotServed(f"'{state.patched}' in it is hooked or replaced")
        return state

    def admit(self, state: Hashable) -> None:
        """Raise ``NotServed`` for one state too many."""
        if state not in self._states:
            if len(self._states) == STATES:
                raise NotServed(f"its weights or adapters' scales are at more than {STATES} states")
            self._states.append(state)

    def kept(
        self, key: Hashable, room: Callable[[], int], build: Callable[[], Callable[..., Any]]
    ) -> Callable[..., Any]:
        """What was built under ``key``, and is kept for the ``room()`` keys that were asked for last."""
        if key not in self._kept:
            while len(self._kept) >= room():
                self._kept.popitem(last=False)
            self._kept[key] = build()
        self._kept.move_to_end(key)
        return self._kept[key]

    def _fit(self, call: Call) -> Call:
        if call.refusal:
            raise NotServed(call.refusal)
        tensors = (*call.tensors, *self.network.parameters()) if torch.is_grad_enabled() else ()
        if any(one.requires_grad for one in tensors):
            raise NotServed("gradients are asked for")
        return call

    def __deepcopy__(self, memo: dict[int, Any]) -> Part:
        """For a copy of the network, which compiles anew."""
        return type(self)(self.name, deepcopy(self.network, memo), self.ledger)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process compiles anew."""
        return type(self), (self.name, self.network, Ledger())


def networks(pipeline: Any) -> Iterator[tuple[str, nn.Module]]:
    """The networks of a pipeline that take its time, and what they are called: text encoders, denoisers, both sides of
    the VAE, and those that one of these is computed by."""
    vae = getattr(pipeline, "vae", None)
    places = [(name, pipeline, name) for name in (*ENCODERS, *DENOISERS)]
    places += [(f"vae.{side}", vae, side) for side in ("encoder", "decoder")]
    for name, holder, attribute in places:
        if isinstance(network := getattr(holder, attribute, None), nn.Module):
            yield name, network
            yield from ((f"{name}.{which}", inner) for which, inner in computed_by(network).items())


def computed_by(network: nn.Module) -> Mapping[str, nn.Module]:
    """The networks by which one is computed, by what they are called; none for one that computes itself."""
    others: Mapping[str, nn.Module] = vars(network).get(HALVES, {})
    return others


def divide(network: nn.Module, others: Mapping[str, nn.Module]) -> None:
    """Say that the caller, who puts another ``forward`` into ``network``, computes it by ``others``, networks from
    tensors to tensors. An engine computes those then, whether it stands in the network already or comes later."""
    setattr(network, HALVES, dict(others))
    if part := _part(network):
        for name, other in others.items():
            _place(type(part), f"{part.name}.{name}", other, part.ledger)


def put_in(pipeline: Any, part: Callable[[str, nn.Module, Ledger], Part], ledger: Ledger) -> None:
    """Put parts into the places of a pipeline's networks, which the ledger tells; one whose ``forward`` something else
    has replaced already stays as it is, or is computed by others, in whose places parts are put."""
    for name, network in networks(pipeline):
        if "forward" not in vars(network):
            _place(part, name, network, ledger)
        elif not computed_by(network):
            ledger.left[name] = "a step before has replaced its forward"
    ledger.pipelines.add(pipeline)


def take_out(pipeline: Any) -> None:
    """Take all parts out of a pipeline again, which is then as it was before."""
    for _, network in networks(pipeline):
        if part := _part(network):
            del network.forward
            part.removed()


def _place(part: Callable[[str, nn.Module, Ledger], Part], name: str, network: nn.Module, ledger: Ledger) -> None:
    network.forward = made = part(name, network, ledger)
    made.placed()


def _part(network: nn.Module) -> Part | None:
    """That in its place."""
    part = vars(network).get("forward")
    return part if isinstance(part, Part) else None
