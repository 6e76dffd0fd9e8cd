"""Chains as TOML::

    [request]                      # optional: what `igo run` asks for, unless told otherwise
    prompt = "fashion photo of a woman in a red coat"

    [runtime]                      # optional
    device = "cpu"

    [[step]]
    use = "text-to-image"          # a plugin's name (`igo plugins`), or module:Class
    checkpoint = "mini"            # its settings

Every error begins with the line it is about.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from igo.chains import registry
from igo.chains.chain import Chain
from igo.chains.settings import settings_of
from igo.errors import ConfigError, IGOError, did_you_mean
from igo.files import text_of
from igo.records.paths import is_file
from igo.records.provenance import NOT_RECORDED
from igo.runtime import Runtime
from igo.values import Request

TABLES = ("request", "runtime", "step")
REQUEST = {setting.name: setting for setting in settings_of(Request, leave_out=NOT_RECORDED)}


@dataclass(frozen=True)
class ChainFile:
    """What a chain file holds: the chain, and the settings of the request it asks for by default."""

    chain: Chain
    request: Mapping[str, Any] = field(default_factory=dict)


def load_chain(source: str | PathLike[str], trust: bool = True) -> Chain:
    """The chain that a TOML file describes, or a TOML text.

    A ``Path`` is always a file. A ``str`` is a text if it has a line end, or if it is TOML on one line and no file has
    that name; any other is the path of a file.

    A chain file is trusted as a script is: ``module:Class`` in it is imported. ``trust=False`` takes installed plugins
    alone, and those that this program uses itself. Raises ``ConfigError`` with the file and line.
    """
    if not isinstance(source, str | PathLike) or isinstance(fspath(source), bytes):
        raise ConfigError(f"a chain can't be read from {type(source).__name__}; expected a path, or TOML text in a str")
    if source == "":
        raise ConfigError("a chain can't be read from an empty text; expected a path, or TOML text with its steps")
    if isinstance(source, str) and _is_text(source):
        return parse_chain(source, importing=trust).chain
    return read_chain_file(source, trust).chain


def _is_text(source: str) -> bool:
    """Whether it is TOML itself, and not the path of a file with it."""
    if "\n" in source:
        return True
    try:
        return bool(tomllib.loads(source)) and not is_file(Path(source), or_folder=True)
    except (ValueError, RecursionError):
        return False


def read_chain_file(path: str | PathLike[str], trust: bool = True) -> ChainFile:
    """The chain and request of a TOML file, as ``load_chain`` has it. Raises ``ConfigError`` with the file and line."""
    text = text_of(path, "a chain file in TOML", ConfigError)
    return parse_chain(text, source=str(path), importing=trust)


def parse_chain(text: str, source: str = "chain", importing: bool = True) -> ChainFile:
    """The chain and request that a TOML text describes. Raises ``ConfigError``, ``source`` and line first."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason, _, place = str(error).rpartition(" (at ")
        line = re.match(r"line (\d+)", place)
        raise ConfigError(f"{source}:{line[1] if line else text.count(chr(10)) + 1}: {reason}") from None
    except RecursionError:
        raise ConfigError(f"{source}: nested too deeply; expected a chain file in TOML") from None
    except ValueError as error:  # a number of thousands of digits
        raise ConfigError(f"{source}: {error}") from None
    return build(data, source, text, importing)


def build(data: Mapping[str, Any], source: str = "chain", text: str = "", importing: bool = True) -> ChainFile:
    """The chain and request that plain data describes, as ``Chain.describe`` writes it.

    ``text`` is the TOML that the data was read from, for the lines of errors. ``importing=False`` takes installed
    plugins, and those that this program uses itself, alone (see ``igo.chains.registry.load``). No plugin is made before
    all of the data is known to be good.
    """
    at = _Blame(source, text)
    for table in data:
        if table not in TABLES:
            raise at.error(f"there is no table '{table}'; {did_you_mean(table, TABLES)}", table)
    steps = data.get("step", [])
    if not isinstance(steps, list) or not steps or not all(isinstance(step, dict) for step in steps):
        raise at.error('no steps; expected at least one [[step]] with use = "a plugin\'s name"', "step")
    request = _table(data, "request", tuple(REQUEST), at)
    for key, value in request.items():
        with at.blaming("request", key):
            request[key] = REQUEST[key].convert(value)
            Request(**{key: request[key]})
    runtime = _table(data, "runtime", ("device", "dtype", "commercial"), at)
    with at.blaming("runtime"):
        made = Runtime(**runtime)
    classes = [_class(step, index, at, importing) for index, step in enumerate(steps)]
    settings = [_settings(step, index, at, cls) for index, (step, cls) in enumerate(zip(steps, classes, strict=True))]
    plugins = []
    for index, cls in enumerate(classes):
        with at.blaming("step", index):
            plugins.append(cls(**settings[index]))
    with at.blaming("step"):
        return ChainFile(Chain(*plugins, runtime=made), request)


def _class(step: Mapping[str, Any], index: int, at: _Blame, importing: bool) -> type:
    if not isinstance(step.get("use"), str):
        raise at.error('a step without use = "a plugin\'s name"', "step", index)
    with at.blaming("step", index, "use"):
        return registry.load(step["use"], importing)


def _settings(step: Mapping[str, Any], index: int, at: _Blame, cls: type) -> dict[str, Any]:
    with at.blaming("step", index, "use"):
        known = {setting.name: setting for setting in settings_of(cls)}
    use, settings = step["use"], {key: value for key, value in step.items() if key != "use"}
    for key, value in settings.items():
        if key not in known:
            untyped = f"a field needs a type: {key}: int = 3" if hasattr(cls, key) else None
            hint = untyped or did_you_mean(key, list(known))
            raise at.error(f"{use} has no setting '{key}'; {hint}", "step", index, key)
        with at.blaming("step", index, key):
            settings[key] = known[key].convert(value)
    for setting in known.values():
        if setting.required and setting.name not in settings:
            raise at.error(f"{use} needs the setting '{setting.name}'", "step", index, "use")
    return settings


def _table(data: Mapping[str, Any], name: str, keys: tuple[str, ...], at: _Blame) -> dict[str, Any]:
    table = data.get(name, {})
    if not isinstance(table, dict):
        raise at.error(f"[{name}] is {table!r}; expected a table", name)
    for key in table:
        if key not in keys:
            raise at.error(f"[{name}] has no '{key}'; {did_you_mean(key, keys)}", name, key)
    return dict(table)


def line_of(text: str, *path: str | int) -> int | None:
    """The line on which the statement begins that sets ``path`` in a TOML text; ``None`` if none does.

    ``tomllib`` tells no positions, so it is asked: the text is read line by line until what was read has ``path``.
    """
    lines, begin = text.split("\n"), 1
    for number in range(1, len(lines) + 1):
        try:
            data: Any = tomllib.loads("\n".join(lines[:number]))
        except tomllib.TOMLDecodeError:  # in the middle of a statement
            continue
        for key in path:
            try:
                data = data[key]
            except (KeyError, IndexError, TypeError):
                break
        else:
            return begin
        begin = number + 1
    return None


class _Blame:
    """Puts the place in front of an error's message."""

    def __init__(self, source: str, text: str) -> None:
        self.source, self.text = source, text

    def error(self, message: str, *path: str | int) -> ConfigError:
        """``path`` is a table, a step's index, a key; a message that begins with a key of the table is about that."""
        line = line_of(self.text, *path, message.split(maxsplit=1)[0]) or line_of(self.text, *path)
        while line is None and path:
            path = path[:-1]
            line = line_of(self.text, *path) if path else None
        return ConfigError(f"{self.source}{f':{line}' if line else ''}: {message}")

    @contextmanager
    def blaming(self, *path: str | int) -> Iterator[None]:
        """Turn what fails inside the ``with`` into a ``ConfigError`` at its place."""
        try:
            yield
        except (IGOError, TypeError, ValueError) as error:
            raise self.error(str(error), *path) from error
