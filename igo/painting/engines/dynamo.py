"""torch.compile for one function and few sizes."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch


def compiled(function: Callable[..., Any], **settings: Any) -> Callable[..., Any]:
    """By torch.compile; dynamo counts what it has compiled by the code, which here is this function's alone."""

    def run(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    own = FunctionType(run.__code__.replace(), run.__globals__, run.__name__, run.__defaults__, run.__closure__)
    made: Callable[..., Any] = torch.compile(own, **settings)
    return made
