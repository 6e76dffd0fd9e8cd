"""Pictures and captions as a diffusion task takes them, encoded once for a whole training."""

from pathlib import Path
from typing import Any

import torch

from igo.training.data.folders import CaptionedSet
from igo.training.data.latents import Latents, weights_digest
from igo.training.data.lengths import tell_cut
from igo.training.loop.effort import digest
from igo.training.loop.hardware import processes
from igo.training.tasks.conditioning import tokenize
from igo.training.tasks.vae import encode


def encoded(pipeline: Any, data: CaptionedSet, work: Path) -> Latents:
    """The latents of ``data``, encoded once, by the main process, for the same pictures, captions and encoder, then
    read from ``work``."""
    most = max(len(captions) for captions in data.captions)
    texts = [captions[index % len(captions)] for captions in data.captions for index in range(most)]
    if processes().is_main_process:
        tell_cut(pipeline.tokenizer, texts)
    tokens = tokenize(pipeline, texts).int()
    tokens = tokens.view(len(data), most, *tokens.shape[1:])
    path = work / f"latents-{weights_digest(pipeline.vae.encoder)}-{digest(data.pictures, tokens)}.safetensors"
    with processes().main_process_first():
        if not path.exists():
            pipeline.vae.to(processes().device)
            parts = [encode(pipeline.vae, some, batch_size=8) for some in torch.split(data.pictures, 256)]
            mean, spread = (torch.cat(kind) for kind in zip(*parts, strict=True))
            Latents(mean, spread, tokens).save(path)
    return Latents.load(path)
