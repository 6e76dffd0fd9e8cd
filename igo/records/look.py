"""What a chain gives back: the finished pictures, with all that is needed to save them and to make them again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from igo.errors import ImageError
from igo.values import Frame, Request

if TYPE_CHECKING:
    from PIL.Image import Image

    from igo.images import Written
    from igo.records.provenance import Making, Origin, Record


class Look(Sequence[Frame]):
    """The frames of one run, in the order of their seeds.

    ``look.image`` is the first picture; a look is a sequence of frames, one for each of ``num_images``.
    """

    def __init__(self, frames: Sequence[Frame], making: Making) -> None:
        self.frames = tuple(frames)
        self.making = making

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: Any) -> Any:
        return self.frames[index]

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)

    def __repr__(self) -> str:
        width, height = self.image.size
        return f"Look({len(self)} picture{'s' if len(self) > 1 else ''} of {width}x{height}, seed={self.seed})"

    def _repr_png_(self) -> bytes:
        """Notebooks show the pictures, side by side if they are several."""
        from io import BytesIO

        from PIL import Image

        strip = Image.new(
            "RGB", (sum(image.width for image in self.images), max(image.height for image in self.images))
        )
        left = 0
        for image in self.images:
            strip.paste(image, (left, 0))
            left += image.width
        buffer = BytesIO()
        strip.save(buffer, "PNG")
        return buffer.getvalue()

    @property
    def image(self) -> Image:
        """The first picture: RGB, 8 bits a channel."""
        return self.frames[0].image

    @property
    def images(self) -> list[Image]:
        """All pictures."""
        return [frame.image for frame in self.frames]

    @property
    def request(self) -> Request:
        """What was asked for, with the seed that was drawn where none was given."""
        return self.making.request

    @property
    def origins(self) -> Mapping[str, Origin]:
        """Where each input picture came from, by name."""
        return self.making.origins

    @property
    def models(self) -> Mapping[str, str]:
        """The identity of each model that took part, by name."""
        return self.making.models

    @property
    def seed(self) -> int:
        """The seed of the first picture."""
        return self.frames[0].seed

    def record(self, index: int = 0) -> Record:
        """Everything that ``igo replay`` needs to make picture ``index`` again, as plain data."""
        from igo.records.provenance import record

        return record(self.making, self.frames[index], index)

    def save(self, path: str | PathLike[str] | BinaryIO, **options: Any) -> list[Written]:
        """Write the pictures with their records; several get ``-1``, ``-2`` … before the suffix.

        The suffix decides the format (see ``igo.images.write_image``, which takes ``options``); PNG is exact, JPEG and
        lossy WebP are not. Each file appears whole or not at all. A binary stream takes one picture, and
        ``format="png"`` with it. Returns what was written, with notes on what was lost. Raises ``ImageError``.
        """
        if not isinstance(path, str | PathLike):
            if len(self) > 1:
                raise ImageError(f"a stream takes one picture, and these are {len(self)}; use save_frame for each")
            return [self.save_frame(0, path, **options)]
        names = numbered(Path(path), len(self))
        return [self.save_frame(index, name, **options) for index, name in enumerate(names)]

    def save_frame(self, index: int, path: str | PathLike[str] | BinaryIO, **options: Any) -> Written:
        """Write picture ``index`` alone, as ``save`` does."""
        from igo.images import write_image
        from igo.records.provenance import text_chunks

        frame = self.frames[index]
        folder = Path(path).parent if isinstance(path, str | PathLike) else None
        text = text_chunks(self.making, frame, index, folder)
        return write_image(frame.image, path, text=text, alpha=frame.layers.get("alpha"), **options)


def numbered(path: Path, count: int) -> list[Path]:
    """The names under which ``count`` pictures are saved."""
    return [path] if count == 1 else [path.with_stem(f"{path.stem}-{index}") for index in range(1, count + 1)]
