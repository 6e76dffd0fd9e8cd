"""Parsing people: SegFormers (Xie et al., SegFormer: Simple and Efficient Design for Semantic Segmentation with
Transformers) whose labels are garments and parts of the body."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from igo.errors import CheckpointError, NothingFoundError, SettingsError, UnsureError
from igo.licensing import UNSTATED, License, stated
from igo_plugins.parsing.labels import GARMENTS, labels_in, labels_of, part_of
from igo_plugins.styling.text_mask import Soft, cleaned, grown, working_size
from igo_plugins.styling.zone import SMALLEST

if TYPE_CHECKING:
    from igo import Runtime

Parse = npt.NDArray[np.uint8]
"""H×W numbers of ``Part``."""
EXPECTED = "name 'mini', a folder, or a hub's parser such as 'mattmdjaga/segformer_b2_clothes'"
SHOWN = 5
"""Labels that an error names."""


@dataclass(frozen=True)
class Parser:
    """A loaded SegFormer, which remembers what it saw in the last picture: several steps ask that again."""

    name: str
    model: Any
    processor: Any
    labels: tuple[str, ...]
    """The model's own, by their numbers."""
    identity: str = ""
    license: License = UNSTATED
    last: list[Image.Image] = field(default_factory=list)
    seen: list[Soft] = field(default_factory=list)

    def parse(self, image: Image.Image) -> Parse:
        """What each pixel of an RGB picture shows."""
        return np.array([part_of(label) for label in self.labels], np.uint8)[self.numbered(image)]

    def numbered(self, image: Image.Image) -> npt.NDArray[np.uint16]:
        """The label of each pixel, H×W: the logits enlarged to the picture's size, then the highest of them."""
        width, height = image.size
        best = np.full((height, width), -np.inf, np.float32)
        found = np.zeros((height, width), np.uint16)
        for number, logits in enumerate(self.logits(image)):  # all at once would be gigabytes of a photo
            enlarged = cv2.resize(logits, (width, height), interpolation=cv2.INTER_LINEAR)
            higher = enlarged > best
            best[higher], found[higher] = enlarged[higher], number
        return found

    def mask(self, image: Image.Image, phrases: tuple[str, ...], margin: float, confidence: float) -> Image.Image:
        """What phrases name, mode L, 0 or 255, grown by ``margin`` (a share of the height).

        Raises ``SettingsError`` for what is no part's name, and the ``MaskError`` that fits where there is nothing of
        it, or less certainty than ``confidence``.
        """
        numbers = tuple({number for phrase in phrases for number in self.numbers(phrase)})
        named = ", ".join(phrases)
        if not numbers:
            raise SettingsError(f"the parser {self.name!r} has no label for {named!r}, but {_listed(self.labels)}")
        wanted = np.zeros(len(self.labels), bool)
        wanted[list(numbers)] = True
        mask = cleaned(wanted[self.numbered(image)])
        likely = self._likely(image, numbers)
        inside = cv2.resize(mask.astype(np.uint8), likely.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
        certainty = float(likely[inside].mean()) if inside.any() else float(likely.max())
        area = float(mask.mean())
        seen = f"area {area:.1%}, confidence {certainty:.2f}"
        if area < SMALLEST:
            raise NothingFoundError(f"found no {named!r} ({seen}); name what somebody wears", area, certainty)
        if certainty < confidence:
            raise UnsureError(
                f"not sure that this is {named!r} ({seen}, wanted {confidence:g}); lower it, or name another model",
                area,
                certainty,
            )
        return Image.fromarray(grown(mask, round(margin * len(mask))).astype(np.uint8) * 255)

    def soft(self, image: Image.Image, phrases: tuple[str, ...]) -> Soft:
        """How likely each pixel shows what each phrase names: P×h×w of 0 to 1, as ``TextMasks.soft``. Raises
        ``SettingsError`` for what is no part's name."""
        return np.stack([self._likely(image, self.numbers(phrase)) for phrase in phrases])

    def evidence(self, image: Image.Image, text: str) -> Soft:
        """How likely each pixel, h×w, is of the garment that ``text`` speaks of, however that looks. Raises
        ``SettingsError`` where it speaks of none."""
        found = labels_in(text, self.labels)
        if not found:
            raise SettingsError(
                f"the parser {self.name!r} knows no garment in {text!r}, and can't choose between candidates; "
                "name one, such as 'a red hoodie', add a step that scores, or paint one candidate"
            )
        return self._likely(image, found)

    def _likely(self, image: Image.Image, numbers: tuple[int, ...]) -> Soft:
        """How likely each pixel has one of these labels, h×w."""
        logits = self.logits(image)
        likely = np.exp(logits - logits.max(axis=0))
        summed = likely[list(numbers)].sum(axis=0) / likely.sum(axis=0)
        return np.asarray(cv2.resize(summed, working_size(image.size), interpolation=cv2.INTER_LINEAR), np.float32)

    def names(self, phrase: str) -> bool:
        """Whether it has a label for what a phrase names."""
        return bool(labels_of(phrase, self.labels))

    def numbers(self, phrase: str) -> tuple[int, ...]:
        """The model's labels for ``phrase``; none for a part that it doesn't know. Raises ``SettingsError`` for what is
        no part's name."""
        found: tuple[int, ...] | None = labels_of(phrase, self.labels)
        if found is None:
            raise SettingsError(
                f"{phrase!r} is no part that the parser {self.name!r} tells from others; name a garment alone, such as "
                "'shirt' or 'skirt', or find it by words: with a CLIPSeg as mask_model"
            )
        return found

    def shortened(self, _phrase: str) -> None:
        """Names of parts are never too long."""

    def logits(self, image: Image.Image) -> Soft:
        """The model's answers, one plane for each label, at a quarter of its own size. Raises ``CheckpointError`` for a
        model whose files don't go together, or whose answers are no numbers."""
        from igo.networks.folders import one_line

        if self.last != [image]:
            self.last[:], self.seen[:] = [], []
            with one_line(f"the parser {self.name!r}", "name another", "fails when it is asked"):
                found = self._asked(image)
            if not np.isfinite(found).all():
                raise CheckpointError(
                    f"the parser {self.name!r} gives values that are no numbers; use float32, or another model"
                )
            self.last[:], self.seen[:] = [image], [found]
        return self.seen[0]

    def _asked(self, image: Image.Image) -> Soft:
        import torch

        pixels = self.processor(images=image, return_tensors="pt").pixel_values
        with torch.no_grad():
            found = self.model(pixels.to(self.model.device, self.model.dtype)).logits[0]
        return np.asarray(found.float().cpu().numpy(), np.float32)


def load(name: str, runtime: Runtime) -> Parser:
    """A parser from ``"mini"``, a folder or a hub's name, kept by ``runtime`` and put on the run's record. Raises
    ``CheckpointError``, also for a model whose labels are no garments."""

    def read() -> Parser:
        from igo import embedded
        from igo.networks.folders import description, identity, load_model, one_line, place_of
        from igo.networks.quiet import quietly

        what = f"the parser {name!r}"
        with quietly(), one_line(what, EXPECTED):
            from transformers import SegformerForSemanticSegmentation, SegformerImageProcessor

            own = str(embedded.path("parser")) if name == "mini" else name
            place = place_of(own, what, EXPECTED, permit=runtime.permit)
            kind = description(place / "config.json").get("model_type")
            if kind != "segformer":
                raise CheckpointError(f"{what} is of the kind {kind!r}; expected a SegFormer: {EXPECTED}")
            model = load_model(SegformerForSemanticSegmentation, place, what, dtype=runtime.dtype)
            named = model.config.id2label
            labels = tuple(str(named.get(number, "")) for number in range(model.config.num_labels))
            if not {part_of(label) for label in labels} & set(GARMENTS):
                raise CheckpointError(f"{what} has no label for a garment, but {_listed(labels)}; {EXPECTED}")
            processor = SegformerImageProcessor.from_pretrained(place)
            told = identity(place, own), stated(place)
            return Parser(name, model.to(runtime.device).eval(), processor, labels, *told)

    parser: Parser = runtime.model(("parser", name), read)
    runtime.identify("mini/parser" if name == "mini" else name, parser.identity, parser.license)
    return parser


def _listed(labels: tuple[str, ...]) -> str:
    shown = ", ".join(repr(label) for label in labels[:SHOWN])
    return shown if len(labels) <= SHOWN else f"{shown} and {len(labels) - SHOWN} more"
