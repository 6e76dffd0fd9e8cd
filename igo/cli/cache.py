"""``igo cache``: what engines have converted and keep on this disk."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from igo.cli.command import Commands
from igo.cli.printing import echo
from igo.notebooks import quantities


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
        echo(f"taken away: {quantities.size(freed)} of converted models, from {place}")
        return
    sizes = disk.sizes()
    echo(f"{len(sizes)} converted models, {quantities.size(sum(sizes.values()))}, in {place}")
