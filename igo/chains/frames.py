"""Frames as steps return them: checked, kept outside the mask, and with their makers' names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from igo.errors import ChainError, PluginError
from igo.values import Entry, Frame, Request


def started_from(request: Request) -> list[Frame]:
    """Where no step makes pictures, the request's own image is what the chain works on."""
    if request.image is None:
        raise ChainError("no step of this chain makes pictures; put igo.TextToImage(...) first, or give image=")
    seed = request.seed or 0
    return [Frame(request.image, seed + k) for k in range(request.num_images)]


def checked(frames: Sequence[Any], step: str) -> list[Frame]:
    """What ``generate`` of a step returned, stamped. Raises ``PluginError`` for anything but frames."""
    if not frames:
        raise PluginError("returned no frame; expected at least one").at(step, "generate")
    for frame in frames:
        if not isinstance(frame, Frame):
            raise PluginError(f"returned a list with a {type(frame).__name__} in it; expected Frames").at(
                step, "generate"
            )
    return [stamped(frame, step) for frame in frames]


def kept_outside(frame: Frame, request: Request) -> Frame:
    """The frame with the request's own pixels outside the request's mask, if it has one."""
    mask = request.layers.get("mask")
    if request.image is None or mask is None or frame.image.size != request.image.size:
        return frame
    from igo.images.compositing import restored_outside

    return replace(frame, image=restored_outside(request.image, frame.image, mask))


def stages_of(frames: Sequence[Frame], generated: Sequence[tuple[str, Sequence[Frame]]]) -> list[dict[str, Frame]]:
    """What each of the generated ``frames`` was after each step that took part, the outermost last: of that they are,
    of those that were asked by others, the frames of the same seeds, where there is one for each."""
    made: dict[str, Sequence[Frame]] = {}
    for name, some in generated:
        by_seed = {frame.seed: frame for frame in some}
        if all(frame.seed in by_seed for frame in frames):
            made[name] = [by_seed[frame.seed] for frame in frames]
    if generated:
        made[generated[-1][0]] = frames
    return [{name: some[k] for name, some in made.items()} for k in range(len(frames))]


def stamped(frame: Frame, step: str) -> Frame:
    """New lines of the history get the step's name."""
    if all(entry.step for entry in frame.history):
        return frame
    return replace(frame, history=tuple(Entry(entry.step or step, entry.report) for entry in frame.history))
