"""Plugins that break one rule of ``igo.testing.check_plugin`` each, by the name of the rule."""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, ClassVar

from PIL import Image, ImageOps

import igo
from igo.errors import SettingsError

COUNTER = itertools.count()


@dataclass(frozen=True)
class Mirror:
    """Breaks none."""

    often: int = 1

    @igo.hookimpl
    def postprocess(self, frame: igo.Frame) -> igo.Frame:
        return frame.with_image(ImageOps.mirror(frame.image)) if self.often % 2 else frame


@dataclass(frozen=True)
class Unmarked:
    @igo.hookimpl
    def preprocess(self, request):
        return request

    def postprocess(self, frame):
        return frame


@dataclass(frozen=True)
class Misspelt:
    @igo.hookimpl
    def postproces(self, frame):
        return frame


@dataclass(frozen=True)
class WrongType:
    @igo.hookimpl
    def postprocess(self, frame):
        return frame.image


@dataclass(frozen=True)
class WrongLayer:
    provides = ("mask",)

    @igo.hookimpl
    def provide(self, name):
        return Image.new("L", (3, 3)) if name == "mask" else None


@dataclass(frozen=True)
class WrongScore:
    @igo.hookimpl
    def score(self, frame):
        return float("nan")


@dataclass(frozen=True)
class WrongCaptions:
    @igo.hookimpl
    def caption(self, images):
        return ["a coat"] * (len(images) + 1)


@dataclass(frozen=True)
class Unwritable:
    """A setting that no file can hold; at its default it is never written, and still a user can't set it."""

    curve: Callable[[int], int] = abs

    @igo.hookimpl
    def observe(self, event): ...


@dataclass
class Doubling:
    """Grows whenever it is read."""

    amount: float = 1.0

    def __post_init__(self):
        self.amount *= 2

    @igo.hookimpl
    def observe(self, event): ...


class NoDataclass:
    @igo.hookimpl
    def observe(self, event): ...


@dataclass
class Loaded:
    """Holds what can't be sent."""

    model: Any = field(default_factory=Lock, init=False)

    @igo.hookimpl
    def observe(self, event): ...


@dataclass(frozen=True)
class Raises:
    @igo.hookimpl
    def postprocess(self, frame):
        raise SettingsError("the moon is full")


@dataclass(frozen=True)
class Divides:
    @igo.hookimpl
    def postprocess(self, frame):
        return frame.image.width / 0


@dataclass(frozen=True)
class AsksUndeclared:
    @igo.hookimpl
    def postprocess(self, frame, layer):
        layer("depth")
        return frame


@dataclass(frozen=True)
class NeedsNothing:
    needs = ("mask",)

    @igo.hookimpl
    def postprocess(self, frame):
        return frame


@dataclass(frozen=True)
class AsksUndeclaredReference:
    @igo.hookimpl
    def postprocess(self, frame, request):
        return frame.with_image(request.references["garment"].resize(frame.image.size))


@dataclass(frozen=True)
class NeedsNoReference:
    needs_references = ("garment",)

    @igo.hookimpl
    def postprocess(self, frame):
        return frame


@dataclass(frozen=True)
class MakesNothing:
    provides = ("mask",)

    @igo.hookimpl
    def provide(self, name):
        return None


@dataclass(frozen=True)
class MakesAnything:
    """Never looks at the name."""

    provides = ("mask",)

    @igo.hookimpl
    def provide(self, frame):
        return Image.new("L", frame.image.size)


@dataclass(frozen=True)
class Undeclared:
    @igo.hookimpl
    def provide(self, name):
        return None


@dataclass(frozen=True)
class Paints:
    """In the frame that it was given."""

    @igo.hookimpl
    def postprocess(self, frame):
        frame.image.putpixel((0, 0), (1, 2, 3))
        return frame


@dataclass(frozen=True)
class PaintsInner:
    """In what it got from the steps before."""

    @igo.hookimpl
    def generate(self, request, inner):
        frames = inner(request)
        frames[0].image.putpixel((0, 0), (1, 2, 3))
        return frames


@dataclass(frozen=True)
class ErasesMask:
    needs = ("mask",)

    @igo.hookimpl
    def postprocess(self, frame, layer):
        layer("mask").paste(0, (0, 0, *frame.image.size))
        return frame


@dataclass(frozen=True)
class CutsReference:
    needs_references = ("garment",)

    @igo.hookimpl
    def postprocess(self, frame, request):
        request.references["garment"].putpixel((0, 0), (1, 2, 3))
        return frame.with_image(request.references["garment"].resize(frame.image.size))


@dataclass(frozen=True)
class Crops:
    @igo.hookimpl
    def postprocess(self, frame):
        return frame.with_image(frame.image.crop((0, 0, 9, 9)))


@dataclass(frozen=True)
class CropsInner:
    @igo.hookimpl
    def generate(self, request, inner):
        return [frame.with_image(frame.image.crop((0, 0, 9, 9))) for frame in inner(request)]


@dataclass(frozen=True)
class Seeds:
    """Deterministic, at everybody else's cost."""

    @igo.hookimpl
    def postprocess(self, frame):
        random.seed(3)
        return frame


@dataclass(frozen=True)
class DrawsNumpy:
    @igo.hookimpl
    def postprocess(self, frame):
        import numpy as np

        np.random.seed(3)
        np.random.random()
        return frame


@dataclass(frozen=True)
class SeedsTorch:
    """Brings torch itself."""

    @igo.hookimpl
    def postprocess(self, frame):
        import torch

        torch.manual_seed(3)
        return frame


@dataclass(frozen=True)
class NoGrad:
    @igo.hookimpl
    def postprocess(self, frame):
        import torch

        torch.set_grad_enabled(False)
        return frame


@dataclass(frozen=True)
class Threads:
    threads: ClassVar = itertools.count(5)

    @igo.hookimpl
    def postprocess(self, frame):
        import torch

        torch.set_num_threads(next(self.threads))
        return frame


@dataclass(frozen=True)
class Counts:
    """Another picture each time."""

    @igo.hookimpl
    def postprocess(self, frame):
        return shifted(frame, next(COUNTER))


@dataclass(frozen=True)
class Hashes:
    """Another picture in each process."""

    @igo.hookimpl
    def postprocess(self, frame, request):
        return shifted(frame, hash(request.prompt or "nothing"))


@dataclass(frozen=True)
class BatchSeed:
    """The same noise for all pictures of a batch, and other noise for each of them alone."""

    @igo.hookimpl
    def postprocess(self, frame, request):
        return shifted(frame, request.seed)


@dataclass(frozen=True)
class GivesNoTable:
    @igo.hookimpl
    def condition(self):
        return [("eta", 0.5)]


@dataclass(frozen=True)
class GivesNumbers:
    @igo.hookimpl
    def condition(self):
        return {1: 0.5}


@dataclass(frozen=True)
class Unfitted:
    """Gives a layer as it is, wherever the base paints."""

    needs = ("edges",)

    @igo.hookimpl
    def condition(self, layer):
        return {"control_image": [layer("edges")]}


@dataclass(frozen=True)
class PaintsLayer:
    needs = ("edges",)

    @igo.hookimpl
    def condition(self, fit, layer):
        layer("edges").putpixel((0, 0), 9)
        return {"control_image": [fit(layer("edges"))]}


@dataclass(frozen=True)
class FailsInMasks:
    @igo.hookimpl
    def condition(self, request):
        return {"scale": 1 / ("mask" not in request.layers)}


@dataclass(frozen=True)
class GivesAnother:
    """Another number each time."""

    @igo.hookimpl
    def condition(self):
        return {"eta": next(COUNTER)}


@dataclass(frozen=True)
class Moody:
    """Another judgement each time."""

    @igo.hookimpl
    def score(self, frame):
        return next(COUNTER)


@dataclass(frozen=True)
class Chatters:
    """Says of a picture what depends on how many come with it."""

    @igo.hookimpl
    def caption(self, images):
        return [f"one of {len(images)}" for _ in images]


def shifted(frame, levels):
    return frame.with_image(Image.eval(frame.image, lambda value: (value + levels) % 256))


BROKEN = {
    "hooks": [Unmarked, Misspelt, WrongType, WrongLayer, WrongScore, WrongCaptions, GivesNoTable, GivesNumbers],
    "settings": [Unwritable, Doubling, NoDataclass],
    "pickle": [Loaded],
    "runs": [Raises, Divides, FailsInMasks],
    "needs": [AsksUndeclared, NeedsNothing, AsksUndeclaredReference, NeedsNoReference],
    "provides": [MakesNothing, MakesAnything, Undeclared],
    "condition": [Unfitted],
    "input": [PaintsLayer, Paints, PaintsInner, ErasesMask, CutsReference],
    "size": [Crops, CropsInner],
    "random": [Seeds, DrawsNumpy, SeedsTorch],
    "torch": [NoGrad, Threads],
    "determinism": [Counts, Hashes, BatchSeed, GivesAnother, Moody, Chatters],
}
