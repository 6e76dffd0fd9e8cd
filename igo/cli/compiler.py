"""torch's compiler, imported by who compiles something.

diffusers and transformers import ``torch._dynamo`` to mark what it has to leave alone, and most commands compile
nothing: its import is a tenth of their start. Here the package is executed when it is asked for anything but such
marks, and is told of these then.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial, wraps
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_loader
from threading import RLock
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

PACKAGE = "torch._dynamo"
ALONE = f"{PACKAGE}._trace_wrapped_higher_order_op"
"""What transformers imports of it: a module that needs no other of the package."""
MARKS = ("allow_in_graph", "assume_constant_result")
"""Decorators that give back what they are given, which the compiler then treats otherwise."""


def import_later() -> None:
    """Let ``torch._dynamo``, unless it has been imported already, be executed by the first who needs it."""
    if PACKAGE not in sys.modules:
        sys.meta_path.insert(0, _Later())


class _Later(MetaPathFinder, Loader):
    """Finds the package, and stands for its loader until it is executed: before any module of it, but ``ALONE``."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._loader: Loader | None = None
        self._done = False
        self._said: dict[str, Any] = {}
        self._marked: list[tuple[str, Any]] = []

    def find_spec(self, fullname: str, path: Sequence[str] | None, _: ModuleType | None = None) -> ModuleSpec | None:
        if fullname == PACKAGE and PACKAGE not in sys.modules:
            spec = PathFinder.find_spec(fullname, path)
            if spec is not None:
                self._loader, spec.loader = spec.loader, self
            return spec
        if fullname.startswith(f"{PACKAGE}.") and fullname != ALONE and self._loader is not None:
            self.execute(sys.modules[PACKAGE])
            if fullname in sys.modules:
                return spec_from_loader(fullname, _Imported(sys.modules[fullname]))
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Package(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Give the package what can be said of it before it is executed: nothing is compiled yet."""
        compiled = type("OptimizedModule", (), {})  # of which nothing is an instance
        self._said = {
            "eval_frame": SimpleNamespace(OptimizedModule=compiled),
            "disable": partial(self._disable, module),
            **{mark: partial(self._mark, mark) for mark in MARKS},
        }
        vars(module).update(self._said)

    def execute(self, package: ModuleType) -> None:
        """Make the package what it is, unless it is that, or is becoming it in this thread; for another's, wait."""
        with self._lock:
            if self._loader is None:
                return
            loader, self._loader = self._loader, None
            for name in self._said:
                delattr(package, name)
            loader.exec_module(package)
            for mark, marked in self._marked:
                getattr(package, mark)(marked)
            package.__loader__ = loader
            if package.__spec__ is not None:
                package.__spec__.loader = loader
            self._done = True

    def _mark(self, mark: str, marked: Any) -> Any:
        self._marked.append((mark, marked))
        return marked

    def _disable(self, package: Any, function: Any = None, recursive: bool = True, **options: Any) -> Any:
        """The decorator that keeps the compiler out of a function: until there is one, the function as it is."""
        if function is None:
            return partial(self._disable, package, recursive=recursive, **options)
        if not isinstance(function, FunctionType):
            self.execute(package)
            return package.disable(function, recursive, **options)
        disabled: list[Callable[..., Any]] = []

        @wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            if not self._done:
                return function(*arguments, **named)
            if not disabled:
                disabled.append(package.disable(function, recursive, **options))
            return disabled[0](*arguments, **named)

        return call


class _Imported(Loader):
    """Loads what the package has imported while one of its modules was looked for: as it is."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, _: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class _Package(ModuleType):
    """``torch._dynamo``, which is executed when it is asked for what it doesn't have yet."""

    def __getattr__(self, name: str) -> Any:
        later = vars(self).get("__loader__")
        if isinstance(later, _Later) and not name.startswith("__"):  # these are asked for by who looks at all modules
            later.execute(self)
        try:
            return vars(self)[name]
        except KeyError:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name, obj=self) from None
