"""The values that travel through a chain: what is asked for, and the picture on its way. Frozen and small.

A layer is a PIL picture of the same size as the image it belongs to: a mask in mode ``L`` (255 = paint here), a depth
map, a part map. Images are RGB, 8 bits a channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from igo.errors import ImageError, LayerError, SettingsError

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_SEED = 2**63 - 1


def frozen(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    """A read-only copy."""
    return MappingProxyType(dict(mapping))


@dataclass(frozen=True)
class Request:
    """What is to be made. Names and meanings are diffusers' own; ``None`` means "the base's own default".

    Raises ``SettingsError`` for a number that can't be meant, ``LayerError`` for layers that differ in size from
    ``image``.
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
    """Layers that the user brings. ``"mask"`` together with ``image`` asks for inpainting."""

    def __post_init__(self) -> None:
        for name in ("width", "height", "num_inference_steps", "num_images"):
            number = getattr(self, name)
            if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 1):
                raise SettingsError(f"{name} is {number!r}; expected a whole number of at least 1")
        if self.seed is not None and (
            not isinstance(self.seed, int) or isinstance(self.seed, bool) or not 0 <= self.seed <= MAX_SEED
        ):
            raise SettingsError(f"seed is {self.seed!r}; expected a whole number from 0 to {MAX_SEED}")
        for name, low, high in (("guidance_scale", 0.0, 100.0), ("strength", 0.0, 1.0)):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, (int, float)) or not low <= value <= high):
                raise SettingsError(f"{name} is {value!r}; expected a number from {low:g} to {high:g}")
        for name in ("prompt", "negative_prompt"):
            if not isinstance(getattr(self, name), str):
                raise SettingsError(f"{name} is {type(getattr(self, name)).__name__}; expected text")
        object.__setattr__(self, "layers", frozen(self.layers))
        if self.image is not None:
            check_layers(self.image, self.layers)

    def replace(self, **changes: Any) -> Request:
        """A copy with other values, checked again."""
        known = {item.name for item in fields(self)}
        for name in changes:
            if name not in known:
                raise SettingsError(f"a request has no '{name}'; it has: {', '.join(sorted(known))}")
        return replace(self, **changes)


@dataclass(frozen=True)
class Entry:
    """One line of a frame's history: which step did something, and what it reports (JSON-able)."""

    step: str
    report: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "report", frozen(self.report))


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

    def __post_init__(self) -> None:
        mode = getattr(self.image, "mode", None)
        if mode != "RGB":
            what = f"a picture in mode {mode}" if mode else f"a {type(self.image).__name__}"
            raise ImageError(f"a frame got {what}; expected a PIL picture in mode RGB (use image.convert('RGB'))")
        object.__setattr__(self, "layers", frozen(self.layers))
        check_layers(self.image, self.layers)

    def with_image(self, image: Image, *, keep: tuple[str, ...] = (), **report: Any) -> Frame:
        """The frame with another picture. Layers are dropped unless named in ``keep``: a stale mask is worse than none.

        ``report`` goes to the history. Raises ``LayerError`` if a kept layer is not there or does not fit.
        """
        missing = [name for name in keep if name not in self.layers]
        if missing:
            have = ", ".join(sorted(self.layers)) or "none"
            raise LayerError(f"layer '{missing[0]}' is to be kept, but the frame has: {have}")
        kept = {name: self.layers[name] for name in keep}
        return replace(self, image=image, layers=kept).noted(**report)

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


def check_layers(image: Image, layers: Mapping[str, Image]) -> None:
    """Raise ``LayerError`` for the first layer that is not of the image's size."""
    for name, layer in layers.items():
        size = getattr(layer, "size", None)
        if size != image.size:
            got = f"{size[0]}x{size[1]}" if isinstance(size, tuple) else f"a {type(layer).__name__}"
            raise LayerError(f"layer '{name}' is {got}; expected a picture of {image.width}x{image.height}")
