"""Training data for text masks: pictures, and phrases with the part of the picture that each of them names."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from igo.errors import IGOError, ImageError, SettingsError
from igo.images import read_image

METADATA = "metadata.jsonl"
MASKS_PER_ENTRY = 8
_FIELDS = 'each line needs "file_name", "mask" (a file, or null for a thing that is not there) and "text"'


@dataclass(frozen=True)
class MaskSet:
    """N pictures of one size; of each, K phrases that may be asked.

    ``pictures`` N×H×W×3 uint8 RGB; ``labels`` N×H×W uint8, one value a pixel; ``codes`` V integers, the bits of each
    label value. Phrase k of picture n is row ``asks[n, k]`` of ``tokens`` (P×A×L: A ways of putting it, padded to L
    tokens) and names the pixels whose code shares a bit with ``members[n, k]``; 0 means that it names nothing there.
    It is drawn in proportion to ``weights[n, k]``, never if that is 0. ``groups`` (P integers) sorts phrases under
    ``names``, for measuring.
    """

    pictures: Tensor
    labels: Tensor
    codes: Tensor
    asks: Tensor
    members: Tensor
    weights: Tensor
    tokens: Tensor
    groups: Tensor
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    def part(self, start: int, stop: int) -> "MaskSet":
        """The pictures from ``start`` to before ``stop``, with all phrases."""
        return replace(
            self,
            pictures=self.pictures[start:stop],
            labels=self.labels[start:stop],
            asks=self.asks[start:stop],
            members=self.members[start:stop],
            weights=self.weights[start:stop],
        )

    def hold_out(self, count: int) -> tuple["MaskSet", "MaskSet"]:
        """All but the last ``count`` pictures, and those. Raises ``SettingsError`` if nothing would be left."""
        if not 0 < count < len(self):
            raise SettingsError(f"can't hold out {count} of {len(self)} pictures; choose 1 to {len(self) - 1}")
        return self.part(0, len(self) - count), self.part(len(self) - count, len(self))

    def to(self, device: torch.device) -> "MaskSet":
        """The same on another device."""
        tensors: dict[str, Any] = {name: x.to(device) for name, x in vars(self).items() if isinstance(x, Tensor)}
        return replace(self, **tensors)

    def draw(self, size: int, phrases: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """``size`` pictures (H×W×3) with labels (H×W), and ``phrases`` of each (K×L tokens) with their members (K)."""
        device = generator.device
        pick = torch.randint(len(self), (size,), generator=generator, device=device)
        column = torch.multinomial(self.weights[pick], phrases, replacement=True, generator=generator)
        wording = torch.randint(self.tokens.shape[1], (size, phrases), generator=generator, device=device)
        tokens = self.tokens[self.asks[pick].gather(1, column), wording].long()
        return self.pictures[pick], self.labels[pick], tokens, self.members[pick].gather(1, column)

    def masks(self, labels: Tensor, members: Tensor) -> Tensor:
        """Labels N×h×w and members N×K to N×K×h×w booleans."""
        return (self.codes[labels.long()][:, None] & members[:, :, None, None].long()) != 0

    def questions(self, seed: int = 0) -> list[list[int]]:
        """For each picture, the columns of one phrase of every group that is there and of one that isn't."""
        rng = np.random.default_rng(seed)
        weights, members = self.weights.cpu().numpy(), self.members.cpu().numpy()
        groups = self.groups.cpu().numpy()[self.asks.cpu().numpy()]
        questions = []
        for row in range(len(self)):
            columns: list[int] = []
            for group in range(len(self.names)):
                asked = (weights[row] > 0) & (groups[row] == group)
                for there in (members[row] != 0, members[row] == 0):
                    found = np.flatnonzero(asked & there)
                    columns += rng.choice(found, 1).tolist() if len(found) else []
            questions.append(columns)
        return questions


def phrase_tokens(tokenizer: Any, phrases: Sequence[Sequence[str]]) -> Tensor:
    """P phrases in A wordings each to P×A×L tokens (32-bit integers), padded to the longest."""
    flat = [wording for wordings in phrases for wording in wordings]
    tokens: Tensor = tokenizer(flat, padding=True, truncation=True, return_tensors="pt").input_ids
    return tokens.int().view(len(phrases), -1, tokens.shape[-1])


def load_masks(folder: Path, tokenizer: Any, side: int) -> MaskSet:
    """Read a folder of pictures and masks, listed in its ``metadata.jsonl``, for a model that takes ``side`` pixels.

    A line is ``{"file_name": "a.jpg", "mask": "a-shirt.png", "text": "the shirt"}``; a picture may have many lines. A
    mask is a gray picture of the picture's size, at least half white inside; ``null`` says that the picture shows no
    such thing, which is what teaches a model to answer with an empty mask. Pictures are stretched to ``side``×``side``,
    as CLIPSeg's processor does. Raises ``SettingsError`` or ``ImageError`` that name the line.
    """
    rows: dict[str, list[tuple[str, Path | None, str]]] = {}
    for place, file_name, mask, text in _lines(folder / METADATA):
        rows.setdefault(file_name, []).append((place, folder / mask if mask else None, text))
    texts = list(dict.fromkeys(text for lines in rows.values() for _, _, text in lines))
    number = {text: index for index, text in enumerate(texts)}
    parts = [
        (file_name, lines[start : start + MASKS_PER_ENTRY])
        for file_name, lines in rows.items()
        for start in range(0, len(lines), MASKS_PER_ENTRY)
    ]
    pictures = np.zeros((len(parts), side, side, 3), np.uint8)
    labels = np.zeros((len(parts), side, side), np.uint8)
    asks, members, weights = (np.zeros((len(parts), MASKS_PER_ENTRY), np.int64) for _ in range(3))
    for row, (file_name, lines) in enumerate(parts):
        picture = _read(folder / file_name, lines[0][0])
        pictures[row] = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR))
        for column, (place, mask_path, text) in enumerate(lines):
            asks[row, column], weights[row, column] = number[text], 1
            if mask_path is not None:
                members[row, column] = 1 << column
                labels[row] |= _mask(mask_path, place, picture.size, side).astype(np.uint8) << column
    return MaskSet(
        torch.from_numpy(pictures),
        torch.from_numpy(labels),
        torch.arange(2**MASKS_PER_ENTRY),
        torch.from_numpy(asks),
        torch.from_numpy(members).short(),
        torch.from_numpy(weights).float(),
        phrase_tokens(tokenizer, [[text] for text in texts]),
        torch.zeros(len(texts), dtype=torch.long),
        ("masks",),
    )


def _lines(path: Path) -> Iterator[tuple[str, str, str | None, str]]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"can't read {path}: {error}; it lists the pictures, masks and phrases") from error
    if not any(line.strip() for line in lines):
        raise SettingsError(f"{path} is empty; {_FIELDS}")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{path.name} line {number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise SettingsError(f"{place} is not JSON ({error})") from error
        if not isinstance(row, dict) or "mask" not in row:
            raise SettingsError(f"{place}: {_FIELDS}")
        file_name, mask, text = row.get("file_name"), row["mask"], row.get("text")
        named = isinstance(file_name, str) and file_name and isinstance(text, str) and text.strip()
        if not named or not (mask is None or (isinstance(mask, str) and mask)):
            raise SettingsError(f"{place}: {_FIELDS}")
        yield place, str(file_name), mask, str(text)


def _read(path: Path, place: str) -> Image.Image:
    try:
        return read_image(path).image
    except IGOError as error:
        raise ImageError(f"{place}: {error}") from error


def _mask(path: Path, place: str, size: tuple[int, int], side: int) -> np.ndarray:
    mask = _read(path, place).convert("L")
    if mask.size != size:
        raise ImageError(
            f"{place}: the mask {path.name} has {mask.width}×{mask.height} pixels, its picture {size[0]}×{size[1]}; "
            "they must be equal"
        )
    return np.asarray(mask.resize((side, side), Image.Resampling.BILINEAR)) >= 128
