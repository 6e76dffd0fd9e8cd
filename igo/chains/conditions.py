"""What the steps of a chain give a base's pipeline beside the request: joined, or refused where they contradict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from igo.errors import PluginError
from igo.values import Conditions


def joined(answers: Iterable[tuple[str, Mapping[str, Any]]]) -> Conditions:
    """The answers of steps, by their names and in their order, as one.

    Lists that several give for one argument are joined. Raises ``PluginError`` for anything else that is given twice,
    and for arguments without a name.
    """
    arguments: dict[str, Any] = {}
    steps: dict[str, tuple[str, ...]] = {}
    for step, answer in answers:
        for name, value in answer.items():
            if not isinstance(name, str):
                raise PluginError(f"returned {name!r} as an argument's name; expected text").at(step, "condition")
            if name not in arguments:
                arguments[name] = value
            elif isinstance(value, list) and isinstance(arguments[name], list):
                arguments[name] = [*arguments[name], *value]
            else:
                raise PluginError(
                    f"gives '{name}', which step '{steps[name][-1]}' gives too; take one of them out of the chain "
                    "(only lists are joined)"
                ).at(step, "condition")
            steps[name] = (*steps.get(name, ()), step)
    return Conditions(arguments, steps)
