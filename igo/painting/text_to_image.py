"""The base that most chains start from: any diffusers checkpoint, painting from text, from a picture, or in a mask."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import ceil, isnan
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

from igo.errors import LayerError, MaskError, SettingsError, UnsafeContentError, did_you_mean
from igo.hookspecs import hookimpl
from igo.painting import samplers, schedulers
from igo.painting.bounds import check_area, check_request
from igo.painting.prompts.presets import get_preset, preset_for
from igo.values import Conditions, Frame, Request

if TYPE_CHECKING:
    from PIL.Image import Image, Resampling

    from igo.hookspecs import Fit
    from igo.licensing import License
    from igo.painting.diffusion import Diffusion
    from igo.painting.families import Defaults
    from igo.painting.job import Job
    from igo.painting.previews import Preview
    from igo.painting.sizing import View
    from igo.runtime import Runtime

OWN_INPAINTING = {"mini": "mini/inpaint"}
"""Checkpoints that come with one for masks."""
BLANK = "the prompt is blank, so it is up to the checkpoint what to paint"
STRENGTH = {"img2img": 0.8, "inpaint": 1.0}
"""diffusers' own defaults."""


@dataclass(frozen=True)
class TextToImage:
    """Pictures from text by a diffusers checkpoint; from ``request.image`` too, and within a layer ``"mask"`` of it.

    An image without prompt, or with ``strength=0``, is taken as it is. An image of any size comes back at its own size;
    one much larger or smaller than the checkpoint's native area is painted at that area. Outside a mask nothing
    changes.
    """

    checkpoint: str = "mini"
    """``"mini"``, a folder in diffusers' layout, a .safetensors file, or a hub's ``owner/name``."""
    revision: str | None = None
    """A hub's branch, tag or commit."""
    variant: str | None = None
    """Which files of a checkpoint to load, such as ``"fp16"``; without it those that suit the dtype."""
    config: str | None = None
    """For a .safetensors file: a checkpoint of the same shape, whose configuration and tokenizer are used."""
    inpaint_checkpoint: str | None = None
    """A checkpoint for masks, of 9 or 4 channels; without it the base paints in masks itself. `mini` brings its own."""
    inpaint_revision: str | None = None
    """The ``revision`` of ``inpaint_checkpoint``."""
    inpaint_variant: str | None = None
    """The ``variant`` of ``inpaint_checkpoint``."""
    inpaint_config: str | None = None
    """The ``config`` of ``inpaint_checkpoint``."""
    scheduler: str | None = None
    """``"DPM++ 2M Karras"``, ``"Euler a"``, or a scheduler class of diffusers; without it the checkpoint's own."""
    scheduler_config: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Diffusers' options for the scheduler, such as ``use_karras_sigmas`` or ``timestep_spacing``."""
    preset: str = "auto"
    """A prompt template: ``"auto"`` takes the one that the checkpoint was made for, ``"none"`` none."""
    emphasis: Literal["mean", "plain", "off"] = "mean"
    """What weights in a prompt do: A1111's way, without restoring the mean, or nothing (as plain diffusers)."""
    clip_skip: int = 0
    """How many of the text encoder's last layers are left out."""
    safety: Literal["blur", "keep", "refuse"] = "blur"
    """What happens to a picture that the checkpoint's safety checker flags; its verdict is on the frame either way."""
    memory: Literal["auto", "full", "slicing", "offload", "tiling", "sequential"] = "auto"
    """How to fit the device's memory; ``"auto"`` saves only as much as is needed."""
    feather: float = 4.0
    """Pixels over which the border of a mask fades, inward."""
    context: float = 0.5
    """What is shown around a mask, as a multiple of its longer side; a small picture is shown whole."""
    color_match: bool = True
    """Whether colours in a mask are matched to what is around it."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for name in ("emphasis", "safety", "memory"):
            choices = get_args(hints[name])
            if getattr(self, name) not in choices:
                raise SettingsError(f"{name} is {getattr(self, name)!r}; {did_you_mean(getattr(self, name), choices)}")
        if self.preset != "auto":
            get_preset(self.preset)
        samplers.choose(self.scheduler, self.scheduler_config)
        for name in ("clip_skip", "feather", "context"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; expected at least 0")
        for name in ("inpaint_revision", "inpaint_variant", "inpaint_config"):
            if getattr(self, name) is not None and self.inpaint_checkpoint is None:
                raise SettingsError(f"{name} is {getattr(self, name)!r}, and there is no inpaint_checkpoint to have it")

    @hookimpl
    def check(self, runtime: Runtime) -> None:
        """Scheduler and memory mode, on this machine; checkpoints that can't be found or asked for, and those that may
        not be used commercially, where that is asked for: of a hub's, the card is fetched."""
        from igo.painting.checkpoints import checkpoint

        named = {self.checkpoint: self.revision, self.inpaint_checkpoint: self.inpaint_revision}
        for name, revision in named.items():
            if name is not None:
                place = checkpoint.whereabouts(name)
                if runtime.commercial:
                    runtime.permit(name, place, revision)
        schedulers.check(samplers.choose(self.scheduler, self.scheduler_config))
        if self.memory in ("offload", "sequential"):
            from igo.painting.memory import check_mode

            check_mode(self.memory, runtime.device)

    @hookimpl
    def generate(
        self, request: Request, conditions: Callable[[Request, Fit], Conditions], runtime: Runtime
    ) -> list[Frame] | None:
        """Frames of ``request.num_images`` pictures, picture k with the seed ``request.seed + k``."""
        if request.image is not None and (
            request.strength == 0 or (request.strength is None and not request.prompt.strip())
        ):
            return None
        check_request(request)
        from igo.painting.sizing import fitted

        model = self._model(runtime, inpainting=request.image is not None and "mask" in request.layers)
        runtime.identify(model.name, model.identity, model.license)
        job = self._job(request, model.defaults)
        native = model.defaults.width, model.defaults.height
        parts = self._parts(job, native, runtime)
        images: list[Image] = []
        scales = []
        for number, part in enumerate(parts):
            fitting = fitted(part, native, model.diffusion.latent_scale, model.diffusion.multiple, self.context)
            given = conditions(request, partial(_fit, request, (job.width, job.height), fitting.view))
            wanted = replace(fitting.job, conditions=given)
            painted = model.diffusion.paint(wanted, partial(_tell, runtime, number, len(parts)))
            images = self._stitched(part, images, map(fitting.restore, painted.images))
            scales.append(round(fitting.scale, 3))
        zones = [self._zone(image, parts, scales) for image in images]
        flags = model.diffusion.check(images)
        report = {"checkpoint": model.name, "identity": model.identity, **painted.report}
        blank = "" if request.image is not None or job.prompt.strip() else BLANK
        if notes := [note for note in (blank, model.note, painted.report.get("note"), self._doubt(request)) if note]:
            report["note"] = "; ".join(notes)
        return [
            self._judged(
                Frame(image, seed, nsfw_content_detected=flags[k] if flags else None).noted(**report, **zones[k])
            )
            for k, (image, seed) in enumerate(zip(images, job.seeds, strict=True))
        ]

    def _doubt(self, request: Request) -> str | None:
        """What there is to say of a photograph that ``mini`` paints in."""
        from igo.images import is_photograph

        if self.checkpoint != "mini" or request.image is None or not is_photograph(request.image):
            return None
        return (
            "this looks like a photograph, and mini paints drawings; name a checkpoint for photographs, such as "
            "'youngmki/musinsaigo-1.0'"
        )

    def _parts(self, job: Job, native: tuple[int, int], runtime: Runtime) -> list[Job]:
        """The job; where its mask has zones far apart, one for each, the first with the job's own seeds."""
        if job.mask is None:
            return [job]
        from igo.painting.zones import apart

        masks = enumerate(apart(job.mask.convert("L"), native, self.context))
        return [
            replace(job, mask=mask, seeds=tuple(runtime.seed(seed, number) if number else seed for seed in job.seeds))
            for number, mask in masks
        ]

    def _stitched(self, part: Job, before: Sequence[Image], painted: Iterable[Image]) -> list[Image]:
        """What was painted of a zone, in the job's picture or where its other zones are painted, one by one."""
        if part.image is None or part.mask is None:
            return list(painted)
        from igo.images.compositing import color_matched, composite

        original, mask = part.image, part.mask
        made: list[Image] = []
        for image in painted:
            if self.color_match:
                image = color_matched(image, original, mask, ring=max(4, max(original.size) // 64))
            made.append(composite(before[len(made)] if before else original, image, mask, self.feather))
        return made

    def _zone(self, image: Image, parts: Sequence[Job], scales: Sequence[float]) -> dict[str, Any]:
        """What there is to say about a zone: its area as a share of the picture, the feather in pixels, how visible the
        seam is (1: not at all), that nothing else changed, and at what scale it was painted; where it has parts far
        apart, the box, the seed, the seam and the scale of each."""
        from igo.images.compositing import seam_score

        masks = [part.mask for part in parts if part.mask is not None]
        if not masks:
            return {}

        def told(some: Sequence[Image], scale: float) -> dict[str, Any]:
            seams = [seam for mask in some if not isnan(seam := seam_score(image, mask))]
            return {"seam": round(max(seams), 3) if seams else None, "scale": scale}

        unpainted = sum(mask.histogram()[0] for mask in masks) - (len(masks) - 1) * image.width * image.height
        area = 1 - unpainted / (image.width * image.height)
        zone = {"area": round(area, 5), "feather": self.feather, "outside": "unchanged", **told(masks, min(scales))}
        if len(parts) > 1:
            zone["parts"] = [
                {"box": list(mask.getbbox() or ()), "seeds": list(part.seeds), **told([mask], scale)}
                for mask, part, scale in zip(masks, parts, scales, strict=True)
            ]
        return {"zone": zone}

    def _job(self, request: Request, defaults: Defaults) -> Job:
        """What is asked for, with the template and the defaults filled in."""
        from igo.images import resized
        from igo.painting.job import Job

        preset = preset_for(self.checkpoint) if self.preset == "auto" else get_preset(self.preset)
        prompt, negative_prompt = request.prompt, request.negative_prompt
        if preset is not None:
            prompt, negative_prompt = preset.apply(prompt, negative_prompt)
        first = request.seed or 0
        job = Job(
            prompt=prompt,
            negative_prompt=negative_prompt,
            width=request.width or defaults.width,
            height=request.height or defaults.height,
            num_inference_steps=request.num_inference_steps or defaults.num_inference_steps,
            guidance_scale=defaults.guidance_scale if request.guidance_scale is None else request.guidance_scale,
            seeds=tuple(first + k for k in range(request.num_images)),
            emphasis=self.emphasis,
            clip_skip=self.clip_skip,
            explicit=tuple(name for name in ("guidance_scale", "strength") if getattr(request, name) is not None),
        )
        if request.image is None:
            check_area(job.width, job.height)
            return job
        mask = request.layers.get("mask")
        if mask is not None and not mask.getbbox():
            raise MaskError("the mask is empty (area 0); expected some of it to be white, where to paint", area=0.0)
        job = replace(
            job,
            image=resized(request.image, request.width, request.height),
            mask=None if mask is None else resized(mask, request.width, request.height),
        )
        strength = STRENGTH[job.task] if request.strength is None else request.strength
        if int(job.num_inference_steps * strength) < 1:
            raise SettingsError(
                f"strength {strength:g} of {job.num_inference_steps} steps leaves nothing to paint; "
                f"use at least {ceil(100 / job.num_inference_steps) / 100:g}, or 0 to take the image as it is"
            )
        return replace(job, strength=strength)

    def _model(self, runtime: Runtime, inpainting: bool) -> _Model:
        """The checkpoint for the task, loaded once for all chains that share the runtime and prepare it alike."""
        other = (self.inpaint_checkpoint or OWN_INPAINTING.get(self.checkpoint)) if inpainting else None
        name = other or self.checkpoint
        revision, variant, config = (
            (self.inpaint_revision, self.inpaint_variant, self.inpaint_config)
            if other
            else (self.revision, self.variant, self.config)
        )
        scheduler = self.scheduler, json.dumps(dict(self.scheduler_config), sort_keys=True)
        key = ("text-to-image", name, bool(other), revision, variant, config, scheduler, self.memory)

        def load(prepare: Callable[[Any], Any]) -> _Model:
            from igo.painting.checkpoints import checkpoint
            from igo.painting.diffusion import Diffusion
            from igo.painting.sharing import hold_once

            choice = samplers.choose(self.scheduler, self.scheduler_config)
            chosen = choice if self.scheduler is not None or self.scheduler_config else None
            loaded = checkpoint.load(
                name,
                inpainting=bool(other),
                revision=revision,
                variant=variant,
                config=config,
                scheduler=chosen,
                dtype=runtime.dtype,
                permit=runtime.permit,
            )
            if chosen is not None:
                schedulers.set_scheduler(loaded.pipeline, chosen)
            diffusion = Diffusion(prepare(loaded.pipeline), runtime.device, self.memory)
            if not runtime.prepares:
                plain: list[Diffusion] = runtime.model("pipelines that no step prepares", list)
                hold_once(diffusion, plain)
                plain.append(diffusion)
            shown = name if revision is None else f"{name}@{revision}"
            return _Model(shown, loaded.identity, loaded.defaults, diffusion, loaded.note, loaded.license)

        return runtime.pipeline(key, load)

    def _judged(self, frame: Frame) -> Frame:
        """What the policy makes of a flagged picture."""
        if not frame.nsfw_content_detected or self.safety == "keep":
            return frame
        if self.safety == "refuse":
            raise UnsafeContentError(
                f"the checkpoint's safety checker flagged the picture of seed {frame.seed}; "
                "try another prompt or seed, or safety='keep' if you may decide that"
            )
        from PIL import ImageFilter

        radius = max(frame.image.size) / 24
        return frame.with_image(frame.image.filter(ImageFilter.GaussianBlur(radius)), safety="blurred")


def _fit(
    request: Request, asked: tuple[int, int], view: View, picture: Image, resample: Resampling | None = None
) -> Image:
    """What is painted of a picture that belongs to the request's, or to one of the size ``asked`` for."""
    from PIL.Image import Resampling

    from igo.images import resized

    size, expected = getattr(picture, "size", None), asked if request.image is None else request.image.size
    if size != expected:
        got = f"{size[0]}x{size[1]}" if isinstance(size, tuple) else f"a {type(picture).__name__}"
        whose = "as width and height say" if request.image is None else "like the picture"
        raise LayerError(
            f"what is to be painted by is {got}; expected a picture of {expected[0]}x{expected[1]}, {whose}"
        )
    how = Resampling.LANCZOS if resample is None else resample
    if request.image is not None:
        picture = resized(picture, request.width, request.height, how)
    return view(picture, how)


def _tell(runtime: Runtime, number: int, count: int, done: int, total: int, preview: Preview | None) -> None:
    """Progress within one of ``count`` parts of the work."""
    runtime.progress(number * total + done, count * total, preview=preview)


@dataclass(frozen=True)
class _Model:
    """A loaded checkpoint."""

    name: str
    identity: str
    defaults: Defaults
    diffusion: Diffusion
    note: str | None
    license: License
