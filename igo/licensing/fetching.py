"""Fetching weights from a hub with their card, which is looked at before them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from igo import hub
from igo.files import at_home
from igo.licensing.cards import CARD, UNSTATED, License, stated

Permit: TypeAlias = Callable[[str, License], object]
"""Raises for a model, by its name, that its licence keeps from being loaded: ``Runtime.permit``."""


def permit_all(_model: str, _license: License) -> None:
    """A `Permit` that refuses nothing."""


def fetch(
    name: str,
    wanted: Callable[[Sequence[str], hub.Look], Sequence[str]],
    permit: Permit = permit_all,
    revision: str | None = None,
) -> Path:
    """``igo.hub.fetch``, with the card beside what is wanted. ``permit`` is asked before anything else is fetched, and
    of what lies in the cache too. Raises as that does, and what ``permit`` raises."""

    def with_card(files: Sequence[str], look: hub.Look) -> list[str]:
        card = [CARD] if CARD in files else []
        permit(name, stated(look(CARD).parent) if card else UNSTATED)
        return [*wanted(files, look), *card]

    folder = hub.fetch(name, with_card, revision)
    permit(name, stated(folder))
    return folder


def license_of(name: str | Path, revision: str | None = None) -> License:
    """What a folder or a file here states, or a hub's ``owner/name``, of which the card alone is fetched.

    Raises ``CheckpointError`` for a hub's name that it doesn't know, or that can't be asked for.
    """
    place = at_home(name)
    if place.exists() or not hub.is_name(str(name)):
        return stated(place)
    return stated(hub.fetch(str(name), lambda files, _: [CARD] if CARD in files else [], revision))
