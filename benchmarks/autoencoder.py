"""How much of a drawing is left after the way through an autoencoder's latents."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.findings import Row
from benchmarks.judge.verdicts import Judge
from benchmarks.measures import ATTRIBUTES, share_right
from igo import measures
from igo.training.data.latents import to_model, to_pictures
from igo.wardrobe import Drawing


def autoencoder_rows(judge: Judge, vae: Any, drawings: Sequence[Drawing]) -> list[Row]:
    """The judge's accuracy on decoded drawings divided by that on the drawings, over all attributes; and the PSNR."""
    figures = [drawing.figure for drawing in drawings]
    originals = np.stack([drawing.image for drawing in drawings])
    decoded = round_trip(vae, originals)
    before, after = judge.verdicts(originals), judge.verdicts(decoded)
    shares = [(share_right(name, after, figures), share_right(name, before, figures)) for name in ATTRIBUTES]
    told = [(kept, whole) for kept, whole in shares if whole > 0]  # nan isn't
    relative = sum(kept for kept, _ in told) / sum(whole for _, whole in told)
    return [
        Row("VAE: judged, relative", relative, ceiling=1.0),
        Row("VAE: PSNR", psnr(originals, decoded), unit="dB"),
    ]


@torch.no_grad()
def round_trip(vae: Any, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """N×H×W×3 uint8 pictures, encoded to the posterior's mean and decoded again."""
    decoded = [
        to_pictures(vae.decode(vae.encode(to_model(part)).latent_dist.mean).sample)
        for part in torch.split(torch.from_numpy(pictures), 16)
    ]
    return torch.cat(decoded).numpy()


def psnr(originals: NDArray[np.uint8], others: NDArray[np.uint8]) -> float:
    """The mean over N×H×W×3 uint8 pictures of their peak signal-to-noise ratio, in dB."""
    return fmean(measures.psnr(original, other) for original, other in zip(originals, others, strict=True))
