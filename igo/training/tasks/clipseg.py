"""Training CLIPSeg: from a picture and a phrase to the mask of what the phrase names."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPSegForImageSegmentation

from igo.errors import SettingsError
from igo.training.data.export import forget_origin, write_tokenizer
from igo.training.data.masks import MaskSet
from igo.training.data.weights import replacing, write_weights
from igo.training.loop.grids import sheet
from igo.training.loop.task import Batch, Task
from igo.training.tasks.preprocessing import Preprocessing

PROCESSOR = {"processor_class": "CLIPSegProcessor", "image_processor_type": "ViTImageProcessor"}
"""The classes that read pictures for CLIPSeg; the second needs no torchvision."""
EMPTY = 0.001
"""A predicted mask that covers no more than this share of the picture counts as empty: 24 of 128×192 pixels."""


def mask_losses(logits: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Binary cross-entropy and soft dice (Milletari et al., V-Net) of each mask: the last dimension of ``logits`` and
    ``truth`` (0 to 1).

    Cross-entropy alone neglects small parts, which dice weighs like large ones. Dice is smoothed by a thousandth of
    the picture, so that an empty mask is learned too: a few stray pixels cost as much as a missed part.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none").mean(-1)
    found, smooth = logits.sigmoid(), logits.shape[-1] / 1000
    return entropy, 1 - (2 * (found * truth).sum(-1) + smooth) / ((found + truth).sum(-1) + smooth)


class ClipsegObjective(nn.Module):
    """``mask_losses`` on CLIPSeg (Lüddecke & Ecker, Image Segmentation Using Text and Image Prompts).

    The model's own ``forward`` computes CLIP without gradients and once for every phrase; here CLIP learns as well,
    unless ``decoder_only``, and a picture is encoded once for all its phrases.
    """

    def __init__(self, model: CLIPSegForImageSegmentation, decoder_only: bool = False) -> None:
        super().__init__()
        self.model, self.decoder_only = model, decoder_only
        clip, layers = model.clip, list(model.extract_layers)
        clip.requires_grad_(not decoder_only)
        # What no mask depends on would otherwise wait for a gradient that never comes.
        for unused in (clip.visual_projection, clip.vision_model.post_layernorm):
            unused.requires_grad_(False)
        clip.logit_scale.requires_grad_(False)
        clip.vision_model.encoder.layers[max(layers) + 1 :].requires_grad_(False)

    def forward(self, pixels: Tensor, tokens: Tensor, masks: Tensor) -> dict[str, Tensor]:
        """``pixels`` N×3×S×S normalised, ``tokens`` N×K×L, ``masks`` N×K×S×S booleans."""
        logits, truth = self.logits(pixels, tokens), masks.float()
        entropy, dice = (loss.mean() for loss in mask_losses(logits.flatten(2), truth.flatten(2)))
        return {"loss": entropy + dice, "entropy": entropy, "dice": dice}

    def logits(self, pixels: Tensor, tokens: Tensor) -> Tensor:
        """N×K×S×S: one mask for each of the K phrases of a picture; above 0 is inside."""
        count, phrases, _ = tokens.shape
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.decoder_only):
            seen = self.model.clip.get_image_features(pixels, output_hidden_states=True).hidden_states
            said = self.model.clip.get_text_features(tokens.flatten(0, 1)).pooler_output
        layers = [seen[layer + 1].repeat_interleave(phrases, 0) for layer in self.model.extract_layers]
        logits: Tensor = self.model.decoder(layers, said).logits.float()
        return logits.view(count, phrases, *logits.shape[-2:])


class ClipsegTask(Task):
    """Learn ``masks``: a sample is one picture with ``phrases`` phrases, drawn by the set's weights.

    With ``augment``, half of the pictures are mirrored, half are seen through a window of 0.6 to 1.3 times their
    sides, and all vary in light, sharpness and noise. ``decoder_only`` leaves CLIP as it is, which is what a real
    checkpoint wants; a model from nothing has to learn all of it. ``text_rate`` and ``vision_rate`` are the encoders'
    learning rates as multiples of the loop's: at the full rate all phrases become one within some hundred steps, while
    masks are still bad for any phrase, and nothing is learned from there on. Raises ``SettingsError`` if the picture
    size of ``preprocessing`` isn't a multiple of the model's patches.
    """

    name = "clipseg"

    def __init__(
        self,
        model: CLIPSegForImageSegmentation,
        preprocessing: Preprocessing,
        masks: MaskSet,
        held_out: MaskSet,
        *,
        phrases: int = 4,
        augment: bool = True,
        decoder_only: bool = False,
        text_rate: float = 0.1,
        vision_rate: float = 0.2,
    ) -> None:
        patch = int(model.config.vision_config.patch_size)
        if any(side % patch for side in preprocessing.size):
            raise SettingsError(
                f"pictures of {preprocessing.size[0]} pixels don't divide into patches of {patch}; choose a multiple"
            )
        self.model, self.preprocessing, self.masks, self.held_out = model, preprocessing, masks, held_out
        self.phrases, self.augment = phrases, augment
        self.rates = {"clip.text": text_rate, "clip.vision": vision_rate}
        self.questions = held_out.questions()
        self.module: ClipsegObjective = ClipsegObjective(model, decoder_only)

    def parameter_groups(self) -> list[dict[str, object]]:
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                rate = next((rate for part, rate in self.rates.items() if name.startswith(part)), 1.0)
                groups.setdefault(rate, []).append(parameter)
        return [{"params": parameters, "rate": rate} for rate, parameters in groups.items()]

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        if self.masks.weights.device.type != generator.device.type:
            self.masks = self.masks.to(generator.device)
        pictures, labels, tokens, members = self.masks.draw(size, self.phrases, generator)
        grid = self._windows(size, generator)
        values = pictures.permute(0, 3, 1, 2).float() / 255
        values = functional.grid_sample(values, grid, "bilinear", "border", align_corners=False)
        labels = functional.grid_sample(labels[:, None].float(), grid, "nearest", "zeros", align_corners=False)[:, 0]
        if self.augment:
            values = varied(values, generator)
        return {
            "pixels": self.preprocessing.normalise(values),
            "tokens": tokens,
            "masks": self.masks.masks(labels, members),
        }

    def _windows(self, size: int, generator: torch.Generator) -> Tensor:
        """What of each picture is seen: an N×S×S×2 sampling grid."""
        chance = torch.rand(6, size, generator=generator, device=generator.device)
        changed = (chance[0] < 0.5).float() * float(self.augment)
        zoom = (0.6 * (1.3 / 0.6) ** chance[1]) ** changed
        aspect = (0.85 * (1 / 0.85**2) ** chance[2]) ** (0.5 * changed)
        mirror = 1 - 2 * (chance[3] < 0.5).float() * float(self.augment)
        window = torch.zeros(size, 2, 3, device=generator.device)
        for axis, share in enumerate((zoom * aspect, zoom / aspect)):
            window[:, axis, axis] = share * (mirror if axis == 0 else 1)
            window[:, axis, 2] = (1 - share).abs() * (2 * chance[4 + axis] - 1)
        width, height = self.preprocessing.size
        return functional.affine_grid(window, [size, 3, height, width], align_corners=False)

    def measures(self) -> dict[str, float]:
        """Mean IoU of each group at a threshold of 0.5 and of all groups, and how often an absent thing stays empty.

        Taken at the pictures' own size. A thing that is there but shows less than ``EMPTY`` of the picture, such as
        hair under a hat, is left out.
        """
        overlaps: dict[str, list[float]] = {}
        empty = []
        for row, columns in enumerate(self.questions):
            found, truth = self._found(row, columns), self._truth(row, columns)
            inside, between = truth.float().mean((1, 2)), (found & truth).sum((1, 2)) / (found | truth).sum((1, 2))
            for index, column in enumerate(columns):
                if not self.held_out.members[row, column]:
                    empty.append(float(found[index].float().mean()) <= EMPTY)
                elif inside[index] > EMPTY:
                    group = self.held_out.names[int(self.held_out.groups[self.held_out.asks[row, column]])]
                    overlaps.setdefault(group, []).append(float(between[index]))
        means = {f"iou {group}": float(np.mean(values)) for group, values in overlaps.items()}
        figures = {"iou": float(np.mean(list(means.values())))} if means else {}
        return figures | ({"absent": float(np.mean(empty))} if empty else {}) | means

    def samples(self) -> Image.Image:
        """Held-out pictures, a row each, and the masks of their first phrases in red."""
        rows = []
        for row, columns in enumerate(self.questions[:6]):
            picture = self.held_out.pictures[row].cpu()
            found = self._found(row, columns[:7]).cpu()[..., None]
            red = (picture.float() * 0.35 + torch.tensor([166.0, 0.0, 0.0])).to(torch.uint8)
            tiles = [picture, *torch.where(found, red, picture)]
            rows += [*tiles, *[torch.full_like(picture, 255)] * (8 - len(tiles))]
        return sheet(torch.stack(rows), columns=8)

    def _found(self, row: int, columns: list[int]) -> Tensor:
        picture = self.held_out.pictures[row : row + 1]
        tokens = self.held_out.tokens[self.held_out.asks[row, columns].long(), 0][None].long()
        device = self.model.device
        logits = self.module.logits(self.preprocessing.apply(picture.to(device)), tokens.to(device))
        return functional.interpolate(logits, size=tuple(picture.shape[1:3]), mode="bilinear")[0] > 0

    def _truth(self, row: int, columns: list[int]) -> Tensor:
        members = self.held_out.members[row, columns][None]
        return self.held_out.masks(self.held_out.labels[row][None], members)[0].to(self.model.device)


def varied(values: Tensor, generator: torch.Generator) -> Tensor:
    """Other light, sharpness and noise, for N×3×H×W in 0..1: pictures that were painted or enlarged, not drawn."""
    chance = torch.rand(7, len(values), 1, 1, 1, generator=generator, device=generator.device)
    soft = functional.avg_pool2d(functional.pad(values, (2, 2, 2, 2), "replicate"), 5, 1)
    values = torch.lerp(values, soft, chance[0].square())
    tint = torch.cat(list(chance[1:4]), 1)
    values = (values - 0.5) * (0.85 + 0.3 * chance[4]) + 0.5 + 0.1 * (chance[5] - 0.5) + 0.06 * (tint - 0.5)
    noise = torch.randn(values.shape, generator=generator, device=generator.device)
    return (values + 0.04 * chance[6].square() * noise).clamp(0, 1)


def export_clipseg(
    model: CLIPSegForImageSegmentation,
    tokenizer: Any,
    preprocessing: Preprocessing,
    folder: Path,
    dtype: torch.dtype = torch.float16,
) -> int:
    """Write a folder that transformers' ``CLIPSegForImageSegmentation`` and ``CLIPSegProcessor`` load; return the size
    of its weights in bytes.

    The configuration says 32 bit whatever ``dtype`` the file has, since transformers would otherwise run a 16 bit file
    in 16 bit, on CPUs too. A folder that was there is replaced only when the new one is complete. Raises
    ``CheckpointError`` for weights that overflow in ``dtype``.
    """
    config = {**model.config.to_dict(), "architectures": ["CLIPSegForImageSegmentation"], "dtype": "float32"}
    with replacing(folder) as partial:
        size = write_weights(model.state_dict(), partial / "model.safetensors", dtype)
        for name, content in (
            ("config.json", config),
            ("preprocessor_config.json", preprocessing.document(**PROCESSOR)),
        ):
            (partial / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        forget_origin(partial / "config.json")
        write_tokenizer(tokenizer, partial)
    return size
