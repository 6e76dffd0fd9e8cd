"""Learning on from a finished checkpoint: from its name and data to a new folder of weights.

Each function trains in ``work``, where a run that was killed goes on, and writes ``out`` whole or not at all.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import (
    AutoImageProcessor,
    CLIPSegForImageSegmentation,
    CLIPSegProcessor,
    SegformerForSemanticSegmentation,
)

from igo import embedded
from igo.errors import CheckpointError, SettingsError
from igo.licensing import Permit, permit_all
from igo.networks.folders import load_model, one_line, place_of
from igo.networks.srvgg import SRVGGNetCompact
from igo.painting.checkpoints import checkpoint
from igo.training.data.degradations import PUBLISHED, Degradation
from igo.training.data.export import export
from igo.training.data.folders import CaptionedSet
from igo.training.data.latents import weights_digest
from igo.training.data.masks import MaskSet
from igo.training.data.pairs import Pairs
from igo.training.data.parses import ParseSet
from igo.training.data.weights import check_replaceable
from igo.training.loop.effort import Effort, digest
from igo.training.loop.hardware import processes
from igo.training.loop.loop import TrainingReport
from igo.training.tasks.clipseg import ClipsegTask, export_clipseg
from igo.training.tasks.decoder import DecoderTask, build_decoder, decoded, export_decoder
from igo.training.tasks.diffusion import DiffusionTask, SampleSettings
from igo.training.tasks.encoding import encoded
from igo.training.tasks.inpaint import InpaintTask, inpainting
from igo.training.tasks.parser import ParserTask, export_parser, relabel
from igo.training.tasks.preprocessing import Preprocessing
from igo.training.tasks.upscaler import UpscalerTask, export_srvgg

SHOWN = 8
"""Pictures on a sample sheet."""


def load_base(name: str, permit: Permit = permit_all) -> checkpoint.Loaded:
    """A checkpoint to train on, in 32 bit. Raises ``CheckpointError`` if it can't be loaded or isn't shaped like Stable
    Diffusion 1.5, and what ``permit`` raises of its licence."""
    loaded = checkpoint.load(name, dtype=torch.float32, permit=permit)
    missing = [part for part in ("unet", "vae", "text_encoder", "tokenizer") if not hasattr(loaded.pipeline, part)]
    if missing or hasattr(loaded.pipeline, "text_encoder_2"):
        raise CheckpointError(
            f"{name} is a {type(loaded.pipeline).__name__}, which can't be trained here; give a checkpoint that is "
            "shaped like Stable Diffusion 1.5"
        )
    return loaded


def train_base(
    base: checkpoint.Loaded, data: CaptionedSet, out: Path, work: Path, effort: Effort, text_rate: float = 0.3
) -> TrainingReport:
    """Train the denoiser, and the text encoder at ``text_rate`` times its learning rate, on captioned pictures."""
    check_replaceable(out)
    torch.manual_seed(effort.seed)
    pipeline = base.pipeline
    captions = [of_one[index % len(of_one)] for index, of_one in enumerate(data.captions[:SHOWN])]
    height, width = data.pictures.shape[1:3]
    show = SampleSettings(captions, width, height, min(base.defaults.num_inference_steps, 30))
    task = DiffusionTask(pipeline, encoded(pipeline, data, work), show, text_rate=text_rate)
    report = effort.train(task, work, digest(base.identity, data))
    if processes().is_main_process:
        export(pipeline, out, defaults=_defaults(base, width, height))
    return report


def train_inpaint(
    base: checkpoint.Loaded, masks: MaskSet, held_out: MaskSet, out: Path, work: Path, effort: Effort
) -> TrainingReport:
    """Make a checkpoint that repaints (9 channels) of one that paints (4 channels), or train one of 9 on.

    The text encoder and the autoencoder stay as they are.
    """
    check_replaceable(out)
    torch.manual_seed(effort.seed)
    pipeline = inpainting(base.pipeline)
    guidance, steps = base.defaults.guidance_scale, min(base.defaults.num_inference_steps, 30)
    task = InpaintTask(pipeline, masks, held_out, steps=steps, guidance_scale=guidance)
    report = effort.train(task, work, digest(base.identity, masks))
    height, width = masks.pictures.shape[1:3]
    if processes().is_main_process:
        export(pipeline, out, defaults=_defaults(base, width, height))
    return report


def load_clipseg(name: str, permit: Permit = permit_all) -> tuple[Any, Any]:
    """CLIPSeg and its processor from a folder, a hub's name, or ``"mini"``. Raises ``CheckpointError``, and what
    ``permit`` raises of its licence."""
    what, expected = f"the CLIPSeg {name!r}", "name 'mini', a folder, or a hub's CLIPSeg"
    with one_line(what, expected):
        own = str(embedded.path("clipseg")) if name == "mini" else name
        place = place_of(own, what, expected, permit=permit)
        model = load_model(CLIPSegForImageSegmentation, place, what, dtype=torch.float32)
        return model, CLIPSegProcessor.from_pretrained(place)


def train_clipseg(
    model: Any,
    tokenizer: Any,
    preprocessing: Preprocessing,
    masks: MaskSet,
    held_out: MaskSet,
    out: Path,
    work: Path,
    effort: Effort,
    decoder_only: bool = True,
) -> TrainingReport:
    """Train CLIPSeg to find what phrases name; its decoder, or all of it."""
    check_replaceable(out)
    torch.manual_seed(effort.seed)
    task = ClipsegTask(model, preprocessing, masks, held_out, decoder_only=decoder_only)
    report = effort.train(task, work, digest(weights_digest(model), masks))
    if processes().is_main_process:
        export_clipseg(model, tokenizer, preprocessing, out)
    return report


def load_parser(name: str, names: Sequence[str], permit: Permit = permit_all) -> tuple[Any, Preprocessing]:
    """SegFormer from a folder, a hub's name, or ``"mini"``, to learn ``names``, and what its processor does.

    What it knows of a label by its name it keeps, and begins with other labels at random. Raises ``CheckpointError``,
    and what ``permit`` raises of its licence.
    """
    what, expected = f"the parser {name!r}", "name 'mini', a folder, or a hub's SegFormer"
    with one_line(what, expected):
        own = str(embedded.path("parser")) if name == "mini" else name
        place = place_of(own, what, expected, permit=permit)
        model = load_model(SegformerForSemanticSegmentation, place, what, dtype=torch.float32)
        relabel(model, names)
        return model, Preprocessing.of(AutoImageProcessor.from_pretrained(place))


def train_parser(
    model: Any,
    preprocessing: Preprocessing,
    sets: Sequence[ParseSet],
    held_out: Sequence[ParseSet],
    out: Path,
    work: Path,
    effort: Effort,
    shares: Sequence[float] = (1.0,),
) -> TrainingReport:
    """Train SegFormer to tell who wears what (see ``ParserTask``). Each of ``sets`` has its share of a batch."""
    check_replaceable(out)
    torch.manual_seed(effort.seed)
    task = ParserTask(model, preprocessing, sets, held_out, shares=shares)
    report = effort.train(task, work, digest(weights_digest(model), preprocessing, shares, *sets))
    if processes().is_main_process:
        export_parser(model, preprocessing, out)
    return report


def train_upscaler(
    network: SRVGGNetCompact,
    tiles: Tensor,
    held_out: Tensor,
    out: Path,
    work: Path,
    effort: Effort,
    degradation: Degradation = PUBLISHED,
    workers: int | None = None,
) -> TrainingReport:
    """Train an upscaler on ``tiles`` (N×H×W×3 uint8) and procedural textures; ``out`` is a ``.safetensors`` file.

    ``workers`` processes degrade (see ``UpscalerTask``).
    """
    if out.suffix != ".safetensors":
        raise SettingsError(f"{out} is no .safetensors file; give the upscaler's weights such a name")
    torch.manual_seed(effort.seed)
    pairs = Pairs(tiles.numpy(), network.scale, degradation)
    with closing(UpscalerTask(network, pairs, held_out, workers=workers)) as task:
        report = effort.train(task, work, digest(weights_digest(network), tiles))
    if processes().is_main_process:
        export_srvgg(network, out)
    return report


def train_decoder(
    base: checkpoint.Loaded, data: CaptionedSet, out: Path, work: Path, effort: Effort, channels: int, held_out: int
) -> TrainingReport:
    """Train a small decoder, of ``channels`` throughout, for the latents of ``base``'s VAE on what that paints."""
    check_replaceable(out)
    torch.manual_seed(effort.seed)
    vae = base.pipeline.vae
    latents = encoded(base.pipeline, data, work).mean.float()
    pictures = decoded(vae, latents, work / f"decoded-{weights_digest(vae)}-{digest(data.pictures)}.npy")
    tiny = build_decoder(vae, channels)
    shift = float(getattr(vae.config, "shift_factor", None) or 0.0)
    task = DecoderTask(tiny, (latents - shift) * float(vae.config.scaling_factor), pictures, held_out)
    report = effort.train(task, work, digest(base.identity, channels, held_out, data))
    if processes().is_main_process:
        export_decoder(tiny, out)
    return report


def _defaults(base: checkpoint.Loaded, width: int, height: int) -> Mapping[str, float]:
    return asdict(base.defaults) | {"width": width, "height": height}
