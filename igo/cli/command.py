"""How a Python function becomes a command: groups of options are spread out, ``~`` is the user's folder in each path,
and messages that speak of arguments speak of options."""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any, get_args

import typer

from igo.errors import IGOError
from igo.files import at_home

_OPTIONS: ContextVar[Mapping[str, str]] = ContextVar("_OPTIONS")
"""The parameters of the command that runs, and what each is called on the command line."""


class Group(ABC):
    """Options that several commands have. A command takes all of them by one parameter of such a type, and gets them
    as ``given``: what was typed, by the names of the parameters."""

    @staticmethod
    @abstractmethod
    def parameters() -> list[inspect.Parameter]:
        """The options, as parameters of a function for typer."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = dict(given)


class Commands(typer.Typer):
    """A typer whose commands may take `Group` parameters."""

    def command(self, name: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:  # type: ignore[override]  # no more than is used
        register = super().command(name)

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            register(_spread(function))
            return function

        return decorate


def _spread(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` with one parameter for each option, for typer to look at and to call."""
    signature = inspect.signature(function, eval_str=True)
    groups = {
        name: {parameter.name: parameter for parameter in annotation.parameters()}
        for name, annotation in ((name, parameter.annotation) for name, parameter in signature.parameters.items())
        if isinstance(annotation, type) and issubclass(annotation, Group)
    }
    own = [parameter for name, parameter in signature.parameters.items() if name not in groups]
    shared = [option for members in groups.values() for option in members.values()]
    parameters = [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in (*own, *shared)]
    options = {parameter.name: _shown(parameter) for parameter in parameters}

    @wraps(function)
    def run(**values: Any) -> Any:
        values = {name: _at_home(value) for name, value in values.items()}
        for name, members in groups.items():
            group = signature.parameters[name].annotation
            values[name] = group({member: values.pop(member) for member in members})
        token = _OPTIONS.set(options)
        try:
            return function(**values)
        except IGOError as error:
            error.args = tuple(in_options(part) if isinstance(part, str) else part for part in error.args)
            raise
        finally:
            _OPTIONS.reset(token)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _shown(parameter: inspect.Parameter) -> str:
    """What a parameter is called on the command line: ``--mask-model``, ``PROMPT``."""
    for info in get_args(parameter.annotation)[1:]:
        if isinstance(info, typer.models.ArgumentInfo):
            return info.metavar or parameter.name.upper()
        words = [str(word) for word in (info.default, *(info.param_decls or ())) if isinstance(word, str)]
        if words:
            return max(words, key=len).partition("/")[0]
    return f"--{parameter.name.replace('_', '-')}"


def _at_home(value: Any) -> Any:
    """``value`` with ``~`` expanded in its paths: the shell leaves it within words, as in ``--image=~/x``."""
    if isinstance(value, list):
        return [_at_home(item) for item in value]
    return at_home(value) if isinstance(value, Path) else value


def in_options(message: str) -> str:
    """``message`` with the arguments of the command that runs as it calls them: ``tile=157`` is ``--tile 157``, and
    ``layers={'mask': ...}`` is ``--layer mask=FILE``.

    For messages of IGO and of plugins, which Python programs get too.
    """
    options = _OPTIONS.get({})
    if not options:
        return message
    for table, name in (("layers", "layer"), ("references", "reference")):
        if name in options:
            message = re.sub(rf"\b{table}={{'([^']*)': \.\.\.}}", rf"{options[name]} \1=FILE", message)
    names = "|".join(sorted(options, key=len, reverse=True))
    message = re.sub(rf"^({names}) is ", lambda found: f"{options[found[1]]} is ", message)
    return re.sub(
        rf"(?<![\w./-])({names})=('[^']*'|\"[^\"]*\"|\.\.\.|[\w.:-]*\w)",
        lambda found: f"{options[found[1]]}{_typed(found[2])}",
        message,
    )


def _typed(value: str) -> str:
    """A value of Python as it is typed; of ``True`` the option is enough."""
    if value in ("True", "False", "None"):
        return "" if value == "True" else f" {value.lower()}"
    return f" {value.strip(chr(39) + chr(34)) if ' ' not in value else value}"
