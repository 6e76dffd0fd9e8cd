"""A plugin's settings: the fields of its dataclass, with their types, defaults and descriptions.

Chain files, the command line and the web page are made from these.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import textwrap
import typing
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from igo.errors import ConfigError, SettingsError

if TYPE_CHECKING:
    import pydantic


def given(**settings: Any) -> dict[str, Any]:
    """Those that aren't None: what was left open keeps its default."""
    return {name: value for name, value in settings.items() if value is not None}


@dataclass(frozen=True)
class Setting:
    """One field. ``type`` is resolved; ``help`` is the string literal below the field, in one line."""

    name: str
    type: Any
    default: Any
    help: str = ""

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is dataclasses.MISSING

    @property
    def type_name(self) -> str:
        """The type as a person writes it."""
        if isinstance(self.type, type) and not typing.get_args(self.type):
            return self.type.__name__
        return str(self.type).replace("typing.", "").replace("collections.abc.", "").replace("pathlib.", "")

    def convert(self, value: Any) -> Any:
        """A value of a TOML file as this setting's type.

        Strict: ``"3"`` is no number; but a list may become a tuple, and text a path. Raises ``ConfigError``.
        """
        import pydantic

        try:
            return pydantic.TypeAdapter(self.type).validate_json(json.dumps(value, default=str), strict=True)
        except pydantic.ValidationError as error:
            raise ConfigError(f"{self.name} is {value!r}; expected {_expected(error)}") from None
        except pydantic.PydanticSchemaGenerationError:
            raise ConfigError(f"{self.name} is of type {self.type_name}, which can't be set in a file") from None

    def check(self, value: Any) -> None:
        """Raise ``SettingsError`` for a value that this setting can't have: no choice of its ``Literal``, no number.

        Not strict, for Python code may give a list for a tuple; and an object of a type that no file can hold passes.
        """
        import pydantic

        try:
            pydantic.TypeAdapter(self.type).validate_python(value)
        except pydantic.ValidationError as error:
            raise SettingsError(f"{self.name} is {value!r}; expected {_expected(error)}") from None
        except pydantic.PydanticSchemaGenerationError:
            return

    def dump(self, value: Any) -> Any:
        """A value of this setting as TOML can hold it; ``convert`` gives it back. Raises ``ConfigError``."""
        import pydantic
        from pydantic_core import PydanticSerializationError

        try:
            plain = pydantic.TypeAdapter(self.type).dump_python(value, mode="json", warnings="error")
        except (PydanticSerializationError, pydantic.PydanticSchemaGenerationError, UnicodeDecodeError):
            plain = None  # the last for bytes that are no text
        if plain is None:
            raise ConfigError(
                f"setting '{self.name}' is a {type(value).__name__}, which TOML can't hold; use text or numbers"
            )
        return plain


def settings_of(cls: type, leave_out: tuple[str, ...] = ()) -> tuple[Setting, ...]:
    """The settings of a plugin's class, in order. Raises ``ConfigError`` for one that is no dataclass."""
    if not dataclasses.is_dataclass(cls):
        raise ConfigError(f"{cls.__name__} is not a dataclass, so its settings are not known; make it one")
    fields = [item for item in dataclasses.fields(cls) if item.init and item.name not in leave_out]
    helps = _field_docstrings(cls)
    return tuple(
        Setting(item.name, _resolved(item.type, cls), _default(item), helps.get(item.name, "")) for item in fields
    )


def _expected(error: pydantic.ValidationError) -> str:
    return error.errors()[0]["msg"].removeprefix("Input should be ")


def _resolved(annotation: Any, cls: type) -> Any:
    """The annotation of one field; ``Any`` for a name that is imported for type checkers only."""
    if not isinstance(annotation, str):
        return annotation
    holder = type("holder", (), {"__annotations__": {"it": annotation}, "__module__": cls.__module__})
    try:
        return typing.get_type_hints(holder)["it"]
    except NameError:
        return Any


def _default(item: dataclasses.Field[Any]) -> Any:
    if item.default_factory is not dataclasses.MISSING:
        return item.default_factory()
    return item.default


@cache
def _field_docstrings(cls: type) -> dict[str, str]:
    """The string literals that stand below fields, of the class and its bases; none where there is no source."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        try:
            body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        except (OSError, TypeError, SyntaxError):
            continue
        if not isinstance(body, ast.ClassDef):
            continue
        for field, below in zip(body.body, body.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
                text = below.value
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    found[field.target.id] = " ".join(text.value.split())
    return found
