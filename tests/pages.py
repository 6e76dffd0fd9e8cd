"""Running a page of the documentation from top to bottom, as a reader would, in one folder.

A Python block runs by itself, ``igo`` lines of a shell block run, a block with a title becomes a file of that name, a
TOML block has to be a chain, and a console block shows what its commands print (``...`` stands for anything).

    python -m tests.pages                     makes the pictures of all pages anew: `make pictures`
    python -m tests.pages docs/gallery.md     of one

Where a page shows ``images/NAME.webp`` and its commands write ``NAME.png``, the one is the other.
"""

from __future__ import annotations

import doctest
import re
import shlex
import sys
import tempfile
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

from igo import cli
from igo.chains.config import parse_chain

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"
"""Packages that have to be installed first: `test_examples` runs what their READMEs say."""
FOLLOWED = DOCS / "writing-plugins.md"
"""A page that installs what it has written: `test_writing_plugins` follows it in an environment of its own."""
PAGES = [ROOT / "README.md", *(page for page in sorted(DOCS.rglob("*.md")) if EXAMPLES not in page.parents)]
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
QUALITY = 88
"""Of the WebP pictures that pages show."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    title: str | None
    body: str


def blocks(page: Path) -> list[Block]:
    return [Block(language, title or None, body) for language, title, body in FENCE.findall(page.read_text("utf-8"))]


def run(page: Path, output: Callable[[], str] | None = None) -> None:
    """Run a page in the current folder. ``output`` gives what has been printed since it was asked last; without it
    nobody compares what console blocks print.

    Raises ``AssertionError`` for a command that fails or prints something else than the page says.
    """
    for block in blocks(page):
        if block.title:
            Path(block.title).parent.mkdir(parents=True, exist_ok=True)
            Path(block.title).write_text(block.body, "utf-8")
        if block.language == "python":
            exec(compile(block.body, f"a block of {page.name}", "exec"), {"__name__": "__main__"})
        elif block.language == "toml":
            parse_chain(block.body)
        elif block.language == "sh":
            for line in block.body.replace("\\\n", " ").splitlines():
                code = command(line)
                assert not code, f"{line}\n{output() if output else ''}"
        elif block.language == "console" and output:
            for line, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block.body, re.MULTILINE):
                output()
                command(line)
                printed = output()
                same = doctest.OutputChecker().check_output(expected, printed, doctest.ELLIPSIS)
                assert same, f"{line}\nprints:\n{printed}\nand not:\n{expected}"


def command(line: str) -> int | None:
    """The exit code of a line that calls ``igo``; ``None`` for any other, which is not run.

    The folder is on Python's path in any case.
    """
    words = shlex.split(line.removeprefix("PYTHONPATH=. "), comments=True)
    return cli.run_command(words[1:]) if words[:1] == ["igo"] else None


def pictures(page: Path) -> dict[Path, str]:
    """The pictures that a page shows and its commands make: file shown -> name of the file made. Those of `igo page`
    are taken in a browser, by tests/page/pictures.py."""
    shown = re.findall(r"\((images/(?!page-)[\w.-]+\.webp)\)", page.read_text("utf-8"))
    return {page.parent / name: f"{Path(name).stem}.png" for name in shown}


def main() -> None:
    """Make the pictures of the pages that are named, or of all, each with the record that its command gave it."""
    from igo.images import read_image, read_text, write_image

    for page in [Path(name).absolute() for name in sys.argv[1:]] or PAGES:
        wanted = pictures(page)
        if not wanted:
            continue
        with tempfile.TemporaryDirectory() as folder, chdir(folder):
            sys.path.insert(0, folder)
            run(page)
            for shown, made in wanted.items():
                write_image(read_image(made).image, shown, text=read_text(made), quality=QUALITY)
                print(f"{shown.relative_to(ROOT)}: {shown.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
