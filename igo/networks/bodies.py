"""Where on a body each place of a picture lies, by which a garment is laid over somebody.

Try-on by warping lays the garment's picture over the person first and paints then (Han et al., VITON; Wang et al.,
Toward Characteristic-Preserving Image-based Virtual Try-On Network). Both pictures are brought to the coordinates of a
body here, as DensePose has them (Güler et al.): a SegFormer (Xie et al.) of transformers says for each of its cells
which part of a body it shows, how far that is from the middle line and below the crown of a body that stretches out its
arms, and how far off that may be. What fits these best, by least squares, is how the trunk is moved, turned and
enlarged in the picture, and how each part of an arm is moved and turned: sleeves go where the arms are.
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

HEIGHT = 171.0
"""Units from the crown of a body to its soles."""
PARTS = ("trunk", "left upper arm", "left forearm", "right upper arm", "right forearm")
"""The parts of a body, left and right as in the picture."""
OUTPUTS = ("x", "y", "error", *PARTS)
"""The labels of a model of bodies."""
SHOULDER, ARM = (15.0, 38.0), (26.0, 24.0)
"""Where the right arm begins, in units, and how long its parts are. It goes straight to the right from there."""
SLEEVE, BARE = 7.5, 3.5
"""How far from the middle of an arm what is on it may be, in units, and how far skin is at least."""
FEWEST = 4
"""Cells that a trunk has at least."""
SEEN = 0.3
"""How sure the cells of an arm's part must be, together, for it to be seen."""
UNIT = 40.0
"""Units of a body, as `mini`'s figures are drawn in, in one of what the model says."""
SCORE = 10.0
"""Likewise of the logarithm of how likely a part is."""
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
        """N×5×2×3 float64: where the ``PARTS`` of bodies lie in pictures (N×3×H×W, 0 to 1), of people or of garments
        alone: each takes (x, y, 1) in the units of a body with its arms stretched out to the column and row of a pixel,
        whole numbers being the pixels' middles. nan for arms that aren't seen."""
        width, height = self.size
        shrunk = pictures.shape[2] > height or pictures.shape[3] > width
        values = functional.interpolate(pictures, (height, width), mode="bilinear", antialias=shrunk)
        values = (values - values.new_tensor(self.mean).view(3, 1, 1)) / values.new_tensor(self.std).view(3, 1, 1)
        answers = self.model(values.to(self.model.device, self.model.dtype)).logits.float()
        units, error, scores = read_off(answers, self.size)
        a, b, sure = fitted(units, error, centres(answers, self.size), scores.argmax(1))
        found = inverse(a, b)
        if not torch.isfinite(found[:, 0]).all():
            raise CheckpointError(f"the body model {self.name!r} gives values that are no numbers; name another")
        found[:, 1:][(sure[:, 1:] < SEEN) | ~torch.isfinite(found[:, 1:]).all(-1).all(-1)] = torch.nan
        return enlarged(found, pictures.shape[3] / width, pictures.shape[2] / height).cpu()


def enlarged(placements: Tensor, across: float, down: float) -> Tensor:
    """Where bodies lie once their pictures are so many times as wide and high."""
    scale = placements.new_tensor([across, down]).view(2, 1)
    found = placements * scale
    found[..., 2] += (scale[:, 0] - 1) / 2
    return found


def centres(answers: Tensor, size: tuple[int, int]) -> Tensor:
    """The pixels in the middle of a model's cells, 1×P, column and row as one complex number."""
    (width, height), (rows, columns) = size, answers.shape[-2:]
    y = (torch.arange(rows, device=answers.device) + 0.5) * (height / rows) - 0.5
    x = (torch.arange(columns, device=answers.device) + 0.5) * (width / columns) - 0.5
    grid = torch.meshgrid(y, x, indexing="ij")
    return torch.complex(grid[1], grid[0]).reshape(1, -1)


def read_off(answers: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """What a model says, N×8×h×w, as units, N×P complex, the logarithm of their error, N×P, and scores of the parts
    that cells show, N×5×P. It learns how far the units are from those of somebody who fills the picture."""
    told, middles = answers.flatten(2), centres(answers, size)
    first = (middles - complex(size[0] / 2, size[1] / 2)) * 0.9 + 90j
    return first + torch.complex(told[:, 0], told[:, 1]) * UNIT, told[:, 2].clamp(-SURE, SURE), told[:, 3:] * SCORE


def along(units: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """How far down the part of an arm (its ``number`` among ``PARTS``) units of a stretched body lie (complex), from
    where it begins, and how far from its middle."""
    side, part = (-1 if number < 3 else 1), (number - 1) % 2
    return side * units.real - SHOULDER[0] - part * ARM[0], (units.imag - SHOULDER[1]).abs()


def stretched(a: Tensor, b: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The true units of pixels (1×P complex), N×P, on the bodies whose parts have ``a`` and ``b`` (N×5 complex), and
    which of the ``PARTS`` they are on: an arm is before what else there is."""
    each = a[:, :, None] * pixels + b[:, :, None]
    units, part = each[:, 0], torch.zeros_like(each[:, 0].real, dtype=torch.long)
    for number in range(1, len(PARTS)):
        down, beside = along(each[:, number], number)
        first, last = (2, ARM[0]) if number % 2 else (0, ARM[1] + 4)
        here = (down > first) & (down < last) & (beside < SLEEVE - 1)
        units, part = torch.where(here, each[:, number], units), torch.where(here, number, part)
    return units, part


def fitted(units: Tensor, error: Tensor, pixels: Tensor, part: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """``a`` and ``b`` (N×5 complex) of ``a * pixel + b``, which is nearest to the units of each part: by least squares,
    each cell of the ``part`` (N×P, numbers among ``PARTS``) weighted by what its error says; and how much weight there
    was (N×5). Arms are as large as their trunk, and a trunk of too few cells is taken to be all of them."""
    every, starts, sure = list[Tensor](), list[Tensor](), list[Tensor]()
    for number in range(len(PARTS)):
        own = part == number
        weight = torch.exp(-2 * error) * (own if number else own | (own.sum(1, keepdim=True) < FEWEST))
        sure.append(weight.sum(1, keepdim=True))
        weight = weight / sure[-1].clamp(min=1e-9)
        at, to = (weight * pixels).sum(1, keepdim=True), (weight * units).sum(1, keepdim=True)
        apart, wanted = pixels - at, units - to
        turn = (weight * apart.conj() * wanted).sum(1, keepdim=True)
        length = turn.abs().clamp(min=1e-9) / every[0].abs() if number else (weight * apart.abs().square()).sum(1, True)
        every.append(turn / length)
        starts.append(to - every[-1] * at)
    return torch.cat(every, 1), torch.cat(starts, 1), torch.cat(sure, 1)


def inverse(a: Tensor, b: Tensor) -> Tensor:
    """The placements (…×2×3 float64) at which ``a * pixel + b`` is where a pixel is on the body."""
    turn, move = (value.to(torch.complex128) for value in (1 / a, -b / a))
    columns = torch.stack([turn.real, -turn.imag, move.real, turn.imag, turn.real, move.imag], -1)
    return columns.view(*a.shape, 2, 3)


def units_of(placements: Tensor) -> tuple[Tensor, Tensor]:
    """``a`` and ``b`` (complex) of ``a * pixel + b``, which is where a pixel is on a body that lies as placements say
    (…×2×3)."""
    turn = torch.complex(placements[..., 0, 0], placements[..., 1, 0])
    return 1 / turn, -torch.complex(placements[..., 0, 2], placements[..., 1, 2]) / turn


def laid(garments: Tensor, placements: Tensor, people: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Pictures of garments (N×3×H×W, -1 to 1), in which bodies lie as ``placements`` say (N×5×2×3), as they look laid
    over people in whose pictures, of a ``size`` (width and height), bodies lie as ``people`` says; and where they show
    something there (N×1×h×w bool), which is all but the ground, as far as that is plain. Sleeves are laid over the arms
    that both show, and where such an arm is bare nothing is."""
    shown = torch.cat([garments, outlined(garments).to(garments.dtype)], 1)
    rows, columns = (torch.arange(side, dtype=torch.float64) for side in (size[1], size[0]))
    pixels = torch.complex(*torch.meshgrid(columns, rows, indexing="xy"))
    a, b = (value[:, :, None, None] for value in units_of(people))
    own_a, own_b = (value[:, :, None, None] for value in units_of(placements))

    def from_garment(number: int) -> tuple[Tensor, Tensor, Tensor]:
        """What a part shows, where it shows something, and the pixels of the garment's picture."""
        there = (a[:, number] * pixels + b[:, number] - own_b[:, number]) / own_a[:, number]
        grid = [(2 * at + 1) / side - 1 for at, side in ((there.real, shown.shape[3]), (there.imag, shown.shape[2]))]
        found = functional.grid_sample(
            shown, torch.stack(grid, -1).nan_to_num(9.0).to(shown.dtype), "bicubic", align_corners=False
        )
        return found[:, :3].clamp(-1, 1), found[:, 3:] > 0.5, there

    def on(units: Tensor, number: int, first: float) -> Tensor:
        down, beside = along(units, number)
        first, last = (first, ARM[0] + 3) if number % 2 else (-3, ARM[1] + 4)
        return (beside < SLEEVE) & (down > first) & (down < last)

    over, where, there = from_garment(0)
    for number in range(1, len(PARTS)):
        where = where & ~on(own_a[:, number] * there + own_b[:, number], number, 9)[:, None]
    for number in range(1, len(PARTS)):
        sleeve, seen, there = from_garment(number)
        units = a[:, number] * pixels + b[:, number]
        here = (on(units, number, 6) & there.isfinite())[:, None]
        over, where = torch.where(here & seen, sleeve, over), where | (here & seen)
        where = where & ~(here & ~seen & (along(units, number)[1] < BARE)[:, None])
    return torch.where(where, over, 0.0), where


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


def moved(pictures: Tensor, placements: Tensor, to: Tensor) -> Tensor:
    """Pictures (N×C×H×W) in which bodies lie as ``placements`` say (N×2×3), moved, turned and enlarged to where they
    lie as ``to`` says. Beyond a picture its border goes on."""
    count, _, height, width = pictures.shape
    turn = placements[:, :, :2] @ torch.linalg.inv(to[:, :, :2])
    move = placements[:, :, 2] - (turn @ to[:, :, 2, None])[..., 0]
    size = torch.tensor([width, height], dtype=turn.dtype)
    theta = torch.empty(count, 2, 3, dtype=turn.dtype)  # from pixels to what grid_sample counts in: -1 to 1
    theta[:, :, :2] = turn * size / size[:, None]
    theta[:, :, 2] = (2 * (turn @ ((size - 1) / 2) + move) + 1) / size - 1
    grid = functional.affine_grid(theta.to(pictures.dtype), [*pictures.shape], align_corners=False)
    return functional.grid_sample(pictures, grid.to(pictures.device), "bicubic", "border", align_corners=False)


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
