"""The values that travel through a chain: what is asked for, and the picture on its way. Frozen and small.

A layer is a PIL picture of the same size as the image it belongs to: a mask in mode ``L`` (255 = paint here), a depth
map, a part map, a pose in its colours. A reference is a picture of any size that another one is made by: a garment, a
style. Images are RGB, 8 bits a channel.
"""

from __future__ import annotations

import json
import numbers
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from igo import notebooks
from igo.errors import ImageError, LayerError, MissingReferenceError, SettingsError

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_SEED = 2**63 - 1
MAX_NAME = 100
"""Characters of the name of a layer or reference."""
SOFT_LAYERS = ("alpha", "mask", "depth", "edges", "pose")
"""Layers whose values may be interpolated; others may hold the numbers of parts."""
V = TypeVar("V")


class Frozen(Mapping[str, V], Generic[V]):
    """A read-only copy of a mapping. Not ``types.MappingProxyType``, which can't be sent to another process."""

    def __init__(self, items: Mapping[str, V]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: str) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)


class References(Frozen["Image"]):
    """Pictures by their names. Asking for another raises ``MissingReferenceError``, which is a ``KeyError`` too."""

    def __getitem__(self, key: str) -> Image:
        if key not in self._items:
            raise not_given(key, self._items)
        return self._items[key]


class Conditions(Frozen[Any]):
    """Further arguments of a pipeline's call, by name, and by ``steps`` who gave each (see the hook ``condition``)."""

    def __init__(
        self, arguments: Mapping[str, Any] | None = None, steps: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        super().__init__(arguments or {})
        self.steps = Frozen(steps or {})


@dataclass(frozen=True)
class Request:
    """What is to be made. Names and meanings are diffusers' own; ``None`` means "the base's own default".

    Raises ``SettingsError`` for a number that can't be meant, ``ImageError`` for pictures that aren't RGB,
    ``LayerError`` for layers that differ in size from ``image``.
    """

    prompt: str = ""
    negative_prompt: str = ""
    width: int | None = None
    """Pixels."""
    height: int | None = None
    """Pixels."""
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    num_images: int = 1
    """Made as one batch; picture k has the seed ``seed + k``."""
    seed: int | None = None
    """0 to 2**63 - 1. ``None`` until the chain draws one."""
    strength: float | None = None
    """How much of ``image`` is replaced, 0 (nothing) to 1 (all). ``None``: the base's default where there is a prompt,
    0 where there is none."""
    image: Image | None = None
    """The picture to start from."""
    layers: Mapping[str, Image] = field(default_factory=dict)
    """Layers that the user brings: RGB, or L where they are gray. ``"mask"`` (L) together with ``image`` asks for
    inpainting."""
    references: Mapping[str, Image] = field(default_factory=dict)
    """Pictures to go by, RGB and of any size, by the names that plugins ask for: ``"garment"``, ``"style"``."""

    def __post_init__(self) -> None:
        for name in ("width", "height", "num_inference_steps", "num_images"):
            self._check_number(name, numbers.Integral, 1, None, "a whole number of at least 1")
        self._check_number("seed", numbers.Integral, 0, MAX_SEED, f"a whole number from 0 to {MAX_SEED}")
        self._check_number("guidance_scale", numbers.Real, 0, 100, "a number from 0 to 100")
        self._check_number("strength", numbers.Real, 0, 1, "a number from 0 to 1")
        for name in ("prompt", "negative_prompt"):
            text = getattr(self, name)
            if not isinstance(text, str):
                raise SettingsError(f"{name} is {type(text).__name__}; expected text")
            if "\0" in text:
                raise SettingsError(f"{name} is text with a NUL character; expected text without one")
        check_table(self.layers)
        object.__setattr__(self, "layers", Frozen(self.layers))
        check_table(self.references, "references")
        object.__setattr__(self, "references", References(self.references))
        for name, reference in self.references.items():
            check_rgb(reference, "a request", f" as reference '{name}'")
        if self.image is not None:
            check_rgb(self.image, "a request")
            check_layers(self.image, self.layers)

    def _check_number(self, name: str, kind: type[Any], low: int, high: int | None, expected: str) -> None:
        """Raise ``SettingsError``, or make a plain number of it (numpy's are taken too)."""
        value: Any = getattr(self, name)
        if value is None and name != "num_images":
            return
        if isinstance(value, bool) or not isinstance(value, kind) or not low <= value or (high and not value <= high):
            raise SettingsError(f"{name} is {value!r}; expected {expected}")
        object.__setattr__(self, name, int(value) if kind is numbers.Integral else float(value))

    def replace(self, **changes: Any) -> Request:
        """A copy with other values, checked again."""
        known = {item.name for item in fields(self)}
        for name in changes:
            if name not in known:
                raise SettingsError(f"a request has no '{name}'; it has: {', '.join(sorted(known))}")
        return replace(self, **changes)


@dataclass(frozen=True)
class Entry:
    """One line of a frame's history: which step did something, and what it reports (JSON-able).

    A ``note`` in the report is a line for people, which the command line shows.
    """

    step: str
    report: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key, value in self.report.items():
            try:
                json.dumps(value)
            except (TypeError, ValueError):
                kind = type(value).__name__
                raise SettingsError(
                    f"a report has '{key}' of type {kind}; expected plain numbers, text, lists and tables (JSON)"
                ) from None
        object.__setattr__(self, "report", Frozen(self.report))


@dataclass(frozen=True)
class Frame:
    """A picture on its way through the chain.

    Raises ``ImageError`` if the image is no RGB picture, ``LayerError`` if a layer has another size.
    """

    image: Image
    seed: int = 0
    """The seed that this picture alone was made with."""
    layers: Mapping[str, Image] = field(default_factory=dict)
    nsfw_content_detected: bool | None = None
    """The safety checker's verdict; ``None`` where the checkpoint has no checker or nothing was generated."""
    history: tuple[Entry, ...] = ()
    place: tuple[int, int, int, int] | None = None
    """Where the picture that a step was given lies in the one that it makes, if it moved, extended, cut or scaled it:
    left, top, right, bottom in the new one's pixels, also beyond its edges. So that the user's layers can follow."""

    def __post_init__(self) -> None:
        check_rgb(self.image, "a frame")
        if self.place is not None:
            left, top, right, bottom = self.place
            if not (left < right and top < bottom):
                raise SettingsError(f"place is {self.place}; expected left, top, right and bottom, with an area")
        check_table(self.layers)
        object.__setattr__(self, "layers", Frozen(self.layers))
        check_layers(self.image, self.layers)

    def _repr_html_(self) -> str:
        """Notebooks show the picture, and what the steps report."""
        shown = f"seed {self.seed}{', flagged by the safety checker' if self.nsfw_content_detected else ''}"
        told = notebooks.table((entry.step, notebooks.plain(entry.report)) for entry in self.history)
        return notebooks.strip([(shown, self.image), *self.layers.items()]) + (told if self.history else "")

    def _repr_png_(self) -> bytes:
        """What shows no HTML shows the picture, scaled down where it is large."""
        return notebooks.png([self.image])

    @property
    def told(self) -> Mapping[str, Any]:
        """What the step that came last reports, such as the base's checkpoint, steps and guidance; else empty."""
        return self.history[-1].report if self.history else {}

    def with_image(
        self,
        image: Image,
        *,
        keep: tuple[str, ...] = (),
        place: tuple[int, int, int, int] | None = None,
        **report: Any,
    ) -> Frame:
        """The frame with another picture. Layers are dropped unless named in ``keep``: a stale mask is worse than none.

        ``place`` is for steps that move, extend, cut or scale the picture that they were given: where that lies in the
        new one. The user's own mask follows, black where the picture is new; other layers of the user follow if nothing
        is. ``report`` goes to the history. Raises ``LayerError`` if a kept layer is not there or does not fit.
        """
        missing = [name for name in keep if name not in self.layers]
        if missing:
            have = ", ".join(sorted(self.layers)) or "none"
            raise LayerError(f"layer '{missing[0]}' is to be kept, but the frame has: {have}")
        kept = {name: self.layers[name] for name in keep}
        if place is None and image.size == self.image.size:
            place = self.place
        return replace(self, image=image, layers=kept, place=place).noted(**report)

    def with_layer(self, name: str, layer: Image) -> Frame:
        """The frame with one more layer."""
        return replace(self, layers={**self.layers, name: layer})

    def noted(self, **report: Any) -> Frame:
        """The frame with one more line of history. The chain fills in the step's name."""
        return replace(self, history=(*self.history, Entry("", report))) if report else self


@dataclass(frozen=True)
class Event:
    """Something that happened in a run, for ``observe``."""

    kind: str
    """``"start"`` and ``"end"`` of a step's hook, ``"progress"`` within one."""
    step: str
    hook: str
    done: int = 0
    total: int = 0
    """``done`` of ``total`` units (denoising steps, tiles) in a ``"progress"`` event."""
    message: str = ""
    frames: tuple[Frame, ...] = ()
    """What the step has made, in the ``"end"`` event of its ``generate`` or ``postprocess``."""
    preview: Callable[[], Image | None] | None = None
    """In a base's ``"progress"`` event: makes what it has painted so far, small (RGB), or None where that can't be
    shown. To be called before ``observe`` returns; it costs time, and changes no picture."""


def check_rgb(image: Any, holder: str, role: str = "") -> None:
    """Raise ``ImageError`` for what is no PIL picture in mode RGB; ``role`` says what it was given as."""
    mode = getattr(image, "mode", None)
    if mode != "RGB":
        what = f"a picture in mode {mode}" if mode else f"a {type(image).__name__}"
        raise ImageError(f"{holder} got {what}{role}; expected a PIL picture in mode RGB (use image.convert('RGB'))")


def check_table(pictures: Any, what: Literal["layers", "references"] = "layers") -> None:
    """Raise ``LayerError`` for layers that aren't given by their names, ``SettingsError`` for references."""
    kind, example = (LayerError, "mask") if what == "layers" else (SettingsError, "garment")
    if not isinstance(pictures, Mapping) or not all(isinstance(name, str) for name in pictures):
        got = "a table with other keys" if isinstance(pictures, Mapping) else f"a {type(pictures).__name__}"
        raise kind(f"{what} is {got}; expected pictures by their names, such as {{'{example}': picture}}")
    for name in pictures:
        if not (name.strip() and name.isprintable() and len(name) <= MAX_NAME):
            raise kind(f"{what} has one called {name!r}; expected 1 to {MAX_NAME} printable characters, as '{example}'")


def not_given(name: str, given: Iterable[str]) -> MissingReferenceError:
    """The error of a step that needs the reference ``name``, and was ``given`` others."""
    had = " and ".join(f"'{other}'" for other in sorted(given)) or "none"
    return MissingReferenceError(
        f"needs a reference '{name}', a picture to go by, and was given {had}; give references={{'{name}': ...}}"
    )


def check_layers(image: Image, layers: Mapping[str, Image]) -> None:
    """Raise ``LayerError`` for the first layer that is not of the image's size."""
    for name, layer in layers.items():
        size = getattr(layer, "size", None)
        if size != image.size:
            got = f"{size[0]}x{size[1]}" if isinstance(size, tuple) else f"a {type(layer).__name__}"
            raise LayerError(f"layer '{name}' is {got}; expected a picture of {image.width}x{image.height}")
