"""Captions and masks for a folder of pictures: whoever makes them, each is kept soon, and none is made twice.

Everything goes to the folder's ``metadata.jsonl``, which is written whole or not at all, every few seconds and at the
end, whatever ends it: who was interrupted calls again, and only what is missing is done. Lines that are there stay as
they are. Pictures that can't be read are skipped.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL.Image import Image

from igo.errors import ImageError, MaskError, SettingsError
from igo.images import read_image, write_image
from igo.training.data.metadata import MASKS, Metadata, no_pictures

TEMPLATE = "fashion photo of {}"
"""How prompts for `mini` and for ``musinsaigo-1.0`` begin."""
SECONDS_BETWEEN_SAVES = 5.0
"""What a kill may cost. To write a long list after each of many quick batches would take longer than they do."""
_ARTICLE = re.compile(r"(?:an?|the)\b", re.IGNORECASE)
_PICTURE = re.compile(r"(?:an?|the)\s+(?:photo|photograph|picture|image)\s+of\s+", re.IGNORECASE)


def unheard(done: int, total: int) -> None:
    """Progress that nobody follows: so many pictures done, of so many."""


@dataclass
class Outcome:
    """How many captions or masks were ``written`` now, and how many pictures were ``kept`` with what they had;
    ``skipped`` has a line for each that got none."""

    written: int = 0
    kept: int = 0
    skipped: list[str] = field(default_factory=list)


def caption_folder(
    folder: Path,
    caption: Callable[[Sequence[Image]], Sequence[str]],
    template: str = TEMPLATE,
    batch_size: int = 4,
    progress: Callable[[int, int], None] = unheard,
) -> Outcome:
    """Give every picture in ``folder`` that no line describes as a whole such a line.

    ``caption`` takes a batch of RGB pictures and gives a text for each, which is put into ``template`` by ``worded``. A
    line that has everything but its text (a licence, a source) gets that. Captions in text files beside the pictures
    are taken over. ``progress`` is called with pictures done and in all.

    Raises ``SettingsError`` for a folder, a list or settings that can't be used, ``ImageError`` if no picture could be
    captioned, and what ``caption`` raises.
    """
    if template.count("{}") != 1:
        raise SettingsError(f"the template is {template!r}; expected one {{}} in it, in the caption's place")
    if batch_size < 1:
        raise SettingsError(f"the batch size is {batch_size}; it must be at least 1")
    metadata = _opened(folder)
    todo = metadata.uncaptioned()
    result = Outcome(kept=len(metadata.pictures) - len(todo))
    progress(0, len(todo))
    try:
        for batch in _batches(todo, batch_size, result.skipped):
            texts = caption([picture for _, picture in batch])
            for (path, _), text in zip(batch, texts, strict=True):
                if text.strip():
                    metadata.add(path, worded(text, template))
                    result.written += 1
                else:
                    result.skipped.append(f"{path}: the captioner has nothing to say")
            progress(result.written + len(result.skipped), len(todo))
            metadata.save(at_most_every=SECONDS_BETWEEN_SAVES)
    finally:
        metadata.save()
    if not result.written and not result.kept:
        raise ImageError(f"none of the {len(todo)} pictures in {folder} could be captioned: {result.skipped[0]}")
    return result


def worded(text: str, template: str = TEMPLATE) -> str:
    """A captioner's answer in the house's words: on one line, without a full stop, in the place of ``{}``.

    Where words stand in front of it, an article loses its capital and "a photo of" goes. An answer that begins with
    those words has them already.
    """
    front, back = template.split("{}")
    text = " ".join(text.split())
    text = text.removesuffix(".") if text.count(".") == 1 else text
    if front.strip():
        if text.lower().startswith(front.strip().lower()):
            return f"{text}{back}"
        text = _PICTURE.sub("", text, count=1) if _PICTURE.match(text) else text
        text = _ARTICLE.sub(lambda found: found[0].lower(), text, count=1) if _ARTICLE.match(text) else text
    return f"{front}{text}{back}"


def mask_folder(
    folder: Path,
    text: str,
    mask: Callable[[Image], Image],
    progress: Callable[[int, int], None] = unheard,
) -> Outcome:
    """Give every picture in ``folder`` that has no line with ``text`` and a mask such a line, and the mask's file.

    ``mask`` takes an RGB picture and gives a mask of its size in mode L, or raises ``MaskError`` where it finds nothing
    that it trusts: that picture is skipped. Masks lie in the folder ``masks``, under the names of their pictures.
    ``progress`` is called with pictures done and in all.

    Raises ``SettingsError`` for a folder or a list that can't be used, ``ImageError`` for a mask that can't be written,
    and what ``mask`` raises.
    """
    metadata = _opened(folder)
    todo = metadata.unmasked(text)
    result = Outcome(kept=len(metadata.pictures) - len(todo))
    slug = re.sub(r"\W+", "-", text).strip("-").lower() or "mask"
    taken = {row.values["mask"] for row in metadata.rows if not row.whole}  # "T-shirt" and "t shirt" are one slug
    try:
        for index, [(picture, image)] in enumerate(_batches(todo, 1, result.skipped)):
            progress(index, len(todo))
            try:
                made = mask(image)
            except MaskError as error:
                result.skipped.append(f"{picture}: {error}")
                continue
            name = Path(MASKS) / picture.relative_to(folder).with_name(f"{picture.name}.{slug}.png")
            names = itertools.chain([name], (name.with_stem(f"{name.stem}-{number}") for number in itertools.count(2)))
            path = folder / next(name for name in names if name.as_posix() not in taken)
            write_image(made, path)
            metadata.add(picture, text, path)
            result.written += 1
            metadata.save(at_most_every=SECONDS_BETWEEN_SAVES)
        progress(len(todo), len(todo))
    finally:
        metadata.save()
    return result


def _opened(folder: Path) -> Metadata:
    metadata = Metadata(folder)
    if not metadata.pictures:
        raise SettingsError(no_pictures(folder))
    return metadata


def _batches(paths: Sequence[Path], size: int, skipped: list[str]) -> Iterator[list[tuple[Path, Image]]]:
    """The pictures of ``paths``, ``size`` at a time; those that can't be read are told in ``skipped``."""
    batch = []
    for path in paths:
        try:
            batch.append((path, read_image(path).on_white()))
        except ImageError as error:
            skipped.append(str(error))
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
