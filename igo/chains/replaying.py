"""Making a picture again from the record that it carries, and saying what differs where that fails.

A record may come from anybody. Without trust it is held to limits, builds installed plugins alone (and those that this
program uses itself), and takes what lies on this machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from igo.chains import hubs
from igo.chains.config import REQUEST, build
from igo.chains.offline import for_want_of_network, offline
from igo.errors import IGOError, ProvenanceError
from igo.images import ImageSource, digest, read_image, read_mask
from igo.records import limits, paths
from igo.records.provenance import Origin, Record, read_record
from igo.runtime import computing_with, expecting
from igo.values import Frame, Request

if TYPE_CHECKING:
    from igo.chains.chain import Chain
    from igo.records.look import Look


@dataclass(frozen=True)
class Replay:
    """A picture made again. ``differences`` says what is not as it was when it was first made."""

    look: Look
    index: int
    identical: bool
    """Whether every pixel is the same."""
    differences: tuple[str, ...] = ()
    distance: str = ""
    """How much the pixels differ, in a line, where they do and the file has those of its record."""

    @property
    def frame(self) -> Frame:
        """The frame of the picture, out of the whole batch that was made again."""
        frame: Frame = self.look[self.index]
        return frame


@dataclass(frozen=True)
class Plan:
    """All that a replay needs, found and known to be good; nothing has been painted."""

    path: Path
    record: Record
    chain: Chain
    inputs: Mapping[str, ImageSource]
    files: Mapping[str, Path] = field(default_factory=dict)
    """Where the files are that the chain names, by their names on record."""
    trust: bool = False

    def run(self, observers: Iterable[object] = ()) -> Replay:
        """Paint. Raises ``ProvenanceError`` for what would have to be fetched, ``IGOError`` as the chain does."""
        inputs, record = dict(self.inputs), self.record
        here = {str(place): name for name, place in self.files.items()}
        threads = limits.threads(record["stack"])
        with expecting(_identities(record["models"], self.files)), self._at_home(), computing_with(threads):
            image = inputs.pop("image", None)
            references = {name: inputs.pop(name) for name in record.get("references", [])}
            look = self.chain.run(
                **record["request"], image=image, layers=inputs, references=references, observers=observers
            )
        look.making = replace(look.making, names=here)
        index = record["index"]
        if index >= len(look):
            raise ProvenanceError(
                f"{self.path} was picture {index + 1} of its batch, but the chain now makes only {len(look)}"
            )
        frame = look.frames[index]
        identical = digest(frame.image, frame.layers.get("alpha")) == record["pixels"]
        now = paths.told(look.making.models, self.path.parent, here)
        distance = "" if identical else _distance(self.path, record, frame)
        return Replay(look, index, identical, tuple(_differences(record, look.making.stack, now)), distance)

    @contextmanager
    def _at_home(self) -> Iterator[None]:
        """Without trust, where nothing is fetched; and what would have been is named."""
        if self.trust:
            yield
            return
        with offline() as refusals:
            try:
                yield
            except IGOError as error:
                if for_want_of_network(error, refusals):
                    what = hubs.wanted(self.chain.describe()["step"]) or [*refusals, "what it names"][:1]
                    raise _unfetched(self.path, what) from error
                raise


def replay(
    path: str | PathLike[str],
    inputs: Mapping[str, ImageSource] | None = None,
    observers: Iterable[object] = (),
    trust: bool = False,
    files: Mapping[str, str | PathLike[str]] | None = None,
) -> Replay:
    """Make the picture at ``path`` again from its record: the same chain, request and seed, the whole batch.

    ``inputs`` are the pictures that went in (``"image"``, or the name of a layer or reference), ``files`` the
    checkpoints, adapters and others that the chain's settings name, by those names; what is left out is looked for
    beside the picture and in the current folder, and must be what was used. A record may come from anybody: without
    ``trust`` it names installed plugins, or classes that this program has put into a chain itself; asks for no more
    than ``igo.records.limits`` has; and nothing is fetched. Raises ``ProvenanceError`` where the record, an input or a
    file is missing, ``IGOError`` for what the chain raises.
    """
    return plan(path, inputs, trust, files).run(observers)


def plan(
    path: str | PathLike[str],
    inputs: Mapping[str, ImageSource] | None = None,
    trust: bool = False,
    files: Mapping[str, str | PathLike[str]] | None = None,
) -> Plan:
    """What ``replay`` does before it paints. Raises as that does."""
    record, folder = read_record(path), Path(path).parent
    described = record["chain"]
    if described is None:
        raise ProvenanceError(f"{path} can't be made again: {record.get('why', 'its chain was not written down')}")
    _check_request(path, record)
    steps = described.get("step", [])
    if not trust:
        try:
            limits.check_asked(record["request"], steps if isinstance(steps, list) else [], record["inputs"])
        except ProvenanceError as error:
            raise ProvenanceError(f"{path}'s record asks for too much: {error}; igo replay --trust allows it") from None
    named = record.get("files", {})
    for name in files or {}:
        if name not in named:
            raise ProvenanceError(f"{path}'s record names no file '{name}'; it names: {', '.join(named) or 'none'}")
    found = {name: paths.find(name, wanted, folder, (files or {}).get(name)) for name, wanted in named.items()}
    here = paths.located(described, found)
    if absent := hubs.absent(here.get("step")):
        raise ProvenanceError(f"{path} needs {absent[0]!r}, which is not on this machine; expected a file, or a folder")
    if not trust and (unfetched := hubs.wanted_by_own_plugins(here.get("step"))):
        raise _unfetched(Path(path), unfetched)
    chain = build(here, source=f"{path}'s record", importing=trust).chain
    return Plan(Path(path), record, chain, locate_inputs(path, inputs), found, trust)


def _check_request(path: str | PathLike[str], record: Record) -> None:
    """Raise ``ProvenanceError`` for a request that no picture of ours can have been made by."""
    request = record["request"]
    unknown = request.keys() - REQUEST.keys()
    if unknown:
        raise ProvenanceError(f"{path}: its record is damaged (a request has no '{min(unknown)}')")
    try:
        count = Request(**request).num_images
    except (IGOError, TypeError) as error:
        raise ProvenanceError(f"{path}: its record is damaged ({error})") from None
    if request.get("seed") is None:
        raise ProvenanceError(f"{path}: its record is damaged (a request without seed)")
    if record["index"] >= count:
        raise ProvenanceError(f"{path}: its record is damaged (picture {record['index'] + 1} of {count})")


def _unfetched(path: Path, wanted: Iterable[str]) -> ProvenanceError:
    return ProvenanceError(
        f"{path} needs {', '.join(wanted)}, which is not on this machine, and nothing is fetched for a record that may "
        "be anybody's; if you trust it: igo replay --trust, or replay(trust=True)"
    )


def _identities(models: Mapping[str, str], files: Mapping[str, Path]) -> dict[str, str]:
    """What the models that were found as ``files`` must be, by their paths here."""
    return {str(place): models[name] for name, place in files.items() if name in models}


def locate_inputs(path: str | PathLike[str], inputs: Mapping[str, ImageSource] | None = None) -> dict[str, ImageSource]:
    """The pictures that went into the one at ``path``: as given, else by their recorded names beside it or here.

    Each must be the recorded one, as a file or as the picture in it. Raises ``ProvenanceError``.
    """
    record, given, found = read_record(path), inputs or {}, {}
    for name in given:
        if name not in record["inputs"]:
            told = ", ".join(record["inputs"]) or "none"
            raise ProvenanceError(f"{path}'s record has no input '{name}'; it has: {told}")
    for name, origin in record["inputs"].items():
        role = "reference" if name in record.get("references", []) else "image" if name == "image" else "layer"
        found[name] = _located(name, role, origin, given.get(name), Path(path).parent)
    return found


def _located(name: str, role: str, origin: Origin, given: ImageSource | None, folder: Path) -> ImageSource:
    option = "--image FILE" if role == "image" else f"--{role} {name}=FILE"
    file_name = Path(origin["name"]).name if origin["name"] else ""
    if given is not None:
        picture = read_mask(given).picture if (role, name) == ("layer", "mask") else read_image(given)
        sized = picture.image.size == (origin["width"], origin["height"])
        if sized and (origin["sha256"] == picture.sha256 or origin["pixels"] == digest(picture.image, picture.alpha)):
            return given
        what = picture.name or "the picture given"
        raise ProvenanceError(f"{what} is not the picture that was used as '{name}'; give that with {option}")
    for place in (folder / file_name, Path(file_name)) if file_name else ():
        if paths.is_file(place):
            return _located(name, role, origin, place, folder)
    called = f" (it was called {file_name})" if file_name else ""
    raise ProvenanceError(f"the input '{name}'{called} is not here; give it with {option}")


def _distance(path: Path, record: Record, frame: Frame) -> str:
    """How far a frame is from the picture in the file; empty if that isn't what the record tells of, as in a JPEG."""
    import numpy as np

    then = read_image(path)
    if digest(then.image, then.alpha) != record["pixels"]:
        return ""
    if then.image.size != frame.image.size:
        sizes = ["{}x{}".format(*image.size) for image in (then.image, frame.image)]
        return f"{sizes[0]} pixels then, {sizes[1]} now"
    apart = np.abs(np.asarray(then.image, np.int16) - np.asarray(frame.image, np.int16)).max(2)
    if not apart.any():
        return "the transparency is not the same"
    return f"{(apart > 0).mean():.2%} of the pixels, by {apart.max()} levels of 255 at most"


def _differences(record: Record, stack: Mapping[str, str], models: Mapping[str, str]) -> Iterable[str]:
    """What is not as it was: versions, device, models."""
    for told, before, after in (("", record["stack"], stack), ("model ", record["models"], models)):
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                yield f"{told}{name}: {before.get(name, 'absent')} then, {after.get(name, 'absent')} now"
