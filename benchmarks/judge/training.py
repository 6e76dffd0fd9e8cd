"""Training the judge: ``python -m benchmarks.judge.training --work DIR``."""

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.judge.attributes import CLASSES, VALUES
from benchmarks.judge.augmentation import degrade
from benchmarks.judge.network import JudgeNetwork
from benchmarks.judge.pictures import HELD_OUT_SEED, TRAINING_SEED, JudgedSet, balanced_figures, judged_set
from benchmarks.judge.spoiling import UNKNOWN
from benchmarks.judge.verdicts import WEIGHTS
from igo.errors import IGOError
from igo.training.data.latents import to_model
from igo.training.loop.loop import LoopSettings, train
from igo.training.loop.task import Batch, Task

PICTURES, HELD_OUT, STEPS, BATCH = 7_000, 420, 2_200, 16


class JudgeObjective(nn.Module):
    """Part labels pixel by pixel, and one class for each attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.network = JudgeNetwork()

    def forward(self, pictures: Tensor, parts: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """``pictures`` N×3×H×W in -1..1, ``parts`` N×H/2×W/2 (``UNKNOWN`` isn't scored), ``labels`` N×A or -1."""
        part_scores, class_scores = self.network(pictures)
        split = torch.split(class_scores, CLASSES, -1)
        wrong = [
            functional.cross_entropy(scores, label, ignore_index=-1, reduction="sum") / (label >= 0).sum().clamp(min=1)
            for scores, label in zip(split, labels.unbind(-1), strict=True)
        ]
        classes = torch.stack(wrong).mean()
        shape = functional.cross_entropy(part_scores, parts, ignore_index=UNKNOWN)
        return {"loss": 2 * classes + shape, "classes": classes, "parts": shape}


class JudgeTask(Task):
    """Learn from ``drawn``, made worse anew in every batch; measured on ``held_out`` as it was drawn."""

    name = "judge"

    def __init__(self, drawn: JudgedSet, held_out: JudgedSet) -> None:
        self.drawn, self.held_out = drawn, held_out
        self.objective = self.module = JudgeObjective()
        self.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        chance = torch.Generator().manual_seed(
            int(torch.randint(2**62, (), generator=generator, device=generator.device))
        )
        pick = torch.randint(len(self.drawn), (size,), generator=chance)
        pictures = self.drawn.pictures[pick].permute(0, 3, 1, 2).float() / 255
        pictures, parts = degrade(pictures, self.drawn.parts[pick], chance)
        pictures = (pictures * 2 - 1).contiguous(memory_format=torch.channels_last)
        batch = {"pictures": pictures, "parts": parts.long(), "labels": self.drawn.labels[pick]}
        return {name: value.to(generator.device) for name, value in batch.items()}

    def measures(self) -> dict[str, float]:
        """The share of right answers, attribute by attribute."""
        device = next(self.module.parameters()).device
        scores = [
            self.objective.network(to_model(part.to(device)))[1] for part in torch.split(self.held_out.pictures, 32)
        ]
        split = torch.split(torch.cat(scores).cpu(), CLASSES, -1)
        right = {}
        for name, part, label in zip(VALUES, split, self.held_out.labels.unbind(-1), strict=True):
            told = label >= 0
            right[name] = float((part.argmax(-1) == label)[told].float().mean())
        return right


def make(
    work: Path, out: Path, steps: int = STEPS, pictures: int = PICTURES, held_out: int = HELD_OUT
) -> dict[str, float]:
    """Draw, train and write the judge's weights to ``out``; returns its accuracies on held-out drawings.

    A killed run goes on from ``work``. The result depends on nothing but the arguments and the machine's arithmetic.
    """
    fresh = judged_set(work / "held-out", balanced_figures(held_out, HELD_OUT_SEED))
    drawn = judged_set(work / "pictures", balanced_figures(pictures, TRAINING_SEED))
    torch.manual_seed(0)
    task = JudgeTask(drawn, fresh)
    settings = LoopSettings(
        steps=steps,
        batch_size=BATCH,
        learning_rate=3e-3,
        warmup=100,
        ema_decay=0.995,
        checkpoint_seconds=60,
        sample_seconds=180,
    )
    report = train(task, settings, work / "run")
    weights = {
        name: value.detach().half().cpu().contiguous() for name, value in task.objective.network.state_dict().items()
    }
    save_file(weights, out, metadata={"format": "pt"})
    return report.measures


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.judge.training", description="Train the judge.")
    parser.add_argument("--work", type=Path, required=True, help="folder for drawings and checkpoints (0.6 GB)")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="the weights' file (default: the judge's own)")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"steps of {BATCH} pictures")
    parser.add_argument("--pictures", type=int, default=PICTURES, help="how many pictures to draw")
    try:
        right = make(**vars(parser.parse_args()))
    except IGOError as error:
        raise SystemExit(f"error: {error}") from error
    print("on held-out drawings, a third of them spoilt: ", end="")
    print(" ".join(f"{name} {share:.3f}" for name, share in right.items()))


if __name__ == "__main__":
    main()
