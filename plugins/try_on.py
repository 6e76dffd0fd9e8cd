"""Try-on: the garment in this picture on the person in that one."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

import igo
from igo.errors import MaskError, MissingLayerError, MissingReferenceError, SettingsError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL.Image import Image

    from igo_plugins.fitting.fitter import Fitter
    from igo_plugins.fitting.garment import Garment
    from igo_plugins.fitting.memo import Memo
    from igo_plugins.fitting.painting import Candidate
    from igo_plugins.fitting.zones import Zone
    from igo_plugins.parsing.parser import Parse, Parser


@dataclass(frozen=True)
class TryOn:
    """Put the garment of a reference on somebody: ``TryOn()`` with ``references={"garment": "shirt.png"}``.

    The reference may show the garment laid flat on any ground, cut out, or worn by somebody else. The zone comes from a
    layer ``"mask"`` if the user or another step of the chain brings one, else from a layer ``"parse"``, else from the
    ``parser``. It is painted by a model of its own, so a chain needs no base; outside of it not one byte changes.
    Several garments are several steps, with a reference each. The zone stays with the frame, as layer ``"zone"``.

    Raises ``NothingFoundError`` where nobody wears such a garment, and where the reference shows none; ``UnsureError``;
    both have ``area`` and ``confidence``. ``SettingsError`` for settings that can't be meant.
    """

    shows = ("mask",)

    part: Literal["auto", "upper", "lower", "dress"] = "auto"
    """What the garment takes the place of; "auto" reads off the reference what it is."""
    reference: str = "garment"
    """Which of the references shows it."""
    mask: Literal["hull", "tight", "box", "none"] = "hull"
    """How the zone is made: "hull" hides the old garment's outline, "tight" is the old garment, "box" the rectangle
    around; with "none" the model finds the garment itself, and the zone is what it has changed, which `mini/tryon` has
    learned and CatVTON's weights have not."""
    _: KW_ONLY
    model: str = "mini/tryon"
    """"mini/tryon"; a folder or hub name in diffusers' layout with an inpainting UNet that has learned try-on; or one
    with CatVTON's attention, such as "zhengchong/CatVTON"."""
    variant: str | None = None
    """Of CatVTON's several sets of weights, the folder of one: "mix-48k-1024"."""
    base: str | None = None
    """The inpainting checkpoint that CatVTON's attention goes into; by default the one that it was trained in."""
    vae: str | None = None
    """Another VAE than the checkpoint's, such as "stabilityai/sd-vae-ft-mse"."""
    parser: str = "mini"
    """Human parsing: "mini" for pictures by mini and drawings like them, which doubts what looks like a photograph;
    "mattmdjaga/segformer_b2_clothes" or another, or a folder, for photographs."""
    guidance_scale: float | None = None
    """How closely to follow the garment; by default the model's own, 2.5 for CatVTON's, whose colours are distorted
    above 3.5."""
    num_inference_steps: int | None = None
    """Denoising steps; by default the chain's, else the model's own."""
    width: int | None = None
    """Pixels of what the model is shown; by default its own."""
    height: int | None = None
    """The same, of its height."""
    context: float | None = None
    """What the model is shown around the zone, as a multiple of its longer side; by default what it has learned from,
    0.1, or 0.5 for CatVTON's."""
    candidates: int = 1
    """How many are painted; the best is taken: by a step of the chain that scores, else the one in which the parser is
    surest of the garment, else the one with the least seam."""
    confidence: float = 0.5
    """How sure the parser must be of what is worn, 0 to 1."""
    on_doubt: Literal["raise", "skip", "paint"] = "raise"
    """Where parse and reference can't be believed: raise, leave the picture as it is, or paint all the same if there is
    a zone."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for name in ("part", "mask", "on_doubt"):
            value, choices = getattr(self, name), get_args(hints[name])
            if value not in choices:
                raise SettingsError(f"{name} is {value!r}; {did_you_mean(str(value), choices)}")
        for name in ("reference", "model", "parser"):
            if not getattr(self, name).strip():
                raise SettingsError(f"{name} is empty; expected a name")
        if not 0 <= self.confidence <= 1:
            raise SettingsError(f"confidence is {self.confidence}; expected a number from 0 to 1")
        if self.context is not None and self.context < 0:
            raise SettingsError(f"context is {self.context}; expected at least 0")
        if self.candidates < 1:
            raise SettingsError(f"candidates is {self.candidates}; expected at least 1")
        igo.Request(
            num_inference_steps=self.num_inference_steps,
            guidance_scale=self.guidance_scale,
            width=self.width,
            height=self.height,
        )

    @property
    def needs_references(self) -> tuple[str, ...]:
        """The garment's picture."""
        return (self.reference,)

    @igo.hookimpl
    def check(self, runtime: igo.Runtime) -> None:
        """Checkpoints that can't be found or asked for, and what may not be used commercially, where that is asked
        for."""
        from igo_plugins.fitting import loading

        loading.check(self.model, self.variant, self.base, self.vae, runtime)
        if runtime.commercial and self.parser != "mini":
            runtime.permit(self.parser)

    @igo.hookimpl
    def provide(self, name: str, frame: igo.Frame, request: igo.Request, runtime: igo.Runtime) -> Image | None:
        """The zone, for a user who asks for the layer ``"mask"`` (``Chain.layer``). To other steps it is no mask: they
        would paint in it."""
        if name != "mask":
            return None
        if self.reference not in request.references:
            raise MissingReferenceError(f"the zone is made for the reference '{self.reference}', which isn't given")
        garment = self._garment(request, self._model(runtime), runtime)
        zone: Zone = self._zone(frame, None, garment, runtime)
        image: Image = zone.image
        return image

    @igo.hookimpl
    def postprocess(
        self,
        frame: igo.Frame,
        request: igo.Request,
        layer: Callable[[str], Image],
        scores: Callable[[Sequence[igo.Frame], igo.Request], list[float] | None],
        runtime: igo.Runtime,
    ) -> igo.Frame:
        """Find the zone, paint the garment in it, keep the best candidate."""
        from igo.images import kept_hidden

        fitter = self._model(runtime)
        try:
            garment = self._garment(request, fitter, runtime)
            zone = self._zone(frame, layer, garment, runtime)
            candidates, report = self._painted(frame, request, fitter, garment, zone, runtime)
        except MaskError as error:
            if self.on_doubt == "raise":
                raise
            return frame.noted(skipped=str(error), area=round(error.area, 5))
        best = candidates[0]
        if len(candidates) > 1:
            asked = request.replace(image=_seen(frame), layers={"mask": best.zone})
            shown = [frame.with_image(one.image) for one in candidates]
            found = scores(shown, asked) or self._scores(candidates, garment, zone, runtime)
            best = candidates[found.index(max(found))]
            report["scores"] = [round(number, 4) for number in found]
        image = kept_hidden(frame.image, _seen(frame), best.image, _alpha(frame))
        return frame.with_image(image, **report, **best.report).with_layer("zone", best.zone)

    def _model(self, runtime: igo.Runtime) -> Fitter:
        """The model, told to the run's record."""
        from igo_plugins.fitting import loading

        fitter = loading.load(self.model, self.variant, self.base, self.vae, runtime)
        if self.mask == "none" and not fitter.maskless:
            raise SettingsError(f"mask is 'none', and {fitter.name} needs one; choose hull, tight or box")
        for name, told in fitter.weights.items():
            runtime.identify(name, *told)
        return fitter

    def _garment(self, request: igo.Request, fitter: Fitter, runtime: igo.Runtime) -> Garment:
        """What the reference shows, laid out for the model."""
        from igo.images import digest
        from igo_plugins.fitting.garment import garment_of, working
        from igo_plugins.fitting.memo import MANY

        reference = request.references[self.reference]
        part, size = None if self.part == "auto" else self.part, fitter.size(self.width, self.height)

        parser = self._parser(runtime)  # each time, so that each record names it

        def made() -> Garment:
            image = working(reference)
            garment = garment_of(image, parser.parse(image), part, size, self.reference)
            if fitter.bodies is None or garment.end is None:
                return garment
            return garment.reaching(fitter.reach(garment.image, garment.end))

        key = digest(reference), self.parser, part, size, fitter.bodies and fitter.bodies.identity
        return _memo("garments", MANY, runtime).get(key, made)

    def _zone(
        self, frame: igo.Frame, layer: Callable[[str], Image] | None, garment: Garment, runtime: igo.Runtime
    ) -> Zone:
        """Where to paint: brought by somebody, or made of a parse."""
        import numpy as np

        from igo.images import digest
        from igo_plugins.fitting import zones
        from igo_plugins.fitting.garment import check_part
        from igo_plugins.fitting.memo import FEW

        if (mask := _brought(layer, "mask")) is not None:
            return zones.brought(mask)
        part, seen, alpha = check_part(garment.part, self.reference), _seen(frame), _alpha(frame)
        if (parse := _brought(layer, "parse")) is not None:
            found = zones.parsed(np.asarray(parse.convert("L")), part, self.mask, alpha, garment.hem)
            return replace(found, before=None)  # who saw that isn't asked what there is afterwards

        key = digest(seen, alpha)

        def made() -> Zone:
            parser = self._parser(runtime)
            parse = _memo("parses", FEW, runtime).get((key, self.parser), lambda: _parse(parser, seen))
            found = zones.parsed(parse, part, self.mask, alpha, garment.hem)
            return replace(found, confidence=zones.certainty(parser, seen, parse, part))

        if self.on_doubt != "paint":
            zones.check_known(self.parser, seen)
        zone = _memo("zones", FEW, runtime).get((key, self.parser, part, self.mask, garment.hem), made)
        if self.on_doubt != "paint":
            zones.believe(zone, part, self.confidence)
        return zone

    def _painted(
        self,
        frame: igo.Frame,
        request: igo.Request,
        fitter: Fitter,
        garment: Garment,
        zone: Zone,
        runtime: igo.Runtime,
    ) -> tuple[list[Candidate], dict[str, Any]]:
        """The candidates, and what there is to say about all of them."""
        from igo_plugins.fitting.painting import painted

        free = self.mask == "none" and zone.parsed
        steps = self.num_inference_steps or request.num_inference_steps or fitter.steps
        guidance = fitter.guidance_scale if self.guidance_scale is None else self.guidance_scale
        first, seen = runtime.seed(frame.seed), _seen(frame)
        candidates = painted(
            fitter,
            seen,
            garment,
            zone,
            [first + number for number in range(self.candidates)],
            free=free,
            context=fitter.method.context if self.context is None else self.context,
            num_inference_steps=steps,
            guidance_scale=guidance,
            on_step=lambda done, total, preview: runtime.progress(done, total, preview=preview),
            parse=lambda image: _parse(self._parser(runtime), image),
        )
        report = {
            "checkpoint": fitter.name,
            "identity": fitter.weights[fitter.name][0],
            "scheduler": fitter.scheduler,
            "reference": self.reference,
            "part": garment.part,
            "worn": garment.worn,
            "hem": garment.hem,
            "mask": self.mask if zone.parsed else "brought",
            "area": round(zone.area, 5),
            "confidence": None if zone.confidence is None else round(zone.confidence, 3),
            "num_inference_steps": steps,
            "guidance_scale": guidance,
            "candidates": len(candidates),
        }
        if notes := [note for note in (fitter.note, self._doubt(seen)) if note]:
            report["note"] = "; ".join(notes)
        return candidates, report

    def _scores(
        self, candidates: Sequence[Candidate], garment: Garment, zone: Zone, runtime: igo.Runtime
    ) -> list[float]:
        """How sure the parser is that it sees the garment in each candidate's zone; how little seam they have, where
        the parser had no part in this."""
        from igo_plugins.fitting.zones import seen_in

        if zone.confidence is None or garment.part is None:
            return [-(one.seam or 0.0) for one in candidates]
        return [seen_in(self._parser(runtime), one.image, one.zone, garment.part) for one in candidates]

    def _parser(self, runtime: igo.Runtime) -> Parser:
        from igo_plugins.parsing.parser import load

        return load(self.parser, runtime)

    def _doubt(self, seen: Image) -> str | None:
        """What there is to say of a photograph that mini paints in."""
        from igo.images import is_photograph
        from igo_plugins.fitting.loading import MINI

        if self.model != MINI or not is_photograph(seen):
            return None
        return f"this looks like a photograph, and {MINI} paints drawings; name a model for photographs"


def _alpha(frame: igo.Frame) -> Image | None:
    alpha = frame.layers.get("alpha")
    return None if alpha is None else alpha.convert("L")


def _seen(frame: igo.Frame) -> Image:
    """The picture as it looks on white, if it is transparent."""
    from igo.images import on_white

    return on_white(frame.image, _alpha(frame))


def _brought(layer: Callable[[str], Image] | None, name: str) -> Image | None:
    """A layer that the user or another step brings, if one does."""
    if layer is None:
        return None
    try:
        return layer(name)
    except MissingLayerError as error:
        if error.step is not None:  # another step asked in vain while it made its layer
            raise
        return None


def _parse(parser: Parser, image: Image) -> Parse:
    """What is seen in an RGB picture, straps by their colours."""
    from igo_plugins.parsing.straps import told_apart

    return told_apart(parser.parse(image), image)


def _memo(kind: str, kept: int, runtime: igo.Runtime) -> Memo:
    """What steps like this remember of a kind, for all chains that share the runtime."""
    from igo_plugins.fitting.memo import Memo

    memo: Memo = runtime.model(("try-on remembers", kind), lambda: Memo(kept))
    return memo
