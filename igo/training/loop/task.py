"""What the training loop asks of a task."""

from abc import ABC, abstractmethod

import torch
from PIL import Image
from torch import Tensor, nn

Batch = dict[str, Tensor]


class Task(ABC):
    """One thing to learn: a module that turns a batch into losses, and the data that batches are drawn from.

    All chance is drawn in ``batch``, from the generator it is handed; ``module.forward`` is deterministic. That is
    what lets the loop resume after a kill on the very same loss curve, without storing any generator's state.
    """

    name: str
    """Short and stable: it is written into checkpoints, and a checkpoint of another task is refused."""

    module: nn.Module
    """Called as ``module(**batch)``; returns scalar losses by name, of which ``"loss"`` is minimised."""

    source: str = ""
    """Names what is learned from: a checkpoint of another source is refused too. Empty where that can't change."""

    ahead: bool = False
    """Whether a batch is so much work for the CPU that the next one is to be made while the present one is learned
    from. ``batch`` is then called by another thread, though never by two at once."""

    @abstractmethod
    def batch(self, size: int, generator: torch.Generator) -> Batch:
        """Draw ``size`` training samples, as tensors on ``generator.device``."""

    def parameter_groups(self) -> list[dict[str, object]]:
        """Groups for the optimizer; ``rate`` is a group's learning rate as a multiple of the loop's."""
        return [{"params": [p for p in self.module.parameters() if p.requires_grad], "rate": 1.0}]

    def samples(self) -> Image.Image | None:
        """A contact sheet that shows what has been learned so far; None if there is nothing to look at."""
        return None

    def measures(self) -> dict[str, float]:
        """Figures on held-out data, by name, such as PSNR in dB. Taken when samples are, and at the end."""
        return {}
