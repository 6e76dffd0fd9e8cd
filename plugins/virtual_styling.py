"""Virtual styling: name a garment, say what it becomes; the text finds it, the chain's base repaints it there."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Literal

import igo
from igo.errors import ChainError, MaskError, MissingLayerError, NothingFoundError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL.Image import Image

    from igo_plugins.styling.mask_models import MaskModel


@dataclass(frozen=True)
class VirtualStyling:
    """Change what somebody wears: ``VirtualStyling("t-shirt", to="a red hoodie")``.

    The zone comes from a layer ``"mask"`` if the user or another step of the chain brings one, else from the text. It
    is repainted by whatever base stands in the chain; outside of it not one byte changes. The prompt is the chain's own
    with ``to`` in the target's place, so that the rest of the picture stays its context; steps that come later see the
    garments of those before. The zone stays with the frame, as layer ``"zone"``.

    Raises ``NothingFoundError``, ``FoundEverythingError`` and ``UnsureError``, which have ``area`` and ``confidence``,
    and ``SettingsError`` for settings that can't be meant.
    """

    shows = ("mask",)

    target: str
    """What to replace: "t-shirt", or several phrases with commas between them: "jacket, shirt"."""
    to: str
    """What it becomes: "a red hoodie"."""
    _: KW_ONLY
    protect: str = "face, hair, hands"
    """What is never repainted, phrases with commas between them."""
    limbs: Literal["auto", "none", "arms", "legs", "both"] = "auto"
    """Bare limbs that the zone takes in, for a garment that covers more; "auto" reads it off target and to."""
    margin: float = 0.02
    """What the zone grows by all around, as a share of the picture's height."""
    threshold: float = 0.5
    """How sure the text mask must be of a pixel, 0 to 1."""
    confidence: float = 0.6
    """How sure it must be of the whole, 0 to 1."""
    on_doubt: Literal["raise", "skip", "paint"] = "raise"
    """Where the mask can't be believed: raise, leave the picture as it is, or paint all the same if there is a mask."""
    mask_model: str = "mini"
    """What finds them: "mini" for pictures by mini and drawings like them, which doubts what looks like a photograph;
    for photographs a CLIPSeg, "CIDAS/clipseg-rd64-refined" or a folder, or a human parser such as
    "mattmdjaga/segformer_b2_clothes", which knows names of garments alone."""
    weight: float = 1.2
    """The weight of ``to`` in the prompt, as in ``(a red hoodie:1.2)``."""
    prompt: str | None = None
    """A prompt of its own, in place of the chain's with ``to`` in it."""
    negative_prompt: str | None = None
    """In place of the chain's."""
    candidates: int = 1
    """How many are painted; the best is taken: by a step of the chain that scores, else the one in which the text mask
    finds most of ``to``."""
    strength: float | None = None
    """How much of the zone is new, 0 to 1; the base's default is all of it."""
    num_inference_steps: int | None = None
    """Denoising steps; by default the chain's."""
    guidance_scale: float | None = None
    """How closely to follow the prompt; by default the chain's."""

    def __post_init__(self) -> None:
        for name in ("target", "to"):
            if not getattr(self, name).strip(" ,"):
                raise SettingsError(f"{name} is empty; expected words such as 't-shirt' or 'a red hoodie'")
        for name in ("margin", "threshold", "confidence"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; expected a number from 0 to 1")
        if self.limbs not in ("auto", "none", "arms", "legs", "both"):
            raise SettingsError(f"limbs is {self.limbs!r}; choose auto, none, arms, legs or both")
        if self.on_doubt not in ("raise", "skip", "paint"):
            raise SettingsError(f"on_doubt is {self.on_doubt!r}; choose raise, skip or paint")
        if self.candidates < 1:
            raise SettingsError(f"candidates is {self.candidates}; expected at least 1")
        if not 0 < self.weight <= 4:
            raise SettingsError(f"weight is {self.weight}; expected a number above 0, at most 4")

    @igo.hookimpl
    def check(self, runtime: igo.Runtime) -> None:
        """A mask model that may not be used commercially, where that is asked for."""
        from igo_plugins.styling.text_mask import permitted

        permitted(self.mask_model, runtime)

    @igo.hookimpl
    def provide(self, name: str, frame: igo.Frame, runtime: igo.Runtime) -> Image | None:
        """The zone, for a user who asks for the layer ``"mask"`` (``Chain.layer``). To other steps it is no mask: they
        would paint in it."""
        return self._found(frame, runtime)[0] if name == "mask" else None

    @igo.hookimpl
    def postprocess(
        self,
        frame: igo.Frame,
        request: igo.Request,
        layer: Callable[..., Image],
        paint: Callable[[igo.Request], list[igo.Frame]],
        scores: Callable[[Sequence[igo.Frame], igo.Request], list[float] | None],
        runtime: igo.Runtime,
    ) -> igo.Frame | None:
        """Find the zone, repaint it, keep the best candidate."""
        try:
            zone, report = self._zone(frame, layer, runtime)
        except MaskError as error:
            if self.on_doubt == "raise":
                raise
            return frame.noted(skipped=str(error), area=round(error.area, 5))
        from igo_plugins.styling.wording import dressed

        scene = _scene(frame, request)
        prompt = self.prompt or dressed(scene, self.target, self.to, self.weight)
        styled = dressed(scene, self.target, self.to, 1)
        wanted: dict[str, Any] = {
            "negative_prompt": self.negative_prompt,
            "num_inference_steps": self.num_inference_steps,
            "guidance_scale": self.guidance_scale,
        }
        asked = request.replace(
            prompt=prompt,
            image=frame.image,
            layers={"mask": zone},
            width=None,
            height=None,
            num_images=self.candidates,
            seed=runtime.seed(frame.seed),
            strength=self.strength,
            **{name: value for name, value in wanted.items() if value is not None},
        )
        painted = paint(asked)
        best = painted[0]
        if best.image is frame.image and self.strength != 0:
            raise ChainError("no step of this chain paints the zone; add igo.TextToImage(...)")
        if len(painted) > 1:
            plain = asked.replace(prompt=self.prompt or styled)  # a scorer doesn't read weights
            found = scores(painted, plain) or self._scores(painted, zone, runtime)
            best = painted[found.index(max(found))]
            report["scores"] = [round(number, 4) for number in found]
        report |= {"candidates": len(painted), "seam": _seam(best), "styled": styled, "prompt": prompt}
        return frame.with_image(best.image, **{**best.told, **report}).with_layer("zone", zone)

    def _zone(
        self, frame: igo.Frame, layer: Callable[..., Image], runtime: igo.Runtime
    ) -> tuple[Image, dict[str, Any]]:
        """The zone to repaint (mode L) and what there is to say about it."""
        try:
            brought = layer("mask", target=self.target).convert("L")
        except MissingLayerError as error:
            if error.step is not None:  # another step asked in vain while it made its layer
                raise
            return self._found(frame, runtime)
        area = 1 - brought.histogram()[0] / (brought.width * brought.height)
        if area == 0:
            raise NothingFoundError("the mask is empty; expected some of it to be white, where to paint", area=0.0)
        return brought, {"mask": "brought", "area": round(area, 5)}

    def _found(self, frame: igo.Frame, runtime: igo.Runtime) -> tuple[Image, dict[str, Any]]:
        """The zone that the text finds in what can be seen of the frame."""
        from igo.images import visible_part
        from igo_plugins.styling.mask_models import load
        from igo_plugins.styling.text_mask import check_known
        from igo_plugins.styling.wording import bared, phrases
        from igo_plugins.styling.zone import believe, find

        if self.on_doubt != "paint":
            check_known(self.mask_model, _seen(frame), "on_doubt='paint'")
        masks, targets, protect = load(self.mask_model, runtime), phrases(self.target), phrases(self.protect)
        chosen: dict[str, tuple[Any, ...]] = {"none": (), "both": ("arms", "legs")}
        limbs = bared(self.target, self.to) if self.limbs == "auto" else chosen.get(self.limbs, (self.limbs,))
        found = find(masks, _seen(frame), targets, protect, limbs, self.threshold, self.margin)
        wanted, advice = self.confidence, "look at it with on_doubt='paint', or bring a mask"
        believe(found, self.target, self.threshold, None if self.on_doubt == "paint" else wanted, advice)
        alpha = frame.layers.get("alpha")
        zone = visible_part(found.zone, None if alpha is None else alpha.convert("L"))
        if zone.getbbox() is None:
            hidden = f"the picture is transparent where {self.target!r} was found; expected some of it to be visible"
            raise NothingFoundError(hidden, found.area, found.confidence)
        report = {"mask": self.mask_model, "area": round(found.area, 5), "confidence": round(found.confidence, 3)}
        return zone, report | _shortened(masks, (*targets, *protect))

    def _scores(self, painted: list[igo.Frame], zone: Image, runtime: igo.Runtime) -> list[float]:
        """How sure the text mask is, on average, that it sees ``to`` in each candidate's zone."""
        import numpy as np

        from igo_plugins.styling.mask_models import load

        masks, scores = load(self.mask_model, runtime), []
        for frame in painted:
            soft = masks.evidence(_seen(frame), self.to)
            inside = np.asarray(zone.resize((soft.shape[1], soft.shape[0]))) > 127
            scores.append(float(soft[inside].mean()) if inside.any() else 0.0)
        return scores


def _seen(frame: igo.Frame) -> Image:
    """The picture as it looks on white, if it is transparent."""
    from igo.images import on_white

    alpha = frame.layers.get("alpha")
    return on_white(frame.image, None if alpha is None else alpha.convert("L"))


def _shortened(masks: MaskModel, phrases: Sequence[str]) -> dict[str, str]:
    """What there is to say about phrases that the text mask can't read whole."""
    read = [text for text in map(masks.shortened, phrases) if text is not None]
    return {"note": f"of a long phrase the text mask read only '{read[0]}'"} if read else {}


def _scene(frame: igo.Frame, request: igo.Request) -> str:
    """What the picture shows: the prompt, with the garments of earlier steps."""
    styled = [entry.report["styled"] for entry in frame.history if "styled" in entry.report]
    return str(styled[-1]) if styled else request.prompt


def _seam(frame: igo.Frame) -> float | None:
    """The seam score that the base reports, if it does."""
    zones = [entry.report["zone"] for entry in frame.history if "zone" in entry.report]
    return zones[-1].get("seam") if zones else None
