"""Runs that use what lies on this machine alone, for chains that come from somebody else.

Two things hold them there: the hub's own libraries are told that they are offline, so that they take what their cache
has; and whatever else opens a connection to another program is refused where it does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from threading import Lock
from typing import Any

CONNECTING = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname")
"""Python's audit events of what goes out."""


class OfflineError(ConnectionError):
    """What was to go out, and may not. A kind of what libraries expect where there is no network."""


class Refusals(list[str]):
    """The addresses that were asked for in a run."""


_refusals: ContextVar[Refusals | None] = ContextVar("what an offline run has asked for", default=None)
_hub_lock, _hub_runs, _hub_was = Lock(), 0, False


@contextmanager
def offline() -> Iterator[Refusals]:
    """Within it, nothing in this thread reaches the network, and the hub's libraries know.

    Gives the addresses that were refused. What other threads fetch from a hub meanwhile is refused too, for its
    libraries have one switch for all; other connections of theirs are left alone.
    """
    _watch()
    refusals = Refusals()
    token = _refusals.set(refusals)
    _switch_hub(off=True)
    try:
        yield refusals
    finally:
        _switch_hub(off=False)
        _refusals.reset(token)


def for_want_of_network(error: BaseException | None, refusals: Refusals) -> bool:
    """Whether something failed in an offline run because it was one."""
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

    kinds = (OfflineError, OfflineModeIsEnabled, LocalEntryNotFoundError)
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, kinds):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return bool(refusals)


def _switch_hub(off: bool) -> None:
    """huggingface_hub's switch, which transformers and diffusers heed; set back by the last run."""
    from huggingface_hub import constants

    global _hub_runs, _hub_was
    with _hub_lock:
        if off and not _hub_runs:
            _hub_was = constants.HF_HUB_OFFLINE
        _hub_runs += 1 if off else -1
        constants.HF_HUB_OFFLINE = bool(_hub_runs) or _hub_was


@cache
def _watch() -> None:
    """Once for all: Python's audit hooks can't be taken away."""
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in CONNECTING:
        return
    refusals = _refusals.get()
    if refusals is None:
        return
    asks_a_name = event.startswith("socket.get")
    address = arguments[:2] if asks_a_name else arguments[1]
    if not isinstance(address, tuple):
        return  # a socket that is a file of this machine
    where = ":".join(str(part) for part in address[:2] if part is not None)
    refusals.append(where)
    raise OfflineError(f"no connection to {where}: nothing is fetched for a record that isn't trusted")
