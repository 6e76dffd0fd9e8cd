"""A user's folder of pictures as training data: captions, masks, or both, listed in its ``metadata.jsonl``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from igo.errors import IGOError, ImageError, SettingsError
from igo.images import read_image
from igo.training.masks import MaskSet, phrase_tokens, prompt_tokens
from igo.training.metadata import METADATA, Line, read_metadata

MASKS_PER_ENTRY = 8
Fit = Literal["stretch", "crop"]


@dataclass(frozen=True)
class CaptionedSet:
    """``pictures`` N×H×W×3 uint8 RGB, and the ``captions`` of each: at least one."""

    pictures: Tensor
    captions: Sequence[Sequence[str]]

    def __len__(self) -> int:
        return len(self.pictures)


def load_captioned(folder: Path, size: tuple[int, int]) -> CaptionedSet:
    """Pictures with captions, cropped to ``size`` (width, height) around their middle.

    A line of ``metadata.jsonl`` is ``{"file_name": "a.jpg", "text": "a red dress"}``; a picture may have many. Lines
    with a mask describe only a part of their picture and are left out. Raises ``SettingsError`` or ``ImageError`` that
    name the line.
    """
    rows: dict[Path, list[Line]] = {}
    for line in read_metadata(folder):
        if line.whole:
            rows.setdefault(line.picture, []).append(line)
    if not rows:
        raise SettingsError(f"{folder / METADATA} describes no picture as a whole: every line has a mask")
    pictures = np.stack(
        [np.asarray(_fitted(_read(lines[0].place, lines[0].picture), size, "crop")) for lines in rows.values()]
    )
    return CaptionedSet(torch.from_numpy(pictures), [[line.text for line in lines] for lines in rows.values()])


def load_masks(folder: Path, tokenizer: Any, side: int) -> MaskSet:
    """Pictures and masks for a model that finds what a text names, in pictures of ``side``×``side``.

    A line of ``metadata.jsonl`` is ``{"file_name": "a.jpg", "mask": "a-shirt.png", "text": "the shirt"}``; a picture
    may have many. A mask is a gray picture of the picture's size, at least half white inside; ``null`` says that the
    picture shows no such thing, which is what teaches a model to answer with an empty mask. Pictures are stretched, as
    CLIPSeg's processor does. Raises ``SettingsError`` or ``ImageError`` that name the line.
    """
    lines = read_metadata(folder)
    for line in lines:
        if line.whole:
            raise SettingsError(f'{line.place} has no "mask"; give a file, or null for a thing that is not there')
    return _mask_set(lines, lambda texts: phrase_tokens(tokenizer, texts), (side, side), "stretch")


def load_repaints(folder: Path, tokenizer: Any, size: tuple[int, int]) -> MaskSet:
    """Pictures and masks for a model that repaints a part by a text, cropped to ``size`` (width, height).

    A line of ``metadata.jsonl`` with a mask says what is inside that mask; one without describes all of the picture,
    which may be repainted anywhere: its member is 0. Things that are not there can't be repainted; their lines are
    left out. Raises ``SettingsError`` or ``ImageError`` that name the line.
    """
    lines = [line for line in read_metadata(folder) if line.whole or line.mask]
    if not lines:
        raise SettingsError(f"{folder / METADATA} lists nothing that could be repainted: every mask is null")
    return _mask_set(lines, lambda texts: prompt_tokens(tokenizer, texts), size, "crop")


def _mask_set(
    lines: Sequence[Line], tokens: Callable[[Sequence[Sequence[str]]], Tensor], size: tuple[int, int], fit: Fit
) -> MaskSet:
    rows: dict[Path, list[Line]] = {}
    for line in lines:
        rows.setdefault(line.picture, []).append(line)
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
        picture = _read(part[0].place, part[0].picture)
        pictures[row] = np.asarray(_fitted(picture, size, fit))
        for column, line in enumerate(part):
            asks[row, column], weights[row, column] = number[line.text], 1
            if line.mask is not None:
                mask = np.asarray(_fitted(_mask(line.place, line.mask, picture.size), size, fit)) >= 128
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


def _fitted(picture: Image.Image, size: tuple[int, int], fit: Fit) -> Image.Image:
    if fit == "stretch":
        return picture.resize(size, Image.Resampling.BILINEAR)
    return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)


def _read(place: str, path: Path) -> Image.Image:
    try:
        return read_image(path).image
    except IGOError as error:
        raise ImageError(f"{place}: {error}") from error


def _mask(place: str, path: Path, size: tuple[int, int]) -> Image.Image:
    mask = _read(place, path).convert("L")
    if mask.size != size:
        raise ImageError(
            f"{place}: the mask {path.name} has {mask.width}×{mask.height} pixels, its picture {size[0]}×{size[1]}; "
            "they must be equal"
        )
    return mask
