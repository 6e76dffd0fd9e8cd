"""Training SegFormer as a human parser: from a picture to which label every pixel has."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import SegformerForSemanticSegmentation

from igo.training.data.export import forget_origin
from igo.training.data.parses import ParseSet, mirrored
from igo.training.data.weights import replacing, write_weights
from igo.training.loop.grids import sheet
from igo.training.loop.task import Batch, Task
from igo.training.tasks.clipseg import EMPTY, varied
from igo.training.tasks.preprocessing import Preprocessing

PROCESSOR = {"image_processor_type": "SegformerImageProcessor", "do_reduce_labels": False}
FINER = 2
"""Labels are compared at the picture's size over this: twice as finely as the logits, which are a quarter of it."""
CHANGED, ZOOM, ASPECT, ANGLE = 0.5, (0.4, 1.3), 0.7, 10.0
"""How many pictures are seen through a window, of how many times their sides, how much narrower or lower it may be, and
by how many degrees it may be turned."""
VARIED, COMPRESSED, QUALITY = 0.5, 0.25, (35, 95)
"""How many pictures vary in light and sharpness, how many go through a JPEG, and its qualities."""


class ParserObjective(nn.Module):
    """Cross-entropy, and the soft dice of every label that is seen (Xie et al., SegFormer; Milletari et al., V-Net).

    Cross-entropy alone neglects small parts, which dice weighs like large ones.
    """

    def __init__(self, model: SegformerForSemanticSegmentation) -> None:
        super().__init__()
        self.model = model
        self.train()

    def train(self, mode: bool = True) -> "ParserObjective":
        """Nothing but the batch's statistics is learned from: dropout and dropped paths would draw chance here."""
        super().train(False)
        self.training = mode
        self.model.decode_head.batch_norm.train(mode)
        return self

    def forward(self, pixels: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """``pixels`` N×3×H×W normalised; ``labels`` N×h×w, -1 where nobody knows."""
        logits = self.logits(pixels, labels.shape[1:])
        entropy = functional.cross_entropy(logits, labels, ignore_index=-1, reduction="sum")
        entropy = entropy / (labels >= 0).sum().clamp_min(1)
        dice = dice_loss(logits, labels)
        return {"loss": entropy + dice, "entropy": entropy, "dice": dice}

    def logits(self, pixels: Tensor, size: Sequence[int]) -> Tensor:
        """N×L×h×w at ``size`` (height, width), enlarged as transformers' own post-processing does it."""
        logits = self.model(pixel_values=pixels).logits.float()
        return functional.interpolate(logits, tuple(size), mode="bilinear", align_corners=False)


def dice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """One minus the soft dice, averaged over the labels that the batch shows."""
    known = (labels >= 0)[:, None]
    truth = functional.one_hot(labels.clamp_min(0), logits.shape[1]).permute(0, 3, 1, 2) * known
    found = logits.softmax(1) * known
    shown, axes = truth.sum((0, 2, 3)), (0, 2, 3)
    dice = 2 * (found * truth).sum(axes) / (found.sum(axes) + shown).clamp_min(1)
    return 1 - (dice * (shown > 0)).sum() / (shown > 0).sum().clamp_min(1)


class ParserTask(Task):
    """Learn ``sets`` of one list of names, each in its share of a batch, whatever its size.

    With ``augment``, half of the pictures are mirrored (with what is left and right of their labels), half are seen
    through a turned window of their own, half vary in light, sharpness and noise, and some go through a JPEG. What a
    window shows beyond the picture isn't learned from.
    """

    name = "parser"
    ahead = True

    def __init__(
        self,
        model: SegformerForSemanticSegmentation,
        preprocessing: Preprocessing,
        sets: Sequence[ParseSet],
        held_out: Sequence[ParseSet],
        *,
        shares: Sequence[float] = (1.0,),
        augment: bool = True,
    ) -> None:
        self.model, self.preprocessing, self.sets, self.held_out = model, preprocessing, sets, held_out
        self.shares, self.augment = torch.tensor(shares), augment
        self.names = sets[0].names
        self.mirror = torch.tensor(mirrored(self.names))
        self.module: ParserObjective = ParserObjective(model)

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        """Made on the CPU, where the pictures are: chance comes from one number of the generator."""
        seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
        own = torch.Generator().manual_seed(seed)
        counts = torch.bincount(torch.multinomial(self.shares, size, True, generator=own), minlength=len(self.sets))
        windows, mirror = self._windows(size, own)
        values, labels, start = [], [], 0
        for one, count in zip(self.sets, counts.tolist(), strict=True):
            if not count:
                continue
            pick = torch.randint(len(one), (count,), generator=own)
            seen = _seen(one, pick, windows[start : start + count], self.preprocessing.size)
            values.append(seen[0])
            labels.append(seen[1])
            start += count
        pixels, parts = torch.cat(values), torch.cat(labels)
        parts = torch.where(mirror[:, None, None] & (parts >= 0), self.mirror[parts.clamp_min(0)], parts)
        if self.augment:
            some = (torch.rand(size, generator=own) < VARIED)[:, None, None, None]
            pixels = compressed(torch.where(some, varied(pixels, own), pixels), own)
        device = generator.device
        return {"pixels": self.preprocessing.normalise(pixels).to(device), "labels": parts.to(device)}

    def _windows(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """What of each picture is seen, as N×2×3 affine maps, and which are mirrored (N)."""
        chance = torch.rand(8, size, generator=generator)
        changed = (chance[0] < CHANGED).float() * float(self.augment)
        zoom = (ZOOM[0] * (ZOOM[1] / ZOOM[0]) ** chance[1]) ** changed
        aspect = (ASPECT ** (2 * chance[2] - 1)) ** (0.5 * changed)
        mirror = (chance[3] < 0.5) & self.augment
        angle = torch.deg2rad(ANGLE * (2 * chance[4] - 1)) * changed * (chance[5] < 0.5)
        width, height = self.preprocessing.size
        wide, high, side = zoom * aspect, zoom / aspect, 1 - 2 * mirror.float()
        cos, sin = angle.cos(), angle.sin()
        windows = torch.zeros(size, 2, 3)
        windows[:, 0, 0], windows[:, 0, 1] = wide * cos * side, -wide * sin * height / width
        windows[:, 1, 0], windows[:, 1, 1] = high * sin * width / height * side, high * cos
        for axis, share in enumerate((wide, high)):
            windows[:, axis, 2] = (1 - share).abs() * (2 * chance[6 + axis] - 1)
        return windows, mirror

    def measures(self) -> dict[str, float]:
        """Mean IoU of each label and of all labels, at the pictures' own size.

        A label that is there but shows less than ``EMPTY`` of the picture, such as hair under a hat, is left out.
        """
        overlaps: dict[str, list[float]] = {}
        for one in self.held_out:
            for picture, truth in zip(one.pictures, one.labels, strict=True):
                found, known = self._found(picture), truth != 255
                for value, name in enumerate(self.names):
                    there = truth == value
                    if there.float().mean() > EMPTY:
                        both = (found == value) & known
                        overlaps.setdefault(name, []).append(float((both & there).sum() / (both | there).sum()))
        means = {f"iou {name}": float(np.mean(overlaps[name])) for name in self.names if name in overlaps}
        return {"iou": float(np.mean(list(means.values())))} | means if means else {}

    def samples(self) -> Image.Image:
        """Held-out pictures, and beside each its labels in colours as they were found."""
        rows = []
        width, height = self.preprocessing.size
        each = -(-12 // len(self.held_out))
        for picture in [picture for one in self.held_out for picture in one.pictures[:each]][:12]:
            for tile in (picture.cpu(), coloured(self._found(picture))):
                rows.append(
                    torch.from_numpy(cv2.resize(tile.numpy(), (width // 2, height // 2), interpolation=cv2.INTER_AREA))
                )
        return sheet(torch.stack(rows), columns=8)

    def _found(self, picture: Tensor) -> Tensor:
        pixels = self.preprocessing.apply(picture[None].to(self.model.device))
        return self.module.logits(pixels, picture.shape[:2]).argmax(1)[0].cpu()


def _seen(one: ParseSet, pick: Tensor, windows: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Pictures through windows: N×3×H×W in 0..1, and their labels N×h×w, -1 where nobody knows."""
    (width, height), count = size, len(pick)
    grid = functional.affine_grid(windows, [count, 3, height, width], align_corners=False)
    values = one.pictures[pick].permute(0, 3, 1, 2).float() / 255
    values = functional.grid_sample(values, grid, "bilinear", "border", align_corners=False)
    grid = functional.affine_grid(windows, [count, 1, height // FINER, width // FINER], align_corners=False)
    known = (one.labels[pick] + 1).float()[:, None]  # in uint8, where 255 becomes 0: so does what lies beyond
    labels = functional.grid_sample(known, grid, "nearest", "zeros", align_corners=False)[:, 0]
    return values, labels.long() - 1


def compressed(values: Tensor, generator: torch.Generator) -> Tensor:
    """N×3×H×W in 0..1, some of them as a JPEG leaves them."""
    chance = torch.rand(2, len(values), generator=generator)
    low, high = QUALITY
    for index in torch.nonzero(chance[0] < COMPRESSED)[:, 0].tolist():
        pixels = (values[index].permute(1, 2, 0) * 255).round().byte().numpy()
        quality = round(low + (high - low) * float(chance[1, index]))
        _, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1].copy()
        values[index] = torch.from_numpy(decoded).permute(2, 0, 1).float() / 255
    return values


def coloured(labels: Tensor) -> Tensor:
    """Labels H×W as H×W×3 uint8: background black, and each other value in a colour of its own."""
    hues = np.zeros((256, 1, 3), np.uint8)
    hues[1:, 0] = [(value * 67 % 180, 200, 255 - value % 3 * 50) for value in range(1, 256)]
    return torch.from_numpy(cv2.cvtColor(hues, cv2.COLOR_HSV2RGB)[:, 0])[labels.long()]


def relabel(model: SegformerForSemanticSegmentation, names: Sequence[str]) -> None:
    """Give a SegFormer the labels ``names``. Those that it has by the same name go on as they are."""
    old = {str(name).lower(): int(value) for value, name in model.config.id2label.items()}
    known, width = model.decode_head.classifier.state_dict(), int(model.config.decoder_hidden_size)
    weight = torch.randn(len(names), width, 1, 1) * model.config.initializer_range
    head = {"weight": weight, "bias": torch.zeros(len(names))}
    for value, name in enumerate(names):
        if name.lower() in old:
            for part, values in head.items():
                values[value] = known[part][old[name.lower()]]
    model.decode_head.classifier = nn.Conv2d(width, len(names), 1)
    model.decode_head.classifier.load_state_dict(head)
    model.config.id2label = dict(enumerate(names))
    model.config.label2id = {name: value for value, name in enumerate(names)}


def export_parser(
    model: SegformerForSemanticSegmentation,
    preprocessing: Preprocessing,
    folder: Path,
    dtype: torch.dtype = torch.float16,
) -> int:
    """Write a folder that ``SegformerForSemanticSegmentation`` and ``SegformerImageProcessor`` of transformers load,
    its weights under the published names; return their size in bytes.

    The configuration says 32 bit whatever ``dtype`` the file has, since transformers would otherwise run a 16 bit file
    in 16 bit, on CPUs too. A folder that was there is replaced only when the new one is complete. Raises
    ``CheckpointError`` for weights that overflow in ``dtype``.
    """
    with replacing(folder) as partial:
        model.save_pretrained(partial)  # which gives the weights the names that every version reads
        weights = partial / "model.safetensors"
        size = write_weights(load_file(weights), weights, dtype)
        config: dict[str, Any] = json.loads((partial / "config.json").read_text("utf-8"))
        config |= {"architectures": ["SegformerForSemanticSegmentation"], "dtype": "float32"}
        for name, content in (
            ("config.json", config),
            ("preprocessor_config.json", preprocessing.document(**PROCESSOR)),
        ):
            (partial / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        forget_origin(partial / "config.json")
    return size
