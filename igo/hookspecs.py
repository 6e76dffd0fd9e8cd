"""The hooks of IGO: what a plugin may implement.

A plugin is any object, by custom a dataclass whose fields are its settings. It marks methods of these names with
``igo.hookimpl``, takes of the arguments below only those it wants, and returns ``None`` for "not me"::

    from dataclasses import dataclass
    from PIL import ImageOps
    import igo

    @dataclass(frozen=True)
    class Mirror:
        '''Turn the picture left to right.'''

        @igo.hookimpl
        def postprocess(self, frame: igo.Frame) -> igo.Frame:
            return frame.with_image(ImageOps.mirror(frame.image))

Optional class attributes: ``needs`` and ``provides``, tuples of layer names, checked before any model is loaded;
``shows``, layers that are made for the user alone, who asks by ``Chain.layer``; ``needs_references``, the names of the
pictures in ``request.references`` that it can't do without, checked too, and a property where a setting names them;
``resizes = True`` for a plugin that changes the picture's size; ``lossy``, a text or a property that gives one, for a
plugin that gives something of the picture up for speed: what that is goes on record (empty: nothing); and
``libraries``, the distributions beside torch and diffusers that a picture's bytes depend on, whose versions go on
record. ``igo.testing.check_plugin`` holds plugins to them.
Each hook is called for one step at a time; the chain combines the answers (see ``igo.chains.chain``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pluggy

from igo.errors import PluginError
from igo.values import Conditions, Event, Frame, Request

if TYPE_CHECKING:
    from PIL.Image import Image, Resampling

    from igo.runtime import Runtime

PROJECT = "igo"
INSTEAD_OF_WRAPPERS = "to act around generation, implement generate and call inner"
F = TypeVar("F", bound=Callable[..., Any])

_hookspec = pluggy.HookspecMarker(PROJECT)
_hookimpl = pluggy.HookimplMarker(PROJECT)


class Fit(Protocol):
    """Brings a picture that belongs to what is painted to the crop, scale and padding at which it is painted."""

    def __call__(self, picture: Image, resample: Resampling | None = None) -> Image:
        """``picture``, of the size of ``request.image`` or, without one, of the picture that is asked for, as the base
        paints there; same mode. Where that is scaled: by ``resample``, without it as the picture itself (LANCZOS); by
        NEAREST for the numbers of parts. Raises ``LayerError`` for a picture of another size."""
        ...


def _spec(function: F) -> F:
    return _hookspec(function, firstresult=True)


def hookimpl(function: F | None = None, **options: Any) -> F:
    """Mark a method as the implementation of the hook of the same name: ``@igo.hookimpl``.

    pluggy's options are not offered, and raise ``PluginError``: the chain gives the order, and to act around generation
    one implements ``generate`` and calls ``inner``.
    """
    if options:
        named = ", ".join(f"{name}=..." for name in options)
        raise PluginError(f"igo.hookimpl takes no options ({named}); {INSTEAD_OF_WRAPPERS}")
    if function is None:
        raise PluginError("igo.hookimpl is called without a method; write @igo.hookimpl, without parentheses")
    return _hookimpl(function)


@_spec
def check(runtime: Runtime) -> None:
    """Raise an ``IGOError`` for what can't work on this machine: a package, a device, a file that isn't there.

    Asked of each step, in chain order, when a run starts and by ``Chain.check``, before any model is loaded or picture
    painted. Load nothing here; what is wrong with the settings alone belongs into ``__post_init__``.
    """


@_spec
def prepare(pipeline: Any, runtime: Runtime) -> Any:
    """Change a loaded diffusers pipeline: an adapter, another scheduler, compilation. Fold, in chain order.

    Called once for each pipeline that a base loads, and again only for another set of ``prepare`` steps. Return the
    pipeline, changed in place or another one.
    """


@_spec
def condition(request: Request, fit: Fit, layer: Callable[..., Image], runtime: Runtime) -> Mapping[str, Any] | None:
    """Give the base's pipeline further arguments for its call, by diffusers' names: ``{"guidance_rescale": 0.7}``.

    Asked of all steps, in chain order, wherever they stand, each time that a base is about to paint ``request``; where
    it paints parts of a picture by themselves, once for each. ``fit(picture)`` brings a picture that belongs to
    ``request.image`` to what is painted of it (see ``Fit``); ``layer(name, target="")`` gives a layer: the request's
    own, the asking step's, or the first that another step provides.

    Lists that several steps give for one argument are joined, in chain order: what diffusers takes one of for each
    ControlNet or IP-Adapter, such as ``{"control_image": [fit(edges)], "controlnet_conditioning_scale": [0.5]}``.
    Anything else that is given twice is an error that names both steps. A picture to paint by is always called
    ``control_image``, also for the pipelines that call it ``image``. A step that changes the pipeline in ``prepare``
    gives here what that pipeline then needs. What the base sets itself (prompts, sizes, seeds) can't be given.
    """


@_spec
def preprocess(request: Request, runtime: Runtime) -> Request | None:
    """Change what is asked for, before generation: a prompt template, a canvas and its mask. Fold, in chain order."""


@_spec
def generate(
    request: Request,
    inner: Callable[[Request], list[Frame]],
    scores: Callable[[Sequence[Frame], Request], list[float] | None],
    conditions: Callable[[Request, Fit], Conditions],
    runtime: Runtime,
) -> list[Frame] | None:
    """Make pictures. Nest: the first step is innermost, the last outermost.

    Ignore ``inner`` to replace what stands before in the chain; call it, with the same or another request, once or n
    times, to wrap it. Return at least one frame. A frame for each of ``request.num_images`` is what callers expect;
    fewer is allowed (the best of n, by ``scores``: see ``score``). What paints asks by ``conditions(request, fit)`` for
    what the steps give it beside the request (see ``condition``); ``fit`` is how it crops, scales and pads a picture.
    """


@_spec
def provide(name: str, target: str, asking: str, frame: Frame, request: Request, runtime: Runtime) -> Image | None:
    """Make the layer ``name`` for ``frame.image``, of the same size. First answer wins, the asking step is asked first.

    ``target`` says of what, such as ``"t-shirt"`` for the mask of a step that restyles it; empty where nobody says.
    ``asking`` is the name of the step that asks; empty where it is the user.

    Names in use: ``"mask"`` (mode L, 255 = change here), ``"depth"`` (L, near is light), ``"edges"`` (L, white lines),
    ``"pose"`` (RGB, OpenPose's colours), ``"parse"``. Name what you make in ``provides``.
    """


@_spec
def score(frame: Frame, request: Request, runtime: Runtime) -> float | None:
    """Say how good ``frame`` is as an answer to ``request``, in any unit; more is better.

    ``request.prompt`` says what is to be seen, ``request.layers["mask"]`` where, if only a part was painted. Asked by
    ``scores(frames, request)`` in ``generate`` and ``postprocess``, for steps that paint several and keep the best. The
    first step that has a number for each of the frames wins; numbers of two scorers are never compared. The asking
    step isn't asked: where nobody scores, ``scores`` gives ``None``, and it judges as it would by itself. So what a
    user adds to a chain takes the place of what its steps bring.
    """


@_spec
def postprocess(
    frame: Frame,
    request: Request,
    layer: Callable[..., Image],
    paint: Callable[..., list[Frame]],
    scores: Callable[[Sequence[Frame], Request], list[float] | None],
    runtime: Runtime,
) -> Frame | None:
    """Change a picture. Fold, in chain order, for each picture of the batch by itself.

    ``layer(name, target="")`` gives a layer of the frame's size: the user's own, the asking step's, one that the frame
    carries, or the first that another step provides, who is told the target. ``paint(request, box=None)`` asks the
    chain's own ``generate``, so that a step works on whatever base stands in the chain; ``scores`` judges what it
    painted (see ``score``). What the user brought to paint by, layers such as a pose and references, goes along where
    ``request.image`` is ``frame.image`` itself, or where ``box`` says which part of that it shows: left, top, right,
    bottom in the frame's pixels, also beyond its edges, where layers are black. Use ``frame.with_image(...)``; don't
    change ``frame.image`` in place.
    """


@_spec
def caption(images: Sequence[Image], prompt: str, runtime: Runtime) -> list[str] | None:
    """Say what each of ``images`` shows (PIL, mode RGB, sizes may differ), as people write prompts. First answer wins.

    ``prompt`` is how the answer begins, such as ``"a photo of"``, or a question to a model that takes questions; empty
    for the captioner's own way. Return a text for each image, without ``prompt``; an empty text where there is nothing
    to say. Equal images and prompts must get equal texts. Asked by ``Chain.caption`` and ``igo caption``, never while
    pictures are made; a batch is what is given at once.
    """


@_spec
def observe(event: Event) -> None:
    """Hear what happens: steps that start and end, progress within them. The result is ignored.

    The end of ``generate`` and ``postprocess`` comes with the frames as they are then, and a base's progress with
    what makes a preview. An observer that raises ``igo.errors.CancelledError`` ends the run there: between two steps of
    the chain, or of the denoising; models stay loaded, and the next run is as if this one had not been.
    """


RESULT_TYPES: dict[str, type | None] = {
    "prepare": None,
    "condition": Mapping,
    "preprocess": Request,
    "generate": list,
    "provide": None,
    "score": None,
    "postprocess": Frame,
    "caption": list,
    "observe": None,
    "check": None,
}
"""Each hook and the type of its result; ``None`` where the caller checks."""

RENAMED_ARGUMENTS: dict[str, dict[str, str]] = {}
"""By hook, what an argument was called in an earlier version, and what it is called now. A plugin that takes one by its
old name gets it, with a ``DeprecationWarning`` that names both."""
