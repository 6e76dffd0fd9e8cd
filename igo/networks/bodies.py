"""Where on a body each place of a picture lies, by which a garment is laid over somebody.

Try-on by warping lays the garment's picture over the person first and paints then (Han et al., VITON; Wang et al.,
Toward Characteristic-Preserving Image-based Virtual Try-On Network). Both pictures are brought to the coordinates of a
body here, as DensePose has them (Güler et al.): in place of labels, a SegFormer (Xie et al.) of transformers says for
each of its cells how far that is from the body's middle line and below its crown, and how far off that may be. What
fits these best, by least squares, is how the body is moved, turned and enlarged in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from igo.errors import CheckpointError
from igo.licensing import UNSTATED, License, Permit, permit_all, stated
from igo.networks.folders import description, identity, load_model, one_line, place_of
from igo.networks.quiet import quietly

OUTPUTS = ("x", "y", "error")
"""The labels of a model of bodies."""
HEIGHT = 171.0
"""Units from the crown of a body to its soles."""
UNIT = 40.0
"""Units of a body, as `mini`'s figures are drawn in, in one of what the model says."""
EDGE, DIFFERENT, PLAIN = 2, 12, 0.85
"""How many pixels wide the border of a garment's picture is looked at, by how many levels what isn't its ground differs
from that, and which share of the border has one colour where the ground is plain."""
SURE = 6.0
"""How large the logarithm of an error may be, to either side."""
MINI = "mini/body"
EXPECTED = f"expected '{MINI}', a folder, or a hub's owner/name"


@dataclass(frozen=True, eq=False)
class Bodies:
    """A loaded model. ``size``: the width and height to which pictures are brought; ``mean`` and ``std`` by which they
    are normalised."""

    name: str
    model: Any
    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    identity: str = ""
    license: License = UNSTATED

    @torch.no_grad()
    def placements(self, pictures: Tensor) -> Tensor:
        """N×2×3 float64: where bodies lie in pictures (N×3×H×W, 0 to 1), of people or of garments alone: each takes
        (x, y, 1) in the body's units to the column and row of a pixel, whole numbers being the pixels' middles."""
        width, height = self.size
        shrunk = pictures.shape[2] > height or pictures.shape[3] > width
        values = functional.interpolate(pictures, (height, width), mode="bilinear", antialias=shrunk)
        values = (values - values.new_tensor(self.mean).view(3, 1, 1)) / values.new_tensor(self.std).view(3, 1, 1)
        answers = self.model(values.to(self.model.device, self.model.dtype)).logits.float()
        found = inverse(*fitted(*read_off(answers, self.size), centres(answers, self.size)))
        scale = found.new_tensor([pictures.shape[3] / width, pictures.shape[2] / height]).view(2, 1)
        found = found * scale
        found[:, :, 2] += (scale[:, 0] - 1) / 2
        if not torch.isfinite(found).all():
            raise CheckpointError(f"the body model {self.name!r} gives values that are no numbers; name another")
        return found.cpu()


def centres(answers: Tensor, size: tuple[int, int]) -> Tensor:
    """The pixels in the middle of a model's cells, 1×P, column and row as one complex number."""
    (width, height), (rows, columns) = size, answers.shape[-2:]
    y = (torch.arange(rows, device=answers.device) + 0.5) * (height / rows) - 0.5
    x = (torch.arange(columns, device=answers.device) + 0.5) * (width / columns) - 0.5
    grid = torch.meshgrid(y, x, indexing="ij")
    return torch.complex(grid[1], grid[0]).reshape(1, -1)


def read_off(answers: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """What a model says, N×3×h×w, as units, N×P complex, and the logarithm of their error, N×P. It learns how far the
    units are from those of somebody who fills the picture."""
    told, middles = answers.flatten(2), centres(answers, size)
    first = (middles - complex(size[0] / 2, size[1] / 2)) * 0.9 + 90j
    return first + torch.complex(told[:, 0], told[:, 1]) * UNIT, told[:, 2].clamp(-SURE, SURE)


def fitted(units: Tensor, error: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """``a`` and ``b`` (N×1 complex) of ``a * pixel + b``, which is nearest to the units: by least squares, each cell
    weighted by what its error says."""
    weight = torch.exp(-2 * error)
    weight = weight / weight.sum(1, keepdim=True)
    at, to = (weight * pixels).sum(1, keepdim=True), (weight * units).sum(1, keepdim=True)
    apart, wanted = pixels - at, units - to
    a = (weight * apart.conj() * wanted).sum(1, keepdim=True) / (weight * apart.abs().square()).sum(1, keepdim=True)
    return a, to - a * at


def inverse(a: Tensor, b: Tensor) -> Tensor:
    """The placements (N×2×3 float64) at which ``a * pixel + b`` is where a pixel is on the body."""
    turn, move = (value[:, 0].to(torch.complex128) for value in (1 / a, -b / a))
    columns = torch.stack([turn.real, -turn.imag, move.real, turn.imag, turn.real, move.imag], -1)
    return columns.view(-1, 2, 3)


def laid(garments: Tensor, placements: Tensor, people: Tensor) -> Tensor:
    """Pictures of garments (N×3×H×W, -1 to 1), in which bodies lie as ``placements`` say (N×2×3), as they look laid
    over people in whose pictures, of the same size, bodies lie as ``people`` says. 0 where they show nothing, or the
    ground alone, as far as that is plain."""
    there = moved(outlined(garments).to(garments.dtype), placements, people) > 0.5
    return moved(garments, placements, people).clamp(-1, 1) * there


def outlined(garments: Tensor) -> Tensor:
    """Where pictures of garments (N×3×H×W, -1 to 1) differ from their ground, but for a pixel along the outline, in
    which shadows lie; N×1×H×W bool. It is all of a picture whose border has no colour of its own."""
    pixels = (garments + 1) * 127.5
    sides = pixels[:, :, :EDGE], pixels[:, :, -EDGE:], pixels[..., :EDGE], pixels[..., -EDGE:]
    border = torch.cat([side.flatten(2) for side in sides], 2)
    ground = border.median(2).values[:, :, None]
    plain = ((border - ground).abs().amax(1) <= DIFFERENT).float().mean(1) >= PLAIN
    differs = ((pixels - ground[..., None]).abs().amax(1, keepdim=True) > DIFFERENT).float()
    return (-functional.max_pool2d(-differs, 3, 1, 1) > 0) | ~plain.view(-1, 1, 1, 1)


def moved(pictures: Tensor, placements: Tensor, to: Tensor, around: str = "zeros") -> Tensor:
    """Pictures (N×C×H×W) in which bodies lie as ``placements`` say (N×2×3), moved, turned and enlarged to where they
    lie as ``to`` says. Beyond a picture it is 0, or what else ``around`` says, as ``grid_sample`` takes it."""
    count, _, height, width = pictures.shape
    turn = placements[:, :, :2] @ torch.linalg.inv(to[:, :, :2])
    move = placements[:, :, 2] - (turn @ to[:, :, 2, None])[..., 0]
    size = torch.tensor([width, height], dtype=turn.dtype)
    theta = torch.empty(count, 2, 3, dtype=turn.dtype)  # from pixels to what grid_sample counts in: -1 to 1
    theta[:, :, :2] = turn * size / size[:, None]
    theta[:, :, 2] = (2 * (turn @ ((size - 1) / 2) + move) + 1) / size - 1
    grid = functional.affine_grid(theta.to(pictures.dtype), [*pictures.shape], align_corners=False)
    return functional.grid_sample(pictures, grid.to(pictures.device), "bicubic", around, align_corners=False)


def load_bodies(name: str, place: Path | None, device: Any, dtype: Any, permit: Permit = permit_all) -> Bodies:
    """The model in the folder ``place``, or else of a ``name``: a folder's or a hub's. Raises ``CheckpointError`` for
    what is none."""
    what = f"the body model {name!r}"
    with quietly(), one_line(what, EXPECTED):
        from transformers import SegformerForSemanticSegmentation, SegformerImageProcessor

        own = name if place is None else str(place)
        folder = place_of(own, what, EXPECTED, permit=permit)
        told = description(folder / "config.json")
        labels = told.get("id2label")
        if told.get("model_type") != "segformer" or sorted(dict(labels or {}).values()) != sorted(OUTPUTS):
            raise CheckpointError(f"{what} is no SegFormer that tells {', '.join(OUTPUTS)}; {EXPECTED}")
        model = load_model(SegformerForSemanticSegmentation, folder, what, dtype=dtype)
        processor = SegformerImageProcessor.from_pretrained(folder)
        size = int(processor.size["width"]), int(processor.size["height"])
        mean, std = (tuple(map(float, values)) for values in (processor.image_mean, processor.image_std))
        return Bodies(name, model.to(device).eval(), size, mean, std, identity(folder, own), stated(folder))
