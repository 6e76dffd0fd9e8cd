"""A folder of pictures as equal tiles, to train upscalers on."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from igo.errors import ImageError, SettingsError
from igo.images import read_image
from igo.training.data.metadata import no_pictures, pictures_in
from igo.training.data.pairs import busier_crop

LONGEST = 1536


def load_tiles(folder: Path, side: int = 256, limit: int = 4000, seed: int = 0) -> Tensor:
    """At most ``limit`` tiles of the pictures in ``folder`` and the folders in it: N×side×side×3 uint8 RGB.

    Pictures whose longer side is above 1536 pixels are shrunk to that first: at full size most photographs hold less
    detail than pixels, and an upscaler would learn to be soft. Tiles are drawn evenly from all pictures and are the
    busier of two. Raises ``ImageError`` for a picture that can't be read or is smaller than a tile, ``SettingsError``
    if there is none.
    """
    paths = pictures_in(folder)
    if not paths:
        raise SettingsError(no_pictures(folder))
    rng = np.random.default_rng(seed)
    paths = [paths[index] for index in rng.permutation(len(paths))[:limit]]
    each = max(1, min(limit // len(paths), 64))
    tiles = np.empty((len(paths) * each, side, side, 3), np.uint8)
    for row, path in enumerate(paths):
        picture = read_image(path).image
        shrink = LONGEST / max(picture.size)
        if shrink < 1:
            size = (round(picture.width * shrink), round(picture.height * shrink))
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        if min(picture.size) < side:
            raise ImageError(
                f"{path} has {picture.width}×{picture.height} pixels; an upscaler learns from tiles of {side}×{side}"
            )
        values = np.asarray(picture)
        for index in range(each):
            tiles[row * each + index] = busier_crop(values, side, rng)
    return torch.from_numpy(tiles)
