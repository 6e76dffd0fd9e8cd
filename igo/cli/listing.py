"""The commands of ``igo``: each is imported when it is asked for, and a list of them costs no more than this table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from igo.cli.command import Commands

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter

SUMMARIES = {
    "generate": "Paint pictures from text, or from a picture.",
    "style": "Change what somebody in a picture wears, by text.",
    "tryon": "Put garments, each a picture, on somebody.",
    "outpaint": "Extend a picture to a shape or size.",
    "upscale": "Enlarge a picture by Real-ESRGAN.",
    "page": "Open a page in the browser to do all this.",
    "run": "Run the chain of a TOML file.",
    "batch": "Paint a table of requests, to its end.",
    "deploy": "Write what a server needs to paint by a chain.",
    "plugins": "List the installed plugins, or the settings of one.",
    "new-plugin": "Write a plugin's package, ready to be tested.",
    "prompt": "Print how a prompt is read: tokens, weights.",
    "show": "Print how a picture was made.",
    "replay": "Make a picture again from its record.",
    "cache": "Say what engines keep on disk, or clear it.",
    "doctor": "Print versions, devices, and what is wrong.",
    "demo": "Paint, restyle, extend and enlarge some looks.",
    "caption": "Caption a folder of pictures.",
    "compare": "Measure how far pictures lie apart.",
    "dataset": "Look at a folder before it is trained on.",
    "train": "Train on from a finished checkpoint.",
    "mini": "Draw the world of `mini`, or train it anew.",
}
"""What each command does, in a line that fits beside its name."""
MODULES = {"train": ("train", "train_lora", "train_parser", "train_tryon", "train_turbo", "train_decoder")}
"""Where a command stands that has more than the module of its name."""


class Imported(Mapping[str, Any]):
    """The commands by their names, imported and built when they are looked up."""

    def __init__(self) -> None:
        self._built: dict[str, Any] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(SUMMARIES)

    def __len__(self) -> int:
        return len(SUMMARIES)

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            if name not in SUMMARIES:
                raise KeyError(name)
            app = Commands(rich_markup_mode=None)
            for module in MODULES.get(name, (name.replace("-", "_"),)):
                import_module(f"igo.cli.{module}").register(app)
            self._built[name] = typer.main.get_group(app).commands[name]
        return self._built[name]


class Listing(TyperGroup):
    """The group of all of ``Imported``."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = Imported()  # type: ignore[assignment]  # nothing is added to it

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002 (click's)
        return list(self.commands)

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:  # noqa: ARG002 (click's)
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))
