"""One run of a chain: who listens, and the ways to combine what the steps answer.

``prepare``, ``preprocess`` and ``postprocess`` are folded, ``condition`` is joined, ``generate`` nests, ``provide``,
``score`` and ``caption`` take the first answer and ``observe`` tells everybody; all of them by asking one step at a
time (``Step.ask``). pluggy's own way, one global manager that returns the answers of all plugins to the same input,
can't express a chain.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING

from igo.chains.asking import Asking
from igo.chains.conditions import joined
from igo.chains.frames import checked, kept_outside, stages_of, stamped, started_from
from igo.chains.layers import Followed, followed, shown_in, visible, with_alpha
from igo.chains.step import Step
from igo.errors import LayerError, MissingLayerError, NothingFoundError, PluginError
from igo.hookspecs import Fit
from igo.runtime import Runtime
from igo.values import Conditions, Entry, Frame, Request, check_layers, not_given

if TYPE_CHECKING:
    from PIL.Image import Image


class Run(Asking):
    """A run of a chain. ``observers`` hear of it alone."""

    def __init__(self, steps: Sequence[Step], runtime: Runtime, observers: Sequence[Step] = ()) -> None:
        super().__init__(steps, runtime, observers)
        self.layers: Mapping[str, Followed] = {}  # the user's own, for pictures as they are generated
        self.generated: list[tuple[str, list[Frame]]] | None = None  # by which step, where that is to be kept

    def frames(self, request: Request, stages: list[dict[str, Frame]] | None = None) -> list[Frame]:
        """Fold ``preprocess``, nest ``generate``, fold ``postprocess`` over each frame; ``stages`` gets what each frame
        was after each step, by the step's name."""
        self.check(request.layers, request.references)
        if request.image is None and "mask" in request.layers and not self._uses_layers():
            raise LayerError("the layer 'mask' says where to paint in a picture, and there is none; give image=")
        brought = set(request.layers)
        for step in self.asked("preprocess"):
            with self.told(step, "preprocess"):
                request = step.ask("preprocess", request=request, runtime=self.view(step, "preprocess")) or request
        alpha = request.layers.get("alpha")  # which every frame carries
        self.layers = {name: layer for name, layer in request.layers.items() if name in brought - {"alpha"}}
        self.generated = None if stages is None else []
        frames = self.painted(request, alpha)
        kept = None if self.generated is None else stages_of(frames, self.generated)
        self.generated = None
        if kept is None or stages is None:
            return [self.postprocess(self._told_unasked(frame), request) for frame in frames]
        stages += kept
        return [self.postprocess(self._told_unasked(frame), request, kept[k]) for k, frame in enumerate(frames)]

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

    def painted(self, request: Request, alpha: Image | None, lost: Mapping[str, str] | None = None) -> list[Frame]:
        """What ``generate`` makes of a picture with transparency (``alpha``: mode L, None without any).

        It is shown on white, and what can't be seen of it is never painted. Where nothing has changed, the colours are
        the picture's own again. Raises ``NothingFoundError`` for a mask of which nothing can be seen.
        """
        if alpha is None or request.image is None or alpha.size != request.image.size:
            return self.generate(request, lost=lost)
        from igo.images import kept_hidden, on_white, visible_part

        alpha, shown, layers = alpha.convert("L"), on_white(request.image, alpha), dict(request.layers)
        if "mask" in layers:
            layers["mask"] = visible_part(layers["mask"].convert("L"), alpha)
            if layers["mask"].getbbox() is None and request.layers["mask"].getbbox() is not None:
                raise NothingFoundError(
                    "the picture is transparent wherever the mask is white; expected some of it to be visible", area=0.0
                )
        frames = self.generate(request.replace(image=shown, layers=layers), lost=lost)
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

    def generate(
        self, request: Request, depth: int | None = None, lost: Mapping[str, str] | None = None
    ) -> list[Frame]:
        """Ask the steps before ``depth``, the last of them first; each gets the rest as ``inner``.

        Whatever they are, outside a mask nothing changes. ``lost`` says of layers that the user gave why the request
        hasn't got them.
        """
        if not isinstance(request, Request):
            raise PluginError(f"asked for pictures with a {type(request).__name__}; expected a Request")
        steps = self.steps[:depth]
        for index in reversed(range(len(steps))):
            step = steps[index]
            if not step.implements("generate"):
                continue
            inner = partial(self.generate, depth=index, lost=lost)
            with self.told(step, "generate") as made:
                frames = step.ask(
                    "generate",
                    request=request,
                    inner=inner,
                    scores=partial(self.scores, asking=step),
                    conditions=partial(self.conditions, lost=lost or {}, made={}),
                    runtime=self.view(step, "generate"),
                )
                if frames is not None:
                    made += [kept_outside(frame, request) for frame in checked(frames, step.name)]
            if made:
                if self.generated is not None:
                    self.generated.append((step.name, made))
                return made
        return started_from(request)

    def conditions(
        self, request: Request, fit: Fit, *, lost: Mapping[str, str], made: dict[Hashable, tuple[Request, Image]]
    ) -> Conditions:
        """What all steps give a base's pipeline for painting ``request``. ``made`` keeps the layers that were made for
        it, since parts of a picture are asked for one by one."""
        answers = []
        for step in self.asked("condition"):
            layer = partial(self.layer_to_paint_by, request=request, asking=step, lost=lost, made=made)
            with self.told(step, "condition"):
                runtime = self.view(step, "condition")
                answer = step.ask("condition", request=request, fit=fit, layer=layer, runtime=runtime)
            answers.append((step.name, answer or {}))
        return joined(answers)

    def layer_to_paint_by(
        self,
        name: str,
        target: str = "",
        *,
        request: Request,
        asking: Step,
        lost: Mapping[str, str],
        made: dict[Hashable, tuple[Request, Image]],
    ) -> Image:
        """The request's own layer, else the asking step's for the request's picture, else another step's."""
        if name in request.layers:
            return request.layers[name]
        if name in lost:
            raise LayerError(f"the layer '{name}' that you gave {lost[name]}")
        if request.image is None:
            raise MissingLayerError(
                f"needs a layer '{name}', and there is no picture to make it from; give layers={{'{name}': ...}}"
            )
        key = asking.name, name, target
        if key not in made or made[key][0] is not request:
            others = [step for step in self.steps if step is not asking]
            layer = self.provided(name, [asking, *others], Frame(request.image), request, asking, target)
            if layer is None:
                raise MissingLayerError(_nobody_makes(name))
            made[key] = request, layer
        return made[key][1]

    def paint(
        self,
        request: Request,
        box: tuple[int, int, int, int] | None = None,
        *,
        frame: Frame,
        layers: Mapping[str, Followed],
        references: Mapping[str, Image],
    ) -> list[Frame]:
        """What the chain paints for a step that works on ``frame``. Where it is known what the request shows of that
        (``box``), by the user's ``layers`` and ``references`` too, beside those that the request has."""
        if isinstance(request, Request) and request.image is not None:
            if box is None and request.image is frame.image:
                box = (0, 0, *frame.image.size)
            if box is not None:
                request = request.replace(
                    layers={**shown_in(layers, frame, box, request.image.size), **request.layers},
                    references={**references, **request.references},
                )
        lost = {name: why for name, why in layers.items() if isinstance(why, str)}
        return self.painted(request, frame.layers.get("alpha"), lost)

    def postprocess(self, frame: Frame, request: Request, stages: dict[str, Frame] | None = None) -> Frame:
        """Fold one frame through the steps; ``stages`` gets what it is after each."""
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
                    paint=partial(self.paint, frame=frame, layers=layers, references=request.references),
                    scores=partial(self.scores, asking=step),
                    runtime=self.view(step, "postprocess"),
                )
                if result is not None:
                    if layers and step is not steps[-1]:
                        layers = followed(layers, frame, result, step.name)
                    result = replace(result, place=None)
                    frame = stamped(with_alpha(result, frame.layers.get("alpha")), step.name)
                made.append(frame)
            if stages is not None:
                stages.pop(step.name, None)  # of a step that took part in generating it too
                stages[step.name] = frame
        return frame

    def layer(
        self,
        name: str,
        target: str = "",
        *,
        frame: Frame,
        request: Request,
        asking: Step,
        layers: Mapping[str, Followed],
    ) -> Image:
        """The user's layer, else the asking step's own, else the frame's, else the first that another step makes."""
        if name in layers:
            given = layers[name]
            if isinstance(given, str):
                raise LayerError(f"the layer '{name}' that you gave {given}")
            check_layers(frame.image, {name: given})
            return visible(name, given, frame)
        others = [step for step in self.steps if step is not asking]
        made = self.provided(name, [asking], frame, request, asking, target)
        if made is None:
            made = frame.layers.get(name)
        if made is None:
            made = self.provided(name, others, frame, request, asking, target)
        if made is None:
            raise MissingLayerError(_nobody_makes(name))
        return visible(name, made, frame)


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


def _nobody_makes(name: str) -> str:
    return f"needs a layer '{name}' that nobody makes; add a step that provides it, or give layers={{'{name}': ...}}"
