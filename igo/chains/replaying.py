"""Making a picture again from the record that it carries, and saying what differs where that fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from igo.chains.config import REQUEST, build
from igo.errors import ProvenanceError
from igo.images import ImageSource, digest, read_image, read_mask
from igo.records.provenance import Making, Origin, Record, read_record
from igo.values import Frame

if TYPE_CHECKING:
    from igo.records.look import Look


@dataclass(frozen=True)
class Replay:
    """A picture made again. ``differences`` says what is not as it was when it was first made."""

    look: Look
    index: int
    identical: bool
    """Whether every pixel is the same."""
    differences: tuple[str, ...] = ()

    @property
    def frame(self) -> Frame:
        """The frame of the picture, out of the whole batch that was made again."""
        frame: Frame = self.look[self.index]
        return frame


def replay(
    path: str | PathLike[str],
    inputs: Mapping[str, ImageSource] | None = None,
    observers: Iterable[object] = (),
    trust: bool = False,
) -> Replay:
    """Make the picture at ``path`` again from its record: the same chain, request and seed, the whole batch.

    ``inputs`` are the pictures that went in (``"image"`` or a layer's name); those left out are looked for, see
    ``locate_inputs``. A record may come from anybody, so it names installed plugins, or classes whose module is
    imported already; ``trust=True`` imports what it names. Raises ``ProvenanceError`` where the record or an input is
    missing, ``IGOError`` for what the chain raises.
    """
    record = read_record(path)
    if record["chain"] is None:
        raise ProvenanceError(f"{path} can't be made again: {record.get('why', 'its chain was not written down')}")
    unknown = record["request"].keys() - REQUEST.keys()
    if unknown:
        raise ProvenanceError(f"{path}: its record is damaged (a request has no '{min(unknown)}')")
    chain = build(record["chain"], source=f"{path}'s record", importing=trust).chain
    found = locate_inputs(path, inputs)
    look = chain.run(**record["request"], image=found.pop("image", None), layers=found, observers=observers)
    index = record["index"]
    if not 0 <= index < len(look):
        raise ProvenanceError(f"{path} was picture {index + 1} of its batch, but the chain now makes only {len(look)}")
    frame = look.frames[index]
    identical = digest(frame.image, frame.layers.get("alpha")) == record["pixels"]
    return Replay(look, index, identical, tuple(_differences(record, look.making)))


def locate_inputs(path: str | PathLike[str], inputs: Mapping[str, ImageSource] | None = None) -> dict[str, ImageSource]:
    """The pictures that went into the one at ``path``: as given, else by their recorded names beside it or here.

    Each must be the recorded one, as a file or as the picture in it. Raises ``ProvenanceError``.
    """
    return {
        name: _located(name, origin, (inputs or {}).get(name), Path(path).parent)
        for name, origin in read_record(path)["inputs"].items()
    }


def _located(name: str, origin: Origin, given: ImageSource | None, folder: Path) -> ImageSource:
    option = "--image FILE" if name == "image" else f"--layer {name}=FILE"
    file_name = Path(origin["name"]).name if origin["name"] else None
    if given is not None:
        picture = read_mask(given).picture if name == "mask" else read_image(given)
        if origin["sha256"] == picture.sha256 or origin["pixels"] == digest(picture.image, picture.alpha):
            return given
        what = picture.name or "the picture given"
        raise ProvenanceError(f"{what} is not the picture that was used as '{name}'; give that with {option}")
    for place in (folder / file_name, Path(file_name)) if file_name else ():
        if place.is_file():
            return _located(name, origin, place, folder)
    called = f" (it was called {file_name})" if file_name else ""
    raise ProvenanceError(f"the input '{name}'{called} is not here; give it with {option}")


def _differences(record: Record, now: Making) -> Iterable[str]:
    """What is not as it was: versions, device, models."""
    for told, before, after in (("", record["stack"], now.stack), ("model ", record["models"], now.models)):
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                yield f"{told}{name}: {before.get(name, 'absent')} then, {after.get(name, 'absent')} now"
