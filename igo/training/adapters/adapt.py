"""Training an adapter (LoRA) on captioned pictures, in buckets of one size each, and writing it as one file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from igo.errors import CheckpointError, SettingsError
from igo.licensing import Permit, permit_all
from igo.painting.checkpoints import checkpoint
from igo.training.adapters.lora import Format, LoraSettings, add_lora, check_format, write_lora
from igo.training.data.folders import CaptionedSet
from igo.training.data.latents import Latents, weights_digest
from igo.training.data.masks import MaskSet
from igo.training.loop.effort import Effort, digest
from igo.training.loop.hardware import precision, processes
from igo.training.loop.loop import TrainingReport
from igo.training.tasks.conditioning import Conditions, TextConditioner, tokenize
from igo.training.tasks.diffusion import DiffusionTask, SampleSettings
from igo.training.tasks.encoding import encoded
from igo.training.tasks.inpaint import InpaintTask, inpainting

OUTSIDE = 0.02
"""How much a place outside a subject's mask counts against one inside. In Avrahami et al., Break-A-Scene, it is
nothing; a little keeps the subject in its place."""


@dataclass(frozen=True)
class Adaptation:
    """What an adapter learns, beside how long (``Effort``). Raises ``SettingsError``.

    ``text_rate`` is the text encoders' learning rate as a multiple of the UNet's; with 0 they get no adapter and the
    captions are encoded once. ``caption_dropout`` is the share of pictures that are seen without their caption,
    ``mirror`` whether half are flipped (never where left and right matter: prints, buttons, one strap).
    ``offset_noise`` and ``snr_gamma`` are as in ``DenoisingTask``. ``gradient_checkpointing`` computes parts of the
    UNet twice to save memory. ``layout`` is the file's, see ``write_lora``.
    """

    lora: LoraSettings = field(default_factory=LoraSettings)
    text_rate: float = 0.0
    caption_dropout: float = 0.05
    mirror: bool = False
    offset_noise: float = 0.0
    snr_gamma: float | None = None
    gradient_checkpointing: bool = False
    layout: Format = "diffusers"

    def __post_init__(self) -> None:
        for name in ("text_rate", "offset_noise"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be at least 0")
        if not 0 <= self.caption_dropout < 1:
            raise SettingsError(f"caption_dropout is {self.caption_dropout}; it must be at least 0 and below 1")
        if self.snr_gamma is not None and not self.snr_gamma > 0:
            raise SettingsError(f"snr_gamma is {self.snr_gamma}; it must be above 0, or None")
        check_format(self.layout, self.lora.dora)


def load_adaptable(name: str, permit: Permit = permit_all) -> checkpoint.Loaded:
    """A checkpoint to train an adapter for, in 32 bit. Raises ``CheckpointError`` if it can't be loaded or isn't shaped
    like Stable Diffusion 1.5 or XL, and what ``permit`` raises of its licence."""
    loaded = checkpoint.load(name, dtype=torch.float32, permit=permit)
    missing = [
        part for part in ("unet", "vae", "text_encoder", "tokenizer") if getattr(loaded.pipeline, part, None) is None
    ]
    if missing or int(loaded.pipeline.unet.config.in_channels) != int(loaded.pipeline.unet.config.out_channels):
        raise CheckpointError(
            f"{name} is a {type(loaded.pipeline).__name__}, for which no adapter can be trained here; give a "
            "text-to-image checkpoint that is shaped like Stable Diffusion 1.5 or XL"
        )
    return loaded


def train_lora(
    base: checkpoint.Loaded,
    data: Sequence[CaptionedSet],
    out: Path,
    work: Path,
    effort: Effort,
    adaptation: Adaptation | None = None,
    *,
    weights: Sequence[Tensor] | None = None,
    zones: Sequence[Tensor] | None = None,
    validation_prompts: Sequence[str] = (),
    metadata: Mapping[str, str] | None = None,
) -> TrainingReport:
    """Train an adapter of ``base`` on ``data``, one set for each size of picture, and write it to ``out``.

    ``out`` is a ``.safetensors`` file, written by the main process when the training is done. A picture is drawn in
    proportion to its ``weights`` (one tensor for each set), all alike by default. ``zones`` (N×H×W booleans, one tensor
    for each set) say what of a picture is to be learned: the rest counts ``OUTSIDE`` times as much. Pictures and, where
    the text encoders stay as they are, captions are encoded once and kept in ``work``, where a run that was killed goes
    on too. ``validation_prompts`` are painted as it goes (default: the first captions). ``metadata`` goes into the
    file.
    """
    check_file(out)
    if not sum(map(len, data)):
        raise SettingsError("there are no pictures to learn from")
    adaptation, pipeline = adaptation or Adaptation(), base.pipeline
    torch.manual_seed(effort.seed)
    buckets = [encoded(pipeline, one, work) for one in data]
    if weights is not None:
        buckets = [replace(bucket, weights=own) for bucket, own in zip(buckets, weights, strict=True)]
    if zones is not None:
        buckets = [replace(bucket, zones=_importance(own, bucket)) for bucket, own in zip(buckets, zones, strict=True)]
    add_lora(pipeline, adaptation.lora, text=adaptation.text_rate > 0)
    conditions = None if adaptation.text_rate > 0 else conditions_of(pipeline, buckets, work)
    lighten(pipeline, precision(effort.precision), adaptation.gradient_checkpointing)
    task = DiffusionTask(
        pipeline,
        buckets,
        _shown(base, data, validation_prompts),
        dropout=adaptation.caption_dropout,
        text_rate=adaptation.text_rate,
        mirror=adaptation.mirror,
        offset_noise=adaptation.offset_noise,
        snr_gamma=adaptation.snr_gamma,
        conditions=conditions,
    )
    task.name = "lora"
    source = digest(base.identity, adaptation.lora, *data, *(weights or ()), *(zones or ()))
    report = effort.train(task, work, source)
    settings = {**vars(adaptation), "lora": vars(adaptation.lora)}
    write_adapter(base, pipeline, out, adaptation.layout, settings, metadata or {})
    return report


def _importance(zones: Tensor, latents: Latents) -> Tensor:
    """N×H×W booleans to how much each latent cell counts, N×1×h×w, 1 on average in each picture."""
    size = tuple(latents.mean.shape[-2:])
    inside = functional.interpolate(zones[:, None].float(), size=size, mode="area")
    counts = OUTSIDE + (1 - OUTSIDE) * inside
    return counts / counts.mean((1, 2, 3), keepdim=True)


def train_inpaint_lora(
    base: checkpoint.Loaded,
    masks: MaskSet,
    held_out: MaskSet,
    out: Path,
    work: Path,
    effort: Effort,
    lora: LoraSettings,
) -> TrainingReport:
    """Train an adapter of a checkpoint that repaints (9 channels) and write it to ``out``, a ``.safetensors`` file.

    Raises ``CheckpointError`` for a checkpoint of 4 channels, which no adapter of its layers could tell about a mask.
    """
    check_file(out)
    channels = int(base.pipeline.unet.config.in_channels)
    if channels != 2 * int(base.pipeline.unet.config.out_channels) + 1:
        raise CheckpointError(
            f"an adapter for masks needs a checkpoint of 9 channels, this has {channels}; make one first "
            "(igo train inpaint without --rank), or name one, such as mini/inpaint"
        )
    torch.manual_seed(effort.seed)
    pipeline = inpainting(base.pipeline)
    add_lora(pipeline, lora, text=False)
    lighten(pipeline, precision(effort.precision), gradient_checkpointing=False)
    steps, guidance = min(base.defaults.num_inference_steps, 30), base.defaults.guidance_scale
    task = InpaintTask(pipeline, masks, held_out, steps=steps, guidance_scale=guidance)
    task.name = "inpaint lora"
    report = effort.train(task, work, digest(base.identity, lora, masks))
    write_adapter(base, pipeline, out, "diffusers", {"lora": vars(lora)}, {})
    return report


def write_adapter(
    base: checkpoint.Loaded,
    pipeline: Any,
    out: Path,
    layout: Format,
    settings: Mapping[str, object],
    metadata: Mapping[str, str],
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write the adapter, by the main process alone, with what it was made of."""
    if processes().is_main_process:
        told = {"base": base.identity, "settings": json.dumps(settings), **metadata}
        write_lora(pipeline, out, layout, {f"igo_{name}": value for name, value in told.items()}, dtype)


def check_file(out: Path) -> None:
    """Raise ``SettingsError`` for what can't be an adapter's file."""
    if out.suffix != ".safetensors" or out.is_dir():
        raise SettingsError(f"{out} is no .safetensors file; give the adapter such a name")


def conditions_of(pipeline: Any, buckets: Sequence[Latents], work: Path) -> Conditions:
    """All captions as the text encoders say them: encoded once for the same captions and encoders."""
    conditioner = TextConditioner(pipeline)
    length = buckets[0].tokens.shape[2:]
    every = torch.cat([tokenize(pipeline, [""]), *(bucket.tokens.reshape(-1, *length) for bucket in buckets)])
    tokens = torch.unique(every.int(), dim=0)
    path = work / f"captions-{weights_digest(conditioner)}-{digest(tokens)}.safetensors"
    with processes().main_process_first():
        if not path.exists():
            conditioner.to(processes().device)
            Conditions.of(conditioner, tokens).save(path)
    return Conditions.load(path)


def lighten(pipeline: Any, used: Literal["no", "fp16", "bf16"], gradient_checkpointing: bool) -> None:
    """Hold what is frozen in the precision that is computed in; what learns stays in 32 bit."""
    if used != "no":
        half = torch.bfloat16 if used == "bf16" else torch.float16
        for name in ("unet", "text_encoder", "text_encoder_2"):
            part = getattr(pipeline, name, None)
            for parameter in () if part is None else part.parameters():
                if not parameter.requires_grad:
                    parameter.data = parameter.data.to(half)
    if gradient_checkpointing:
        pipeline.unet.enable_gradient_checkpointing()


def _shown(base: checkpoint.Loaded, data: Sequence[CaptionedSet], prompts: Sequence[str]) -> SampleSettings:
    own = [captions[0] for one in data for captions in one.captions]
    height, width = max(data, key=len).pictures.shape[1:3]
    return SampleSettings(
        list(prompts) or own[:4],
        int(width),
        int(height),
        min(base.defaults.num_inference_steps, 30),
        base.defaults.guidance_scale,
        columns=4,
    )
