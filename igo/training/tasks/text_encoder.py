"""Pre-training a small CLIP text encoder, so that a denoiser meets words that already mean something."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextModel

from igo.errors import SettingsError
from igo.training.loop.task import Batch, Task


class AttributeObjective(nn.Module):
    """Predict what a caption describes, attribute by attribute, from the encoder's states.

    One linear head per attribute reads the pooled state (at the end token), another one the mean of all token
    states. The second makes every token's state worth attending to, which is all that cross-attention ever sees.
    """

    def __init__(self, text_encoder: CLIPTextModel, classes: Sequence[int]) -> None:
        super().__init__()
        self.text_encoder, self.classes = text_encoder, list(classes)
        width = int(text_encoder.config.hidden_size)
        self.from_pooled = nn.Linear(width, sum(classes))
        self.from_tokens = nn.Linear(width, sum(classes))

    def forward(self, tokens: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """``tokens`` N×L; ``labels`` N×A class numbers, where -1 stands for "not to be told from the caption"."""
        states = self.text_encoder(input_ids=tokens)
        pooled = self.from_pooled(states.pooler_output).float()
        spread = self.from_tokens(states.last_hidden_state.mean(1)).float()
        loss = attribute_loss(pooled, labels, self.classes) + attribute_loss(spread, labels, self.classes)
        guesses = torch.stack([part.argmax(-1) for part in torch.split(pooled, self.classes, -1)], -1)
        told = labels >= 0
        return {"loss": loss, "accuracy": ((guesses == labels) & told).sum() / told.sum().clamp(min=1)}


def attribute_loss(scores: Tensor, labels: Tensor, classes: Sequence[int]) -> Tensor:
    """Mean cross-entropy over all attributes that are told: ``scores`` N×sum(classes), ``labels`` N×A, -1 for none."""
    parts = [
        functional.cross_entropy(part, label, ignore_index=-1, reduction="sum")
        for part, label in zip(torch.split(scores, list(classes), -1), labels.unbind(-1), strict=True)
    ]
    return torch.stack(parts).sum() / (labels >= 0).sum().clamp(min=1)


class TextEncoderTask(Task):
    """Learn attributes from captions: ``tokens`` N×K×L (K captions each), ``labels`` N×K×A, classes per attribute."""

    name = "text encoder"

    def __init__(self, text_encoder: CLIPTextModel, tokens: Tensor, labels: Tensor, classes: Sequence[int]) -> None:
        if tokens.shape[:2] != labels.shape[:2] or labels.shape[2] != len(classes):
            raise SettingsError(
                f"tokens {tuple(tokens.shape)} and labels {tuple(labels.shape)} don't fit {len(classes)} attributes"
            )
        self.tokens, self.labels = tokens.flatten(0, 1), labels.flatten(0, 1)
        self.module = AttributeObjective(text_encoder, classes)

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        pick = torch.randint(len(self.tokens), (size,), generator=generator, device=generator.device)
        pick = pick.to(self.tokens.device)
        return {
            "tokens": self.tokens[pick].long().to(generator.device),
            "labels": self.labels[pick].long().to(generator.device),
        }
