"""``igo cache``: what engines have converted and keep on this disk."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from igo.cli.command import Commands
from igo.cli.printing import echo


def register(app: Commands) -> None:
    app.command()(cache)


def cache(
    action: Annotated[
        Literal["show", "clear"], typer.Argument(help="show: say what is kept; clear: take all of it away.")
    ] = "show",
) -> None:
    """Say what engines (`Acceleration`) have converted and keep on this disk, or take it away: what is needed again is
    converted anew."""
    from igo.files.writing import refusing
    from igo.painting.engines import cache as disk

    place = disk.folder()
    if action == "clear":
        with refusing(place):
            freed = disk.clear()
        echo(f"taken away: {_megabytes(freed)} of converted models, from {place}")
        return
    sizes = disk.sizes()
    echo(f"{len(sizes)} converted models, {_megabytes(sum(sizes.values()))}, in {place}")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
