"""Calls that take turns, so that what they want done alike is done at once: on a GPU, in one batch."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Future
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from threading import Semaphore, Thread
from typing import Any, Generic, Literal, TypeVar, overload

from igo.errors import SettingsError

T = TypeVar("T")
W = TypeVar("W")


@overload
def together(
    calls: Iterable[Callable[[], T]], batch_size: int = 4, *, return_exceptions: Literal[False] = False
) -> list[T]: ...


@overload
def together(
    calls: Iterable[Callable[[], T]], batch_size: int = 4, *, return_exceptions: bool
) -> list[T | Exception]: ...


def together(
    calls: Iterable[Callable[[], T]], batch_size: int = 4, *, return_exceptions: bool = False
) -> list[T] | list[T | Exception]:
    """The results of ``calls``, in their order, where what they have painted is painted in batches.

    For chains that share a runtime and differ in their prompts or pictures, such as the garments of a lookbook::

        chains = [igo.Chain(base, VirtualStyling("t-shirt", to=garment), runtime=runtime) for garment in garments]
        looks = igo.together([partial(chain.run, image=photo, seed=7) for chain in chains])

    ``batch_size`` calls are under way at a time, in turns and never two at once, so that plugins need not care. When
    all of them wait for pictures, those that one checkpoint can paint in one batch (of one size, with the same steps,
    guidance and strength) are. Each is the picture that its call makes alone: on a GPU up to rounding, on a CPU, where
    a batch would be no faster, to the last bit. What is painted for a call has the context variables that are set where
    it asks; calls that have set them differently are not painted in one batch.

    Raises the first error of a call, which ends the others; with ``return_exceptions`` it is the call's result, as
    ``asyncio.gather`` has it. Raises ``SettingsError`` for a ``batch_size`` below 1.
    """
    if batch_size < 1:
        raise SettingsError(f"batch_size is {batch_size}; expected at least 1")
    calls = list(calls)
    results: list[T | Exception] = []
    for start in range(0, len(calls), batch_size):
        results += _in_turns(calls[start : start + batch_size], return_exceptions)
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
    context: Context = field(default_factory=copy_context)
    """Of the call, where it has stopped."""

    def like(self, other: _Want) -> bool:
        """Whether one ``do`` can serve both: equal keys, and context variables that are set alike."""
        return self.key == other.key and _variables(self.context) == _variables(other.context)


class _Cancelled(BaseException):
    """Ends a call that nobody waits for any more; no plugin may take it for an error of its own."""


class _Turn(Generic[T]):
    """A call in a thread of its own, which runs only between ``start`` or ``go_on`` and where it wants something next,
    like a generator between its ``yield``s."""

    def __init__(self, call: Callable[[], T], keep_errors: bool = False) -> None:
        self.want: _Want | None = None
        self.result: Future[T] = Future()
        self._call, self._keep_errors, self._cancelled = call, keep_errors, False
        self._stopped = Semaphore(0)
        self._thread = Thread(target=copy_context().run, args=(self._run,), daemon=True)

    def start(self) -> None:
        """Run to the first stop. Raises what the call does, unless errors are kept."""
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
            self.outcome()

    def outcome(self) -> T | Exception:
        """What the call has come to: its result, or its error where errors are kept. Raises it elsewhere."""
        error = self.result.exception()
        return error if self._keep_errors and isinstance(error, Exception) else self.result.result()

    def _run(self) -> None:
        _current.set(self)
        try:
            self.result.set_result(self._call())
        except BaseException as error:
            self.result.set_exception(error)
        finally:
            self._stopped.release()


_current: ContextVar[_Turn[Any] | None] = ContextVar("current turn", default=None)


def _in_turns(calls: Sequence[Callable[[], T]], keep_errors: bool) -> list[T | Exception]:
    turns = [_Turn(call, keep_errors) for call in calls]
    try:
        for turn in turns:
            turn.start()
        while waiting := [(turn, turn.want) for turn in turns if turn.want is not None]:
            groups: list[list[tuple[_Turn[T], _Want]]] = []
            for turn, want in waiting:
                group = next((group for group in groups if want.like(group[0][1])), None)
                if group is None:
                    groups.append(group := [])
                group.append((turn, want))
            for group in groups:
                _answer(group)
        return [turn.outcome() for turn in turns]
    finally:
        for turn in turns:
            turn.cancel()


def _answer(group: Sequence[tuple[_Turn[T], _Want]]) -> None:
    """Do for all of a group what each of them wants, and let one after the other go on."""
    first = group[0][1]
    try:
        answers = first.context.run(_alone, first.do, [want.wanted for _, want in group])
    except Exception as error:
        for turn, want in group:
            turn.go_on(want, error=error)
    else:
        for (turn, want), answer in zip(group, answers, strict=True):
            turn.go_on(want, answer)


def _alone(do: Callable[[list[Any]], Sequence[Any]], wanted: list[Any]) -> Sequence[Any]:
    """What is done for several is no part of a call: whatever it wants itself, it does at once."""
    _current.set(None)
    return do(wanted)


def _variables(context: Context) -> dict[ContextVar[Any], int]:
    """What tells a context from another: which object each variable is set to, but for the turn itself."""
    return {variable: id(value) for variable, value in context.items() if variable is not _current}
