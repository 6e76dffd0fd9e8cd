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
from os import PathLike
from pathlib import Path
from typing import Any

from igo import registry
from igo.chain import Chain
from igo.errors import ConfigError, IGOError, did_you_mean
from igo.runtime import Runtime
from igo.settings import settings_of
from igo.values import Request

TABLES = ("request", "runtime", "step")
REQUEST = {setting.name: setting for setting in settings_of(Request, leave_out=("image", "layers"))}


@dataclass(frozen=True)
class ChainFile:
    """What a chain file holds: the chain, and the settings of the request it asks for by default."""

    chain: Chain
    request: Mapping[str, Any] = field(default_factory=dict)


def load_chain(path: str | PathLike[str]) -> Chain:
    """The chain that a TOML file describes. Raises ``ConfigError`` with the file and line."""
    return read_chain_file(path).chain


def read_chain_file(path: str | PathLike[str]) -> ChainFile:
    """The chain and request of a TOML file. Raises ``ConfigError`` with the file and line."""
    try:
        text = Path(path).read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path} can't be read ({error.strerror}); expected a chain file in TOML") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not text; expected a chain file in TOML, UTF-8") from None
    return parse_chain(text, source=str(path))


def parse_chain(text: str, source: str = "chain") -> ChainFile:
    """The chain and request that a TOML text describes. Raises ``ConfigError``, ``source`` and line first."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason, _, place = str(error).rpartition(" (at ")
        line = re.match(r"line (\d+)", place)
        raise ConfigError(f"{source}:{line[1] if line else text.count(chr(10)) + 1}: {reason}") from None
    return build(data, source, Lines(text))


def build(data: Mapping[str, Any], source: str = "chain", lines: Lines | None = None) -> ChainFile:
    """The chain and request that plain data describes, as ``Chain.describe`` writes it."""
    at = _Blame(source, lines)
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
    runtime = _table(data, "runtime", ("device", "dtype"), at)
    with at.blaming("runtime"):
        made = Runtime(**{key: str(value) for key, value in runtime.items()})
    plugins = [_plugin(step, index, at) for index, step in enumerate(steps)]
    with at.blaming("step"):
        return ChainFile(Chain(*plugins, runtime=made), request)


def _plugin(settings: dict[str, Any], index: int, at: _Blame) -> object:
    settings = dict(settings)
    use = settings.pop("use", None)
    if not isinstance(use, str):
        raise at.error('a step without use = "a plugin\'s name"', "step", index=index)
    with at.blaming("step", "use", index):
        cls = registry.load(use)
    with at.blaming("step", "use", index):
        known = {setting.name: setting for setting in settings_of(cls)}
    for key, value in settings.items():
        if key not in known:
            raise at.error(f"{use} has no setting '{key}'; {did_you_mean(key, list(known))}", "step", key, index)
        with at.blaming("step", key, index):
            settings[key] = known[key].convert(value)
    for setting in known.values():
        if setting.required and setting.name not in settings:
            raise at.error(f"{use} needs the setting '{setting.name}'", "step", "use", index)
    with at.blaming("step", None, index):
        return cls(**settings)


def _table(data: Mapping[str, Any], name: str, keys: tuple[str, ...], at: _Blame) -> dict[str, Any]:
    table = data.get(name, {})
    if not isinstance(table, dict):
        raise at.error(f"'{name}' is {table!r}; expected a table [{name}]", name)
    for key in table:
        if key not in keys:
            raise at.error(f"[{name}] has no '{key}'; {did_you_mean(key, keys)}", name, key)
    return dict(table)


class Lines:
    """Where tables and keys stand in a TOML text, which ``tomllib`` does not tell."""

    HEADER = re.compile(r"^\s*(\[\[?)\s*([\w.\"'-]+)\s*\]\]?\s*(?:#.*)?$")
    KEY = re.compile(r"^\s*[\"']?([\w-]+)[\"']?\s*(?:\.[^=]*)?=")

    def __init__(self, text: str) -> None:
        self._found: dict[tuple[str, int, str | None], int] = {}
        counts: dict[str, int] = {}
        table, index, inside = "", 0, ""
        for number, line in enumerate(text.splitlines(), 1):
            if not inside:
                header, key = self.HEADER.match(line), self.KEY.match(line)
                if header:
                    table = header[2].strip("\"'")
                    index = counts.get(table, 0) if header[1] == "[[" else 0
                    counts[table] = index + 1
                    self._found.setdefault((table, index, None), number)
                elif key:
                    where = (table, index, key[1]) if table else (key[1], 0, None)
                    self._found.setdefault(where, number)
            for quotes in ('"""', "'''"):
                if inside in ("", quotes) and line.count(quotes) % 2:
                    inside = "" if inside else quotes

    def of(self, table: str, key: str | None = None, index: int = 0) -> int | None:
        """The line of a key, else of its table; ``None`` if the text has neither."""
        return self._found.get((table, index, key)) or self._found.get((table, index, None))


class _Blame:
    """Puts the place in front of an error's message."""

    def __init__(self, source: str, lines: Lines | None) -> None:
        self.source, self.lines = source, lines

    def error(self, message: str, table: str, key: str | None = None, index: int = 0) -> ConfigError:
        line = self.lines.of(table, key, index) if self.lines else None
        return ConfigError(f"{self.source}{f':{line}' if line else ''}: {message}")

    @contextmanager
    def blaming(self, table: str, key: str | None = None, index: int = 0) -> Iterator[None]:
        """Turn what fails inside the ``with`` into a ``ConfigError`` at its place."""
        try:
            yield
        except (IGOError, TypeError, ValueError) as error:
            raise self.error(str(error), table, key, index) from error
