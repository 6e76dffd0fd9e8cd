"""The command line: ``igo``. Each command is a module of its own, imported when it is asked for; what is heavy it
imports when it runs.

Errors are one line on standard error and exit code 2; cancelling is exit code 130.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from io import TextIOWrapper

import typer

from igo.cli import compiler, threads
from igo.cli.command import Commands
from igo.cli.listing import Listing
from igo.cli.printing import echo, one_line
from igo.errors import IGOError

REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EFBIG)
"""What a system says of its disks: no fault of IGO's, wherever it comes up."""
CANCELLED = 130
"""What typer makes of Ctrl-C: 128 and the signal's number."""
ALLOCATIONS = 20_000
"""Objects after which Python looks for garbage. Imports make more than a million, which stay: by its own 700 it looks
through them so often that this and its last look at the end take a third of a command's start."""

app = Commands(
    name="igo",
    cls=Listing,
    help="IGO (Image Generative Operator): change what people in pictures wear, by chains of plugins.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
) -> None:
    if version:
        import igo

        echo(f"igo {igo.__version__}")
    elif context.invoked_subcommand is None:
        echo(context.get_help())


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    threads.arrange()
    compiler.import_later()
    gc.set_threshold(ALLOCATIONS)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter is no reason to fail
    code = run_command(arguments)
    gc.freeze()  # the process ends: what is left needn't be looked through once more
    sys.exit(code)


def run_command(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    command = typer.main.get_command(app)
    try:
        result = command.main(arguments, prog_name="igo", standalone_mode=False)
    except typer.TyperException as error:  # what was typed can't be understood
        return _failed(f"{getattr(error, 'format_message', error.__str__)()} (igo --help, igo COMMAND --help)")
    except IGOError as error:
        return _failed(str(error), error)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  the reader has gone; so must what is still buffered
        return 1
    except Exception as error:
        if isinstance(error, OSError) and error.errno in REFUSED:
            place = f"{error.filename!r} can't be used: " if error.filename else ""
            return _failed(f"{place}{error.strerror}; make room, look at permissions, or choose another place", error)
        text = " ".join(str(error).split())
        return _failed(f"internal error, please report it ({type(error).__name__}: {text})", error, code=1)
    if result == CANCELLED:
        echo("igo: cancelled; nothing half done was written", err=True)
    return result if isinstance(result, int) else 0


def _failed(message: str, error: Exception | None = None, code: int = 2) -> int:
    echo(f"igo: {one_line(message)}", err=True)
    if error is not None and os.environ.get("IGO_DEBUG"):
        import traceback

        echo("".join(traceback.format_exception(error)), err=True)
    return code
