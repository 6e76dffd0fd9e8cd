"""What a chain gives back: the finished pictures, with all that is needed to save them and to make them again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from igo import notebooks
from igo.errors import ImageError, SettingsError
from igo.values import Frame, Request

if TYPE_CHECKING:
    from PIL.Image import Image

    from igo.images import Written
    from igo.records.provenance import Making, Origin, Record


class Look(Sequence[Frame]):
    """The frames of one run, in the order of their seeds.

    ``look.image`` is the first picture; a look is a sequence of frames, one for each of ``num_images``.
    """

    def __init__(
        self, frames: Sequence[Frame], making: Making, stages: Sequence[Mapping[str, Frame]] | None = None
    ) -> None:
        self.frames = tuple(frames)
        self.making = making
        self._stages = stages

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: Any) -> Any:
        return self.frames[index]

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)

    def __repr__(self) -> str:
        width, height = self.image.size
        return f"Look({len(self)} picture{'s' if len(self) > 1 else ''} of {width}x{height}, seed={self.seed})"

    def _repr_html_(self) -> str:
        """Notebooks show the inputs, the stages where they were kept, the pictures, and how they were made."""
        from igo.records.provenance import asked_for

        asked = {**asked_for(self.request), "seed": self.seed}
        rows = [(name, notebooks.plain(value)) for name, value in asked.items() if value not in (None, "")]
        reports = [(entry.step, notebooks.plain(entry.report)) for entry in self.frames[0].history]
        shown = [self._shown(index) for index in range(len(self))]
        if self._stages is None:
            shown = [[picture for row in shown for picture in row]]
        return notebooks.strip([*self._inputs(), *shown[0]], *shown[1:]) + notebooks.table([*rows, *reports])

    def _repr_png_(self) -> bytes:
        """What shows no HTML shows the pictures, side by side and scaled down where they are large."""
        return notebooks.png(self.images)

    def stages(self, index: int = 0) -> dict[str, Image]:
        """Picture ``index`` as it was after each step, by the step's name, in order: RGB, 8 bits a channel.

        Of steps that make or change pictures. A base that another step has asked is left out where not each of the
        final pictures has the seed of one of its own. Raises ``SettingsError`` for a run that kept none, as runs do
        without ``stages=True``, and for a picture that there isn't.
        """
        if self._stages is None:
            raise SettingsError("this run kept no stages; ask for them when it starts: chain.run(..., stages=True)")
        if not -len(self) <= index < len(self):
            raise SettingsError(f"there is no picture {index}; expected 0 to {len(self) - 1}")
        return {name: frame.image for name, frame in self._stages[index].items()}

    def sheet(self, *, height: int = 384) -> Image:
        """All of it on one sheet (RGB), each picture ``height`` pixels high with its name below: the picture and
        references that the run began with, then the stages where they were kept, a row for each picture, else the
        pictures. Raises ``SettingsError`` for a height below 16."""
        from igo.images.sheet import contact_sheet

        if height < 16:
            raise SettingsError(f"height is {height}; expected at least 16 pixels")
        inputs = self._inputs()
        rows = [self._shown(index) for index in range(len(self))]
        if self._stages is None:
            cells = [*inputs, *(cell for row in rows for cell in row)]
            columns = min(len(cells), 4)
        else:
            cells = [cell for row in rows for cell in (*inputs, *row)]
            columns = len(cells) // len(rows)
        return contact_sheet([[image] for _, image in cells], [name for name, _ in cells], columns, height)

    def _inputs(self) -> list[tuple[str, Image]]:
        """The pictures that the run began with, on white where they are transparent."""
        request = self.request
        before = [] if request.image is None else [("before", _on_white(request.image, request.layers.get("alpha")))]
        return [*before, *request.references.items()]

    def _shown(self, index: int) -> list[tuple[str, Image]]:
        """Picture ``index``, or its stages, as they look on white, with what to call them."""
        frame = self.frames[index]
        kept = {} if self._stages is None else self._stages[index]
        stages = [(name, _on_white(stage.image, stage.layers.get("alpha"))) for name, stage in kept.items()]
        last = f"seed {frame.seed}{', flagged by the safety checker' if frame.nsfw_content_detected else ''}"
        if not stages:
            return [(last, _on_white(frame.image, frame.layers.get("alpha")))]
        return [*stages[:-1], (f"{stages[-1][0]}, {last}", stages[-1][1])]

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


def _on_white(image: Image, alpha: Image | None) -> Image:
    if alpha is None or alpha.size != image.size:
        return image
    from igo.images import on_white

    return on_white(image, alpha.convert("L"))


def numbered(path: Path, count: int) -> list[Path]:
    """The names under which ``count`` pictures are saved."""
    return [path] if count == 1 else [path.with_stem(f"{path.stem}-{index}") for index in range(1, count + 1)]
