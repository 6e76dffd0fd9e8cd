"""Which plugins are installed: the entry-point group ``igo.plugins``. Listing imports none of them.

A distribution offers a plugin by naming its class::

    [project.entry-points."igo.plugins"]
    film-look = "igo_film:FilmLook"
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from igo.errors import RegistryError, did_you_mean

GROUP = "igo.plugins"


@dataclass(frozen=True)
class Plugin:
    """An installed plugin that has not been imported."""

    name: str
    target: str
    """``module:Class``."""
    distribution: str
    version: str


def installed() -> tuple[Plugin, ...]:
    """All plugins that are offered, by name; a name that two distributions claim is in it twice."""
    return _installed(tuple(sys.path))


@cache
def _installed(_path: tuple[str, ...]) -> tuple[Plugin, ...]:
    """Reading the metadata of all distributions takes a while; they change with the path."""
    found = {_plugin(point) for point in entry_points(group=GROUP)}
    return tuple(sorted(found, key=lambda plugin: (plugin.name, plugin.distribution)))


def conflicts(plugins: Iterable[Plugin]) -> dict[str, tuple[Plugin, ...]]:
    """The names that are claimed more than once, with their claimants."""
    by_name: dict[str, list[Plugin]] = {}
    for plugin in plugins:
        by_name.setdefault(plugin.name, []).append(plugin)
    return {name: tuple(claimants) for name, claimants in by_name.items() if len(claimants) > 1}


def find(name: str) -> Plugin:
    """The plugin of that name. Raises ``RegistryError`` if there is none, or if two distributions claim the name."""
    plugins = installed()
    claimants = [plugin for plugin in plugins if plugin.name == name]
    if not claimants:
        names = sorted({plugin.name for plugin in plugins})
        raise RegistryError(f"no plugin '{name}' is installed; {did_you_mean(name, names)}")
    if len(claimants) > 1:
        who = " and ".join(f"{plugin.distribution} {plugin.version}" for plugin in claimants)
        raise RegistryError(f"two distributions offer a plugin '{name}': {who}; uninstall one of them")
    return claimants[0]


def load(name: str, importing: bool = True) -> type:
    """The class of the plugin ``name``, or of ``module:Class`` for one that is not registered.

    ``importing=False`` takes the latter only from a module that is imported already: naming a module in somebody else's
    file must not run it. Raises ``RegistryError`` if it can't be found or imported; the message names the distribution.
    """
    if ":" not in name:
        plugin = find(name)
        return _import(plugin.target, f"plugin '{name}' of {plugin.distribution} {plugin.version}")
    if not importing and name.partition(":")[0] not in sys.modules:
        raise RegistryError(f"'{name}' is no installed plugin, and its module is not imported unless you trust it")
    return _import(name, f"'{name}'")


def name_of(cls: type) -> str:
    """The name under which a class is registered, else its ``module:Class``."""
    target = f"{cls.__module__}:{cls.__qualname__}"
    return next((plugin.name for plugin in installed() if plugin.target == target), target)


def distribution_of(cls: type) -> tuple[str, str] | None:
    """Name and version of the distribution that registered a class, or ``None``."""
    target = f"{cls.__module__}:{cls.__qualname__}"
    return next(((plugin.distribution, plugin.version) for plugin in installed() if plugin.target == target), None)


def _plugin(point: EntryPoint) -> Plugin:
    name, version = (point.dist.name, point.dist.version) if point.dist is not None else ("unknown", "?")
    return Plugin(point.name, point.value.replace(" ", ""), name, version)


def _import(target: str, who: str) -> type:
    module, _, path = target.partition(":")
    try:
        found: object = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        reason = " ".join(str(error).split())
        raise RegistryError(f"{who} can't be imported ({type(error).__name__}: {reason})") from error
    if not isinstance(found, type):
        raise RegistryError(f"{who} is a {type(found).__name__}; expected a class")
    return found
