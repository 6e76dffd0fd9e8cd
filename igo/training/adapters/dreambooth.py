"""DreamBooth (Ruiz et al., Fine Tuning Text-to-Image Diffusion Models for Subject-Driven Generation) with an adapter,
for one subject or several at once: a few pictures each, and what the checkpoint itself paints of their classes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from igo.errors import SettingsError
from igo.images import read_image, write_image
from igo.painting.checkpoints import checkpoint
from igo.training.adapters.adapt import Adaptation, train_lora
from igo.training.adapters.collages import Shown, in_company
from igo.training.adapters.subjects import Subject
from igo.training.data.folders import CaptionedSet, by_picture, fitted, load_captioned, read_mask, read_picture
from igo.training.data.labelling import TEMPLATE
from igo.training.data.metadata import lists_in, pictures_in, read_lines, texts_beside
from igo.training.loop.effort import Effort
from igo.training.loop.hardware import processes
from igo.training.loop.loop import TrainingReport
from igo.training.tasks.diffusion import SampleSettings, generate

COLLAGES = 32
"""Of a subject in one company, at most."""


@dataclass(frozen=True)
class Prior:
    """Prior preservation: ``count`` pictures of each subject's class that the checkpoint paints before it learns, drawn
    ``weight`` times as often as the subject's own."""

    count: int = 24
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.count < 0 or self.weight < 0:
            raise SettingsError(f"prior count {self.count} and weight {self.weight} must be at least 0")


def train_dreambooth(
    base: checkpoint.Loaded,
    subjects: Sequence[Subject],
    size: tuple[int, int],
    out: Path,
    work: Path,
    effort: Effort,
    adaptation: Adaptation,
    prior: Prior,
    validation_prompts: Sequence[str] = (),
    together: float = 1.0,
) -> TrainingReport:
    """Train one adapter for all ``subjects`` together, on pictures cropped to ``size`` (width, height).

    Each subject is drawn as often as the others, whatever the number of its pictures, times its ``repeats``.
    ``together`` is how often pictures of each two of them are drawn, and of the smaller one in the other's prior
    pictures, against one's own: ``in_company``, which needs masks of the smaller one. The file's metadata names the
    subjects, so that who gets it knows what to write.
    """
    if together < 0:
        raise SettingsError(f"together is {together}; it must be at least 0")
    shown = [subject_shown(subject, size) for subject in subjects]
    parts = [(one, float(subject.repeats)) for one, subject in zip(shown, subjects, strict=True)]
    others = []
    if prior.count and prior.weight:
        for number, subject in enumerate(subjects):
            painted = prior_pictures(base, subject, size, prior.count, work / "prior", seed=number * prior.count)
            others.append(Shown(subject.kind, painted, _everywhere(len(painted), size)))
            parts.append((others[-1], prior.weight * subject.repeats))
    if together:
        parts += [(both, together) for both in in_company(shown, others, COLLAGES, effort.seed)]
    joined = CaptionedSet(
        torch.cat([part.data.pictures for part, _ in parts]),
        [texts for part, _ in parts for texts in part.data.captions],
    )
    return train_lora(
        base,
        [joined],
        out,
        work,
        effort,
        adaptation,
        weights=[torch.cat([torch.full((len(part.data),), share / len(part.data)) for part, share in parts])],
        zones=[torch.cat([part.zones for part, _ in parts])],
        validation_prompts=list(validation_prompts) or [TEMPLATE.format(_listed(subjects))] * 4,
        metadata={"subjects": ", ".join(subject.name for subject in subjects)},
    )


def subject_shown(subject: Subject, size: tuple[int, int]) -> Shown:
    """What is learned of a subject. Raises ``SettingsError`` or ``ImageError``."""
    data = subject_pictures(subject, size)
    return Shown(subject.name, data, subject_zones(subject, size, len(data)))


def subject_pictures(subject: Subject, size: tuple[int, int]) -> CaptionedSet:
    """A subject's pictures with captions that name it. Raises ``SettingsError`` or ``ImageError``."""
    if not subject.folder.is_dir():
        raise SettingsError(f"{subject.folder} is not a folder; expected pictures of the {subject.name}")
    files = pictures_in(subject.folder)
    if lists_in(subject.folder) or any(texts_beside(path) for path in files):
        found = load_captioned(subject.folder, size)
        return CaptionedSet(found.pictures, [[subject.captioned(text) for text in texts] for texts in found.captions])
    if not files:
        raise SettingsError(f"{subject.folder} holds no pictures; put some of the {subject.name} there")
    return CaptionedSet(
        torch.stack([_picture(path, size) for path in files]), [[subject.caption.format(subject.name)]] * len(files)
    )


def subject_zones(subject: Subject, size: tuple[int, int], count: int) -> Tensor:
    """Where the subject is in each of its ``count`` pictures, N×H×W booleans: in the masks that ``metadata.jsonl``
    gives for texts with its class; anywhere in a picture without one.

    With masks, what is around a subject is not learned with it: without, a jacket that is only shown on people without
    bags is a jacket that goes with no bag. Raises ``SettingsError`` or ``ImageError``.
    """
    zones = _everywhere(count, size)
    if not lists_in(subject.folder):
        return zones
    lines = read_lines(subject.folder)
    named = by_picture(line for line in lines if line.mask and subject.kind.lower() in line.text.lower())
    for index, picture in enumerate(by_picture(line for line in lines if line.whole)):  # in load_captioned's order
        found = named.get(picture, [])
        if found:
            own = read_picture(found[0].place, found[0].picture).size
            masks = [fitted(read_mask(line.place, line.mask, own).image, size, "crop") for line in found if line.mask]
            zones[index] = torch.from_numpy(np.maximum.reduce([np.asarray(mask) for mask in masks]) > 127)
    return zones


def prior_pictures(
    base: checkpoint.Loaded, subject: Subject, size: tuple[int, int], count: int, folder: Path, seed: int = 0
) -> CaptionedSet:
    """``count`` pictures of the subject's class by the checkpoint as it is. Each is kept in ``folder`` as it is made,
    and read from there for the same checkpoint, prompt, seed and size."""
    prompts = [subject.prior[index % len(subject.prior)].format(subject.kind) for index in range(count)]
    pictures = []
    with processes().main_process_first():
        for index, prompt in enumerate(prompts):
            named = hashlib.sha256(repr((base.identity, prompt, seed + index, size)).encode()).hexdigest()[:12]
            path = folder / f"{named}.png"
            if not path.exists():
                _paint(base, prompt, seed + index, size, path)
            pictures.append(_picture(path, size))
    return CaptionedSet(torch.stack(pictures), [[prompt] for prompt in prompts])


def _paint(base: checkpoint.Loaded, prompt: str, seed: int, size: tuple[int, int], path: Path) -> None:
    defaults, pipeline = base.defaults, base.pipeline
    pipeline.to(processes().device)
    show = SampleSettings([prompt], *size, defaults.num_inference_steps, defaults.guidance_scale, seed=seed)
    write_image(Image.fromarray(generate(pipeline, show)[0]), path)


def _picture(path: Path, size: tuple[int, int]) -> Tensor:
    return torch.from_numpy(np.array(fitted(read_image(path).on_white(), size, "crop")))


def _everywhere(count: int, size: tuple[int, int]) -> Tensor:
    return torch.ones(count, size[1], size[0], dtype=torch.bool)


def _listed(subjects: Sequence[Subject]) -> str:
    return " and ".join(f"a {subject.name}" for subject in subjects)
