"""Making a picture again from the record that it carries, and saying what differs where that fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from igo.config import build
from igo.errors import ProvenanceError
from igo.images import read_image
from igo.provenance import digest, read_record, stack
from igo.values import Frame

if TYPE_CHECKING:
    from igo.look import Look


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
    inputs: Mapping[str, str | PathLike[str]] | None = None,
    observers: Iterable[object] = (),
) -> Replay:
    """Make the picture at ``path`` again from its record: the same chain, request and seed, the whole batch.

    ``inputs`` says where input pictures lie (``"image"`` or a layer's name → file); those left out are looked for by
    their recorded names beside the picture and in the current folder. An input must be the recorded one, byte for byte.
    Raises ``ProvenanceError`` where the record or an input is missing, ``IGOError`` for what the chain raises.
    """
    record = read_record(path)
    if record.get("chain") is None:
        raise ProvenanceError(f"{path} can't be made again: {record.get('why', 'its chain was not written down')}")
    chain = build(record["chain"], source=f"{path}'s record").chain
    found = {name: _located(name, origin, inputs or {}, Path(path).parent) for name, origin in record["inputs"].items()}
    look = chain.run(
        **record["request"],
        image=found.pop("image", None),
        layers=found,
        observers=observers,
    )
    index = record["index"]
    if index >= len(look):
        raise ProvenanceError(f"{path} was picture {index + 1} of its batch, but the chain now makes only {len(look)}")
    identical = digest(look[index].image) == record["pixels"]
    return Replay(look, index, identical, tuple(_differences(record, look)))


def _located(name: str, origin: Mapping[str, Any], inputs: Mapping[str, Any], folder: Path) -> Path:
    """The file of an input: where the caller says, else by its name nearby; with the recorded digest."""
    file_name = Path(origin["name"]).name if origin.get("name") else None
    places = [Path(inputs[name])] if name in inputs else []
    if not places and file_name:
        places = [folder / file_name, Path(file_name)]
    option = "--image FILE" if name == "image" else f"--layer {name}=FILE"
    for place in places:
        if place.is_file():
            if read_image(place).sha256 == origin["sha256"]:
                return place
            raise ProvenanceError(f"{place} is not the picture that was used as '{name}'; give that with {option}")
    called = f" (it was called {file_name})" if file_name else ""
    raise ProvenanceError(f"the input '{name}'{called} is not here; give it with {option}")


def _differences(record: Mapping[str, Any], look: Look) -> Iterable[str]:
    """What is not as it was: versions, device, models."""
    then, now = dict(record["stack"]), stack(look)
    for name in sorted(then.keys() | now.keys()):
        if then.get(name) != now.get(name):
            yield f"{name}: {then.get(name, 'absent')} then, {now.get(name, 'absent')} now"
    models = look.chain.runtime.identities
    for name, identity in sorted(record["models"].items()):
        if models.get(name) != identity:
            yield f"model {name}: {identity} then, {models.get(name, 'not loaded')} now"
