"""What every plugin has to keep, whatever it does: ``check_plugin``."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from igo.chains.chain import Chain
from igo.chains.config import parse_chain
from igo.chains.settings import settings_of
from igo.chains.step import HOOKS, Step
from igo.errors import (
    ConfigError,
    IGOError,
    MissingLayerError,
    MissingReferenceError,
    PluginError,
    SettingsError,
)
from igo.testing.findings import ConformanceError
from igo.testing.trial import SEED, Outcome, Scene, middle, tried
from igo.testing.worker import Report, in_another_process
from igo.values import Request

if TYPE_CHECKING:
    from PIL.Image import Image

    from igo.images import ImageSource
    from igo.runtime import Runtime

RULES = {
    "hooks": "hooks and their arguments are spelt and marked right, and give what they should",
    "settings": "it is a dataclass, and its settings come back from a TOML file as they were",
    "pickle": "it can be sent to another process",
    "imports": "importing its module brings neither torch, diffusers, transformers nor cv2",
    "runs": "it raises nothing",
    "needs": "it declares the layers and references that it can't do without, and no others",
    "provides": "it makes the layers that it declares, and no others",
    "condition": "a picture that it gives to paint by is brought by fit to where the base paints",
    "input": "it changes no picture in place that it was handed",
    "size": "it keeps the picture's size, or declares resizes = True",
    "random": "it leaves the global random numbers alone",
    "torch": "it leaves torch's switches as they were",
    "determinism": "a seed gives the same bytes: again, in another process, and within a batch",
}
"""The rules by name, in the order in which they are checked."""
PROMPT = "fashion photo of a woman in a red hoodie and blue jeans, street background"
SIZE = (61, 83)
"""No multiple of anything."""
REFERENCE = (47, 59)
"""Another one."""


def check_plugin(
    plugin: object,
    *,
    base: object | None = None,
    prompt: str | None = None,
    image: ImageSource | None = None,
    layers: Mapping[str, ImageSource] | None = None,
    references: Mapping[str, ImageSource] | None = None,
    runtime: Runtime | None = None,
    **settings: Any,
) -> None:
    """Raise ``ConformanceError``, which names the rule, for the first of ``RULES`` that a configured plugin breaks.

    It is tried behind ``base`` (``PaintedBase``; `mini` for a plugin with ``prepare``), on a prompt and on a photo, and
    in a mask if it has ``condition``; or on ``image`` alone if that is given; and once in a process of its own. What it
    ``needs`` is made for it, unless ``layers`` brings it, and so are ``needs_references``, unless ``references`` does.
    ``prompt`` and ``settings`` are those of ``Chain.run``; without a prompt the base takes ``image`` as it is.
    ``runtime`` shares loaded models with other tests.
    """
    __tracebackhide__ = True
    from igo.runtime import Runtime

    step = _hooks(plugin)
    _settings(plugin)
    _pickle(plugin)
    runtime = runtime or Runtime("cpu")
    scenes = _scenes(
        step, base, prompt, image, layers or {}, {**settings, "references": _shown(step, references or {})}
    )
    report = in_another_process(plugin, scenes[0], runtime)
    if report.torch:
        import torch  # noqa: F401  what a plugin does to it can be seen only if it is there before
    try:
        outcomes = [tried(plugin, scene, runtime) for scene in scenes]
        findings = [
            *_imports(plugin, report),
            *(finding for outcome in outcomes for finding in outcome.findings),
            *_needs(step, scenes, outcomes, runtime),
            *_needs_references(step, scenes, outcomes, runtime),
            *_provides(step, outcomes),
            *_determinism(plugin, scenes, outcomes, report, runtime),
        ]
    except Exception as error:
        raise _blamed(error, step) from error
    rules = list(RULES)
    for finding in sorted(findings, key=lambda finding: rules.index(finding.rule)):
        raise finding


def _hooks(plugin: object) -> Step:
    try:
        step = Step(plugin)
    except PluginError as error:
        raise ConformanceError("hooks", str(error), "see igo.hookspecs for what there is") from None
    except SettingsError as error:
        raise ConformanceError("settings", str(error), "give it settings of their types") from None
    for hook in HOOKS:
        if not step.implements(hook) and inspect.isroutine(getattr(type(plugin), hook, None)):
            raise ConformanceError(
                "hooks", f"{step.name} has a method '{hook}' without a mark", "put @igo.hookimpl on it"
            )
    return step


def _settings(plugin: object) -> None:
    try:
        for setting in settings_of(type(plugin)):
            value = getattr(plugin, setting.name)
            if value is not None and setting.convert(setting.dump(value)) != value:
                raise ConfigError(f"the setting {setting.name} = {value!r} comes back from a file as another value")
        text = Chain(plugin).to_toml()
        back = parse_chain(text).chain
        if back.to_toml() != text:
            raise ConfigError(f"written, read and written again it is {back.steps[0].plugin!r}")
    except (IGOError, ImportError) as error:
        todo = "take settings of plain types, and keep them as they were given"
        raise ConformanceError("settings", str(error), todo) from error


def _pickle(plugin: object) -> None:
    try:
        copy = pickle.loads(pickle.dumps(plugin))  # noqa: S301  our own
    except Exception as error:
        todo = "define its class in a module, and load models in hooks (runtime.model), not in fields"
        raise ConformanceError("pickle", f"{type(error).__name__}: {error}", todo) from error
    if Step(copy).settings().keys() != Step(plugin).settings().keys():
        raise ConformanceError("pickle", f"it arrives as {copy!r}, and was {plugin!r}", "let fields alone be its state")


def _scenes(
    step: Step,
    base: object | None,
    prompt: str | None,
    image: ImageSource | None,
    layers: Mapping[str, ImageSource],
    settings: Mapping[str, Any],
) -> list[Scene]:
    """What to try the plugin on: a prompt and a photo, or the image that was given."""
    import igo
    from igo.images import read_image, read_mask
    from igo.testing.painted import PaintedBase

    asked: dict[str, Any] = {"seed": SEED, **settings}
    if base is None and step.implements("prepare"):  # needs a pipeline that is loaded
        base = igo.TextToImage("mini")
        asked.setdefault("num_inference_steps", 2)
    base = base or PaintedBase(*SIZE)
    conditions = step.implements("condition")
    if conditions and image is None:  # so that it is known of what size a layer has to be
        asked = {"width": SIZE[0], "height": SIZE[1], **asked}
    brought: dict[str, Image] = {
        name: read_mask(layer).image if name == "mask" else read_image(layer).image.convert("L")
        for name, layer in layers.items()
    }
    offered = {name: None for name in step.needs if name not in brought}
    if image is not None:
        request = Request(prompt=prompt or "", image=read_image(image).image, layers=brought).replace(**asked)
        return [Scene(base, request, offered)]
    text = Request(prompt=PROMPT if prompt is None else prompt, layers=brought).replace(**asked)
    photo = PaintedBase(*SIZE).generate(Request(prompt="a photo"))
    scenes = [Scene(base, text, offered)]
    if photo and not brought:
        shown = text.replace(image=photo[0].image, width=None, height=None)
        scenes.append(Scene(base, shown, offered))
        if conditions:
            scenes.append(Scene(base, shown.replace(layers={"mask": middle(SIZE)}), offered))
    return scenes


def _shown(step: Step, references: Mapping[str, ImageSource]) -> dict[str, Image]:
    """The references that were given, and for others that the plugin needs, a picture of its own each."""
    from igo.chains.inputs import read_references
    from igo.testing.painted import PaintedBase

    painter = PaintedBase(*REFERENCE)
    drawn = {name: painter.generate(Request(prompt=name)) for name in step.needs_references if name not in references}
    return {name: frames[0].image for name, frames in drawn.items() if frames} | read_references(references)[0]


def _imports(plugin: object, report: Report) -> Iterable[ConformanceError]:
    module, todo = type(plugin).__module__, "import them inside the hooks: listing plugins must cost nothing"
    if report.broken:
        mend = "put the class in a module of its own" if module == "__main__" else "mend the import"
        yield ConformanceError("imports", f"{module} can't be imported elsewhere: {report.broken}", mend)
    elif report.heavy:
        yield ConformanceError("imports", f"importing {module} imports {', '.join(report.heavy)}", todo)


def _needs(
    step: Step, scenes: Iterable[Scene], outcomes: Iterable[Outcome], runtime: Runtime
) -> Iterable[ConformanceError]:
    """A layer is needed if it is asked for, or if nothing, or something else, comes out without it."""
    for name in step.needs:
        if not any(name in outcome.asked or _differs(step, scene, outcome, runtime, without=name)
                   for scene, outcome in zip(scenes, outcomes, strict=True)):  # fmt: skip
            seen = f"{step.name} declares needs = ('{name}', ...), and does the same without it"
            yield ConformanceError("needs", seen, f"take '{name}' out of needs")


def _needs_references(
    step: Step, scenes: Iterable[Scene], outcomes: Iterable[Outcome], runtime: Runtime
) -> Iterable[ConformanceError]:
    """The same of references."""
    for name in step.needs_references:
        if not any(_differs(step, scene, outcome, runtime, without_reference=name)
                   for scene, outcome in zip(scenes, outcomes, strict=True)):  # fmt: skip
            seen = f"{step.name} declares needs_references = ('{name}', ...), and does the same without it"
            yield ConformanceError("needs", seen, f"take '{name}' out of needs_references")


def _differs(step: Step, scene: Scene, outcome: Outcome, runtime: Runtime, **left_out: str) -> bool:
    try:
        return tried(step.plugin, scene, runtime, **left_out).pictures != outcome.pictures
    except IGOError:
        return True


def _provides(step: Step, outcomes: Iterable[Outcome]) -> Iterable[ConformanceError]:
    made = {name for outcome in outcomes for name in outcome.made}
    for name in step.provides:
        if name not in made:
            seen = f"{step.name} declares provides = ('{name}', ...), and made none"
            todo = "answer in the hook provide, or give check_plugin an image for which it does"
            yield ConformanceError("provides", seen, todo)
    for name in sorted(made.difference(step.provides)):
        seen = f"{step.name} makes a layer '{name}' that it doesn't declare"
        yield ConformanceError(
            "provides", seen, f"return None for names that aren't yours, or add '{name}' to provides"
        )
    if step.implements("provide") and not step.provides and not step.shows:
        seen, todo = f"{step.name} has the hook provide and declares no layer", 'declare them: provides = ("mask",)'
        yield ConformanceError("provides", seen, todo)


def _determinism(
    plugin: object, scenes: list[Scene], outcomes: list[Outcome], report: Report, runtime: Runtime
) -> Iterable[ConformanceError]:
    for scene, outcome in zip(scenes, outcomes, strict=True):
        copy = pickle.loads(pickle.dumps(plugin))  # noqa: S301  our own
        if tried(copy, scene, runtime).pictures != outcome.pictures:
            yield _not_the_same("run again with the same seed, it makes another picture", "draw from runtime.generator")
    if report.pictures and report.pictures != outcomes[0].pictures:
        todo = "hash() of text differs from process to process, and so does the order of sets; use runtime.seed"
        yield _not_the_same("in another process the same seed makes another picture", todo)
    seed = scenes[0].request.seed or 0
    batch = replace(scenes[0], request=scenes[0].request.replace(num_images=2, seed=max(seed - 1, 0)))
    pictures = tried(plugin, batch, runtime).pictures
    if seed > 0 and len(pictures) == 2 and pictures[1] != outcomes[0].pictures[0]:
        todo = "take frame.seed (request.seed is the batch's), and keep nothing from one picture to the next"
        yield _not_the_same(f"the picture of seed {seed} is another one as the second of a batch", todo)


def _not_the_same(seen: str, remedy: str) -> ConformanceError:
    return ConformanceError("determinism", seen, remedy)


def _blamed(error: Exception, step: Step) -> ConformanceError:
    """The rule that an exception breaks."""
    if isinstance(error, ConformanceError):
        return error
    if isinstance(error, MissingLayerError):
        todo = "declare it in needs, or catch MissingLayerError if it can do without"
        return ConformanceError("needs", f"{step.name} asks for a layer that it doesn't declare: {error}", todo)
    if isinstance(error, PluginError) and error.__cause__ is None:
        return ConformanceError("hooks", str(error), "return what igo.hookspecs says")
    if isinstance(error, MissingReferenceError):
        todo = "name it in needs_references, of the class or in a property"
        return ConformanceError("needs", f"{step.name} asks for a reference that it doesn't declare: {error}", todo)
    todo = "mend that, or give check_plugin a prompt, image, layers or references with which it works"
    return ConformanceError("runs", f"{step.name} raised {type(error).__name__}: {error}", todo)
