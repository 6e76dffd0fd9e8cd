"""Pictures that a folder holds twice: the same pixels, or the same picture saved again, shrunk or brightened."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 16
LOOKS_ALIKE = 24
"""How many of the 256 bits may differ. Of 400 drawn figures on the same few streets no two differ in fewer than 35;
halved, they differ from themselves in at most 13, as JPEG of quality 30 in 8 by the median and in 27 at most."""


def difference_hash(picture: Image.Image) -> NDArray[np.uint64]:
    """256 bits, as four numbers, that say of a gray 17×16 version of the picture where it grows brighter to the right
    (Krawetz, Kind of Like That)."""
    gray = np.asarray(picture.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.LANCZOS))
    return np.packbits(gray[:, 1:] > gray[:, :-1]).view(np.uint64)


def alike(hashes: Sequence[NDArray[np.uint64]]) -> list[list[int]]:
    """Groups of two and more pictures that look alike, by their places in ``hashes``, each group and all in order."""
    if not hashes:
        return []
    table = np.stack(hashes)
    group = np.arange(len(table))  # the first of those that each is like
    for index, one in enumerate(table):
        near = np.bitwise_count(table[: index + 1] ^ one).sum(axis=1) <= LOOKS_ALIKE
        joined = np.unique(group[: index + 1][near])
        group[: index + 1][np.isin(group[: index + 1], joined)] = joined[0]
    return [np.flatnonzero(group == first).tolist() for first in np.unique(group) if np.sum(group == first) > 1]
