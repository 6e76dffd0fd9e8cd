"""Pictures made larger than they are: a canvas around the old picture, painted on by the chain's own base."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import partial
from math import isnan
from typing import TYPE_CHECKING, Any, Literal, get_args

import igo
from igo.errors import ChainError, ImageError, PluginError, SettingsError, did_you_mean
from igo_plugins.canvas.growth import LEAST_VIEW, Box, bands, passes, share_before, target_of, view_of

if TYPE_CHECKING:
    from PIL.Image import Image

Anchor = Literal[
    "center", "top", "bottom", "left", "right", "top-left", "top-right", "bottom-left", "bottom-right"
]  # fmt: skip
Paint = Callable[..., list[igo.Frame]]
SIDES = ("left", "right", "top", "bottom")
LEAST_OVERLAP, OVERLAP_SHARE = 8, 24
"""The overlap by default: that many pixels, or one part in so many of the picture's shorter side."""
SOFT = 0.5
"""What is painted at less than this share of its size is seen to be enlarged."""


@dataclass(frozen=True)
class Outpainting:
    """The picture continued beyond its sides: by pixels on each side, or to a shape or size.

    The old picture's pixels stay the same, byte for byte, but for ``overlap`` pixels along the sides that grow. What is
    larger than the base can see at once is painted in several passes, each with a seed of its own.

    After the base it extends what the base made. Before the base it extends a photo: with a prompt and no ``strength``
    of its own, the photo is then not repainted, and the prompt says what lies around it. Without a photo, both are the
    same. Transparency goes on as it is at the edge; a mask that the user brought stays where it is on the old picture;
    other layers of the frame are dropped.

    Raises ``SettingsError`` for sides and sizes that can't be meant, ``ChainError`` where no step paints.
    """

    resizes = True

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
    reach: float = 0.17
    """How much of what the base is shown may be new in one pass, above 0 to 1; three times as much above and below, so
    that a figure which is cut off is finished in one. With more, sideways, there is room for a second figure."""
    tile: int | None = None
    """The longest side, in pixels (64 or more), of what the base is shown at once; by default the old picture's. Beside
    photos much larger than what the checkpoint paints, what is new is then painted small and enlarged: soft, but of one
    piece, while parts that see little of each other may each become a scene of its own."""

    def __post_init__(self) -> None:
        for name in (*SIDES, "overlap", "tile"):
            value, least = getattr(self, name), LEAST_VIEW if name == "tile" else 0
            if value is None and name not in SIDES:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise SettingsError(f"{name} is {value!r}; expected a whole number of pixels, at least {least}")
        if self.anchor not in get_args(Anchor):
            raise SettingsError(f"anchor is {self.anchor!r}; {did_you_mean(str(self.anchor), get_args(Anchor))}")
        sides = [name for name in SIDES if getattr(self, name)]
        if self.to is None and not sides:
            raise SettingsError("nothing to add; give left, right, top or bottom in pixels, or to='3:4' or '1024x1536'")
        if self.to is not None:
            if sides:
                raise SettingsError(f"both to={self.to!r} and {sides[0]}={getattr(self, sides[0])}; give one of them")
            target_of(self.to)
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
        it, the passes, the overlap in pixels, and the worst seam score of all passes (1: no seam; None: not known),
        beside what the base reports of the last one."""
        from igo.images import on_white
        from igo_plugins.canvas.fill import continued, with_hidden

        canvas, place = self.layout(frame.image.size)
        view = view_of(frame.image.size, self.tile)
        plan = list(passes(place, canvas, view, self.reach))
        report: dict[str, Any] = {"canvas": list(canvas), "picture": list(place)}
        if not plan:
            return frame.noted(**report, passes=0)
        overlap = self._overlap(frame.image.size)
        alpha = frame.layers.get("alpha")
        shown = on_white(frame.image, alpha)
        image, known, painted = shown, place, list[_Band]()
        for number, grown in enumerate(plan):
            runtime.progress(number, len(plan), "outpainting")
            seed = partial(runtime.seed, frame.seed, number)
            offset = grown[0] - place[0], grown[1] - place[1]
            image, found = self._passed(image, known, grown, offset, view, overlap, request, seed, paint)
            known, painted = grown, painted + found
        runtime.progress(len(plan), len(plan), "outpainting")
        worst = max((round(band.seam, 3) for band in painted if not isnan(band.seam)), default=None)
        report = {**painted[-1].told, **report, "passes": len(painted), "overlap": overlap, "seam": worst}
        scale = min(band.scale for band in painted)
        if scale < SOFT:
            report["note"] = self._advice(scale, len(painted), place, canvas, overlap)
        flag = _any([frame.nsfw_content_detected, *(band.flag for band in painted)])
        result = replace(frame.with_image(image, place=place, **report), nsfw_content_detected=flag)
        if alpha is None:
            return result
        image = with_hidden(frame.image, shown, image, alpha, place)
        return replace(result, image=image).with_layer("alpha", continued(alpha, place, canvas))

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
            target = target_of(self.to)
            if isinstance(target, Fraction):
                target = max(width, round(height * target)), max(height, round(width / target))
            if target[0] < width or target[1] < height:
                raise SettingsError(
                    f"to='{self.to}' is smaller than the picture of {width}x{height}; outpainting only adds"
                )
            canvas = target
            left, top = share_before(canvas[0] - width, self.anchor, "left", "right"), 0
            top = share_before(canvas[1] - height, self.anchor, "top", "bottom")
        if canvas[0] * canvas[1] > MAX_PIXELS:
            raise ImageError(f"the canvas would be {canvas[0]}x{canvas[1]}; expected at most {MAX_PIXELS} pixels")
        return canvas, (left, top, left + width, top + height)

    def _overlap(self, size: tuple[int, int]) -> int:
        chosen = max(LEAST_OVERLAP, min(size) // OVERLAP_SHARE) if self.overlap is None else self.overlap
        return min(chosen, min(size) // 4)

    def _passed(
        self,
        image: Image,
        known: Box,
        grown: Box,
        offset: tuple[int, int],
        view: tuple[int, int],
        overlap: int,
        request: igo.Request,
        seed: Callable[[int], int],
        paint: Paint,
    ) -> tuple[Image, list[_Band]]:
        """The picture after one pass, and what there is to say of its bands. ``offset`` is where ``grown`` begins, seen
        from the frame; ``seed`` is for a band."""
        from igo.images.compositing import seam_score
        from igo_plugins.canvas.fill import cut, extended

        canvas, mask = extended(image, known, grown, overlap)
        found = []
        for number, (shown, band) in enumerate(bands(known, grown, view, overlap)):
            start, zone = cut(canvas, mask, shown, band)
            left, top = shown[0] + offset[0], shown[1] + offset[1]
            box = left, top, left + start.width, top + start.height
            painted = self._painted(start, zone, request, seed(number), partial(paint, box=box))
            canvas.paste(painted.image, shown[:2])
            seam = seam_score(painted.image, zone)
            found.append(_Band(seam, painted.nsfw_content_detected, _scale(painted), painted.told))
        return canvas, found

    def _advice(self, scale: float, count: int, place: Box, canvas: tuple[int, int], overlap: int) -> str:
        """What to say where bands were painted at ``scale`` and enlarged."""
        side = view_of((place[2] - place[0], place[3] - place[1]), self.tile)[0]
        tile = max(LEAST_VIEW, round(side * scale))
        known, more = place, 0
        for grown in passes(place, canvas, (tile, tile), self.reach):
            more += len(list(bands(known, grown, (tile, tile), overlap)))
            known = grown
        return (
            f"what is new was painted at {scale:.0%} of its size and enlarged, so it is softer than the picture; "
            f"tile={tile} paints it at its size, in {more} parts in place of {count}, each of which sees little else"
        )

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
            references=request.references,
        )
        painted = paint(asked)[0]
        if painted.image is start:
            raise ChainError("no step of this chain paints the canvas; add igo.TextToImage(...)")
        if painted.image.size != start.size:
            got, expected = painted.image.size, start.size
            raise PluginError(f"the base painted {got[0]}x{got[1]}; expected the canvas, {expected[0]}x{expected[1]}")
        return painted


@dataclass(frozen=True)
class _Band:
    """What is known of a part that was painted: how visible its border is, the safety checker's verdict, and how large
    it was painted, as a share of its size, and what the base reports of it."""

    seam: float
    flag: bool | None
    scale: float
    told: Mapping[str, Any]


@dataclass(frozen=True)
class _Kept(igo.Request):
    """A request with ``strength`` 0, at which a base takes the photo as it is.

    A step isn't told where in the chain it stands, but generation nests: `Outpainting.generate` is asked before a base
    that stands before it, and undoes this; a base that stands after it never asks it. ``keeper`` is the step's name.
    """

    keeper: str = ""


def _values(request: igo.Request) -> dict[str, Any]:
    return {item.name: getattr(request, item.name) for item in fields(igo.Request)}


def _scale(frame: igo.Frame) -> float:
    """How large the base says that it painted the zone, as a share of its size; 1 if it doesn't say."""
    zones = [entry.report["zone"] for entry in frame.history if isinstance(entry.report.get("zone"), Mapping)]
    return float(zones[-1].get("scale", 1)) if zones else 1.0


def _any(flags: list[bool | None]) -> bool | None:
    """The verdict on a picture whose parts have these."""
    known = [flag for flag in flags if flag is not None]
    return any(known) if known else None
