"""Teaching an inpainting checkpoint to try garments on: from its name and pairs to a folder that ``TryOn`` loads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers import LCMScheduler, StableDiffusionInpaintPipeline

from igo import embedded
from igo.errors import CheckpointError, SettingsError
from igo.licensing import Permit, permit_all
from igo.networks.bodies import MINI, Bodies, load_bodies
from igo.networks.folders import description
from igo.networks.tryon import attentions
from igo.painting.checkpoints import checkpoint
from igo.painting.checkpoints.layout import DEFAULTS_FILE
from igo.painting.checkpoints.parts import load_parts
from igo.training.data.export import export
from igo.training.data.latents import weights_digest
from igo.training.data.tryon import TryOnSet
from igo.training.data.tryon_latents import fittings
from igo.training.data.weights import check_replaceable, replacing, write_weights
from igo.training.loop.effort import Effort, digest
from igo.training.loop.hardware import processes
from igo.training.loop.loop import TrainingReport
from igo.training.tasks.tryon import TryOnTask

CHANNELS = 9
ATTENTION = "attention/model.safetensors"
"""Where CatVTON's layout has the weights of the self-attentions."""
BODIES = "bodies"
"""What tells in a checkpoint's ``igo.json`` by which model garments are laid over people."""
INSIDE = "inside"
"""What tells there that it has learned to see of a zone all but the old garment."""
GUIDANCE = 2.5
"""CatVTON's guidance scale; colours distort above 3.5."""
ROLLED_OUT = {"num_inference_steps": 8, "guidance_scale": 2.0}
"""By which a rollout paints: four steps find the whole, and four sharpen it."""
LAID = {"num_inference_steps": 4, "guidance_scale": 1.0}
"""And where garments are laid over people: what is painted is to be right, detail is that of the pictures. Measured on
`mini/tryon`: with 8 more was wrong, with 2 hardly less, and it was less sharp; with guidance no more was right."""
Learn = Literal["attention", "all"]


@dataclass(frozen=True)
class Base(checkpoint.Loaded):
    """A checkpoint to teach. ``bodies`` names the model by which it has learned to see garments laid over people."""

    bodies: str | None = None


def load_base(name: str, permit: Permit = permit_all) -> Base:
    """An inpainting checkpoint to teach, in 32 bit, without what reads text: ``"mini/tryon"``, ``"mini/inpaint"``, a
    folder or a hub's name. Raises ``CheckpointError`` if it can't be loaded or isn't shaped like Stable Diffusion 1.5's
    (a UNet of 9 channels, and an autoencoder), and what ``permit`` raises of its licence."""
    own = {f"mini/{part}": part for part in ("tryon", "inpaint")} | {"mini": "base"}

    def check(configs: Mapping[str, Mapping[str, Any]]) -> None:
        channels = configs["unet"].get("in_channels", 4)
        if channels != CHANNELS or configs["unet"].get("addition_embed_type") is not None:
            raise CheckpointError(
                f"{name} has a UNet of {channels} channels; try-on is taught to checkpoints that repaint, shaped like "
                f"Stable Diffusion 1.5's ({CHANNELS} channels)"
            )

    place = embedded.path(own[name]) if name in own else None
    parts = load_parts(name, ("unet", "vae"), torch.float32, check, place, permit)
    pipeline = fitter(**parts.models)
    defaults = checkpoint.defaults_in(parts.folder, name, pipeline)
    bodies = description(parts.folder / DEFAULTS_FILE).get(BODIES)
    return Base(pipeline, parts.identity, defaults, parts.note, parts.license, None if bodies is None else str(bodies))


def load_bodies_of(name: str, permit: Permit = permit_all) -> Bodies:
    """The model that says where bodies are: ``"mini/body"``, a folder or a hub's name, in 32 bit. Raises
    ``CheckpointError``, and what ``permit`` raises of its licence."""
    place = embedded.path("body") if name == MINI else None
    return load_bodies(name, place, processes().device, torch.float32, permit)


def train_tryon(
    base: checkpoint.Loaded,
    data: TryOnSet,
    held_out: TryOnSet,
    out: Path,
    work: Path,
    effort: Effort,
    learn: Learn = "attention",
    rollout: bool = False,
    bodies: Bodies | None = None,
) -> TrainingReport:
    """Train the UNet's self-attentions, or all of it, on ``data``.

    ``out`` is then a folder: of the self-attentions alone in CatVTON's layout, to be used with ``base``; or of all
    weights in diffusers'. Latents are kept in ``work``. With ``bodies`` garments are laid over people before they are
    painted, where that model says; the folder names it. With ``rollout`` it learns to paint in few steps (see
    ``igo.training.tasks.tryon.UnrolledObjective``), and paints by ``LCMScheduler`` and `ROLLED_OUT`. Raises
    ``SettingsError`` for a rollout of self-attentions alone.
    """
    check_replaceable(out)
    if rollout and learn != "all":
        raise SettingsError(
            "self-attentions alone are used with their base's scheduler, and a rollout has another; let all learn"
        )
    torch.manual_seed(effort.seed)
    pipeline = base.pipeline
    vae: Any = pipeline.vae.eval()
    name = digest(weights_digest(vae), data, held_out, bodies and bodies.identity)
    learned, measured = (
        fittings(vae, part, work / f"latents-{name}-{which}.safetensors", bodies)
        for which, part in (("learned", data), ("held-out", held_out))
    )
    if rollout:
        pipeline.scheduler = LCMScheduler.from_config(pipeline.scheduler.config)
    task = TryOnTask(pipeline.unet, vae, pipeline.scheduler, learned, measured, learn=learn, rollout=rollout)
    report = effort.train(task, work, digest(base.identity, learn, rollout, name))
    if processes().is_main_process:
        height, width = data.people.shape[1:3]
        defaults = asdict(base.defaults) | {"width": width, "height": height}
        defaults["guidance_scale"] = min(base.defaults.guidance_scale, GUIDANCE)
        if rollout:
            defaults |= ROLLED_OUT if bodies is None else LAID
        if bodies is not None:
            defaults |= {BODIES: bodies.name, INSIDE: bool(len(data.old))}
        if learn == "all":
            export(pipeline, out, defaults=defaults)
        else:
            with replacing(out) as partial:
                (partial / ATTENTION).parent.mkdir(parents=True)
                write_weights(attentions(pipeline.unet), partial / ATTENTION, torch.float16)
                (partial / DEFAULTS_FILE).write_text(json.dumps(defaults, indent=2) + "\n", encoding="utf-8")
    return report


def fitter(unet: Any, vae: Any, scheduler: Any) -> StableDiffusionInpaintPipeline:
    """A pipeline of the parts of an inpainting checkpoint that try-on uses: no text."""
    return StableDiffusionInpaintPipeline(
        vae=vae,
        text_encoder=None,
        tokenizer=None,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
