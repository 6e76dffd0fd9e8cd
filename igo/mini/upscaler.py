"""mini/upscaler: two small Real-ESRGAN networks, ×4 and ×2, trained on drawings and procedural textures."""

import os
from pathlib import Path

import torch

from igo.embedded import NATIVE_SIZE
from igo.errors import SettingsError
from igo.mini.drawings import draw_once
from igo.mini.pictures import balanced_figures
from igo.networks.files import load_srvgg
from igo.networks.srvgg import SRVGGNetCompact
from igo.training import finetune
from igo.training.data.degradations import Degradation
from igo.training.loop.effort import Effort
from igo.training.loop.loop import TrainingReport

SCALES = (2, 4)
SIZE = (4 * NATIVE_SIZE[0], 4 * NATIVE_SIZE[1])
"""What ×4 makes of `mini`'s own pictures: 512×768."""

DEGRADATION = Degradation().softened(0.5)
"""Half of what is published: pictures that come from `mini` or a phone have not been through so much, and a network
this small would pay for the worst cases with smooth results in all others."""


def weights_file(scale: int) -> str:
    """The name of a scale's file."""
    return f"x{scale}.safetensors"


def train_upscaler(
    scale: int,
    work: Path,
    out: Path,
    effort: Effort,
    *,
    start: Path | None = None,
    pictures: int = 280,
    held_out: int = 8,
    workers: int | None = None,
) -> TrainingReport:
    """Draw, train and write ``x2.safetensors`` or ``x4.safetensors`` into ``out``.

    ``work`` keeps drawings (1.6 MB each, shared by both scales) and checkpoints; a run that was killed goes on from
    there. ``start`` is a finished network of a larger scale to learn on from, as ×2 can from ×4, which saves most of
    its time; a resumed run needs the same. ``workers`` is how many processes draw (default: one a core) and
    degrade (default: see ``UpscalerTask``). Raises ``SettingsError`` for another scale, ``CheckpointError`` for a start
    of another shape.
    """
    if scale not in SCALES:
        raise SettingsError(f"there is no upscaler of scale {scale}; choose {' or '.join(map(str, SCALES))}")
    torch.manual_seed(effort.seed)
    network = SRVGGNetCompact(scale)
    if start is not None:
        network.take_over(load_srvgg(start))
    figures = balanced_figures(pictures + held_out, effort.seed)
    drawn, _ = draw_once(work / "large", figures, SIZE, workers or os.cpu_count() or 1)
    learned, measured = drawn[:-held_out], drawn[-held_out:]
    place = out / weights_file(scale)
    return finetune.train_upscaler(
        network, learned, measured, place, work / f"x{scale}", effort, DEGRADATION, workers=workers
    )
