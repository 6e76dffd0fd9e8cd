"""Training data for human parsers: pictures, and for each a map of which label every pixel has."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from igo.errors import ImageError, SettingsError
from igo.files import text_of
from igo.images import read_image
from igo.images.opening import load, open_picture, read_bytes
from igo.training.data.metadata import no_pictures, pictures_in

IGNORED = 255
"""The value of a pixel that nothing is learned from: nobody knows what it shows."""
NAMES, MAPS = "labels.json", "labels"
"""In a folder of pictures: what the values are called, and the folder of the maps."""
_EXPECTED = f'the names of the values, such as ["background", "top", "pants"]; write them to {NAMES}'


@dataclass(frozen=True)
class ParseSet:
    """N pictures of one size (N×H×W×3 uint8 RGB), and the ``labels`` of their pixels (N×H×W uint8): ``names[value]``,
    or ``IGNORED``."""

    pictures: Tensor
    labels: Tensor
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    def part(self, start: int, stop: int) -> "ParseSet":
        """The pictures from ``start`` to before ``stop``."""
        return ParseSet(self.pictures[start:stop], self.labels[start:stop], self.names)

    def hold_out(self, count: int) -> tuple["ParseSet", "ParseSet"]:
        """All but the last ``count`` pictures, and those. Raises ``SettingsError`` if nothing would be left."""
        if not 0 < count < len(self):
            raise SettingsError(f"can't hold out {count} of {len(self)} pictures; choose 1 to {len(self) - 1}")
        return self.part(0, len(self) - count), self.part(len(self) - count, len(self))


def mirrored(names: Sequence[str]) -> list[int]:
    """The value that each value becomes in a mirrored picture: a left shoe's is then a right one's."""
    lower = [name.lower() for name in names]
    swapped = [name.replace("left", "\0").replace("right", "left").replace("\0", "right") for name in lower]
    return [lower.index(name) if name in lower else value for value, name in enumerate(swapped)]


def load_parses(folder: Path, size: tuple[int, int]) -> ParseSet:
    """The pictures of a folder and their maps, stretched to ``size`` (width, height) as a parser's processor does it.

    The map of ``a.jpg`` is ``labels/a.png``, or ``a.png`` beside it: a palette or gray picture of the same size, whose
    values are those that ``labels.json`` names, or 255 where nobody knows. That file is a list of names, a table from
    values to names, or a model's ``config.json`` with an ``id2label``. Raises ``SettingsError`` or ``ImageError`` that
    name the file.
    """
    pictures, names = pictures_in(folder), read_names(folder / NAMES)
    maps = _maps(folder, pictures)
    if not maps:
        raise SettingsError(no_pictures(folder))
    width, height = size
    values = np.empty((len(maps), height, width, 3), np.uint8)
    labels = np.empty((len(maps), height, width), np.uint8)
    for row, (picture, path) in enumerate(maps.items()):
        image = read_image(picture).on_white()
        parts = read_labels(path, image.size, names)
        values[row] = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
        labels[row] = np.asarray(Image.fromarray(parts).resize(size, Image.Resampling.NEAREST))
    return ParseSet(torch.from_numpy(values), torch.from_numpy(labels), names)


def read_names(path: Path) -> tuple[str, ...]:
    """The names of the values 0, 1, 2 …, of which there are at least two. Raises ``SettingsError``."""
    if not path.is_file():
        raise SettingsError(f"{path.parent} has no {NAMES}: expected {_EXPECTED}")
    try:
        read: Any = json.loads(text_of(path, _EXPECTED))
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not JSON ({error}); expected {_EXPECTED}") from error
    if isinstance(read, dict):
        read = _listed(read.get("id2label", read))
    if not isinstance(read, list) or not all(isinstance(name, str) and name.strip() for name in read):
        raise SettingsError(f"{path} names no values from 0 up, each once; expected {_EXPECTED}")
    names = tuple(name.strip() for name in read)
    if not 2 <= len(names) <= IGNORED or len({name.lower() for name in names}) < len(names):
        raise SettingsError(f"{path} has {len(names)} names; expected 2 to {IGNORED}, all different")
    return names


def _listed(table: object) -> list[object] | None:
    """The values of a table whose keys are 0, 1, 2 …, in that order."""
    if not isinstance(table, Mapping):
        return None
    return [table[str(value)] for value in range(len(table)) if str(value) in table] if _is_whole(table) else None


def _is_whole(table: Mapping[str, object]) -> bool:
    return set(table) == {str(value) for value in range(len(table))}


def _maps(folder: Path, files: Sequence[Path]) -> dict[Path, Path]:
    """Each picture with the file of its map. Raises ``SettingsError`` for pictures without one."""
    inside = {path for path in files if MAPS in path.relative_to(folder).parts[:-1]}
    found: dict[Path, Path] = {}
    beside: set[Path] = set()
    for path in files:
        if path in inside:
            continue
        own, near = folder / MAPS / path.relative_to(folder).with_suffix(".png"), path.with_suffix(".png")
        if own in inside:
            found[path] = own
        elif near != path and near in files:
            found[path] = near
            beside.add(near)
    silent = [path for path in files if path not in found and path not in inside and path not in beside]
    if silent:
        raise SettingsError(
            f"{len(silent)} of {len(found) + len(silent)} pictures in {folder} have no map, such as "
            f"{silent[0].relative_to(folder)}; expected "
            f"{Path(MAPS) / silent[0].relative_to(folder).with_suffix('.png')}"
        )
    return found


def read_labels(path: Path, size: tuple[int, int], names: Sequence[str]) -> NDArray[np.uint8]:
    """A map of labels (H×W) of a picture of ``size`` (width, height), by its values and not by its colours.

    Raises ``ImageError`` for one of another size, in colours, or with values that have no name.
    """
    data = read_bytes(path, str(path))
    opened, kind = open_picture(data, str(path))
    load(opened, str(path), kind)
    if opened.mode not in ("P", "L", "1", "I", "I;16"):
        raise ImageError(f"{path} is a picture in colours ({opened.mode}): expected a map of labels, gray or a palette")
    values = np.asarray(opened).astype(np.int64)
    if opened.size != size:
        raise ImageError(
            f"{path} has {opened.width}×{opened.height} pixels, its picture {size[0]}×{size[1]}; they must be equal"
        )
    nameless = np.unique(values[(values != IGNORED) & ((values < 0) | (values >= len(names)))])
    if nameless.size:
        raise ImageError(
            f"{path} has the value {nameless[0]}, which {NAMES} doesn't name; expected 0 to {len(names) - 1}, or "
            f"{IGNORED} where nobody knows"
        )
    return values.astype(np.uint8)


def joined(sets: Sequence[ParseSet]) -> tuple[str, ...]:
    """The names that all ``sets`` have. Raises ``SettingsError`` if they differ, or there is no set."""
    names = {one.names for one in sets}
    if len(names) != 1:
        raise SettingsError(f"{len(names)} lists of names; all pictures that a parser learns from must have the same")
    return next(iter(names))
