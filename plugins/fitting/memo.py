"""What was made before: a grid of people and garments asks for each of them again and again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")
FEW, MANY = 6, 64
"""How many are remembered of what is as large as a photo, and of what is small."""


class Memo:
    """The last ``kept`` things that were made, by what they were made of."""

    def __init__(self, kept: int = MANY) -> None:
        self.kept = kept
        self._known: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is known by ``key``, made now if nothing is."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                found: T = self._known[key]
                return found
        made = make()
        with self._lock:
            self._known[key] = made
            while len(self._known) > self.kept:
                self._known.popitem(last=False)
        return made
