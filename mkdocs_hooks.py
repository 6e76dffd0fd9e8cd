"""What the site holds that is written nowhere: the command line's own help, put in when a page is built."""

from __future__ import annotations

import re
from typing import Any

PLACE = "<!-- the help of each command stands here -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with the commands in their place, where it has one. Called by mkdocs for each page."""
    return markdown.replace(PLACE, commands()) if PLACE in markdown else markdown


def commands() -> str:
    """The help of ``igo`` and of each of its commands, in Markdown, by typer's own writer of such pages.

    Its lists of commands are left out: they cut every sentence short, and the table of contents stands beside.
    """
    import typer
    from typer.cli import get_docs_for_click

    from igo.cli import app

    command = typer.main.get_command(app)
    context = typer.Context(command, **command.context_settings)
    text = get_docs_for_click(obj=command, ctx=context, name="igo", indent=1)
    return re.sub(r"^\*\*Commands\*\*:\n\n(?:\* .*\n)+\n", "", text, flags=re.MULTILINE)
