"""``igo new-plugin``: a package of one's own, to begin with."""

from pathlib import Path
from typing import Annotated

import typer

from igo.cli.command import Commands
from igo.cli.printing import echo


def register(app: Commands) -> None:
    app.command("new-plugin")(new_plugin)


def new_plugin(
    name: Annotated[str, typer.Argument(help="What the plugin is called, such as film-look.")],
    hook: Annotated[
        str, typer.Option(help="Where it acts: postprocess, preprocess, provide, generate, base or prepare.")
    ] = "postprocess",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The folder to write; by default igo-NAME.", show_default=False),
    ] = None,
    license: Annotated[str, typer.Option(help="Apache-2.0, BSD-3-Clause or MIT.")] = "Apache-2.0",  # noqa: A002
    author: Annotated[
        str | None, typer.Option(help="Who holds the copyright; by default git's user.name.", show_default=False)
    ] = None,
) -> None:
    """Write a plugin's package: code, tests, README, CI, licence; it installs, and its tests pass.

    docs/writing-plugins.md goes on from there.
    """
    from shlex import quote

    from igo.cli.scaffold import write_plugin

    folder = write_plugin(name, output, hook, license, author or _git_user())
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        echo(path.as_posix())
    echo(f"\nnext: cd {quote(str(folder))} && python -m pip install --editable '.[test]' && python -m pytest")


def _git_user() -> str | None:
    """The name that git knows the user by, if there is git."""
    import subprocess

    try:
        done = subprocess.run(["git", "config", "user.name"], capture_output=True, text=True, check=True)  # noqa: S607
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip() or None
