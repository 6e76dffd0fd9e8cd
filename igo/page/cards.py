"""Steps of a chain as cards: what can be added, the fields of a step's form, and what stands in them.

A card holds what a chain file's ``[[step]]`` does: plain values, at their defaults left out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from inspect import cleandoc
from itertools import count
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import igo
from igo.chains import registry
from igo.chains.config import build, parse_chain
from igo.chains.settings import Setting, settings_of
from igo.errors import ConfigError, IGOError

_NUMBERS = count()


@dataclass
class Card:
    """A step: which plugin, and its settings as they were typed."""

    use: str
    settings: dict[str, Any] = field(default_factory=dict)
    number: int = field(default_factory=lambda: next(_NUMBERS))
    """Another for each card, by which the page tells them apart."""
    asked: bool = False
    """Whether somebody has wanted to paint by it, and its form says what is missing."""


@dataclass(frozen=True)
class Field:
    """A setting as a form shows it."""

    setting: Setting
    kind: Literal["choice", "switch", "number", "text", "toml"]
    """``"toml"`` is text that is read as a TOML value: lists and tables."""
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None

    @property
    def help(self) -> str:
        """What the setting means, its range, and that it has to be given."""
        words = self.setting.help.replace("``", "")
        if self.least is not None or self.most is not None:
            ends = [f"{word} {end:g}" for word, end in (("from", self.least), ("to", self.most)) if end is not None]
            words = f"{words} A number {' '.join(ends)}.".strip()
        return f"(required) {words}" if self.setting.required else words

    def shown(self, card: Card) -> Any:
        """What stands in the form: the card's value or the default."""
        default = None if self.setting.default is MISSING else self.setting.default
        value = card.settings.get(self.setting.name, default)
        if self.kind == "toml":
            return "" if value in (None, {}, [], ()) else _toml(value)
        if self.kind == "number":
            return "" if value is None else str(value)
        return "" if value is None and self.kind != "switch" else value

    def typed(self, value: Any) -> Any:
        """What was put into the form, as a chain file has it; None for what stays empty. Raises ``ConfigError``."""
        if value is None or value == "":
            return None
        if self.kind == "number":
            return numeral(value)
        if self.kind == "toml":
            try:
                return tomllib.loads(f"value = {value}")["value"]
            except tomllib.TOMLDecodeError as error:
                raise ConfigError(
                    f"{self.setting.name} is {value!r}; expected a value as TOML has it ({error})"
                ) from None
        return value


def numeral(typed: Any) -> Any:
    """The number that somebody typed, None for nothing, and whatever else it is as it is."""
    if not isinstance(typed, str):
        return typed
    for kind in (int, float):
        try:
            return kind(typed)
        except ValueError:
            continue
    return typed.strip() or None


def offered() -> list[str]:
    """The installed plugins that fit this IGO, third parties' too, by name."""
    return sorted({plugin.name for plugin in registry.installed() if plugin.misfit is None})


def described(use: str) -> str:
    """A plugin's own words, without the marks of reStructuredText. Raises ``RegistryError``."""
    return cleandoc(registry.load(use, importing=False).__doc__ or "no description").replace("``", "`")


def fields_of(use: str) -> tuple[Field, ...]:
    """The form of a plugin. Raises ``RegistryError`` for one that can't be imported, ``ConfigError`` where its settings
    are not known."""
    return tuple(_field(setting) for setting in settings_of(registry.load(use, importing=False)))


def changed(card: Card, field: Field, value: Any) -> str:
    """Put a value into a card; what is wrong with it, in a line, or nothing.

    What the plugin itself says is told where it is about this setting: its others may be on their way.
    """
    name = field.setting.name
    try:
        typed = field.typed(value)
        card.settings.pop(name, None)
        if typed is None:
            return f"{name} is empty; it has to be given" if field.setting.required else ""
        card.settings[name] = typed
        field.setting.convert(typed)
        return wrong(card).get(name, "")
    except IGOError as error:
        return str(error)


def wrong(card: Card) -> dict[str, str]:
    """What is wrong with a card: by the name of the setting, or under ``""`` of the whole step."""
    found: dict[str, str] = {}
    try:
        cls = registry.load(card.use, importing=False)
        known = {setting.name: setting for setting in settings_of(cls)}
    except IGOError as error:
        return {"": str(error)}
    settings = {}
    for name, value in card.settings.items():
        try:
            settings[name] = known[name].convert(value)
        except IGOError as error:
            found[name] = str(error)
    for setting in known.values():
        if setting.required and setting.name not in settings and setting.name not in found:
            found[setting.name] = f"{setting.name} is empty; it has to be given"
    if found:
        return found
    try:
        cls(**settings)
    except (IGOError, TypeError, ValueError) as error:
        words = str(error).split()
        return {words[0] if words and words[0] in known else "": str(error)}
    return {}


def chain_of(cards: list[Card], runtime: igo.Runtime) -> igo.Chain:
    """The chain of the cards. Raises ``ConfigError`` for the first that is wrong, by its number and setting."""
    if not cards:
        raise ConfigError("the chain has no steps; add one")
    for number, card in enumerate(cards, 1):
        for words in wrong(card).values():
            raise ConfigError(f"step {number}, {card.use}: {words}")
    data = {"step": [{"use": card.use, **card.settings} for card in cards]}
    return igo.Chain(*build(data, importing=False).chain, runtime=runtime)


def cards_of(chain: igo.Chain) -> list[Card]:
    """A chain as cards. Raises ``ConfigError`` for a step that no file can hold."""
    steps: list[Mapping[str, Any]] = chain.describe()["step"]
    return [Card(step["use"], {name: value for name, value in step.items() if name != "use"}) for step in steps]


def read(text: str) -> list[Card]:
    """The cards of a chain file's text, of installed plugins alone. Raises ``ConfigError`` with the line."""
    return cards_of(parse_chain(text, importing=False).chain)


def _field(setting: Setting) -> Field:
    inner = [part for part in get_args(setting.type) if part is not type(None)]
    optional = get_origin(setting.type) in (Union, UnionType) and len(inner) < len(get_args(setting.type))
    kind = inner[0] if optional and len(inner) == 1 else setting.type
    if get_origin(kind) is Literal and all(isinstance(choice, str) for choice in get_args(kind)):
        blank = ("",) if optional or setting.required else ()
        return Field(setting, "choice", (*blank, *get_args(kind)))
    if kind is bool and not optional:
        return Field(setting, "switch")
    plain = get_args(kind)[0] if hasattr(kind, "__metadata__") else kind
    if plain in (int, float):
        return Field(setting, "number", (), *_bounds(kind))
    return Field(setting, "text" if plain is str else "toml")


def _bounds(kind: Any) -> tuple[float | None, float | None]:
    """The range that an annotation states, as pydantic understands it."""
    import pydantic

    if not hasattr(kind, "__metadata__"):
        return None, None
    schema = pydantic.TypeAdapter(kind).json_schema()
    return schema.get("minimum"), schema.get("maximum")


def _toml(value: Any) -> str:
    import tomlkit

    plain = dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
    inline = tomlkit.inline_table() if isinstance(plain, dict) else None
    if inline is not None:
        inline.update(plain)
        return inline.as_string()
    return tomlkit.item(plain).as_string()
