"""A first training for mini/clipseg: what pixels show without any text, what phrases say without any picture."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPSegForImageSegmentation

from igo.mini.attributes import AttributeCoder
from igo.mini.phrases import GROUPS, Phrase
from igo.mini.wardrobe import Figure
from igo.training.clipseg import Preprocessing, varied
from igo.training.masks import MaskSet
from igo.training.task import Batch, Task
from igo.training.text_encoder import attribute_loss

PHRASES = 16
"""Phrases that are read for each picture that is seen."""


class PartsObjective(nn.Module):
    """Labels pixel by pixel, attributes of the whole figure, and the words of phrases, each by one linear layer on what
    CLIPSeg's decoder will be given.

    Masks alone teach slowly: each of them says little, and as long as none is right, nothing tells texts apart.
    """

    def __init__(self, model: CLIPSegForImageSegmentation, labels: int, seen: list[int], said: list[int]) -> None:
        super().__init__()
        self.clip, self.labels, self.seen, self.said = model.clip, labels, seen, said
        vision = model.config.vision_config
        self.patch = int(vision.patch_size)
        self.from_patch = nn.Linear(vision.hidden_size, labels * self.patch**2)
        self.from_picture = nn.Linear(vision.hidden_size, sum(seen))
        self.from_text = nn.Linear(model.config.projection_dim, sum(said))

    def forward(
        self, pixels: Tensor, labels: Tensor, attributes: Tensor, tokens: Tensor, words: Tensor
    ) -> dict[str, Tensor]:
        """``pixels`` N×3×S×S with ``labels`` N×S×S and ``attributes`` N×A, ``tokens`` M×L with ``words`` M×B."""
        states = self.clip.get_image_features(pixels, output_hidden_states=True).hidden_states[-1][:, 1:]
        side = pixels.shape[-1] // self.patch
        cells = self.from_patch(states).float().view(len(pixels), side, side, self.labels, self.patch, self.patch)
        scores = cells.permute(0, 3, 1, 4, 2, 5).reshape(len(pixels), self.labels, *pixels.shape[-2:])
        parts = functional.cross_entropy(scores, labels)
        figure = attribute_loss(self.from_picture(states.mean(1)).float(), attributes, self.seen)
        text = self.clip.get_text_features(tokens).pooler_output
        phrase = attribute_loss(self.from_text(text).float(), words, self.said)
        right = (scores.argmax(1) == labels).float().mean()
        return {"loss": parts + 0.5 * figure + 0.5 * phrase, "figure": figure, "phrase": phrase, "pixels": right}


class PartsTask(Task):
    """Learn the drawn world's parts and phrases. ``figures`` are those of ``masks``, ``every`` is all its phrases."""

    name = "parts"

    def __init__(
        self,
        model: CLIPSegForImageSegmentation,
        preprocessing: Preprocessing,
        masks: MaskSet,
        figures: Sequence[Figure],
        every: Sequence[Phrase],
    ) -> None:
        coder = AttributeCoder(figures)
        self.preprocessing, self.masks, self.attributes = preprocessing, masks, coder.encode(figures)
        self.words, said = _words(every)
        self.module = PartsObjective(model, len(masks.codes), coder.classes, said)

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        device = generator.device
        if self.masks.labels.device.type != device.type:
            self.masks = self.masks.to(device)
        pick = torch.randint(len(self.masks), (size,), generator=generator, device=device)
        asked = torch.randint(len(self.words), (PHRASES * size,), generator=generator, device=device)
        wording = torch.randint(self.masks.tokens.shape[1], asked.shape, generator=generator, device=device)
        mirror = (torch.rand(size, generator=generator, device=device) < 0.5)[:, None, None]
        pictures, labels = self.masks.pictures[pick], self.masks.labels[pick]
        pictures = torch.where(mirror[..., None], pictures.flip(2), pictures)
        labels = torch.where(mirror, labels.flip(2), labels)
        values = varied(pictures.permute(0, 3, 1, 2).float() / 255, generator)
        side = (self.preprocessing.side,) * 2
        return {
            "pixels": self.preprocessing.normalise(functional.interpolate(values, size=side, mode="bilinear")),
            "labels": functional.interpolate(labels[:, None].float(), size=side)[:, 0].long(),
            "attributes": self.attributes[pick.cpu()].to(device),
            "tokens": self.masks.tokens[asked, wording].long(),
            "words": self.words[asked.cpu()].to(device),
        }


def _words(every: Sequence[Phrase]) -> tuple[Tensor, list[int]]:
    """Group, noun, colour and pattern of each phrase as class numbers (P×4), and how many there are of each."""
    rows = [(phrase.group, phrase.noun, phrase.color or "", phrase.pattern or "") for phrase in every]
    values = [list(GROUPS), *(sorted(set(column)) for column in list(zip(*rows, strict=True))[1:])]
    numbers = [[known.index(word) for known, word in zip(values, row, strict=True)] for row in rows]
    return torch.tensor(numbers), [len(known) for known in values]
