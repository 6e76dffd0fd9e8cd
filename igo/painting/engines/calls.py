"""A call of a network as its tensors and all the rest, and what a network gives, as a structure that can be kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from importlib import import_module
from inspect import BoundArguments, Signature
from typing import Any

import torch
from torch.utils import _pytree as pytree  # diffusers and transformers register their outputs here

_FIXED = (bool, str, type(None))
"""What stays the same from step to step, and becomes part of what is compiled."""
_TRUSTED = ("diffusers.", "transformers.")


@dataclass(frozen=True)
class Call:
    """``tensors`` are those anywhere in the arguments, in order; ``rest`` is equal for calls that differ in the numbers
    and sizes of their tensors alone. ``refusal`` says why a call can't be compiled, else it is empty."""

    signature: Signature
    tensors: list[torch.Tensor]
    rest: Hashable
    leaves: list[Any]
    spec: Any
    refusal: str = ""

    @classmethod
    def of(cls, signature: Signature, args: Sequence[Any], kwargs: dict[str, Any]) -> Call:
        """The call of a function with that signature. Raises ``TypeError`` as the function does."""
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        refusal = ""
        for name, value in bound.arguments.items():
            for leaf in pytree.tree_leaves(value):
                if not isinstance(leaf, (torch.Tensor, *_FIXED)):
                    refusal = refusal or f"'{name}' has a {type(leaf).__name__}"
        leaves, spec = pytree.tree_flatten(dict(bound.arguments))
        tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        told = [(str(leaf.dtype), leaf.ndim) if isinstance(leaf, torch.Tensor) else repr(leaf) for leaf in leaves]
        return cls(signature, tensors, (str(spec), tuple(told)), leaves, spec, refusal)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of the tensors."""
        return tuple(tuple(tensor.shape) for tensor in self.tensors)

    def with_tensors(self, tensors: Sequence[torch.Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of the same call of other tensors."""
        given = iter(tensors)
        leaves = [next(given) if isinstance(leaf, torch.Tensor) else leaf for leaf in self.leaves]
        bound = BoundArguments(self.signature, OrderedDict(pytree.tree_unflatten(leaves, self.spec)))
        return bound.args, bound.kwargs


def taken_apart(output: Any) -> tuple[list[torch.Tensor], Any]:
    """The tensors of what a network gives, and the rest as JSON has it. Raises ``TypeError`` for what isn't made of
    tensors, tuples, lists and the outputs of diffusers and transformers."""
    tensors: list[torch.Tensor] = []

    def told(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, torch.Tensor):
            tensors.append(value)
            return len(tensors) - 1
        if type(value) in (tuple, list):
            return {type(value).__name__: [told(one) for one in value]}
        kind = type(value)
        if isinstance(value, OrderedDict) and kind.__module__.startswith(_TRUSTED):
            return {"output": f"{kind.__module__}:{kind.__qualname__}", "of": {k: told(v) for k, v in value.items()}}
        raise TypeError(f"it gives a {kind.__name__}")

    structure = told(output)
    return tensors, structure


def put_together(tensors: Sequence[torch.Tensor], structure: Any) -> Any:
    """What ``taken_apart`` was given, with other tensors. Raises ``ValueError`` for a structure that isn't its own."""
    if structure is None:
        return None
    if isinstance(structure, int):
        return tensors[structure]
    if isinstance(structure, dict) and "output" in structure:
        module, _, name = str(structure["output"]).partition(":")
        kind = getattr(import_module(module), name) if module.startswith(_TRUSTED) else None
        if isinstance(kind, type) and issubclass(kind, OrderedDict):
            return kind(**{key: put_together(tensors, one) for key, one in structure["of"].items()})
    elif isinstance(structure, dict) and len(structure) == 1:
        ((kind_of, values),) = structure.items()
        made = [put_together(tensors, one) for one in values]
        return tuple(made) if kind_of == "tuple" else made
    raise ValueError(f"no output is made of {structure!r}")
