"""What a denoiser is told by captions: the states of one CLIP text encoder (Stable Diffusion 1.5) or of two (XL)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from igo.networks.weights import read
from igo.training.data.weights import write_tensors
from igo.training.loop.task import Batch


class TextConditioner(nn.Module):
    """From tokens to what the UNet is called with.

    ``pipeline`` has one text encoder, whose last states are given (N×L×D), or two, whose states before the last layer
    are joined; of the second then comes the pooled vector too (N×P), as in Podell et al., SDXL.
    """

    text_encoder_2: nn.Module | None

    def __init__(self, pipeline: Any) -> None:
        super().__init__()
        self.text_encoder = pipeline.text_encoder
        self.text_encoder_2 = getattr(pipeline, "text_encoder_2", None)

    def forward(self, tokens: Tensor) -> Batch:
        """``tokens`` N×L for one encoder, N×2×L for two."""
        if self.text_encoder_2 is None:
            return {"states": self.text_encoder(input_ids=tokens).last_hidden_state}
        one, two = tokens.unbind(1)
        first = self.text_encoder(input_ids=one, output_hidden_states=True)
        second = self.text_encoder_2(input_ids=two, output_hidden_states=True)
        states = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], -1)
        return {"states": states, "pooled": second.text_embeds}


def tokenize(pipeline: Any, captions: Sequence[str]) -> Tensor:
    """Captions as the pipeline itself would tokenize them: N×L, or N×2×L for two text encoders; padded and cut to the
    model's length."""
    tokenizers = [pipeline.tokenizer, getattr(pipeline, "tokenizer_2", None)]
    each = [_tokens(tokenizer, captions) for tokenizer in tokenizers if tokenizer is not None]
    return each[0] if len(each) == 1 else torch.stack(each, 1)


def _tokens(tokenizer: Any, captions: Sequence[str]) -> Tensor:
    encoded = tokenizer(
        list(captions),
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    tokens: Tensor = encoded.input_ids
    return tokens


@dataclass(frozen=True)
class Conditions:
    """The encoded captions of a training whose text encoders stay as they are: U different ones, the empty one first.

    ``tokens`` U×L (or U×2×L) name them; ``states`` U×L×D and, for XL, ``pooled`` U×P are what they say.
    """

    tokens: Tensor
    states: Tensor
    pooled: Tensor | None = None

    @classmethod
    @torch.no_grad()
    def of(cls, conditioner: TextConditioner, tokens: Tensor, batch_size: int = 32) -> "Conditions":
        """Encode ``tokens``, on the device that the text encoder is on."""
        device = next(conditioner.parameters()).device
        parts = [conditioner(part.to(device).long()) for part in torch.split(tokens, batch_size)]
        joined = {name: torch.cat([part[name].float().cpu() for part in parts]) for name in parts[0]}
        return cls(tokens=tokens, **joined)

    def to(self, device: torch.device) -> "Conditions":
        """The same on another device."""
        pooled = None if self.pooled is None else self.pooled.to(device)
        return replace(self, tokens=self.tokens.to(device), states=self.states.to(device), pooled=pooled)

    def look_up(self, tokens: Tensor) -> Batch:
        """What ``TextConditioner`` would say to ``tokens`` (N×L or N×2×L), which must be among the encoded ones."""
        flat = tokens.flatten(1)
        row = (flat[:, None] == self.tokens.to(flat.dtype).flatten(1)[None]).all(-1).int().argmax(1)
        return {"states": self.states[row]} | ({} if self.pooled is None else {"pooled": self.pooled[row]})

    def save(self, path: Path) -> None:
        """Write a safetensors file, whole or not at all."""
        write_tensors({name: value for name, value in vars(self).items() if value is not None}, path)

    @classmethod
    def load(cls, path: Path) -> "Conditions":
        """Read what ``save`` wrote."""
        return cls(**read(path))
