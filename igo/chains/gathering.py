"""Calls that take turns, so that what they want done alike is done at once: on a GPU, in one batch."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Future
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from threading import Semaphore, Thread
from typing import Any, Generic, TypeVar

from igo.errors import SettingsError

T = TypeVar("T")
W = TypeVar("W")


def together(calls: Iterable[Callable[[], T]], batch_size: int = 4) -> list[T]:
    """The results of ``calls``, in their order, where what they have painted is painted in batches.

    For chains that share a runtime and differ in their prompts or pictures, such as the garments of a lookbook::

        chains = [igo.Chain(base, VirtualStyling("t-shirt", to=garment), runtime=runtime) for garment in garments]
        looks = igo.together([partial(chain.run, image=photo, seed=7) for chain in chains])

    ``batch_size`` calls are under way at a time, in turns and never two at once, so that plugins need not care. When
    all of them wait for pictures, those that one checkpoint can paint in one batch (of one size, with the same steps,
    guidance and strength) are. Each is the picture that its call makes alone: on a GPU up to rounding, on a CPU, where
    a batch would be no faster, to the last bit.

    Raises the first error of a call, which ends the others, and ``SettingsError`` for a ``batch_size`` below 1.
    """
    if batch_size < 1:
        raise SettingsError(f"batch_size is {batch_size}; expected at least 1")
    calls = list(calls)
    results: list[T] = []
    for start in range(0, len(calls), batch_size):
        results += _in_turns(calls[start : start + batch_size])
    return results


def gathered(key: Hashable, wanted: W, do: Callable[[list[W]], Sequence[T]]) -> T:
    """``do([wanted])[0]``; among calls made ``together``, one ``do`` for what all want by an equal ``key``."""
    turn = _current.get()
    return do([wanted])[0] if turn is None else turn.stop_for(_Want(key, wanted, do))


@dataclass(frozen=True, eq=False)
class _Want:
    """What a call has stopped for."""

    key: Hashable
    wanted: Any
    do: Callable[[list[Any]], Sequence[Any]]
    answer: Future[Any] = field(default_factory=Future)


class _Cancelled(BaseException):
    """Ends a call that nobody waits for any more; no plugin may take it for an error of its own."""


class _Turn(Generic[T]):
    """A call in a thread of its own, which runs only between ``start`` or ``go_on`` and where it wants something next,
    like a generator between its ``yield``s."""

    def __init__(self, call: Callable[[], T]) -> None:
        self.want: _Want | None = None
        self.result: Future[T] = Future()
        self._call, self._cancelled = call, False
        self._stopped = Semaphore(0)
        self._thread = Thread(target=copy_context().run, args=(self._run,), daemon=True)

    def start(self) -> None:
        """Run to the first stop. Raises what the call does."""
        self._thread.start()
        self._until_stop()

    def go_on(self, want: _Want, answer: Any = None, error: Exception | None = None) -> None:
        """Give what it has stopped for, or an error in its place, and run to the next stop."""
        self.want = None
        if error is None:
            want.answer.set_result(answer)
        else:
            want.answer.set_exception(error)
        self._until_stop()

    def stop_for(self, want: _Want) -> Any:
        """Called within the call, which waits for the answer."""
        self.want = want
        if not self._cancelled:
            self._stopped.release()
            answer = want.answer.result()
        if self._cancelled:
            raise _Cancelled
        return answer

    def cancel(self) -> None:
        """End the call where it has stopped, or will stop next."""
        self._cancelled = True
        if self.want is not None and not self.want.answer.done():
            self.want.answer.set_result(None)
            self._thread.join()

    def _until_stop(self) -> None:
        self._stopped.acquire()
        if self.result.done():
            self.result.result()

    def _run(self) -> None:
        _current.set(self)
        try:
            self.result.set_result(self._call())
        except BaseException as error:
            self.result.set_exception(error)
        finally:
            self._stopped.release()


_current: ContextVar[_Turn[Any] | None] = ContextVar("current turn", default=None)


def _in_turns(calls: Sequence[Callable[[], T]]) -> list[T]:
    turns = [_Turn(call) for call in calls]
    try:
        for turn in turns:
            turn.start()
        while waiting := [(turn, turn.want) for turn in turns if turn.want is not None]:
            groups: dict[Hashable, list[tuple[_Turn[T], _Want]]] = {}
            for turn, want in waiting:
                groups.setdefault(want.key, []).append((turn, want))
            for group in groups.values():
                _answer(group)
        return [turn.result.result() for turn in turns]
    finally:
        for turn in turns:
            turn.cancel()


def _answer(group: Sequence[tuple[_Turn[T], _Want]]) -> None:
    """Do for all of a group what each of them wants, and let one after the other go on."""
    try:
        answers = group[0][1].do([want.wanted for _, want in group])
    except Exception as error:
        for turn, want in group:
            turn.go_on(want, error=error)
    else:
        for (turn, want), answer in zip(group, answers, strict=True):
            turn.go_on(want, answer)
