"""``igo page``: chains in a browser."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from igo.cli.command import Commands
from igo.cli.painting import Painting
from igo.cli.printing import echo
from igo.cli.style import PHOTOGRAPHS
from igo.errors import SettingsError

if TYPE_CHECKING:
    pass

FITTINGS = "zhengchong/CatVTON"
PARSER = "mattmdjaga/segformer_b2_clothes"
"""What does for photographs what mini's own models do for its drawings."""


def register(app: Commands) -> None:
    app.command()(page)


def page(
    painting: Painting,
    host: Annotated[str, typer.Option(help="The address to listen at; 0.0.0.0 is for all who reach this machine.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int | None, typer.Option(help="The port; by default the first free one from 7860.")] = None,
    share: Annotated[
        Literal["no", "yes"], typer.Option(help="yes: a public address, through gradio's servers.")
    ] = "no",
    api: Annotated[bool, typer.Option("--api", help="Print how programs use the page, and open nothing.")] = False,
    mask_model: Annotated[
        str | None, typer.Option(help=f"What finds garments by words: mini with mini, else {PHOTOGRAPHS}.")
    ] = None,
    tryon_model: Annotated[
        str | None, typer.Option(help=f"What puts garments on: mini/tryon with mini, else {FITTINGS}.")
    ] = None,
    parser: Annotated[str | None, typer.Option(help=f"Who wears what: mini's own with mini, else {PARSER}.")] = None,
) -> None:
    """Open a page in the browser: dress people, paint looks, extend and enlarge pictures. Ctrl-C closes it."""
    if find_spec("gradio") is None:
        raise SettingsError('igo page needs gradio, which is not installed: pip install "igo[page]"')
    if port is not None and not 1 <= port <= 65535:
        raise SettingsError(f"port is {port}; expected 1 to 65535")
    import tempfile
    from pathlib import Path

    from igo.page import app
    from igo.page.studio import Studio

    mini = painting.checkpoint == "mini"
    studio = Studio(
        painting.steps,
        painting.runtime,
        painting.checkpoint,
        str(painting.given["preset"]),
        mask_model or ("mini" if mini else PHOTOGRAPHS),
        tryon_model or ("mini/tryon" if mini else FITTINGS),
        parser or ("mini" if mini else PARSER),
    )
    with tempfile.TemporaryDirectory(prefix="igo-page-") as folder:
        blocks = app.build(studio, Path(folder))
        if api:
            from igo.page.api import examples

            echo(examples(blocks, f"http://{host}:{port or 7860}"))
            return
        try:
            address = app.launch(blocks, host, port, share == "yes", wait=False)
        except OSError:
            raise SettingsError(
                f"port {port or '7860 to 7959'} at {host} can't be used; choose another --port"
            ) from None
        echo(f"IGO's page is open at {address} (Ctrl-C closes it)")
        if blocks.share_url:
            echo(f"and for everybody who knows it at {blocks.share_url}")
        blocks.block_thread()
