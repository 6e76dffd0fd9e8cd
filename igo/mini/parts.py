"""A first training for mini/clipseg: every patch of a picture against every phrase, as CLIP matches whole pictures."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPSegForImageSegmentation

from igo.mini.phrases import GROUPS, Phrase
from igo.training.data.masks import MaskSet
from igo.training.loop.task import Batch, Task
from igo.training.tasks.clipseg import mask_losses, varied
from igo.training.tasks.preprocessing import Preprocessing
from igo.training.tasks.text_encoder import attribute_loss

MASKS = 8
"""Phrases of each picture that are asked pixel by pixel."""


class PartsObjective(nn.Module):
    """Four things at once: labels pixel by pixel, the words of each phrase, how much of each patch each phrase names,
    and the masks of some.

    The last two are read from what CLIPSeg's decoder is without attention and without what its layers compute: the
    first reduction, FiLM by the text, then a vote of all dimensions, or the norms and the upsampling. Whole decoders
    teach slowly: each mask is decoded for itself, so few are asked of a picture, and as long as none is right nothing
    tells texts apart. Here all phrases are asked of every picture for little more than one.
    """

    def __init__(self, model: CLIPSegForImageSegmentation, labels: int, said: list[int]) -> None:
        super().__init__()
        self.clip, self.labels, self.said = model.clip, labels, said
        decoder = model.decoder
        self.reduce, self.times, self.plus = decoder.reduces[0], decoder.film_mul, decoder.film_add
        self.norms = nn.Sequential(*(norm for each in decoder.layers for norm in (each.layer_norm1, each.layer_norm2)))
        self.upsample = decoder.transposed_convolution
        vision = model.config.vision_config
        self.patch = int(vision.patch_size)
        self.from_patch = nn.Linear(vision.hidden_size, labels * self.patch**2)
        self.from_text = nn.Linear(model.config.projection_dim, sum(said))
        self.vote = nn.Linear(model.config.reduce_dim, 1)
        nn.init.constant_(self.vote.bias, -2)

    def forward(
        self,
        pixels: Tensor,
        labels: Tensor,
        tokens: Tensor,
        words: Tensor,
        named: Tensor,
        asked: Tensor,
        chosen: Tensor,
    ) -> dict[str, Tensor]:
        """``pixels`` N×3×S×S with ``labels`` N×S×S; ``tokens`` P×L with ``words`` P×B; which labels each phrase names
        on each picture (``named`` N×P×V, 0 or 1), how much it is asked (``asked`` N×P, rows sum to 1), and which K are
        asked for masks (``chosen`` N×K)."""
        states = self.clip.get_image_features(pixels, output_hidden_states=True).hidden_states[-1][:, 1:]
        side = pixels.shape[-1] // self.patch
        cells = self.from_patch(states).float().view(len(pixels), side, side, self.labels, self.patch, self.patch)
        parts = functional.cross_entropy(
            cells.permute(0, 3, 1, 4, 2, 5).reshape(len(pixels), self.labels, *pixels.shape[-2:]), labels
        )
        text = self.clip.get_text_features(tokens).pooler_output
        phrase = attribute_loss(self.from_text(text).float(), words, self.said)
        reduced, times, plus = self.reduce(states), self.times(text), self.plus(text)
        scores = (times * self.vote.weight) @ reduced.transpose(1, 2) + self.vote(plus)
        entropy, dice = mask_losses(scores.float(), named @ self._shares(labels))
        match = ((entropy + dice) * asked).sum(-1).mean()
        spoken = self.norms(reduced[:, None] * times[chosen][:, :, None] + plus[chosen][:, :, None])
        logits = self.upsample(spoken.flatten(0, 1).transpose(1, 2).unflatten(2, (side, side))).flatten(1).float()
        members = named.gather(1, chosen[..., None].expand(-1, -1, self.labels))
        truth = members.gather(2, labels.flatten(1)[:, None].expand(-1, chosen.shape[1], -1))
        entropy, dice = mask_losses(logits, truth.flatten(0, 1))
        masks = (entropy + dice).mean()
        loss = parts + 0.5 * phrase + match + masks
        return {"loss": loss, "parts": parts, "phrase": phrase, "match": match, "masks": masks}

    def _shares(self, labels: Tensor) -> Tensor:
        """Labels N×S×S to the share that each has of each patch, N×V×T."""
        planes = functional.one_hot(labels, self.labels).permute(0, 3, 1, 2).float()
        return functional.avg_pool2d(planes, self.patch).flatten(2)


class PartsTask(Task):
    """Learn the drawn world's parts and phrases: ``every`` is what ``masks`` asks, in its order, of every picture."""

    name = "parts"

    def __init__(
        self, model: CLIPSegForImageSegmentation, preprocessing: Preprocessing, masks: MaskSet, every: Sequence[Phrase]
    ) -> None:
        self.preprocessing, self.masks = preprocessing, masks
        self.words, said = _words(every)
        self.module = PartsObjective(model, len(masks.codes), said)

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        device = generator.device
        if self.masks.labels.device.type != device.type:
            self.masks = self.masks.to(device)
        masks = self.masks
        pick = torch.randint(len(masks), (size,), generator=generator, device=device)
        wording = torch.randint(masks.tokens.shape[1], (len(masks.tokens),), generator=generator, device=device)
        mirror = (torch.rand(size, generator=generator, device=device) < 0.5)[:, None, None]
        pictures, labels = masks.pictures[pick], masks.labels[pick]
        pictures = torch.where(mirror[..., None], pictures.flip(2), pictures)
        labels = torch.where(mirror, labels.flip(2), labels)
        values = varied(pictures.permute(0, 3, 1, 2).float() / 255, generator)
        side = self.preprocessing.size
        return {
            "pixels": self.preprocessing.normalise(functional.interpolate(values, size=side, mode="bilinear")),
            "labels": functional.interpolate(labels[:, None].float(), size=side)[:, 0].long(),
            "tokens": masks.tokens[torch.arange(len(wording), device=device), wording].long(),
            "words": self.words.to(device),
            "named": (masks.members[pick][..., None].long() & masks.codes != 0).float(),
            "asked": masks.weights[pick],
            "chosen": torch.multinomial(masks.weights[pick], MASKS, replacement=True, generator=generator),
        }


def _words(every: Sequence[Phrase]) -> tuple[Tensor, list[int]]:
    """Group, noun, colour and pattern of each phrase as class numbers (P×4), and how many there are of each."""
    rows = [(phrase.group, phrase.noun, phrase.color or "", phrase.pattern or "") for phrase in every]
    values = [list(GROUPS), *(sorted(set(column)) for column in list(zip(*rows, strict=True))[1:])]
    numbers = [[known.index(word) for known, word in zip(values, row, strict=True)] for row in rows]
    return torch.tensor(numbers), [len(known) for known in values]
