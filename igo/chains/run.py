"""One run of a chain: who listens, and the ways to combine what the steps answer.

``prepare``, ``preprocess`` and ``postprocess`` are folded, ``generate`` nests, ``provide``, ``score`` and ``caption``
take the first answer and ``observe`` tells everybody; all of them by asking one step at a time (``Step.ask``). pluggy's
own way, one global manager that returns the answers of all plugins to the same input, can't express a chain.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass, replace
from functools import cache, partial
from itertools import pairwise
from math import isfinite
from numbers import Real
from typing import TYPE_CHECKING, Any

from igo.chains.layers import Followed, followed, seen, visible, with_alpha
from igo.chains.step import Step
from igo.errors import (
    ChainError,
    LayerError,
    MissingLayerError,
    NothingFoundError,
    PluginError,
)
from igo.runtime import Runtime
from igo.values import Entry, Event, Frame, Request, check_layers, not_given

if TYPE_CHECKING:
    from PIL.Image import Image


class Run:
    """The steps of a chain at work. ``observers`` hear of this run alone."""

    def __init__(self, steps: Sequence[Step], runtime: Runtime, observers: Sequence[Step] = ()) -> None:
        self.steps = steps
        self.runtime = runtime
        self.listeners = [step for step in (*steps, *observers) if step.implements("observe")]
        self.preparing = [step for step in steps if step.implements("prepare")]
        self.layers: Mapping[str, Followed] = {}  # the user's own, for pictures as they are generated
        self.identities: dict[str, str] = {}  # of the models that take part

    def frames(self, request: Request) -> list[Frame]:
        """Fold ``preprocess``, nest ``generate``, fold ``postprocess`` over each frame."""
        self.check(request.layers, request.references)
        if request.image is None and "mask" in request.layers and not self._uses_layers():
            raise LayerError("the layer 'mask' says where to paint in a picture, and there is none; give image=")
        brought = set(request.layers)
        for step in self.asked("preprocess"):
            with self.told(step, "preprocess"):
                request = step.ask("preprocess", request=request, runtime=self.view(step, "preprocess")) or request
        alpha = request.layers.get("alpha")  # which every frame carries
        self.layers = {name: layer for name, layer in request.layers.items() if name in brought - {"alpha"}}
        return [self.postprocess(self._told_unasked(frame), request) for frame in self.painted(request, alpha)]

    def _told_unasked(self, frame: Frame) -> Frame:
        """The frame with a note on a base that was never asked, since one after it paints without asking others."""
        bases = [step for step in self.steps if step.implements("generate")]
        painted = {entry.step for entry in frame.history}
        for before, step in pairwise(bases):
            if step.name in painted and not step.takes("generate", "inner"):
                note = (
                    f"it paints by itself, so '{before.name}', which stands before it, was not asked; keep one of them"
                )
                return replace(frame, history=(Entry(step.name, {"note": note}), *frame.history))
        return frame

    def painted(self, request: Request, alpha: Image | None) -> list[Frame]:
        """What ``generate`` makes of a picture with transparency (``alpha``: mode L, None without any).

        It is shown on white, and what can't be seen of it is never painted. Where nothing has changed, the colours are
        the picture's own again. Raises ``NothingFoundError`` for a mask of which nothing can be seen.
        """
        if alpha is None or request.image is None or alpha.size != request.image.size:
            return self.generate(request)
        from igo.images import kept_hidden, on_white, visible_part

        alpha, shown, layers = alpha.convert("L"), on_white(request.image, alpha), dict(request.layers)
        if "mask" in layers:
            layers["mask"] = visible_part(layers["mask"].convert("L"), alpha)
            if layers["mask"].getbbox() is None and request.layers["mask"].getbbox() is not None:
                raise NothingFoundError(
                    "the picture is transparent wherever the mask is white; expected some of it to be visible", area=0.0
                )
        frames = self.generate(request.replace(image=shown, layers=layers))
        own = [
            replace(frame, image=kept_hidden(request.image, shown, frame.image, alpha))
            if frame.image.size == shown.size
            else frame
            for frame in frames
        ]
        return [with_alpha(frame, alpha) for frame in own]

    def check(self, layers: Iterable[str] = (), references: Iterable[str] = ()) -> None:
        """Raise ``IGOError`` for what can't work, before a model is loaded: a layer or reference that nobody brings, a
        device that isn't there, what the steps say themselves."""
        check_needs(self.steps, layers, references)
        self.runtime.check()
        for step in self.asked("check"):
            step.ask("check", runtime=self.view(step, "check"))

    def _uses_layers(self) -> bool:
        """Whether a step may want the user's layers after the base has painted, or give them a picture before."""
        return bool(self.asked("preprocess") or self.asked("postprocess"))

    def generate(self, request: Request, depth: int | None = None) -> list[Frame]:
        """Ask the steps before ``depth``, the last of them first; each gets the rest as ``inner``.

        Whatever they are, outside a mask nothing changes.
        """
        if not isinstance(request, Request):
            raise PluginError(f"asked for pictures with a {type(request).__name__}; expected a Request")
        steps = self.steps[:depth]
        for index in reversed(range(len(steps))):
            step = steps[index]
            if not step.implements("generate"):
                continue
            inner = partial(self.generate, depth=index)
            with self.told(step, "generate") as made:
                frames = step.ask(
                    "generate",
                    request=request,
                    inner=inner,
                    scores=partial(self.scores, asking=step),
                    runtime=self.view(step, "generate"),
                )
                if frames is not None:
                    made += [_kept_outside(frame, request) for frame in _checked(frames, step)]
            if made:
                return made
        return _started_from(request)

    def postprocess(self, frame: Frame, request: Request) -> Frame:
        """Fold one frame through the steps."""
        layers = self.layers
        steps = self.asked("postprocess")
        for step in steps:
            layer = cache(partial(self.layer, frame=frame, request=request, asking=step, layers=layers))
            with self.told(step, "postprocess") as made:
                result = step.ask(
                    "postprocess",
                    frame=frame,
                    request=request,
                    layer=layer,
                    paint=partial(self.painted, alpha=frame.layers.get("alpha")),
                    scores=partial(self.scores, asking=step),
                    runtime=self.view(step, "postprocess"),
                )
                if result is not None:
                    if layers and step is not steps[-1]:
                        layers = followed(layers, frame, result, step.name)
                    result = replace(result, place=None)
                    frame = _stamped(with_alpha(result, frame.layers.get("alpha")), step)
                made.append(frame)
        return frame

    def layer(
        self, name: str, *, frame: Frame, request: Request, asking: Step, layers: Mapping[str, Followed]
    ) -> Image:
        """The user's layer, else the asking step's own, else the frame's, else the first that another step makes."""
        if name in layers:
            given = layers[name]
            if isinstance(given, str):
                raise LayerError(f"the layer '{name}' that you gave {given}")
            check_layers(frame.image, {name: given})
            return visible(name, given, frame)
        others = [step for step in self.steps if step is not asking]
        made = self.provided(name, [asking], frame, request, asking)
        if made is None:
            made = frame.layers.get(name)
        if made is None:
            made = self.provided(name, others, frame, request, asking)
        if made is None:
            raise MissingLayerError(_nobody_makes(name))
        return visible(name, made, frame)

    def provided(
        self, name: str, steps: Iterable[Step], frame: Frame, request: Request, asking: Step | None = None
    ) -> Image | None:
        """The first answer of these steps, which are shown a transparent picture on white. Without a step that asks, it
        is the user who does."""
        frame = seen(frame)
        for step in steps:
            if asking is not None and name in step.shows:
                continue
            runtime = self.view(step, "provide")
            answer: Image | None = step.ask("provide", name=name, frame=frame, request=request, runtime=runtime)
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
                answer = step.ask("prepare", pipeline=pipeline, runtime=self.runtime.bound(step.name))
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
            prepare_key=tuple(map(_key, self.preparing)),
            identities=self.identities,
        )

    def progress(self, step: str, hook: str, done: int, total: int, message: str = "") -> None:
        """Tell the listeners how far a step has come."""
        self.tell(Event("progress", step, hook, done, total, message))

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


def check_needs(steps: Iterable[Step], layers: Iterable[str] = (), references: Iterable[str] = ()) -> None:
    """Raise ``MissingLayerError`` for the first step that needs a layer which neither ``layers`` nor any step brings,
    ``MissingReferenceError`` for one that needs another reference than ``references``."""
    offered = {name for step in steps for name in step.provides} | set(layers)
    given = tuple(references)
    for step in steps:
        for name in step.needs:
            if name not in offered:
                raise MissingLayerError(_nobody_makes(name)).at(step.name)
        for name in step.needs_references:
            if name not in given:
                raise not_given(name, given).at(step.name)


def _key(step: Step) -> Hashable:
    """Equal for plugins of equal settings; a step's own for one that is neither hashable nor a dataclass."""
    try:
        hash(step.plugin)
    except Exception:
        return (type(step.plugin), repr(step.plugin)) if is_dataclass(step.plugin) else step
    return step.plugin


def _started_from(request: Request) -> list[Frame]:
    """Where no step makes pictures, the request's own image is what the chain works on."""
    if request.image is None:
        raise ChainError("no step of this chain makes pictures; put igo.TextToImage(...) first, or give image=")
    seed = request.seed or 0
    return [Frame(request.image, seed + k) for k in range(request.num_images)]


def _checked(frames: list[Any], step: Step) -> list[Frame]:
    if not frames:
        raise PluginError("returned no frame; expected at least one").at(step.name, "generate")
    for frame in frames:
        if not isinstance(frame, Frame):
            raise PluginError(f"returned a list with a {type(frame).__name__} in it; expected Frames").at(
                step.name, "generate"
            )
    return [_stamped(frame, step) for frame in frames]


def _kept_outside(frame: Frame, request: Request) -> Frame:
    """The frame with the request's own pixels outside the request's mask, if it has one."""
    mask = request.layers.get("mask")
    if request.image is None or mask is None or frame.image.size != request.image.size:
        return frame
    from igo.images.compositing import restored_outside

    return replace(frame, image=restored_outside(request.image, frame.image, mask))


def _stamped(frame: Frame, step: Step) -> Frame:
    """New lines of the history get the step's name."""
    if all(entry.step for entry in frame.history):
        return frame
    return replace(frame, history=tuple(Entry(entry.step or step.name, entry.report) for entry in frame.history))


def _nobody_makes(name: str) -> str:
    return f"needs a layer '{name}' that nobody makes; add a step that provides it, or give layers={{'{name}': ...}}"
