"""The garment laid over the person: what the model sees, and detail that it needn't paint.

What a model has been shown and has kept is taken from the pictures themselves: stripes, prints and buttons from the
garment's, the street and bare arms from the person's. Its own pixels are where it made something else of what it was
shown, or was shown nothing: edges, shade, skin. Those who warp garments choose so between the warped one and what is
painted (Han et al., VITON; Wang et al., Toward Characteristic-Preserving Image-based Virtual Try-On Network), by a mask
that a network says; here both are compared, but for their detail.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from igo.networks.bodies import enlarged, laid
from igo.networks.limbs import limbs_under, skin_of
from igo_plugins.fitting.fitter import images_of, pixels_of
from igo_plugins.fitting.framing import View
from igo_plugins.fitting.garment import Garment

DETAIL = 2.0
"""Pixels of the model's picture (a Gaussian's deviation) below which things are detail."""
ALIKE = 45.0
"""Levels of a channel up to which two pictures show the same but for detail; beyond twice as many they don't."""
GRAY = 128
"""The level of what the model is shown nothing of."""
LARGEST = 1024
"""Pixels of a side beyond which a garment is laid smaller, and enlarged."""
Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Laying:
    """``picture`` (RGB) as a ``view`` shows it, gray where ``hidden`` (H×W of the view's canvas), with a ``garment``
    of the canvas's size over the ``zone`` (likewise H×W). ``worn`` says where the parts of a body lie in the garment's
    picture, and ``person`` where they lie on the canvas (1×5×2×3). In place of the garment ``old`` (L, where it is in
    the picture), if that is known, are bare arms and legs, as far as it hides some that the new one doesn't."""

    picture: Image.Image
    view: View
    zone: Mask
    hidden: Mask
    garment: Garment
    worn: Tensor
    person: Tensor
    old: Image.Image | None = None

    @cached_property
    def seen(self) -> Image.Image:
        """What the model is shown, of the canvas's size."""
        (cloth, where), (bare, hidden) = self._cloth, self._bare
        own = np.asarray(self.view.shown(bare))
        return Image.fromarray(np.where(where[..., None], cloth, np.where(hidden[..., None], np.uint8(GRAY), own)))

    def back(self, painted: Image.Image) -> Image.Image:
        """The picture with what was ``painted`` on the canvas: with the detail of what the model was shown and kept."""
        left, top, right, bottom = self.view.box
        result = np.array(self.view.back(painted, self.picture))
        box, own = (pixels[top:bottom, left:right] for pixels in (result, np.asarray(self._bare[0])))
        (cloth, rest), (over, there) = self._kept(painted), self._detail
        cloth, rest = (self._out(share, (right - left, bottom - top)) for share in (cloth, rest))
        cloth = cloth * there[..., None]
        box[:] = np.clip(box * (1 - cloth - rest) + over * cloth + own * rest + 0.5, 0, 255).astype(np.uint8)
        return Image.fromarray(result)

    @cached_property
    def _cloth(self) -> tuple[npt.NDArray[np.uint8], Mask]:
        """The garment on the canvas, and where."""
        over, where = _laid(self.garment.image, self.worn, self.person, self.view.size)
        return over, where & self.zone

    @cached_property
    def _bare(self) -> tuple[Image.Image, Mask]:
        """The picture with bare limbs, and what then is hidden of the canvas."""
        if self.old is None:
            return self.picture, self.hidden
        canvas, taken = np.asarray(self.view.shown(self.picture)), np.asarray(self.view.mask(self.old, 1)) > 0
        times, by = self.view.into()
        there = enlarged(self.person, *times)[0].numpy()
        there[..., 2] += by
        pixels = np.array(self.picture)
        limbs = limbs_under(canvas, taken, self._cloth[1], self.person[0].numpy(), skin_of(pixels, there))
        if not limbs.outlines:
            return self.picture, self.hidden
        left, top, right, bottom = self.view.box
        box, rim = (slice(top, bottom), slice(left, right)), max(1, round(1 / self.view.scale))
        own = limbs.moved(times, (by[0] - left, by[1] - top))
        pixels[box], _ = own.bared(pixels[box], np.asarray(self.old)[box] > 0, rim)
        return Image.fromarray(pixels), self.hidden & ~limbs.bared(canvas, taken)[1]

    @cached_property
    def _detail(self) -> tuple[npt.NDArray[np.uint8], Mask]:
        """The garment in the picture's own pixels, and where it shows something there."""
        left, top, right, bottom = self.view.box
        inner = self.view.inner
        size = right - left, bottom - top
        small = _scaled(size, min(1.0, LARGEST / max(size)))
        person = self.person.clone()
        person[..., 2] -= person.new_tensor([inner[0], inner[1]])
        person = enlarged(person, small[0] / (inner[2] - inner[0]), small[1] / (inner[3] - inner[1]))
        wanted = float(person[0, 0, :, 0].norm() / self.worn[0, 0, :, 0].norm())  # pixels there for each of the canvas
        garment = self.garment.detail
        if wanted * self.view.size[0] < garment.width:
            garment = garment.resize(_scaled(self.view.size, wanted), Image.Resampling.LANCZOS)
        times = (mine / own for mine, own in zip(garment.size, self.view.size, strict=True))
        over, where = _laid(garment, enlarged(self.worn, *times), person, small)
        if small != size:
            over = np.asarray(Image.fromarray(over).resize(size, Image.Resampling.LANCZOS))
            where = np.asarray(Image.fromarray(where).resize(size, Image.Resampling.NEAREST))
        return over, where

    def _kept(self, painted: Image.Image) -> tuple[Values, Values]:
        """How far each of the canvas's pixels is what the model was shown, 0 to 1: of the garment, but for its rim,
        on which there is some of its ground; and of the picture."""
        where = self._cloth[1]
        known = where | ~self._bare[1]
        weight = known.astype(np.float32)[..., None]
        share = np.maximum(_blurred(weight)[..., None], 1e-3)
        first, second = (_blurred(np.asarray(image, np.float32) * weight) / share for image in (painted, self.seen))
        alike = np.clip(2 - np.abs(first - second).max(axis=2) / ALIKE, 0, 1)
        return _within(alike * where), _within(alike * known) * ~where

    def _out(self, values: Values, size: tuple[int, int]) -> Values:
        """Values of the canvas (H×W) in the picture's own pixels, h×w×1."""
        left, top, right, bottom = self.view.inner
        return np.asarray(cv2.resize(values[top:bottom, left:right], size, interpolation=cv2.INTER_LINEAR))[..., None]


def _laid(
    garment: Image.Image, worn: Tensor, person: Tensor, size: tuple[int, int]
) -> tuple[npt.NDArray[np.uint8], Mask]:
    over, where = laid(pixels_of(garment), worn, person, size)
    return np.asarray(images_of(over)[0]), where[0, 0].numpy()


def _scaled(size: tuple[int, int], times: float) -> tuple[int, int]:
    return max(1, round(size[0] * times)), max(1, round(size[1] * times))


def _within(share: Any) -> Any:
    """Shares but for the border of where there are some, softly."""
    return cv2.GaussianBlur(cv2.erode(share.astype(np.float32), np.ones((3, 3), np.uint8)), (0, 0), 0.7)


def _blurred(values: Any) -> Any:
    return cv2.GaussianBlur(values, (0, 0), DETAIL)
