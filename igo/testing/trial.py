"""One run of a plugin in a chain, with all that its hooks are handed and leave behind watched."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PIL import Image

from igo.chains.run import Run
from igo.chains.step import Step, default_name
from igo.hookspecs import hookimpl
from igo.testing.findings import ConformanceError
from igo.testing.global_state import RANDOM, global_state
from igo.values import Frame, Request

if TYPE_CHECKING:
    from igo.runtime import Runtime

USUAL_LAYERS = ("mask", "depth", "edges", "parse", "pose")
SEED = 7
FITTED = (40, 56)
"""The size at which a base would paint, width and height."""


@dataclass(frozen=True)
class Scene:
    """What a plugin is tried on: a base, a request, and layers that another step makes. Goes to other processes."""

    base: object
    request: Request
    offered: Mapping[str, Image.Image | None] = field(default_factory=dict)
    """``None``: a layer of whatever size is asked for."""


@dataclass(frozen=True)
class Outcome:
    """What came of a trial."""

    pictures: tuple[str, ...]
    """A digest for each frame: its image and layers, and how the plugin scores and captions it, if it does."""
    asked: frozenset[str]
    """The layers that were asked for."""
    made: frozenset[str]
    """The layers that the plugin makes, of those it declares and the usual ones."""
    findings: tuple[ConformanceError, ...]


@dataclass(frozen=True)
class LayerMaker:
    """A step that makes the layers which a plugin needs."""

    layers: Mapping[str, Image.Image | None]

    @hookimpl
    def provide(self, name: str, frame: Frame) -> Image.Image | None:
        """The layer that was given, or one whose middle is white."""
        if name not in self.layers:
            return None
        return self.layers[name] or middle(frame.image.size)


def middle(size: tuple[int, int]) -> Image.Image:
    """A mask (L) of the middle of a picture."""
    mask = Image.new("L", size)
    mask.paste(255, (size[0] // 4, size[1] // 4, size[0] - size[0] // 4, size[1] - size[1] // 4))
    return mask


def tried(
    plugin: object, scene: Scene, runtime: Runtime, without: str | None = None, without_reference: str | None = None
) -> Outcome:
    """Run ``plugin`` behind the scene's base, ``without`` a layer or reference that is left out although it is needed.

    Raises whatever the plugin raises.
    """
    step = Watched(plugin)
    step.needs = tuple(name for name in step.needs if name != without)
    step.needs_references = tuple(name for name in step.needs_references if name != without_reference)
    offered = {name: layer for name, layer in scene.offered.items() if name != without}
    layers = {name: layer for name, layer in scene.request.layers.items() if name != without}
    width, height = scene.request.width, scene.request.height
    if scene.request.image is None and width and height and step.implements("condition"):
        made_for = {name: layer or middle((width, height)) for name, layer in offered.items() if name != "mask"}
        layers = made_for | layers
    references = {name: one for name, one in scene.request.references.items() if name != without_reference}
    steps = [Step(scene.base, "base"), step, *([Step(LayerMaker(offered))] if offered else [])]
    if offered:
        steps[-1].provides = tuple(offered)
    run = Run(steps, runtime)
    request = scene.request.replace(layers=layers, references=references)
    frames = run.frames(request)
    made = {
        name
        for name in {*step.provides, *USUAL_LAYERS}
        if run.provided(name, [step], frames[0], request, asking=steps[0]) is not None
        or (name in step.provides and name in frames[0].layers)
    }
    scores = [run.score(step, frame, request) for frame in frames]
    texts = run.captions([frame.image for frame in frames], "") if step.implements("caption") else [""] * len(frames)
    given = run.conditions(request, _fit, lost={}, made={})
    step.look_at_conditions(given)
    pictures = tuple(
        _digest([frame.image, *dict(sorted(frame.layers.items())).values()], f"{score} {text} {_said(given)}")
        for frame, score, text in zip(frames, scores, texts, strict=True)
    )
    return Outcome(pictures, frozenset(step.asked), frozenset(made), tuple(step.findings))


class Watched(Step):
    """A step that looks at what its plugin's hooks do to what they are handed, to the size, and to global state."""

    def __init__(self, plugin: object) -> None:
        super().__init__(plugin, default_name(type(plugin)))
        self.findings: list[ConformanceError] = []
        self.asked: set[str] = set()

    def ask(self, hook: str, **arguments: Any) -> Any:
        """Ask, and look."""
        if not self.implements(hook):
            return None
        handed = _Handed()
        for name, value in arguments.items():
            handed.add(f"the {name}", value)
            if name in ("inner", "paint", "layer", "fit"):
                arguments[name] = handed.watching(value, name)
        if "layer" in arguments:
            arguments["layer"] = self._asking(arguments["layer"])
        before = global_state()
        result = super().ask(hook, **arguments)
        self._look_at_state(hook, before, global_state())
        for what in handed.changed():
            self._found("input", hook, f"changed {what} in place", "work on a copy: image.copy()")
        if not self.resizes:
            self._look_at_size(hook, arguments, result)
        return result

    def look_at_conditions(self, given: Mapping[str, Any]) -> None:
        """Whether the pictures to paint by were fitted."""
        control = given.get("control_image")
        for picture in control if isinstance(control, list) else [control]:
            if isinstance(picture, Image.Image) and picture.size != FITTED:
                seen = f"gives a picture of {picture.width}x{picture.height} as control_image"
                self._found("condition", "condition", seen, "bring it to where the base paints: fit(picture)")

    def _asking(self, layer: Callable[..., Image.Image]) -> Callable[..., Image.Image]:
        def asked(name: str, target: str = "") -> Image.Image:
            self.asked.add(name)
            return layer(name, target)

        return asked

    def _look_at_state(self, hook: str, before: Mapping[str, object], after: Mapping[str, object]) -> None:
        for name, value in before.items():
            if after[name] == value:
                continue
            if name in RANDOM:
                todo = "draw from runtime.generator(frame.seed) or random.Random(runtime.seed(frame.seed))"
                self._found("random", hook, f"drew from or seeded the global {name}", todo)
            else:
                self._found(
                    "torch", hook, f"left {name} at {after[name]} (it was {value})", "put it back, in a finally"
                )

    def _look_at_size(self, hook: str, arguments: Mapping[str, Any], result: Any) -> None:
        if result is None or hook not in ("preprocess", "generate", "postprocess"):
            return
        request: Request = arguments["request"]
        asked, start = (request.width, request.height), request.image
        expected: tuple[int | None, int | None] = start.size if start is not None and asked == (None, None) else asked
        if hook == "postprocess":
            expected = arguments["frame"].image.size
        for made in result if hook == "generate" else [result]:
            if made.image is None or None in expected or made.image.size == expected:
                continue
            seen = f"made {made.image.width}x{made.image.height} of {expected[0]}x{expected[1]}"
            self._found("size", hook, seen, "keep the size, or declare that it changes: resizes = True")

    def _found(self, rule: str, hook: str, seen: str, remedy: str) -> None:
        self.findings.append(ConformanceError(rule, f"{self.name} ({hook}) {seen}", remedy))


def _fit(picture: Image.Image, resample: Image.Resampling | None = None) -> Image.Image:
    """What a base paints of a picture: its right half, at another size."""
    half = picture.crop((picture.width // 2, 0, *picture.size))
    return half.resize(FITTED, Image.Resampling.LANCZOS if resample is None else resample)


def _said(value: Any) -> str:
    """Equal for equal values of arguments."""
    if isinstance(value, Image.Image):
        return _digest([value])
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_said(one)}' for key, one in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_said, value))}]"
    if hasattr(value, "numpy"):  # a tensor
        return _said(value.float().cpu().numpy())
    if hasattr(value, "tobytes"):
        return hashlib.sha256(value.tobytes()).hexdigest()
    return repr(value) if isinstance(value, str | bytes | int | float | None) else type(value).__name__


class _Handed:
    """The pictures that a hook was handed, and what they were like."""

    def __init__(self) -> None:
        self._pictures: list[tuple[str, Image.Image, str]] = []

    def add(self, what: str, value: object) -> None:
        """Remember every picture in ``value``."""
        if isinstance(value, Image.Image):
            self._pictures.append((what, value, _digest([value])))
        elif isinstance(value, Frame | Request):
            self.add(f"{what}'s image", value.image)
            for name, layer in value.layers.items():
                self.add(f"{what}'s layer '{name}'", layer)
            for name, reference in value.references.items() if isinstance(value, Request) else ():
                self.add(f"{what}'s reference '{name}'", reference)
        elif isinstance(value, list | tuple):
            for one in value:
                self.add(what, one)

    def watching(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
        """``call``, whose answers are remembered too."""

        def watched(*arguments: Any, **options: Any) -> Any:
            answer = call(*arguments, **options)
            self.add(f"what {name} gave", answer)
            return answer

        return watched

    def changed(self) -> list[str]:
        """What is no longer as it was."""
        return [what for what, image, digest in self._pictures if _digest([image]) != digest]


def _digest(images: Iterable[Image.Image], said: str = "") -> str:
    digest = hashlib.sha256(said.encode())
    for image in images:
        digest.update(f"{image.mode} {image.size} ".encode() + image.tobytes())
    return digest.hexdigest()
