"""Which plugins are installed: the entry-point group ``igo.plugins``. Listing imports none of them.

A distribution offers a plugin by naming its class::

    [project]
    dependencies = ["igo>=0.1,<0.2"]

    [project.entry-points."igo.plugins"]
    film-look = "igo_film:FilmLook"

Which versions of IGO it fits is read from there too, so that one that doesn't fit is refused before it is imported.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from importlib.metadata import version as version_of
from weakref import WeakValueDictionary

from igo.errors import RegistryError, did_you_mean

GROUP = "igo.plugins"
OWN = "igo"
"""The distribution whose names nobody else can take."""
_USED: WeakValueDictionary[str, type] = WeakValueDictionary()
"""The classes whose instances this program has put into chains, by ``module:Class``."""


@dataclass(frozen=True)
class Plugin:
    """An installed plugin that has not been imported."""

    name: str
    target: str
    """``module:Class``."""
    distribution: str
    version: str
    requires: str = ""
    """The versions of IGO that its distribution wants, such as ``"<0.2,>=0.1"``; empty for any."""

    def __str__(self) -> str:
        return f"plugin '{self.name}' of {self.distribution} {self.version}"

    @property
    def misfit(self) -> str | None:
        """Why this version of IGO can't use it, in one line; ``None`` if it can."""
        if not self.requires:
            return None
        from packaging.specifiers import SpecifierSet

        here = version_of(OWN)
        if SpecifierSet(self.requires).contains(here, prereleases=True):
            return None
        todo = f"install versions that fit: pip install --upgrade igo {self.distribution}"
        return f"{self} needs igo{self.requires}, and this is igo {here}; {todo}"


def installed() -> tuple[Plugin, ...]:
    """All plugins that are offered, by name; a name that two distributions claim is in it twice."""
    return _installed(tuple(sys.path))


@cache
def _installed(_path: tuple[str, ...]) -> tuple[Plugin, ...]:
    """Reading the metadata of all distributions takes a while; they change with the path."""
    told = cache(_told)  # by each of a distribution's plugins, whose metadata is parsed at every question
    found = {_plugin(point, told) for point in entry_points(group=GROUP)}
    return tuple(sorted(found, key=lambda plugin: (plugin.name, plugin.distribution)))


def conflicts(plugins: Iterable[Plugin]) -> dict[str, tuple[Plugin, ...]]:
    """The names that are claimed more than once, with their claimants."""
    by_name: dict[str, list[Plugin]] = {}
    for plugin in plugins:
        by_name.setdefault(plugin.name, []).append(plugin)
    return {name: tuple(claimants) for name, claimants in by_name.items() if len(claimants) > 1}


def problems() -> list[str]:
    """What metadata tells of installed plugins that can't be used as they are: a line each."""
    found = installed()
    lines = []
    for name, claimants in conflicts(found).items():
        others = [plugin for plugin in claimants if plugin.distribution != OWN]
        if len(others) < len(claimants):
            lines += [f"{other} has the name of one of IGO's own, which is used instead" for other in others]
        else:
            lines.append(_claimed_twice(name, claimants))
    return lines + [plugin.misfit for plugin in found if plugin.misfit]


def find(name: str) -> Plugin:
    """The plugin of that name; IGO's own, whoever else claims it.

    Raises ``RegistryError`` if there is none, or if two other distributions claim the name.
    """
    plugins = installed()
    claimants = tuple(plugin for plugin in plugins if plugin.name == name)
    if not claimants:
        names = sorted({plugin.name for plugin in plugins})
        raise RegistryError(f"no plugin '{name}' is installed; {did_you_mean(name, names)}")
    own = [plugin for plugin in claimants if plugin.distribution == OWN]
    if len(claimants) > 1 and not own:
        raise RegistryError(_claimed_twice(name, claimants))
    return own[0] if own else claimants[0]


def load(name: str, importing: bool = True) -> type:
    """The class of the plugin ``name``, or of ``module:Class`` for one that is not registered.

    ``importing=False`` takes the latter only if this program has put one of it into a chain itself (see ``use``):
    somebody else's file may name any module and class, and neither import nor build it. Raises ``RegistryError`` if it
    can't be found or imported, or, before importing it, if its distribution doesn't fit this version of IGO; the
    message names the distribution.
    """
    registered = next((plugin for plugin in installed() if plugin.target == name), None) if ":" in name else find(name)
    if registered is None:
        if importing:
            return _import(name, f"'{name}'")
        if name in _USED:
            return _USED[name]
        raise RegistryError(
            f"'{name}' is no installed plugin, and its module is not imported unless you trust it: "
            "igo replay --trust, or replay(trust=True)"
        )
    if registered.misfit:
        raise RegistryError(registered.misfit)
    return _import(registered.target, str(registered))


def use(cls: type) -> None:
    """Remember that this program uses plugins of this class, so that records may name it."""
    _USED[_target(cls)] = cls


def name_of(cls: type) -> str:
    """The name under which ``load`` finds a class: the registered one, if nobody else has it, else ``module:Class``."""
    target = _target(cls)
    for plugin in installed():
        try:
            if plugin.target == target and find(plugin.name).target == target:
                return plugin.name
        except RegistryError:  # claimed twice
            continue
    return target


def distribution_of(cls: type) -> tuple[str, str] | None:
    """Name and version of the distribution that registered a class, or ``None``."""
    target = _target(cls)
    return next(((plugin.distribution, plugin.version) for plugin in installed() if plugin.target == target), None)


def _target(cls: type) -> str:
    module = "__main__" if cls.__module__ == "__mp_main__" else cls.__module__  # in processes that a script has started
    return f"{module}:{cls.__qualname__}"


def _plugin(point: EntryPoint, told: Callable[[Distribution], tuple[str, str, str]]) -> Plugin:
    of = ("unknown", "?", "") if point.dist is None else told(point.dist)
    return Plugin(point.name, point.value.replace(" ", ""), *of)


def _told(distribution: Distribution) -> tuple[str, str, str]:
    """A distribution's name, its version, and the versions of IGO that it wants."""
    return distribution.name or "unknown", distribution.version or "?", _required(distribution)


def _required(distribution: Distribution) -> str:
    """The versions of IGO that a distribution wants. What can't be understood says nothing: pip refuses it anyway."""
    lines = [line for line in distribution.requires or [] if line.lower().startswith(OWN)]
    if not lines or distribution.name == OWN:
        return ""
    from packaging.requirements import InvalidRequirement, Requirement

    wanted = []
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.name.lower() == OWN and (not requirement.marker or requirement.marker.evaluate({"extra": ""})):
            wanted.append(str(requirement.specifier))
    return ",".join(specifier for specifier in wanted if specifier)


def _claimed_twice(name: str, claimants: Iterable[Plugin]) -> str:
    who = " and ".join(f"{plugin.distribution} {plugin.version}" for plugin in claimants)
    return f"two distributions offer a plugin '{name}': {who}; uninstall one of them, or use module:Class"


def _import(target: str, who: str) -> type:
    module, _, path = target.partition(":")
    try:
        found: object = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        reason = " ".join(str(error).split())
        where = ""
        if isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]:
            where = "; install it, or put its folder on PYTHONPATH"
        raise RegistryError(f"{who} can't be imported ({type(error).__name__}: {reason}){where}") from error
    if not isinstance(found, type):
        raise RegistryError(f"{who} is a {type(found).__name__}; expected a class")
    return found
