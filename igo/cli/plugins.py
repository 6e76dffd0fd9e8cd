"""``igo plugins``: what is installed, and the settings of one plugin."""

from typing import Annotated

import typer

from igo.cli.command import Commands
from igo.cli.printing import echo

DECLARED = {
    "needs": "needs layers",
    "needs_references": "needs references",
    "provides": "provides layers",
    "shows": "shows layers",
}
"""What a plugin may declare of pictures: of its class, or by a property where its settings name them."""


def register(app: Commands) -> None:
    app.command()(plugins)


def plugins(
    name: Annotated[str | None, typer.Argument(help="A plugin, to see its settings.", show_default=False)] = None,
) -> None:
    """List the installed plugins, or the settings of one. Listing imports none of them."""
    if name is None:
        _list()
    else:
        _describe(name)


def _list() -> None:
    from igo.chains import registry

    found = registry.installed()
    wide = max((len(plugin.name) for plugin in found), default=0)
    for plugin in found:
        echo(f"{plugin.name:<{wide}}  {plugin.distribution} {plugin.version}  {plugin.target}")
    for problem in registry.problems():
        echo(f"igo: {problem}", err=True)


def _describe(name: str) -> None:
    from inspect import cleandoc
    from textwrap import fill

    from igo.chains import registry
    from igo.chains.settings import settings_of

    cls = registry.load(name)
    echo(f"{name}: {_plain(cleandoc(cls.__doc__ or 'no description'))}\n")
    for declared, what in DECLARED.items():
        if names := getattr(cls, declared, ()):
            echo(f"{what}: {', '.join(names) if isinstance(names, tuple) else 'as its settings say'}")
    if getattr(cls, "resizes", False):
        echo("changes the size of pictures")
    if getattr(cls, "lossy", ""):
        echo("gives something of pictures up for speed")
    echo("settings:")
    for setting in settings_of(cls):
        default = "(required)" if setting.required else f"= {_as_toml(setting.default)}"
        echo(f"  {setting.name}: {setting.type_name} {default}")
        if setting.help:
            echo(fill(_plain(setting.help), 100, initial_indent="      ", subsequent_indent="      "))


def _plain(text: str) -> str:
    """A docstring without the marks of reStructuredText around code."""
    return text.replace("``", "")


def _as_toml(value: object) -> str:
    """A default as a chain file writes it; TOML has no None, there the setting is left out."""
    import json

    return "(left out)" if value is None else json.dumps(value, ensure_ascii=False, default=str)
