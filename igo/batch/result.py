"""What became of a row, as a line of the journal says it, and what of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from igo.errors import IGOError, MaskError, out_of_memory


@dataclass(frozen=True)
class Result:
    """A row that was painted, or has failed: a line of the journal. Paths are relative to the batch's folder."""

    id: str
    row: int
    """Its place in the plan, from 1."""
    status: Literal["done", "failed"]
    digest: Mapping[str, str]
    """Of the ``row``, the content of its ``inputs``, the ``chain`` with the files that it names, and the ``versions``
    of IGO and its plugins: where one of them is another, the row is painted again."""
    request: Mapping[str, Any] = field(default_factory=dict)
    """What was asked for, beside pictures, as far as it was given; the seed always."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """The file of ``"image"``, and of each ``"layers.NAME"`` and ``"references.NAME"``."""
    chain: str | None = None
    """Its chain's file, where it isn't the batch's."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """The row's own settings of the chain's steps, by ``"STEP.SETTING"``."""
    pictures: Sequence[Mapping[str, Any]] = ()
    """For each picture its ``file`` (or URL), ``sha256``, ``seed``, ``width`` and ``height``; and the largest ``area``,
    the least ``confidence`` and the worst ``seam`` that its steps reported, where they did."""
    notes: Sequence[str] = ()
    """What the pictures' histories note."""
    error: Mapping[str, Any] | None = None
    """Of a failed row the ``kind`` (the error's class), its ``message``, and where known ``step``, ``hook``, ``area``
    and ``confidence``."""
    seconds: float = 0.0
    """That it took, loading of models included."""
    attempts: int = 1
    """How often it was begun: 2 after a worker died of it."""
    finished: str = ""
    """When, in UTC: ``"2026-11-29T04:51:12Z"``."""

    def line(self) -> dict[str, Any]:
        """What the journal holds: what isn't empty."""
        kept = ("id", "row", "status", "digest", "seconds", "attempts")
        return {name: value for name, value in asdict(self).items() if name in kept or value}

    @classmethod
    def of(cls, line: Any) -> Result:
        """The result that a line of the journal holds, but for what later versions add. Raises ``ValueError``."""
        known = {item.name for item in fields(cls)}
        needed = {"id", "row", "status", "digest"}
        if not isinstance(line, dict) or not needed <= line.keys() or not isinstance(line["digest"], dict):
            raise ValueError("it has no id, row, status and digest")
        return cls(**{name: value for name, value in line.items() if name in known})


@dataclass
class Summary:
    """What a batch has come to."""

    painted: int = 0
    """Rows that this run has painted."""
    kept: int = 0
    """Rows that were there, done as they are asked for."""
    left: int = 0
    """Rows that wait for another run (``limit``)."""
    failed: Counter[str] = field(default_factory=Counter)
    """Failed rows by the kind of their errors, those of earlier runs too that weren't tried again."""
    examples: dict[str, Result] = field(default_factory=dict)
    """The first of each kind."""
    seconds: float = 0.0
    """That this run took."""

    def add(self, result: Result) -> None:
        """Count one more that this run has tried."""
        if result.status == "done":
            self.painted += 1
        else:
            self.add_failed(result)

    def add_failed(self, result: Result) -> None:
        """Count one that has failed, now or before."""
        kind = str((result.error or {}).get("kind", "Error"))
        self.failed[kind] += 1
        self.examples.setdefault(kind, result)


def told(error: BaseException) -> dict[str, Any]:
    """What a result says of an error. One that says that memory has run out is an ``OutOfMemoryError``, whose it is."""
    kind, causes = type(error).__name__, [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    if any(out_of_memory(cause) for cause in causes):
        kind = "OutOfMemoryError"
    found: dict[str, Any] = {"kind": kind, "message": " ".join(str(error).split()) or kind}
    if isinstance(error, IGOError):
        found |= {"step": error.step, "hook": error.hook}
    if isinstance(error, MaskError):
        found |= {"area": error.area, "confidence": error.confidence}
    return {name: value for name, value in found.items() if value is not None}
