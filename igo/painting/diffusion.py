"""The one adapter around diffusers' pipelines: a loaded checkpoint that paints, whatever its family and task."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from math import lcm
from threading import Lock
from typing import TYPE_CHECKING, Any

import torch
from PIL.Image import Resampling

from igo.chains.gathering import gathered
from igo.errors import CheckpointError, IGOError, PluginError, SettingsError, out_of_memory
from igo.painting import conditions, families
from igo.painting.job import Job
from igo.painting.memory import Memory
from igo.painting.previews import Preview, preview_of
from igo.painting.prompts.cache import PromptCache
from igo.painting.prompts.chunks import TokenReport
from igo.painting.prompts.encode import encode, supports
from igo.painting.prompts.foreign import foreign
from igo.painting.samplers import spoken
from igo.painting.schedulers import check_blame
from igo.painting.siblings import Siblings
from igo.painting.vae import care_for
from igo.values import Conditions

if TYPE_CHECKING:
    from PIL.Image import Image

OnStep = Callable[[int, int, Preview | None], None]
SPARED = ("width", "height", "strength", "callback_on_step_end")
"""Arguments that a pipeline may lack: it has its size from the image, or doesn't say how far it is; a strength that
does nothing is noted."""


@dataclass(frozen=True)
class _Asked:
    """One picture: a job with one seed, and its prompts as the pipeline takes them."""

    job: Job
    texts: dict[str, Any]


@dataclass(frozen=True)
class Painted:
    """The pictures of a job, RGB, and what a history says of them: the settings used, the tokens read."""

    images: tuple[Image, ...]
    report: dict[str, Any]


class Diffusion:
    """A pipeline, its siblings for the other tasks from the same components, and the care they need.

    ``memory`` is one of ``igo.painting.memory.MEMORY_MODES`` or ``"auto"``.
    """

    def __init__(self, pipeline: Any, device: torch.device, memory: str = "auto") -> None:
        self.pipeline = pipeline
        self.memory = Memory(pipeline, device, memory)
        self.checker = _taken_checker(pipeline, device)
        self.prompts = PromptCache()
        self._lock = Lock()
        care_for(getattr(pipeline, "vae", None))
        self._siblings = Siblings(pipeline, self.memory)

    def paint(self, job: Job, on_step: OnStep | None = None) -> Painted:
        """The pictures of ``job``, exactly as the pipeline gives them.

        Picture k is the picture of ``seeds[k]`` made alone: on a GPU, where they are made in one batch, as large as the
        memory holds, up to rounding; on a CPU exactly, where they are made one after the other, since there the
        kernels' sums depend on the size of the batch. Among calls made ``together`` (``igo.chains.gathering``), the
        batch is that of all their jobs which differ in texts, pictures (those to paint by, too) and seeds alone.
        ``on_step`` hears steps done and steps in all, over all pictures, and gets what makes a preview of the first of
        its pictures that are at work.

        Raises ``CheckpointError`` when memory runs out for one picture in the smallest mode, and for any other task
        than "inpaint" with a checkpoint of 9 channels; ``OverflowInVAEError`` when there are no finite pixels in fp32
        either.
        """
        channels = getattr(getattr(self.pipeline, "unet", None), "config", {}).get("in_channels", 4)
        if channels == 9 and job.task != "inpaint":
            raise CheckpointError(
                "the checkpoint has 9 channels, for painting in masks; give it as inpaint_checkpoint="
            )
        trained = self._siblings.scheduler(job.task).config.get("num_train_timesteps") or job.num_inference_steps
        if job.num_inference_steps > trained:
            raise SettingsError(
                f"num_inference_steps is {job.num_inference_steps}; expected at most {trained}, the steps of training"
            )
        with self._lock, _told(self.pipeline, "reads the prompt"):
            texts, tokens = self.memory.within([job], lambda jobs: self.encode(jobs[0]))
        rest = replace(job, prompt="", negative_prompt="", seeds=(), image=None, mask=None, conditions=Conditions())
        asked = [_Asked(replace(job, seeds=(seed,)), texts) for seed in job.seeds]
        key = self, job.task, rest, _shapes(texts), conditions.alike(job.conditions)
        images = gathered(key, (asked, on_step), self._paint)
        return Painted(tuple(images), self._report(job, tokens))

    def _paint(self, wanted: Sequence[tuple[list[_Asked], OnStep | None]]) -> list[list[Image]]:
        """The pictures of jobs that can be one batch."""
        every = [one for asked, _ in wanted for one in asked]
        images: list[Image] = []

        def call(batch: Sequence[_Asked]) -> list[Image]:
            def tell(done: int, total: int, latents: Any) -> None:
                for own, on_step in wanted:
                    if on_step is not None:
                        at = next((at for at, one in enumerate(batch) if any(one is mine for mine in own)), None)
                        preview = None if at is None else preview_of(self.pipeline, latents, at)
                        on_step(len(images) * total + len(batch) * done, len(every) * total, preview)

            return self._call(batch, tell)

        with self._lock:
            while len(images) < len(every):
                images += self.memory.within(every[len(images) :], call)
        left = iter(images)
        return [list(islice(left, len(asked))) for asked, _ in wanted]

    @property
    def latent_scale(self) -> int:
        """Pixels along one side of a latent's cell."""
        return int(getattr(self.pipeline, "vae_scale_factor", 8))

    @property
    def multiple(self) -> int:
        """What widths and heights must be multiples of: at least 8, more for families that patch their latents."""
        processor = getattr(getattr(self.pipeline, "image_processor", None), "config", {})
        return lcm(8, self.latent_scale, int(processor.get("vae_scale_factor", 8)))

    def _report(self, job: Job, tokens: TokenReport | None) -> dict[str, Any]:
        """What a picture's history says of how it was painted."""
        pipeline, scheduler = self._siblings.pipeline(job.task), self._siblings.scheduler(job.task)
        read = self._as_text(job)
        negated = families.negates(pipeline, job.guidance_scale)
        told: dict[str, Any] = {
            "task": job.task,
            "prompt": read(job.prompt),
            "negative_prompt": read(job.negative_prompt) if negated else "",
            "num_inference_steps": job.num_inference_steps,
        }
        if families.guidance_argument(pipeline) is not None:
            told["guidance_scale"] = job.guidance_scale
        if supports(pipeline):
            told |= {"emphasis": job.emphasis, "clip_skip": job.clip_skip}
        told["scheduler"] = type(scheduler).__name__
        told["sampler"], schedule_type = spoken(scheduler)
        if schedule_type is not None:
            told["schedule_type"] = schedule_type
        told["memory"] = self.memory.mode
        if job.image is not None and families.takes(pipeline, "strength"):
            told["strength"] = job.strength
        if job.conditions:
            told["conditions"] = {name: list(steps) for name, steps in job.conditions.steps.items()}
        if tokens is not None:
            plans = {"prompt": tokens.prompt, "negative_prompt": tokens.negative_prompt}
            told["tokens"] = {name: list(plan.counts) for name, plan in plans.items() if plan is not None}
            dropped = sum(len(plan.dropped) for plan in plans.values() if plan is not None)
            if dropped:
                told["tokens"]["dropped"] = dropped
        if notes := [*foreign(job.prompt), *foreign(job.negative_prompt), *families.unheard(pipeline, job)]:
            told["note"] = "; ".join(notes)
        return told

    def encode(self, job: Job) -> tuple[dict[str, Any], TokenReport | None]:
        """The prompt's arguments for the pipeline, and how it was read.

        Embeddings where IGO encodes this family, else the text as it is, whose reading is not known.
        """
        negated = families.negates(self.pipeline, job.guidance_scale)
        negative_prompt = job.negative_prompt or None  # None is what SDXL's zeros stand for
        if not supports(self.pipeline):
            read = self._as_text(job)
            texts = {"prompt": read(job.prompt)}
            if negated and (negative_prompt or families.takes(self.pipeline, "true_cfg_scale")):
                texts["negative_prompt"] = read(job.negative_prompt) or " "  # without one there is no guidance
            return texts, None
        encoded = encode(
            self.pipeline,
            job.prompt,
            negative_prompt,
            emphasis=job.emphasis,
            clip_skip=job.clip_skip,
            guidance=negated,
            cache=self.prompts,
        )
        return encoded.kwargs(), encoded.report

    def _as_text(self, job: Job) -> Callable[[str], str]:
        """How the family reads a prompt's text."""
        return str if supports(self.pipeline) or job.emphasis == "off" else families.plain

    def check(self, images: Sequence[Image]) -> list[bool] | None:
        """The safety checker's verdict on each picture; ``None`` where the checkpoint has no checker."""
        if self.checker is None:
            return None
        import numpy as np
        from diffusers.utils import logging

        checker, extractor = self.checker
        seen = extractor(list(images), return_tensors="pt").pixel_values
        blank = np.zeros((len(images), 1, 1, 3))  # the checker blackens what it is given, so it gets nothing of worth
        level = logging.get_verbosity()
        logging.set_verbosity_error()  # it says that pictures turn black, which they don't
        try:
            with torch.no_grad(), _told(self.pipeline, "looks at its pictures"):
                _, flagged = checker(images=blank, clip_input=seen.to(checker.device, checker.dtype))
        finally:
            logging.set_verbosity(level)
        return [bool(flag) for flag in flagged]

    def _call(self, batch: Sequence[_Asked], on_step: Callable[[int, int, Any], None]) -> list[Image]:
        """One call of the pipeline: a picture for each of ``batch``, whose texts have the same shapes."""
        job = batch[0].job
        pipeline = self._siblings.ready(job.task)
        arguments: dict[str, Any] = {
            **{name: _joined([one.texts[name] for one in batch]) for name in batch[0].texts},
            "width": job.width,
            "height": job.height,
            "num_inference_steps": job.num_inference_steps,
            "generator": [torch.Generator("cpu").manual_seed(one.job.seeds[0]) for one in batch],
            "callback_on_step_end": _reporting(on_step),
        }
        if guidance := families.guidance_argument(pipeline):
            arguments[guidance] = job.guidance_scale
        if job.image is not None:
            # one for each generator: of a single picture diffusers draws by the first generator alone
            arguments |= {"image": [one.job.image for one in batch], "strength": job.strength}
        if job.mask is not None:
            arguments["mask_image"] = [one.job.mask for one in batch]
        for name in [name for name in arguments if not families.takes(pipeline, name)]:
            if name not in SPARED:
                raise CheckpointError(f"{type(pipeline).__name__} takes no {name}; {job.task} needs that")
            del arguments[name]
        arguments |= conditions.arguments(pipeline, [one.job.conditions for one in batch], arguments)
        with _told(pipeline, "paints", job.conditions):
            images = list(pipeline(**arguments).images)
        size = job.width, job.height
        return [image if image.size == size else image.resize(size, Resampling.LANCZOS) for image in images]


@contextmanager
def _told(pipeline: Any, doing: str, given: Conditions | None = None) -> Iterator[None]:
    """What a checkpoint's own models raise, as one line: its files decide what is called, and with what, unless steps
    have given it something."""
    try:
        yield
    except Exception as error:
        if isinstance(error, IGOError) or out_of_memory(error):
            raise
        check_blame(error, pipeline)
        if given:
            named, steps = ", ".join(given), {step for steps in given.steps.values() for step in steps}
            raise PluginError(
                f"{type(pipeline).__name__} fails with what it is given ({named}): {type(error).__name__}: "
                f"{' '.join(str(error).split())[:300]}"
            ).at(", ".join(sorted(steps)), "condition") from error
        raise CheckpointError(
            f"{type(pipeline).__name__} fails while it {doing} ({type(error).__name__}: {error}); the checkpoint's "
            "files don't go together; name another"
        ) from error


def _taken_checker(pipeline: Any, device: torch.device) -> tuple[Any, Any] | None:
    """Take the safety checker out of the pipeline, which would paint flagged pictures black in silence."""
    checker = getattr(pipeline, "safety_checker", None)
    if checker is None:
        return None
    pipeline.register_modules(safety_checker=None)
    pipeline.register_to_config(requires_safety_checker=False)
    return checker.to(device), pipeline.feature_extractor


def _shapes(texts: dict[str, Any]) -> Hashable:
    """Equal for arguments that can be those of one call."""
    return tuple((name, getattr(value, "shape", type(value))) for name, value in texts.items())


def _joined(values: list[Any]) -> Any:
    """One argument for several pictures: embeddings below one another, or a list of texts."""
    return torch.cat(values) if isinstance(values[0], torch.Tensor) else values


def _reporting(on_step: Callable[[int, int, Any], None]) -> Callable[..., dict[str, Any]]:
    """``on_step`` hears the latents too, which every pipeline gives unless it is told of others."""

    def callback(pipeline: Any, step: int, _timestep: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        on_step(step + 1, pipeline.num_timesteps, kwargs.get("latents"))
        return kwargs

    return callback
