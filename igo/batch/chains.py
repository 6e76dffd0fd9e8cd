"""The chains that a batch's rows are painted by: read once, checked before any work, and sharing their models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from os import PathLike
from typing import Any

from igo import Chain, Runtime
from igo.batch.plan import Plan, Problems, Row
from igo.chains import registry
from igo.chains.config import ChainFile, read_chain_file
from igo.chains.settings import Setting, settings_of
from igo.errors import ConfigError, IGOError, PlanError, did_you_mean
from igo.files import at_home, refusing
from igo.files.digests import digest
from igo.records import paths

KEPT = 8
"""Chains of rows with settings of their own that are kept for the next row."""


class Chains:
    """The batch's own chain, if it has one, and those that rows name. May be sent to another process, which loads its
    own models."""

    def __init__(self, plan: Plan, chain: Chain | str | PathLike[str] | None) -> None:
        """Raises ``IGOError`` for a chain that can't be read or written down, ``PlanError`` for rows without one."""
        self.files: dict[str | None, ChainFile] = {}
        if chain is not None:
            self.files[None] = ChainFile(chain) if isinstance(chain, Chain) else read_chain_file(chain)
        problems = Problems(plan.source)
        for row in plan:
            if row.chain is None and None not in self.files:
                problems.add(row.number, "chain", "is empty, and the batch has no chain; expected a chain's file")
            if row.chain not in self.files and row.chain is not None:
                self.files[row.chain] = read_chain_file(row.chain)
        problems.tell()
        self._digests = {key: _digest(file.chain) for key, file in self.files.items()}
        self._runtimes: dict[str, Runtime] = {}
        if isinstance(chain, Chain):  # whose models may be loaded already
            self._runtimes[json.dumps(chain.runtime.describe().get("runtime", {}))] = chain.runtime
        self._kept: dict[str, Chain] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_runtimes": {}, "_kept": {}}

    @property
    def names_a_gpu(self) -> bool:
        """Whether one of them says by number where it computes."""
        devices = [file.chain.runtime.describe().get("runtime", {}).get("device", "") for file in self.files.values()]
        return any(":" in device for device in devices)

    def settings(self, row: Row) -> dict[str, Any]:
        """What the row asks for beside pictures: its own settings, else its chain file's [request]."""
        return {**self.files[row.chain].request, **row.settings}

    def check(self, plan: Plan) -> None:
        """Raise ``PlanError`` for settings that no step of the row's chain has or takes, for rows that lack what the
        chain needs, and for chains that can't work here (see ``igo.Chain.check``). No model is loaded."""
        problems = Problems(plan.source)
        seen: dict[Any, str] = {}
        for row in plan:
            for column, cell in row.changes.items():
                with _blaming(problems, row, column):
                    self._changed(row, {column: cell})
            layers, references = (
                tuple(name.removeprefix(table) for name in row.pictures if name.startswith(table))
                for table in ("layers.", "references.")
            )
            key = row.chain, layers, references
            if key not in seen:
                try:
                    self.files[row.chain].chain.check(layers, references)
                    seen[key] = ""
                except IGOError as error:
                    seen[key] = str(error)
            if seen[key]:
                problems.add(row.number, "chain", seen[key])
            elif "image" not in row.pictures and not self._paints(row):
                message = "is empty, and no step of the chain makes pictures; expected a picture's file"
                problems.add(row.number, "image", message)
        problems.tell()

    def _paints(self, row: Row) -> bool:
        return any(step.implements("generate") for step in self.files[row.chain].chain.steps)

    def digests(self, row: Row) -> tuple[str, str]:
        """Of a row's chain: of its steps and the files that they name, and the versions that they are of."""
        described, versions = self._digests[row.chain]
        if row.changes:
            described = digest_of([described, row.changes, _files(row.changes)])
        return described, versions

    def chain(self, row: Row) -> Chain:
        """The row's chain. All share the models of one runtime, as far as they name device and dtype alike."""
        key = json.dumps([row.chain, row.changes], sort_keys=True, default=str)
        if key not in self._kept:
            while len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            described = self.files[row.chain].chain.runtime.describe().get("runtime", {})
            runtime = self._runtimes.setdefault(json.dumps(described), Runtime(**described))
            self._kept[key] = Chain(*self._changed(row, row.changes), runtime=runtime)
        return self._kept[key]

    def _changed(self, row: Row, changes: Mapping[str, Any]) -> list[object]:
        """The chain's plugins with the row's settings. Raises ``IGOError``."""
        plugins = {step.name: step.plugin for step in self.files[row.chain].chain.steps}
        wanted: dict[str, dict[str, Any]] = {}
        for column, cell in changes.items():
            step, _, name = column.partition(".")
            if step not in plugins:
                raise PlanError(f"the chain has no step '{step}'; {did_you_mean(step, list(plugins))}")
            known = {setting.name: setting for setting in settings_of(type(plugins[step]))}
            if name not in known:
                raise PlanError(f"{step} has no setting '{name}'; {did_you_mean(name, list(known))}")
            wanted.setdefault(step, {})[name] = _read(known[name], cell)
        plain: dict[str, Any] = plugins  # dataclasses, as settings_of has found
        return [replace(plain[step], **wanted[step]) if step in wanted else plugin for step, plugin in plugins.items()]


@contextmanager
def _blaming(problems: Problems, row: Row, column: str) -> Iterator[None]:
    """Turn what fails inside the ``with`` into a problem of a row's column."""
    try:
        yield
    except (IGOError, TypeError, ValueError) as error:
        problems.add(row.number, column, str(error))


def _read(setting: Setting, cell: Any) -> Any:
    """A cell as a setting's type: text is read as TOML where the setting takes no text."""
    if isinstance(cell, str):
        import tomllib

        with suppress(ConfigError):
            return setting.convert(cell)
        with suppress(tomllib.TOMLDecodeError):
            cell = tomllib.loads(f"value = {cell}")["value"]
    return setting.convert(cell)


def _digest(chain: Chain) -> tuple[str, str]:
    """Of what a chain is, and the names and numbers of the versions that it is of."""
    described = chain.describe()
    offered = filter(None, (registry.distribution_of(type(plugin)) for plugin in chain))
    versions = {"igo": version("igo"), **dict(offered)}
    return digest_of([described, _files(described)]), " ".join(
        f"{name}=={number}" for name, number in sorted(versions.items())
    )


def _files(settings: Any) -> dict[str, str]:
    """The digest of each file, and of all files in each folder, that settings name."""
    found = {}
    for text in paths.named(settings, None, {}):
        place = at_home(text)
        files = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
        with refusing(place, PlanError):
            found[text] = digest(place.parent, files)
    return found


def digest_of(value: Sequence[Any] | Mapping[str, Any]) -> str:
    """Of plain data: 16 digits of its SHA-256."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]
