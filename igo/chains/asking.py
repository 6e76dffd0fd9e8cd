"""The steps of a chain, asked one at a time: who listens, what a step sees of the runtime, and who answers first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from functools import partial
from math import isfinite
from numbers import Real
from typing import TYPE_CHECKING, Any

from igo.chains.layers import seen
from igo.chains.step import Step
from igo.errors import ChainError, PluginError
from igo.runtime import Runtime
from igo.values import Event, Frame, Request

if TYPE_CHECKING:
    from PIL.Image import Image


class Asking:
    """The steps of a chain at work. ``observers`` hear of this run alone."""

    def __init__(self, steps: Sequence[Step], runtime: Runtime, observers: Sequence[Step] = ()) -> None:
        self.steps = steps
        self.runtime = runtime
        self.listeners = [step for step in (*steps, *observers) if step.implements("observe")]
        self.preparing = [step for step in steps if step.implements("prepare")]
        self.prepare_key = tuple(map(_key, self.preparing))
        self.identities: dict[str, str] = {}  # of the models that take part
        self.licenses: dict[str, str] = {}  # of those of them that tell

    def provided(
        self,
        name: str,
        steps: Iterable[Step],
        frame: Frame,
        request: Request,
        asking: Step | None = None,
        target: str = "",
    ) -> Image | None:
        """The first answer of these steps, which are shown a transparent picture on white and told what is wanted of it
        (``target``). Without a step that asks, it is the user who does."""
        frame = seen(frame)
        for step in steps:
            if asking is not None and name in step.shows:
                continue
            answer: Image | None = step.ask(
                "provide",
                name=name,
                target=target,
                asking="" if asking is None else asking.name,
                frame=frame,
                request=request,
                runtime=self.view(step, "provide"),
            )
            if answer is None:
                continue
            size = getattr(answer, "size", None)
            if size != frame.image.size or not hasattr(answer, "mode"):
                wanted = f"a PIL picture of {frame.image.width}x{frame.image.height}"
                got = f"one of {answer.width}x{answer.height}" if hasattr(answer, "mode") else type(answer).__name__
                raise PluginError(f"made {got} as layer '{name}'; expected {wanted}").at(step.name, "provide")
            return answer
        return None

    def scores(self, frames: Sequence[Frame], request: Request, *, asking: Step) -> list[float] | None:
        """A number for each frame, by the first other step that has one for all; ``None`` if there is no such step."""
        for step in self.asked("score"):
            if step is not asking:
                found = [self.score(step, frame, request) for frame in frames]
                if None not in found:
                    return [number for number in found if number is not None]
        return None

    def score(self, step: Step, frame: Frame, request: Request) -> float | None:
        """The step's answer. Raises ``PluginError`` for one that can't be compared."""
        answer = step.ask("score", frame=seen(frame), request=request, runtime=self.view(step, "score"))
        if answer is None:
            return None
        if not isinstance(answer, Real) or not isfinite(answer):
            got = answer if isinstance(answer, Real) else type(answer).__name__
            raise PluginError(f"returned {got}; expected a finite number, or None for 'not me'").at(step.name, "score")
        return float(answer)

    def captions(self, images: Sequence[Image], prompt: str) -> list[str]:
        """The texts of the first step that has some. Raises ``ChainError`` if there is no such step."""
        self.runtime.check()
        for step in self.asked("caption"):
            with self.told(step, "caption"):
                runtime = self.view(step, "caption")
                texts: list[str] | None = step.ask("caption", images=images, prompt=prompt, runtime=runtime)
            if texts is None:
                continue
            if len(texts) != len(images) or not all(isinstance(text, str) for text in texts):
                got = f"{len(texts)} answers" if len(texts) != len(images) else "a list with something else in it"
                raise PluginError(f"returned {got}; expected {len(images)} texts, one for each picture").at(
                    step.name, "caption"
                )
            return texts
        raise ChainError("no step of this chain captions pictures; add one that does, such as Captioning()")

    def prepare(self, pipeline: Any) -> Any:
        """Fold a loaded pipeline through the steps."""
        for step in self.preparing:
            with self.told(step, "prepare"):
                runtime = self.runtime.bound(step.name, prepare_key=self.prepare_key)
                answer = step.ask("prepare", pipeline=pipeline, runtime=runtime)
            if answer is not None and hasattr(pipeline, "components") and not hasattr(answer, "components"):
                got = type(answer).__name__
                raise PluginError(f"returned {got}; expected a diffusers pipeline or None").at(step.name, "prepare")
            pipeline = pipeline if answer is None else answer
        return pipeline

    def asked(self, hook: str) -> list[Step]:
        """The steps that have this hook, in order."""
        return [step for step in self.steps if step.implements(hook)]

    def view(self, step: Step, hook: str) -> Runtime:
        """The runtime as this step sees it."""
        return self.runtime.bound(
            step.name,
            progress=partial(self.progress, step.name, hook),
            prepare=self.prepare if self.preparing else None,
            prepare_key=self.prepare_key,
            identities=self.identities,
            licenses=self.licenses,
        )

    def progress(
        self,
        step: str,
        hook: str,
        done: int,
        total: int,
        message: str = "",
        preview: Callable[[], Image | None] | None = None,
    ) -> None:
        """Tell the listeners how far a step has come."""
        self.tell(Event("progress", step, hook, done, total, message, preview=preview))

    @contextmanager
    def told(self, step: Step, hook: str) -> Iterator[list[Frame]]:
        """Tell the listeners that a hook starts and has ended, with the frames that are put into the list it gives."""
        self.tell(Event("start", step.name, hook))
        made: list[Frame] = []
        yield made
        self.tell(Event("end", step.name, hook, frames=tuple(made)))

    def tell(self, event: Event) -> None:
        """Every listener hears it; what they answer is ignored."""
        for step in self.listeners:
            step.ask("observe", event=event)


def _key(step: Step) -> Hashable:
    """Equal for plugins of equal settings; a step's own for one that is neither hashable nor a dataclass."""
    try:
        hash(step.plugin)
    except Exception:
        return (type(step.plugin), repr(step.plugin)) if is_dataclass(step.plugin) else step
    return step.plugin
