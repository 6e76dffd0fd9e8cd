"""A user's folder of pictures as training data: captions, masks, or both, as ``read_lines`` reads them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from igo import images
from igo.errors import IGOError, ImageError, SettingsError
from igo.images import Mask
from igo.training.data.buckets import bucket_sizes, nearest_bucket
from igo.training.data.masks import MaskSet, phrase_tokens, prompt_tokens
from igo.training.data.metadata import Line, read_lines

MASKS_PER_ENTRY = 8
Fit = Literal["stretch", "crop"]
T = TypeVar("T")


@dataclass(frozen=True)
class CaptionedSet:
    """``pictures`` N×H×W×3 uint8 RGB, and the ``captions`` of each: at least one."""

    pictures: Tensor
    captions: Sequence[Sequence[str]]

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pictures.shape[2], self.pictures.shape[1]


def load_captioned(
    folder: Path, size: tuple[int, int], on_unreadable: Callable[[str], None] | None = None
) -> CaptionedSet:
    """Pictures with captions, cropped to ``size`` (width, height) around their middle.

    A line of ``metadata.jsonl`` is ``{"file_name": "a.jpg", "text": "a red dress"}``; a picture may have many. Lines
    with a mask describe only a part of their picture and are left out. Without that file, captions are read from the
    text files beside the pictures (see ``read_lines``). A picture that can't be read is left out if ``on_unreadable``
    is given, which is called with what is wrong.

    Raises ``SettingsError`` or ``ImageError`` that name the line.
    """
    return _captioned(folder, [size], on_unreadable)[0]


def load_buckets(
    folder: Path,
    size: tuple[int, int] | int,
    multiple: int | None = None,
    on_unreadable: Callable[[str], None] | None = None,
) -> list[CaptionedSet]:
    """Pictures with captions as ``load_captioned`` reads them, each cropped to the shape that is nearest to its own.

    The shapes are those of ``bucket_sizes(size, multiple)``, in which order there is a set for each that has
    pictures. ``DiffusionTask`` draws a batch from one of them. Raises as ``load_captioned`` does.
    """
    return _captioned(folder, bucket_sizes(size, multiple), on_unreadable)


def _captioned(
    folder: Path, sizes: Sequence[tuple[int, int]], on_unreadable: Callable[[str], None] | None
) -> list[CaptionedSet]:
    rows = by_picture(line for line in read_lines(folder) if line.whole)
    if not rows:
        raise SettingsError(f"{folder} describes no picture as a whole: every line has a mask")
    found: dict[tuple[int, int], list[tuple[NDArray[np.uint8], list[str]]]] = {}
    for lines in rows.values():
        try:
            picture = read_picture(lines[0].place, lines[0].picture)
        except ImageError as error:
            if on_unreadable is None:
                raise
            on_unreadable(str(error))
            continue
        size = nearest_bucket(picture.size, sizes)
        pixels = np.asarray(fitted(picture, size, "crop"))
        found.setdefault(size, []).append((pixels, [line.text for line in lines]))
    if not found:
        raise ImageError(f"{folder} has no picture that can be read, of {len(rows)}")
    return [
        CaptionedSet(torch.from_numpy(np.stack([pixels for pixels, _ in own])), [texts for _, texts in own])
        for _, own in sorted(found.items())
    ]


def by_picture(lines: Iterable[Line]) -> dict[Path, list[Line]]:
    """Lines sorted by the picture that they are about, in their order."""
    rows: dict[Path, list[Line]] = {}
    for line in lines:
        rows.setdefault(line.picture, []).append(line)
    return rows


def load_masks(folder: Path, tokenizer: Any, side: int) -> MaskSet:
    """Pictures and masks for a model that finds what a text names, in pictures of ``side``×``side``.

    A line of ``metadata.jsonl`` is ``{"file_name": "a.jpg", "mask": "a-shirt.png", "text": "the shirt"}``; a picture
    may have many. A mask has the picture's size (see ``igo.images.read_mask``) and is at least half white inside;
    ``null`` says that the picture shows no such thing, which is what teaches a model to answer with an empty mask.
    Lines without ``mask`` describe a whole picture and are left out. Pictures are stretched, as by CLIPSeg's processor.

    Raises ``SettingsError`` or ``ImageError`` that name the line.
    """
    lines = [line for line in read_lines(folder) if not line.whole]
    if not lines:
        raise SettingsError(f"{folder} has no masks; to make some, run: igo dataset mask {folder} 'the shirt'")
    return _mask_set(lines, lambda texts: phrase_tokens(tokenizer, texts), (side, side), "stretch")


def load_repaints(folder: Path, tokenizer: Any, size: tuple[int, int]) -> MaskSet:
    """Pictures and masks for a model that repaints a part by a text, cropped to ``size`` (width, height).

    A line of ``metadata.jsonl`` with a mask says what is inside that mask; one without describes all of the picture,
    which may be repainted anywhere: its member is 0. Things that are not there can't be repainted; their lines are
    left out. Raises ``SettingsError`` or ``ImageError`` that name the line.
    """
    lines = [line for line in read_lines(folder) if line.whole or line.mask]
    if not lines:
        raise SettingsError(f"{folder} lists nothing that could be repainted: every mask is null")
    return _mask_set(lines, lambda texts: prompt_tokens(tokenizer, texts), size, "crop")


def _mask_set(
    lines: Sequence[Line], tokens: Callable[[Sequence[Sequence[str]]], Tensor], size: tuple[int, int], fit: Fit
) -> MaskSet:
    rows = by_picture(lines)
    texts = list(dict.fromkeys(line.text for line in lines))
    number = {text: index for index, text in enumerate(texts)}
    parts = [
        own[start : start + MASKS_PER_ENTRY] for own in rows.values() for start in range(0, len(own), MASKS_PER_ENTRY)
    ]
    width, height = size
    pictures = np.zeros((len(parts), height, width, 3), np.uint8)
    labels = np.zeros((len(parts), height, width), np.uint8)
    asks, members, weights = (np.zeros((len(parts), MASKS_PER_ENTRY), np.int64) for _ in range(3))
    for row, part in enumerate(parts):
        picture = read_picture(part[0].place, part[0].picture)
        pictures[row] = np.asarray(fitted(picture, size, fit))
        for column, line in enumerate(part):
            asks[row, column], weights[row, column] = number[line.text], 1
            if line.mask is not None:
                mask = np.asarray(fitted(read_mask(line.place, line.mask, picture.size).image, size, fit)) >= 128
                members[row, column] = 1 << column
                labels[row] |= mask.astype(np.uint8) << column
    return MaskSet(
        torch.from_numpy(pictures),
        torch.from_numpy(labels),
        torch.arange(2**MASKS_PER_ENTRY),
        torch.from_numpy(asks),
        torch.from_numpy(members).short(),
        torch.from_numpy(weights).float(),
        tokens([[text] for text in texts]),
        torch.zeros(len(texts), dtype=torch.long),
        ("masks",),
    )


def fitted(picture: Image.Image, size: tuple[int, int], fit: Fit) -> Image.Image:
    """The picture at ``size`` (width, height): stretched, or scaled to cover it and cropped around the middle."""
    if fit == "stretch":
        return picture.resize(size, Image.Resampling.BILINEAR)
    return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)


def read_picture(place: str, path: Path) -> Image.Image:
    """A line's picture, RGB and upright; what is transparent is white. Raises ``ImageError`` that names its place."""
    return _read(place, path, images.read_image).on_white()


def read_mask(place: str, path: Path, size: tuple[int, int]) -> Mask:
    """A mask as ``igo.images.read_mask`` reads it, which must be of ``size`` (width, height).

    Raises ``ImageError`` that names the line's place.
    """
    mask = _read(place, path, images.read_mask)
    width, height = mask.image.size
    if (width, height) != size:
        raise ImageError(
            f"{place}: the mask {path.name} has {width}×{height} pixels, its picture {size[0]}×{size[1]}; "
            "they must be equal"
        )
    return mask


def _read(place: str, path: Path, read: Callable[[Path], T]) -> T:
    try:
        return read(path)
    except IGOError as error:
        raise ImageError(f"{place}: {error}") from error
