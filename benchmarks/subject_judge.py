"""A judge for two new subjects: does somebody wear the jacket, does somebody carry the bag?

Trained on drawings, half of them as `mini`'s autoencoder gives them back: it has never seen such things, and paints the
bag's green as yellow however well a denoiser has learned it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.judge.augmentation import degrade
from benchmarks.subjects import dressed, picture
from igo.mini.pictures import balanced_figures
from igo.painting.checkpoints import checkpoint
from igo.training.data.latents import to_model, to_pictures
from igo.training.loop.loop import LoopSettings, train
from igo.training.loop.task import Batch, Task
from igo.wardrobe import Figure

SEED, HELD_OUT_SEED = 201, 202
"""Other figures than `mini`, the big judge and the subjects' own pictures have."""
WIDTHS = (24, 48, 72, 96)
NONE, JACKET, BAG, BOTH = range(4)


class SubjectNetwork(nn.Module):
    """Four halvings, then the mean and the maximum over the picture."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, *WIDTHS)
        self.levels = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 4, 2, 1), nn.GroupNorm(8, b), nn.SiLU(), nn.Conv2d(b, b, 3, 1, 1), nn.SiLU())
            for a, b in zip(widths, WIDTHS, strict=False)
        )
        self.head = nn.Linear(2 * WIDTHS[-1], 2)

    def forward(self, pictures: Tensor) -> Tensor:
        """N×3×H×W in -1..1 to N×2 scores, for the jacket and for the bag; above 0 is yes."""
        x = pictures
        for level in self.levels:
            x = level(x)
        scores: Tensor = self.head(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))
        return scores


class _Objective(nn.Module):
    network: SubjectNetwork

    def __init__(self) -> None:
        super().__init__()
        self.network = SubjectNetwork()

    def forward(self, pictures: Tensor, truth: Tensor) -> dict[str, Tensor]:
        return {"loss": functional.binary_cross_entropy_with_logits(self.network(pictures), truth)}


class _SubjectTask(Task):
    """Drawings with the jacket, the bag, both and neither, made worse anew in every batch."""

    name = "subject judge"

    def __init__(self, pictures: Tensor, truth: Tensor) -> None:
        self.pictures, self.truth = pictures, truth
        self.module: _Objective = _Objective()

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        pick = torch.randint(len(self.pictures), (size,), generator=generator)
        shown = self.pictures[pick].permute(0, 3, 1, 2).float() / 255
        unused = torch.zeros(size, shown.shape[-2] // 2, shown.shape[-1] // 2, dtype=torch.uint8)
        return {"pictures": degrade(shown, unused, generator)[0] * 2 - 1, "truth": self.truth[pick]}


class SubjectJudge:
    """Says of pictures whether they show the jacket and the bag."""

    def __init__(self, network: SubjectNetwork) -> None:
        self.network = network.eval().requires_grad_(False)

    @classmethod
    def trained(cls, work: Path, figures: int = 400, steps: int = 500) -> "SubjectJudge":
        """Draw four pictures of each of ``figures`` and train, or go on in ``work``."""
        pictures, truth = drawn(work / "judge-drawings.npz", balanced_figures(figures, SEED))
        turn = np.arange(len(pictures)) // 4 % 2 == 1
        pictures[turn] = decoded(work / "judge-decoded.npy", pictures[turn])
        torch.manual_seed(0)
        task = _SubjectTask(torch.from_numpy(pictures), torch.from_numpy(truth))
        train(task, LoopSettings(steps=steps, batch_size=16, learning_rate=2e-3, ema_decay=0.99), work / "judge")
        return cls(task.module.network)

    def verdicts(self, pictures: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """N×H×W×3 to N×2: the jacket, the bag."""
        return np.asarray(self.network(to_model(torch.from_numpy(pictures))).numpy() > 0)

    def ceilings(self, work: Path, figures: int = 40) -> dict[str, tuple[float, float]]:
        """How often it is right about the jacket and the bag in drawings that it has not seen, as they are and as the
        autoencoder gives them back."""
        pictures, truth = drawn(work / "held-out-drawings.npz", balanced_figures(figures, HELD_OUT_SEED))
        found = {}
        for name, shown in (("drawn", pictures), ("decoded", decoded(work / "held-out-decoded.npy", pictures))):
            jacket, bag = (self.verdicts(shown) == (truth > 0)).mean(0).tolist()
            found[name] = (jacket, bag)
        return found


def drawn(path: Path, figures: Sequence[Figure]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Each figure with neither, the jacket, the bag and both: pictures 4N×H×W×3 and truth 4N×2; kept at ``path``."""
    if not path.exists():
        pictures, truth = [], []
        for figure in track(figures, "drawing subjects"):
            for which in (NONE, JACKET, BAG, BOTH):
                jacket, bag = which in (JACKET, BOTH), which in (BAG, BOTH)
                pictures.append(picture(dressed(figure, jacket, bag), jacket, bag))
                truth.append((jacket, bag))
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, pictures=np.stack(pictures), truth=np.array(truth, np.float32))
        partial.replace(path)
    with np.load(path) as kept:
        return kept["pictures"], kept["truth"]


@torch.no_grad()
def decoded(path: Path, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What `mini`'s autoencoder gives back of N×H×W×3 pictures; kept at ``path``."""
    if not path.exists():
        vae = checkpoint.load("mini", dtype=torch.float32).pipeline.vae
        parts = [
            to_pictures(vae.decode(vae.encode(to_model(part)).latent_dist.mean).sample)
            for part in track(torch.split(torch.from_numpy(pictures), 16), "encoding and decoding")
        ]
        np.save(path, torch.cat(parts).numpy())
    return np.asarray(np.load(path))
