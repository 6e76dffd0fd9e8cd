"""What every command that paints can be told of its base: made from the settings of `TextToImage`, and said once."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cached_property
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import typer

from igo.chains.settings import Setting, settings_of
from igo.chains.speed import speed
from igo.cli import options
from igo.cli.command import Group
from igo.painting.text_to_image import TextToImage

if TYPE_CHECKING:
    from igo.runtime import Runtime

SHORT = {"checkpoint": ("--checkpoint", "-c")}
"""Settings that have short options."""
MORE = {
    "adapter": options.Adapters,
    "embedding": options.Embeddings,
    "few_steps": options.FewSteps,
    "device": options.Device,
    "dtype": options.Dtype,
    "commercial": options.Commercial,
}
"""Options beside the base's own settings."""


class Painting(Group):
    """The base of a command's chain, its adapters and embeddings, what makes it quicker, and the runtime."""

    @staticmethod
    def parameters() -> list[inspect.Parameter]:
        """Each setting of the base as an option, then `MORE`."""
        own = [_option(setting) for setting in settings_of(TextToImage)]
        more = (_parameter(name, None, annotation) for name, annotation in MORE.items())
        return [*own, _parameter("speed", "exact", options.Speed), *more]

    @property
    def checkpoint(self) -> str:
        return str(self.given["checkpoint"])

    @cached_property
    def steps(self) -> list[object]:
        """The base, its adapters and embeddings, and the steps of the speed. Raises ``IGOError`` for options that can't
        be meant, or that name what isn't there."""
        for name in ("checkpoint", "inpaint_checkpoint", "config", "inpaint_config"):
            if self.given[name] is not None:
                options.check_model(self.given[name], f"--{name.replace('_', '-')}")
        settings = {setting.name: setting for setting in settings_of(TextToImage)}
        chosen = {name: _value(setting, self.given[name]) for name, setting in settings.items()}
        adapters = options.adapters_from(self.given["adapter"])
        quicker = speed(self.given["speed"], self.checkpoint, self.given["few_steps"])
        return [TextToImage(**chosen), *adapters, *options.embeddings_from(self.given["embedding"]), *quicker]

    @cached_property
    def runtime(self) -> Runtime:
        """Raises ``SettingsError`` for a device that isn't here."""
        return options.runtime_of(self.given["device"], self.given["dtype"], bool(self.given["commercial"]))


def _option(setting: Setting) -> inspect.Parameter:
    kind, default = _plain(setting.type), setting.default
    if _is_table(setting):
        kind, default = list[str] | None, None
    info = typer.Option(*SHORT.get(setting.name, ()), help=setting.help.replace("``", ""))
    return _parameter(setting.name, default, Annotated[kind, info])


def _parameter(name: str, default: Any, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _plain(kind: Any) -> Any:
    """A setting's type as typer takes it: what it can't read is text, which the setting reads."""
    if get_origin(kind) in (Union, UnionType):
        inner = [part for part in get_args(kind) if part is not type(None)]
        return (_plain(inner[0]) if len(inner) == 1 else str) | None
    return kind if kind in (str, int, float, bool) or get_origin(kind) is Literal else str


def _is_table(setting: Setting) -> bool:
    origins = [get_origin(part) for part in (setting.type, *get_args(setting.type))]
    return any(isinstance(origin, type) and issubclass(origin, Mapping) for origin in origins)


def _value(setting: Setting, given: Any) -> Any:
    """What was typed, as the setting's type."""
    if not _is_table(setting):
        return options.as_setting(setting, given) if _plain(setting.type) is str else given
    if given is None:
        return setting.default
    return setting.convert({name: options.as_toml(text) for name, text in options.pairs(given, setting.name).items()})
