"""Training data with masks: pictures, and phrases with the part of the picture that each of them names."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from igo.errors import SettingsError
from igo.training.data.lengths import tell_cut


@dataclass(frozen=True)
class MaskSet:
    """N pictures of one size; of each, K phrases that may be asked.

    ``pictures`` N×H×W×3 uint8 RGB; ``labels`` N×H×W uint8, one value a pixel; ``codes`` V integers, the bits of each
    label value. Phrase k of picture n is row ``asks[n, k]`` of ``tokens`` (P×A×L: A ways of putting it, padded to L
    tokens) and names the pixels whose code shares a bit with ``members[n, k]``; 0 means that it names nothing there.
    It is drawn in proportion to ``weights[n, k]``, never if that is 0. ``groups`` (P integers) sorts phrases under
    ``names``, for measuring.
    """

    pictures: Tensor
    labels: Tensor
    codes: Tensor
    asks: Tensor
    members: Tensor
    weights: Tensor
    tokens: Tensor
    groups: Tensor
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    def part(self, start: int, stop: int) -> "MaskSet":
        """The pictures from ``start`` to before ``stop``, with all phrases."""
        return replace(
            self,
            pictures=self.pictures[start:stop],
            labels=self.labels[start:stop],
            asks=self.asks[start:stop],
            members=self.members[start:stop],
            weights=self.weights[start:stop],
        )

    def hold_out(self, count: int) -> tuple["MaskSet", "MaskSet"]:
        """All but the last ``count`` pictures, and those. Raises ``SettingsError`` if nothing would be left."""
        if not 0 < count < len(self):
            raise SettingsError(f"can't hold out {count} of {len(self)} pictures; choose 1 to {len(self) - 1}")
        return self.part(0, len(self) - count), self.part(len(self) - count, len(self))

    def to(self, device: torch.device) -> "MaskSet":
        """The same on another device."""
        tensors: dict[str, Any] = {name: x.to(device) for name, x in vars(self).items() if isinstance(x, Tensor)}
        return replace(self, **tensors)

    def draw(self, size: int, phrases: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """``size`` pictures (H×W×3) with labels (H×W), and ``phrases`` of each (K×L tokens) with their members (K)."""
        device = generator.device
        pick = torch.randint(len(self), (size,), generator=generator, device=device)
        column = torch.multinomial(self.weights[pick], phrases, replacement=True, generator=generator)
        wording = torch.randint(self.tokens.shape[1], (size, phrases), generator=generator, device=device)
        tokens = self.tokens[self.asks[pick].gather(1, column), wording].long()
        return self.pictures[pick], self.labels[pick], tokens, self.members[pick].gather(1, column)

    def masks(self, labels: Tensor, members: Tensor) -> Tensor:
        """Labels N×h×w and members N×K to N×K×h×w booleans."""
        return (self.codes[labels.long()][:, None] & members[:, :, None, None].long()) != 0

    def questions(self, seed: int = 0) -> list[list[int]]:
        """For each picture, the columns of one phrase of every group that is there and of one that isn't."""
        rng = np.random.default_rng(seed)
        weights, members = self.weights.cpu().numpy(), self.members.cpu().numpy()
        groups = self.groups.cpu().numpy()[self.asks.cpu().numpy()]
        questions = []
        for row in range(len(self)):
            columns: list[int] = []
            for group in range(len(self.names)):
                asked = (weights[row] > 0) & (groups[row] == group)
                for there in (members[row] != 0, members[row] == 0):
                    found = np.flatnonzero(asked & there)
                    columns += rng.choice(found, 1).tolist() if len(found) else []
            questions.append(columns)
        return questions


def phrase_tokens(tokenizer: Any, phrases: Sequence[Sequence[str]]) -> Tensor:
    """P phrases in A wordings each to P×A×L tokens (32-bit integers), padded to the longest, as CLIPSeg reads them."""
    return _tokens(tokenizer, phrases, padding=True)


def prompt_tokens(tokenizer: Any, prompts: Sequence[Sequence[str]]) -> Tensor:
    """P prompts in A wordings each to P×A×L tokens (32-bit integers), padded to the model's length, as Stable
    Diffusion reads them; how many are cut is said."""
    tell_cut(tokenizer, [wording for wordings in prompts for wording in wordings])
    return _tokens(tokenizer, prompts, padding="max_length")


def _tokens(tokenizer: Any, texts: Sequence[Sequence[str]], padding: bool | str) -> Tensor:
    flat = [wording for wordings in texts for wording in wordings]
    tokens: Tensor = tokenizer(flat, padding=padding, truncation=True, return_tensors="pt").input_ids
    return tokens.int().view(len(texts), -1, tokens.shape[-1])
