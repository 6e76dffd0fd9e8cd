"""Where the command line prints. All that it says goes through here, since much of it comes from files of anybody's."""

from __future__ import annotations

from unicodedata import category

import typer

JOINERS = "\u200c\u200d"
"""Format characters that words and emoji need, and that move nothing."""
LONGEST = 1000
"""Characters of an error's line."""


def echo(text: object = "", err: bool = False) -> None:
    """Print a line, or several; what would steer the terminal is shown as "�"."""
    typer.echo(printable(str(text)), err=err)


def printable(text: str) -> str:
    """``text`` in which no character but line ends and tabs does anything: no escape sequences, no change of the
    direction of writing, no halves of surrogate pairs."""
    for character in filter(_steers, set(text)):
        text = text.replace(character, "�")
    return text


def escaped(document: str) -> str:
    """The same for a JSON document, which stays valid and means the same."""
    for character in filter(_steers, set(document)):
        units = character.encode("utf-16-be", "surrogatepass")
        document = document.replace(
            character, "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
        )
    return document


def one_line(message: str) -> str:
    """An error's message without line ends, and cut in the middle if a name in it is absurdly long."""
    line = " ".join(message.split())
    if len(line) > LONGEST:
        line = f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}"
    return line


def _steers(character: str) -> bool:
    if character in "\n\t":
        return False
    kind = category(character)
    return kind in ("Cc", "Cs", "Zl", "Zp") or (kind == "Cf" and character not in JOINERS)
