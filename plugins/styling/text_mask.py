"""Finding what a text names: CLIPSeg's soft masks (Lüddecke & Ecker, Image Segmentation Using Text and Image Prompts),
fitted to the picture's edges and cleaned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from igo.errors import CheckpointError, UnsureError
from igo.images import is_photograph
from igo.licensing import UNSTATED, License, stated

if TYPE_CHECKING:
    from igo import Runtime

Soft = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
PHOTOGRAPHS = "CIDAS/clipseg-rd64-refined"
"""The text-mask model for photographs."""
LONGEST = 768
"""Masks are made at no more than so many pixels a side: CLIPSeg itself sees 352 of them."""
FRAGMENT = 0.1
"""Parts smaller than this share of the largest one are dropped."""
HOLE = 0.03
"""Holes smaller than this share of the mask are filled; larger ones, as between arm and waist, are meant."""


@dataclass(frozen=True)
class TextMasks:
    """A loaded CLIPSeg, which remembers what it has seen and found in the last picture: a lookbook asks that again and
    again."""

    model: Any
    processor: Any
    identity: str = ""
    license: License = UNSTATED
    known: dict[str, Soft] = field(default_factory=dict)
    last: list[Image.Image] = field(default_factory=list)
    seen: list[Any] = field(default_factory=list)
    """What the picture encoder gives of it to the decoder's layers, 1×N×W each."""

    def soft(self, image: Image.Image, phrases: tuple[str, ...]) -> Soft:
        """One mask for each phrase: P×h×w of 0 to 1, at the picture's proportions and at most ``LONGEST`` pixels.

        What is longer than CLIPSeg reads is cut off: see ``shortened``. Raises ``CheckpointError`` for a model whose
        files don't go together, or whose answers are no numbers.
        """
        from igo.networks.folders import one_line

        if self.last != [image]:
            self.last[:] = [image]
            self.known.clear()
            self.seen.clear()
        new = [phrase for phrase in dict.fromkeys(phrases) if phrase not in self.known]
        if new:
            with one_line("the text-mask model", "name another", "fails when it is asked"):
                found = self._found(image, new)
            if np.isnan(found).any():
                raise CheckpointError(
                    "the text-mask model gives values that are no numbers; use float32, or another model"
                )
            self.known.update(zip(new, found, strict=True))
        return np.stack([self.known[phrase] for phrase in phrases])

    def evidence(self, image: Image.Image, text: str) -> Soft:
        """How sure it is, h×w, that it sees what ``text`` describes."""
        return np.asarray(self.soft(image, (text,))[0])

    def _found(self, image: Image.Image, phrases: list[str]) -> Soft:
        size = working_size(image.size)
        scaled = [cv2.resize(one, size, interpolation=cv2.INTER_LINEAR) for one in self._logits(image, phrases)]
        return np.asarray(1 / (1 + np.exp(-np.stack(scaled))), np.float32)

    def shortened(self, phrase: str) -> str | None:
        """What is read of a phrase that is longer than CLIPSeg's window (77 tokens); ``None`` if it is read whole."""
        tokenizer, longest = self.processor.tokenizer, self._window
        if len(tokenizer(phrase, truncation=True, max_length=longest + 1)["input_ids"]) <= longest:
            return None
        read = tokenizer(phrase, truncation=True, max_length=longest)["input_ids"]
        return str(tokenizer.decode(read, skip_special_tokens=True)).strip(" \ufffd")

    @property
    def _window(self) -> int:
        return int(self.model.config.text_config.max_position_embeddings)

    def _logits(self, image: Image.Image, phrases: list[str]) -> Soft:
        """The decoder's answers, P×H×W. The picture is encoded once, however many phrases there are; transformers' own
        call does it for each."""
        import torch

        model, device = self.model, self.model.device
        with torch.no_grad():
            if not self.seen:
                pixels = self.processor.image_processor(images=image, return_tensors="pt").pixel_values
                states = model.clip.vision_model(
                    pixels.to(device, model.dtype), interpolate_pos_encoding=True, output_hidden_states=True
                ).hidden_states
                self.seen.extend(states[layer + 1] for layer in model.extract_layers)  # the first are embeddings
            tokens = self.processor.tokenizer(
                phrases, padding=True, truncation=True, max_length=self._window, return_tensors="pt"
            ).to(device)
            wanted = model.get_conditional_embeddings(
                len(phrases), input_ids=tokens.input_ids, attention_mask=tokens.attention_mask
            )
            found = model.decoder([states.expand(len(phrases), -1, -1) for states in self.seen], wanted).logits.float()
        # transformers gives one text's mask without its first axis
        return np.asarray(found.view(len(phrases), *found.shape[-2:]).cpu().numpy(), np.float32)


def load(name: str, runtime: Runtime) -> TextMasks:
    """CLIPSeg from ``"mini"``, a folder or a hub's name, kept by ``runtime`` and put on the run's record. Raises
    ``CheckpointError``."""

    def read() -> TextMasks:
        from transformers import CLIPSegForImageSegmentation, CLIPSegProcessor
        from transformers.utils import logging

        from igo.networks.folders import identity, load_model, one_line, place_of

        what = f"the text-mask model {name!r}"
        expected = "name 'mini', a folder, or a hub's CLIPSeg such as 'CIDAS/clipseg-rd64-refined'"
        level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity_error()  # it advises to install what nothing here uses ("requires torchvision")
        logging.disable_progress_bar()
        try:
            with one_line(what, expected):
                named = _whereabouts(name)
                place = place_of(named, what, expected, permit=runtime.permit)
                model = load_model(CLIPSegForImageSegmentation, place, what, dtype=runtime.dtype)
                processor = CLIPSegProcessor.from_pretrained(place)
                model.to(runtime.device).eval()
                return TextMasks(model, processor, identity(place, named), stated(place))
        finally:
            logging.set_verbosity(level)
            if bars:
                logging.enable_progress_bar()

    masks: TextMasks = runtime.model(("clipseg", name), read)
    runtime.identify("mini/clipseg" if name == "mini" else name, masks.identity, masks.license)
    return masks


def permitted(name: str, runtime: Runtime) -> None:
    """Raise ``LicenseError`` for a model that may not be used commercially, where that is asked for, before a base
    spends its time on pictures: of a hub's model the card is fetched."""
    if runtime.commercial:
        runtime.permit(name, _whereabouts(name))


def _whereabouts(name: str) -> str:
    """The folder of ``mini``'s, or another's name."""
    from igo import embedded

    return str(embedded.path("clipseg")) if name == "mini" else name


def check_known(name: str, image: Image.Image, anyway: str) -> None:
    """Raise ``UnsureError`` for a photograph (RGB) and a mask model that knows drawings alone. ``anyway`` is how to
    have it look all the same."""
    if name == "mini" and is_photograph(image):
        raise UnsureError(
            "this looks like a photograph, and the mask model 'mini' knows drawings; name mask_model="
            f"'{PHOTOGRAPHS}' and a checkpoint for photographs, or look all the same with {anyway}",
            area=0.0,
        )


def working_size(size: tuple[int, int]) -> tuple[int, int]:
    """``size``, shrunk so that no side is longer than ``LONGEST`` pixels."""
    shrink = min(1.0, LONGEST / max(size))
    return max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink))


def refined(soft: Soft, image: Image.Image) -> Soft:
    """``soft`` (h×w) with its edges where the picture's own are: the guided filter with the gray picture as its guide
    (He, Sun & Tang, Guided Image Filtering)."""
    height, width = soft.shape
    guide = np.asarray(image.convert("L").resize((width, height), Image.Resampling.BILINEAR), np.float32) / 255
    radius = max(2, round(max(soft.shape) / 64))

    def mean(values: npt.NDArray[Any]) -> Soft:
        return np.asarray(cv2.blur(values, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT), np.float32)

    middle, level = mean(guide), mean(soft)
    slope = (mean(guide * soft) - middle * level) / (mean(guide * guide) - middle * middle + 1e-3)
    offset = level - slope * middle
    return np.asarray(np.clip(mean(slope) * guide + mean(offset), 0, 1), np.float32)


def cleaned(mask: Mask) -> Mask:
    """``mask`` without fragments and small holes."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count <= 1:
        return mask
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.int64)
    areas[0] = 0
    kept = np.isin(labels, np.flatnonzero(areas >= FRAGMENT * areas.max()))
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~kept).astype(np.uint8), connectivity=4)
    edge = set(np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])).tolist())
    holes = [
        label
        for label in range(1, count)
        if label not in edge and stats[label, cv2.CC_STAT_AREA] < HOLE * np.count_nonzero(kept)
    ]
    return np.asarray(kept | np.isin(labels, holes))


def grown(mask: Mask, pixels: int) -> Mask:
    """``mask``, which is not empty, with all that is at most ``pixels`` away."""
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance <= pixels)
