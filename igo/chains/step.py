"""A step: one configured plugin instance, by itself in a pluggy manager of its own.

Alone in its manager, so the same plugin may stand twice in a chain, instances that compare equal don't collide, an
installed plugin acts only where it is written, and whatever goes wrong is blamed on a named step. pluggy gives the
calling convention: arguments are opt-in, unknown ones are refused.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import traceback
import types
import typing
from pathlib import Path
from typing import Any

import pluggy

from igo import hookspecs
from igo.chains.settings import settings_of
from igo.errors import ConfigError, IGOError, PluginError, SettingsError, did_you_mean, out_of_memory
from igo.hookspecs import INSTEAD_OF_WRAPPERS, PROJECT, RENAMED_ARGUMENTS, RESULT_TYPES

HOOKS = tuple(RESULT_TYPES)


class Step:
    """A plugin instance and its name in the chain.

    Raises ``PluginError`` for a misspelt hook or argument, for ``wrapper=True``, for a class given in place of an
    instance, and for an object that implements no hook at all; ``SettingsError`` for a setting that is no value of its
    type, such as a word that its ``Literal`` hasn't.
    """

    def __init__(self, plugin: object, name: str | None = None) -> None:
        self.plugin = plugin
        self.name = name or default_name(type(plugin))
        if isinstance(plugin, type):
            raise PluginError(f"{plugin.__name__} is a class; expected an instance: write {plugin.__name__}(...)")
        if type(plugin) in (list, tuple):  # a named tuple may be one
            raise PluginError(f"a {type(plugin).__name__} is no plugin; give them one by one: Chain(*plugins)")
        if isinstance(plugin, str):
            raise PluginError(f"{plugin!r} is no plugin; write igo.TextToImage({plugin!r}) for the base")
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(hookspecs)
        self._offer_renamed(manager)
        try:
            manager.register(plugin, name=self.name)
        except pluggy.PluginValidationError as error:
            raise self._refused(str(error)) from None
        self._callers = {caller.name: caller for caller in manager.get_hookcallers(plugin) or []}
        for hook, caller in self._callers.items():
            if hook not in HOOKS:
                raise self._error(f"there is no hook '{hook}'; {did_you_mean(hook, HOOKS)}")
            if any(impl.wrapper or impl.hookwrapper for impl in caller.get_hookimpls()):
                raise self._error(
                    f"wrapper=True is not supported; {INSTEAD_OF_WRAPPERS}",
                    hook,
                )
            if inspect.iscoroutinefunction(getattr(plugin, hook)):
                raise self._error("is async; hooks are called and not awaited", hook)
            self._check_arguments(hook, caller)
            self._check_return_annotation(hook)
        if not self._callers:
            raise self._error(f"implements no hook; mark one of {', '.join(HOOKS)} with igo.hookimpl")
        self.needs = self._names("needs")
        self.needs_references = self._names("needs_references")
        self.provides = self._names("provides")
        self.shows = self._names("shows")
        self.resizes = self._flag("resizes")
        self.lossy = self._text("lossy")
        self.libraries = self._names("libraries")
        self._check_settings()

    def __repr__(self) -> str:
        return f"Step({self.plugin!r}, name={self.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, here or in another process, has the plugin's settings, and nothing that the plugin has loaded since.

        A plugin whose settings are not all there is to it (no dataclass, or one that takes other arguments than its
        fields) is copied as it is, as is one that says itself how.
        """
        cls = type(self.plugin)
        by_itself = cls.__reduce__ is not object.__reduce__ or cls.__getstate__ is not object.__getstate__
        if by_itself or not dataclasses.is_dataclass(cls):
            return Step, (self.plugin, self.name)
        given = {item.name: getattr(self.plugin, item.name) for item in dataclasses.fields(cls) if item.init}
        if given.keys() != inspect.signature(cls).parameters.keys():
            return Step, (self.plugin, self.name)
        return _configured, (cls, given, self.name)

    def implements(self, hook: str) -> bool:
        """Whether the plugin has this hook."""
        return hook in self._callers

    def takes(self, hook: str, argument: str) -> bool:
        """Whether the plugin's hook, if it has that, asks for an argument."""
        caller = self._callers.get(hook)
        return caller is not None and any(argument in impl.argnames for impl in caller.get_hookimpls())

    def ask(self, hook: str, **arguments: Any) -> Any:
        """Call one hook and check the type of its result. ``None`` if the plugin has no such hook or says "not me".

        An ``IGOError`` passes through with the step's name on it; any other exception of the plugin becomes a
        ``PluginError`` that names step and hook, with the original as its cause.
        """
        caller = self._callers.get(hook)
        if caller is None:
            return None
        for old, new in RENAMED_ARGUMENTS.get(hook, {}).items():
            arguments[old] = arguments[new]
        try:
            result = caller(**arguments)
        except IGOError as error:
            error.at(self.name, hook)
            raise
        except Exception as error:
            if out_of_memory(error):
                raise self._error("ran out of memory; ask for a smaller picture, or for fewer at once", hook) from error
            text = " ".join(str(error).split()) or "no message"
            raise self._error(f"{type(error).__name__}: {text}{self._place(error)}", hook) from error
        expected = RESULT_TYPES[hook]
        if result is not None and expected is not None and not isinstance(result, expected):
            raise self._error(f"returned {type(result).__name__}; expected {_described(hook)}", hook)
        return result

    def _place(self, error: Exception) -> str:
        """Where in the plugin's own file an exception comes from: `` (film.py, line 31)``."""
        own = getattr(sys.modules.get(type(self.plugin).__module__), "__file__", None)
        lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == own]
        return f" ({Path(own).name}, line {lines[-1]})" if own and lines else ""

    def settings(self) -> dict[str, Any]:
        """The plugin's settings by name, as they are; only those that differ from their defaults.

        Raises ``ConfigError`` for a plugin that is no dataclass: its settings can't be known.
        """
        if not dataclasses.is_dataclass(self.plugin):
            raise ConfigError(
                f"{type(self.plugin).__name__} is not a dataclass, so its settings are not known; make it one"
            ).at(self.name)
        found = {}
        for item in dataclasses.fields(self.plugin):
            if not item.init:
                continue
            value = getattr(self.plugin, item.name)
            if item.default is not dataclasses.MISSING:
                default = item.default
            elif item.default_factory is not dataclasses.MISSING:
                default = item.default_factory()
            else:
                default = dataclasses.MISSING
            if type(value) is not type(default) or not equal(value, default):
                found[item.name] = value
        return found

    def _offer_renamed(self, manager: pluggy.PluginManager) -> None:
        """Let the plugin take arguments by their old names.

        pluggy wants these in the hook's own signature, for ever; this manager is the step's alone, so they may as well
        be put into its copy of the specification.
        """
        for hook, renamed in RENAMED_ARGUMENTS.items():
            spec = getattr(manager.hook, hook).spec
            spec.argnames += tuple(renamed)
            spec.warn_on_impl_args = {
                old: DeprecationWarning(f"step '{self.name}' ({hook}): the argument '{old}' is called '{new}' now")
                for old, new in renamed.items()
            }

    def _check_settings(self) -> None:
        """In a chain file settings are checked by type as they are read; here, what Python code gave."""
        given = self.settings() if dataclasses.is_dataclass(self.plugin) else {}
        for setting in settings_of(type(self.plugin)) if given else ():
            if setting.name in given:
                try:
                    setting.check(given[setting.name])
                except SettingsError as error:
                    raise error.at(self.name) from None

    def _check_arguments(self, hook: str, caller: pluggy.HookCaller) -> None:
        """A hook's argument with a default is one that pluggy never gives; and a method's first argument is the plugin
        itself, whatever it is called."""
        offered = caller.spec.argnames if caller.spec else ()
        function = inspect.getattr_static(type(self.plugin), hook, None)
        first = next(iter(inspect.signature(function).parameters), "") if inspect.isfunction(function) else ""
        if first in offered:
            raise self._error(f"its method takes '{first}' first, and would be given itself; take self before", hook)
        for name in (name for impl in caller.get_hookimpls() for name in impl.kwargnames if name in offered):
            raise self._error(f"the argument '{name}' has a default, and would never be given; take it without", hook)

    def _names(self, attribute: str) -> tuple[str, ...]:
        """What the plugin declares under ``attribute``, of its class or, where its settings name it, a property."""
        if inspect.getattr_static(self.plugin, attribute, None) is None:
            return ()
        try:
            names = getattr(self.plugin, attribute)
        except Exception as error:
            raise self._error(f"{attribute} can't be read: {type(error).__name__}: {error}") from error
        if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
            raise self._error(f"{attribute} is {names!r}; expected a tuple of names")
        return names

    def _text(self, attribute: str) -> str:
        text = getattr(self.plugin, attribute, "")
        if not isinstance(text, str):
            raise self._error(f"{attribute} is {text!r}; expected a text")
        return text

    def _flag(self, attribute: str) -> bool:
        value = getattr(self.plugin, attribute, False)
        if not isinstance(value, bool):
            raise self._error(f"{attribute} is {value!r}; expected True or False")
        return value

    def _check_return_annotation(self, hook: str) -> None:
        """A wrong result is found when the chain is built, where the plugin says what it returns."""
        expected = RESULT_TYPES[hook]
        try:
            returns = typing.get_type_hints(getattr(self.plugin, hook)).get("return", Any)
        except Exception:  # a name imported for type checkers only: the value is checked when the hook is called
            return
        union = typing.get_origin(returns) in (typing.Union, types.UnionType)
        for answer in typing.get_args(returns) if union else (returns,):
            kind = typing.get_origin(answer) or answer
            if expected is None or kind in (Any, type(None)) or not isinstance(kind, type):
                continue
            if not issubclass(kind, expected) and not issubclass(expected, kind):
                raise self._error(f"is declared to return {kind.__name__}; expected {_described(hook)}", hook)

    def _error(self, message: str, hook: str | None = None) -> PluginError:
        error = PluginError(message)
        error.at(self.name, hook)
        return error

    def _refused(self, reason: str) -> PluginError:
        """pluggy's refusal of an argument, in one line."""
        found = re.search(r"hook '(\w+)'.*?Argument\(s\) \{(.*?)\} are declared", reason, re.DOTALL)
        if not found:
            return self._error(" ".join(reason.split()))
        hook, wrong = found[1], found[2].replace("'", "").split(", ")[0]
        caller = getattr(hookspecs, hook)
        names = tuple(caller.__code__.co_varnames[: caller.__code__.co_argcount])
        hint = did_you_mean(wrong, names)
        return self._error(f"there is no argument '{wrong}'; {hint} ({hook} offers: {', '.join(names)})", hook)


def _configured(cls: type, settings: dict[str, Any], name: str) -> Step:
    return Step(cls(**settings), name)


def default_name(cls: type) -> str:
    """``VirtualStyling`` → ``virtual-styling``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", cls.__name__).lower()


def equal(one: Any, other: Any) -> bool:
    """Whether two settings are equal; arrays, which don't say, are not."""
    try:
        return bool(one == other)
    except Exception:
        return False


def _described(hook: str) -> str:
    said = {"generate": "list of Frames", "caption": "list of texts", "condition": "dict of arguments by their names"}
    return f"a {said.get(hook) or getattr(RESULT_TYPES[hook], '__name__', '')}, or None for 'not me'"
