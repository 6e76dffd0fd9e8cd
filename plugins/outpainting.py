"""Pictures made larger than they are: a canvas around the old picture, painted on by the chain's own base."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from math import ceil, isnan, log
from typing import TYPE_CHECKING, Any, Literal, get_args

import igo
from igo.errors import ChainError, ImageError, PluginError, SettingsError, did_you_mean

if TYPE_CHECKING:
    from PIL.Image import Image

Anchor = Literal[
    "center", "top", "bottom", "left", "right", "top-left", "top-right", "bottom-left", "bottom-right"
]  # fmt: skip
Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are exclusive."""
Paint = Callable[[igo.Request], list[igo.Frame]]
SIDES = ("left", "right", "top", "bottom")
LEAST_STEP = 32
"""Pixels that one pass may always add, however small the picture is."""
LEAST_OVERLAP, OVERLAP_SHARE = 8, 24
"""The overlap by default: that many pixels, or one part in so many of the picture's shorter side."""


@dataclass(frozen=True)
class Outpainting:
    """The picture continued beyond its sides: by pixels on each side, or to a shape or size.

    The old picture's pixels stay the same, byte for byte, but for ``overlap`` pixels along the sides that grow. What is
    larger than the base can see at once is painted in several passes, each with a seed of its own.

    After the base it extends what the base made. Before the base it extends a photo: with a prompt and no ``strength``
    of its own, the photo is then not repainted, and the prompt says what lies around it. Without a photo, both are the
    same. Transparency goes on as it is at the edge; other layers of the frame are dropped.

    Raises ``SettingsError`` for sides and sizes that can't be meant, ``ChainError`` where no step paints.
    """

    left: int = 0
    """Pixels to add on the left."""
    right: int = 0
    """Pixels to add on the right."""
    top: int = 0
    """Pixels to add above."""
    bottom: int = 0
    """Pixels to add below."""
    to: str | None = None
    """In place of sides: a shape such as ``"3:4"`` (width:height; the smallest canvas that holds the picture), or a
    size such as ``"1024x1536"``."""
    anchor: Anchor = "center"
    """Where on a canvas of ``to`` the picture stands; ``"bottom"`` adds all height above, ``"top"`` all below, as for a
    figure that is cut off at the knees."""
    prompt: str | None = None
    """What to paint there; by default the request's own prompt."""
    negative_prompt: str | None = None
    """What shall not be there; by default the request's own."""
    strength: float | None = None
    """How much of the continued edges, which the canvas begins with, is replaced, above 0 to 1; by default as much as
    the base does in a mask (all)."""
    guidance_scale: float | None = None
    """By default the request's, else the base's own."""
    num_inference_steps: int | None = None
    """By default the request's, else the base's own."""
    overlap: int | None = None
    """Pixels of the old picture that are painted anew along each side that grows, at most a quarter of it; by default
    a 24th of its shorter side, at least 8."""
    reach: float = 0.5
    """By what share of its width or height a picture may grow in one pass, above 0 to 1."""

    def __post_init__(self) -> None:
        for name in (*SIDES, "overlap"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | None) or (value or 0) < 0:
                raise SettingsError(f"{name} is {value!r}; expected a whole number of pixels, at least 0")
        if self.anchor not in get_args(Anchor):
            raise SettingsError(f"anchor is {self.anchor!r}; {did_you_mean(str(self.anchor), get_args(Anchor))}")
        sides = [name for name in SIDES if getattr(self, name)]
        if self.to is None and not sides:
            raise SettingsError("nothing to add; give left, right, top or bottom in pixels, or to='3:4' or '1024x1536'")
        if self.to is not None:
            if sides:
                raise SettingsError(f"both to={self.to!r} and {sides[0]}={getattr(self, sides[0])}; give one of them")
            _target(self.to)
        elif self.anchor != "center":
            raise SettingsError(f"anchor={self.anchor!r} goes with to=...; {', '.join(sides)} say where the picture is")
        for name in ("strength", "reach"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 1:
                raise SettingsError(f"{name} is {value!r}; expected a number above 0, up to 1")
        igo.Request(num_inference_steps=self.num_inference_steps, guidance_scale=self.guidance_scale)

    @igo.hookimpl
    def preprocess(self, request: igo.Request, runtime: igo.Runtime) -> igo.Request | None:
        """A photo with a prompt passes a base that stands after this step as it is: see ``_Kept``."""
        plain = request.image is not None and request.strength is None and "mask" not in request.layers
        if not plain or isinstance(request, _Kept):
            return None
        return _Kept(**_values(request) | {"strength": 0.0}, keeper=runtime.step)

    @igo.hookimpl
    def generate(self, request: igo.Request, inner: Paint, runtime: igo.Runtime) -> list[igo.Frame] | None:
        """Asked only by a base before this step, or by none: what `preprocess` did is undone."""
        if not isinstance(request, _Kept) or request.keeper != runtime.step or request.strength != 0:
            return None
        return inner(igo.Request(**_values(request) | {"strength": None}))

    @igo.hookimpl
    def postprocess(
        self,
        frame: igo.Frame,
        request: igo.Request,
        paint: Paint,
        runtime: igo.Runtime,
    ) -> igo.Frame:
        """The frame on its larger canvas. Its history says the canvas (width, height), the box of the old picture in
        it, the passes, the overlap in pixels, and the worst seam score of all passes (1: no seam; None: not known)."""
        from igo.compositing import seam_score

        canvas, place = self.layout(frame.image.size)
        overlap = self._overlap(frame.image.size)
        image, known, seams, flags = frame.image, place, [], [frame.nsfw_content_detected]
        plan = list(passes(place, canvas, self.reach))
        for number, grown in enumerate(plan):
            runtime.progress(number, len(plan), "outpainting")
            start, mask = extended(image, known, grown, overlap)
            painted = self._painted(start, mask, request, runtime.seed(frame.seed, number), paint)
            image, known = painted.image, grown
            seams.append(seam_score(image, mask))
            flags.append(painted.nsfw_content_detected)
        runtime.progress(len(plan), len(plan), "outpainting")
        worst = max((seam for seam in seams if not isnan(seam)), default=None)
        report: dict[str, Any] = {"canvas": list(canvas), "picture": list(place), "passes": len(plan)}
        if not plan:
            return frame.noted(**report)
        report |= {"overlap": overlap, "seam": None if worst is None else round(worst, 3)}
        result = replace(frame.with_image(image, **report), nsfw_content_detected=_any(flags))
        alpha = frame.layers.get("alpha")
        return result if alpha is None else result.with_layer("alpha", _continued(alpha, place, canvas))

    def layout(self, size: tuple[int, int]) -> tuple[tuple[int, int], Box]:
        """The canvas (width, height) for a picture of ``size``, and the picture's box in it.

        Raises ``SettingsError`` for a canvas that is smaller than the picture, ``ImageError`` for one that is too large
        to be read again.
        """
        from igo.images import MAX_PIXELS

        width, height = size
        left, top = self.left, self.top
        canvas = width + left + self.right, height + top + self.bottom
        if self.to is not None:
            target = _target(self.to)
            if isinstance(target, Fraction):
                target = max(width, round(height * target)), max(height, round(width / target))
            if target[0] < width or target[1] < height:
                raise SettingsError(
                    f"to='{self.to}' is smaller than the picture of {width}x{height}; outpainting only adds"
                )
            canvas = target
            left, top = _share(canvas[0] - width, self.anchor, "left", "right"), 0
            top = _share(canvas[1] - height, self.anchor, "top", "bottom")
        if canvas[0] * canvas[1] > MAX_PIXELS:
            raise ImageError(f"the canvas would be {canvas[0]}x{canvas[1]}; expected at most {MAX_PIXELS} pixels")
        return canvas, (left, top, left + width, top + height)

    def _overlap(self, size: tuple[int, int]) -> int:
        chosen = max(LEAST_OVERLAP, min(size) // OVERLAP_SHARE) if self.overlap is None else self.overlap
        return min(chosen, min(size) // 4)

    def _painted(
        self,
        start: Image,
        mask: Image,
        request: igo.Request,
        seed: int,
        paint: Paint,
    ) -> igo.Frame:
        """``start`` with its zone painted by the chain. Raises ``ChainError`` if nobody does."""
        prompt = request.prompt if self.prompt is None else self.prompt
        strength = self.strength
        if strength is None and not prompt:
            strength = 1.0  # else a base takes a picture without prompt as it is
        asked = igo.Request(
            prompt=prompt,
            negative_prompt=request.negative_prompt if self.negative_prompt is None else self.negative_prompt,
            num_inference_steps=self.num_inference_steps or request.num_inference_steps,
            guidance_scale=request.guidance_scale if self.guidance_scale is None else self.guidance_scale,
            seed=seed,
            strength=strength,
            image=start,
            layers={"mask": mask},
        )
        painted = paint(asked)[0]
        if painted.image is start:
            raise ChainError("no step of this chain paints the canvas; add igo.TextToImage(...)")
        if painted.image.size != start.size:
            got, expected = painted.image.size, start.size
            raise PluginError(f"the base painted {got[0]}x{got[1]}; expected the canvas, {expected[0]}x{expected[1]}")
        return painted


@dataclass(frozen=True)
class _Kept(igo.Request):
    """A request with ``strength`` 0, at which a base takes the photo as it is.

    A step isn't told where in the chain it stands, but generation nests: `Outpainting.generate` is asked before a base
    that stands before it, and undoes this; a base that stands after it never asks it. ``keeper`` is the step's name.
    """

    keeper: str = ""


def _values(request: igo.Request) -> dict[str, Any]:
    return {item.name: getattr(request, item.name) for item in fields(igo.Request)}


def _target(to: str) -> Fraction | tuple[int, int]:
    """A shape as width over height, or a size. Raises ``SettingsError``."""
    text = str(to)
    shape = re.fullmatch(r"(\d{1,5}(?:\.\d{1,4})?):(\d{1,5}(?:\.\d{1,4})?)", text)
    size = re.fullmatch(r"(\d{1,6})[x×](\d{1,6})", text)
    numbers = [Fraction(number) for number in (shape or size).groups()] if shape or size else []  # type: ignore[union-attr]
    if not numbers or not all(numbers):
        raise SettingsError(f"to is {to!r}; expected a shape such as '3:4' or a size such as '1024x1536'")
    return numbers[0] / numbers[1] if shape else (int(numbers[0]), int(numbers[1]))


def _share(added: int, anchor: str, low: str, high: str) -> int:
    """How much of what is added goes to the ``low`` side of a picture that stands at ``anchor``."""
    return 0 if low in anchor else added if high in anchor else added // 2


def passes(known: Box, canvas: tuple[int, int], reach: float) -> Iterator[Box]:
    """The boxes to which ``known`` grows, up to all of ``canvas`` (width, height).

    Each grows in one direction, by at most the share ``reach`` of the length it has (or ``LEAST_STEP`` pixels), so that
    a base, which paints all it sees at its native size, sees more old than new. Of the two directions the one comes
    first in which more is missing; the steps of one are of equal proportion.
    """
    left, top, right, bottom = known
    while (right - left, bottom - top) != canvas:
        if canvas[0] * (bottom - top) >= canvas[1] * (right - left):
            left, right = _grown(left, right, canvas[0], reach)
        else:
            top, bottom = _grown(top, bottom, canvas[1], reach)
        yield left, top, right, bottom


def _grown(low: int, high: int, limit: int, reach: float) -> tuple[int, int]:
    """A span within 0..limit after one step to all of it, both its ends in proportion."""
    length, missing = high - low, limit - (high - low)
    steps = ceil(log(limit / length, 1 + reach) - 1e-9)
    step = min(missing, max(LEAST_STEP, ceil(length * ((limit / length) ** (1 / steps) - 1))))
    before = round(step * low / missing)
    return low - before, high + step - before


def extended(image: Image, known: Box, grown: Box, overlap: int) -> tuple[Image, Image]:
    """An RGB picture that lies in ``known`` on the canvas ``grown``, to paint on: the canvas filled, and a mask (L) of
    what is new and of ``overlap`` pixels of the old beside it.

    The fill is the picture mirrored at its edges, the more blurred the farther it is from them, so that edges go on
    across the seam and no second face is made of the first.
    """
    from PIL import Image as Images

    size = grown[2] - grown[0], grown[3] - grown[1]
    place = known[0] - grown[0], known[1] - grown[1], known[2] - grown[0], known[3] - grown[1]
    kept = [place[side] + (0 if known[side] == grown[side] else overlap if side < 2 else -overlap) for side in range(4)]
    mask = Images.new("L", size, 255)
    mask.paste(0, (kept[0], kept[1], kept[2], kept[3]))
    canvas = _blurred(_continued(image, place, size, "symmetric"), place)
    canvas.paste(image, place[:2])
    return canvas, mask


def _continued(image: Image, place: Box, size: tuple[int, int], mode: Literal["edge", "symmetric"] = "edge") -> Image:
    """A picture in a canvas of ``size``, its edge pixels repeated or the picture mirrored."""
    import numpy as np
    from PIL import Image as Images

    pixels = np.asarray(image)
    margins = [(place[1], size[1] - place[3]), (place[0], size[0] - place[2]), (0, 0)][: pixels.ndim]
    return Images.fromarray(np.pad(pixels, margins, mode=mode))


def _blurred(canvas: Image, place: Box) -> Image:
    """A picture that is blurred outside of ``place``, with a radius that grows with the distance to it."""
    import cv2
    import numpy as np
    from PIL import Image as Images

    columns, rows = np.arange(canvas.width), np.arange(canvas.height)[:, None]
    across = np.maximum(place[0] - columns, columns - place[2] + 1)
    down = np.maximum(place[1] - rows, rows - place[3] + 1)
    octave = np.log2(np.maximum(np.hypot(across.clip(0), down.clip(0)), 1)).astype(np.float32)[..., None] - 1
    sharp = np.asarray(canvas).astype(np.float32)
    result, level = sharp.copy(), 1
    while (octave > level - 1).any():  # a Gaussian of 2, 4, 8 ... pixels, made at a lower resolution where it is wide
        scale = 2 ** max(level - 2, 0)
        small = cv2.resize(sharp, (-(-canvas.width // scale), -(-canvas.height // scale)), interpolation=cv2.INTER_AREA)
        soft = cv2.resize(cv2.GaussianBlur(small, (0, 0), 2**level / scale), canvas.size)
        result += (soft - result) * np.clip(octave - (level - 1), 0, 1)
        level += 1
    return Images.fromarray(np.rint(result).astype(np.uint8))


def _any(flags: list[bool | None]) -> bool | None:
    """The verdict on a picture whose parts have these."""
    known = [flag for flag in flags if flag is not None]
    return any(known) if known else None
