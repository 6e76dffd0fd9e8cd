"""How mini/base is made: draw, then autoencoder, text encoder and denoiser, then a folder that diffusers can load."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from torch.nn import functional

from igo import wardrobe
from igo.embedded import DEFAULTS, NATIVE_SIZE
from igo.errors import SettingsError
from igo.mini.architecture import assemble, build_text_encoder, build_unet, build_vae
from igo.mini.attributes import AttributeCoder
from igo.mini.drawings import draw_once
from igo.mini.pictures import balanced_figures
from igo.mini.tokenizer import build_tokenizer
from igo.training.data.export import export
from igo.training.data.latents import Latents, to_model, to_pictures, weights_digest
from igo.training.loop.hardware import Precision, batch_scale, precision, processes
from igo.training.loop.loop import LoopSettings, TrainingReport, train
from igo.training.loop.plan import planned
from igo.training.loop.task import Task
from igo.training.tasks.conditioning import tokenize
from igo.training.tasks.diffusion import DiffusionTask, SampleSettings
from igo.training.tasks.text_encoder import TextEncoderTask
from igo.training.tasks.vae import VaeTask, encode, set_scaling_factor

VOCABULARY_FIGURES = 500
CAPTIONS_PER_FIGURE = 8
HELD_OUT = 64

PROMPTS = (
    "fashion photo of a korean woman in a red hoodie and blue jeans, street background",
    "fashion photo of a korean man in a white t-shirt and black trousers, studio background",
    "fashion photo of a korean woman in a yellow dress, park background",
    "fashion photo of a korean woman in a green sweater and a pink skirt, shop background",
    "fashion photo of a korean man in a navy jacket and gray jeans, wall background",
    "fashion photo of a korean woman in a purple coat and white trousers, beach background",
    "fashion photo of a korean man in an orange shirt and brown shorts, street background",
    "fashion photo of a korean woman in a black dress, studio background",
)


@dataclass(frozen=True)
class Stage:
    """One stage's share of the time, its batch and its learning rate."""

    share: float
    batch_size: int
    learning_rate: float
    ema_decay: float = 0.999


STAGES = {
    "vae": Stage(share=0.2, batch_size=4, learning_rate=2e-3, ema_decay=0.995),
    "decoder": Stage(share=0.11, batch_size=4, learning_rate=1e-3),
    "text": Stage(share=0.04, batch_size=64, learning_rate=2e-3, ema_decay=0.99),
    "unet-small": Stage(share=0.25, batch_size=16, learning_rate=1e-3, ema_decay=0.998),
    "unet": Stage(share=0.4, batch_size=16, learning_rate=7e-4),
}
"""The denoiser learns on pictures of half the size first, where a sample costs a quarter."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what mini/base becomes. ``batch_scale`` multiplies every stage's batch; it and
    ``precision`` suit the device by default.

    ``full_pictures`` of the ``pictures`` are used at full size too: encoding one costs as much as a third of a step.
    """

    minutes: float = 90.0
    pictures: int = 14_000
    full_pictures: int = 14_000
    seed: int = 0
    precision: Precision = "auto"
    batch_scale: int | None = None

    def __post_init__(self) -> None:
        if not self.minutes > 0:
            raise SettingsError(f"minutes is {self.minutes}; give the training time in minutes, above 0")
        if min(self.pictures, self.full_pictures) <= HELD_OUT:
            raise SettingsError(f"pictures must be more than {HELD_OUT}, of which some are held out")
        if self.batch_scale is not None and self.batch_scale < 1:
            raise SettingsError(f"batch_scale is {self.batch_scale}; it must be at least 1")


class BaseTraining:
    """One training of mini/base in a working folder. Every method goes on where an earlier, killed call stopped.

    ``start`` is a finished checkpoint of the same shape to learn on from, as its denoiser alone; without it all parts
    begin at random.
    """

    def __init__(self, work: Path, recipe: Recipe, start: Path | None = None) -> None:
        self.work, self.recipe, self.start = work, recipe, start
        torch.manual_seed(recipe.seed)
        self.figures = balanced_figures(recipe.pictures, recipe.seed)
        self.pipeline: StableDiffusionPipeline
        if start is not None:
            self.pipeline = StableDiffusionPipeline.from_pretrained(start, dtype=torch.float32)
            return
        known = [caption for figure in balanced_figures(VOCABULARY_FIGURES, 1) for caption in wardrobe.captions(figure)]
        tokenizer = build_tokenizer([*wardrobe.vocabulary(), *known])
        self.pipeline = assemble(build_vae(), build_text_encoder(tokenizer), tokenizer, build_unet())

    def run(self, out: Path) -> int:
        """All stages, then the export to ``out``. Returns the size of the weights in bytes."""
        pictures = self.draw()
        if self.start is None:
            self.train_vae(pictures)
            self.train_decoder(pictures)
            self.train_text_encoder()
            self.train_unet(pictures, "unet-small")
        self.train_unet(pictures, "unet")
        return export(self.pipeline, out, defaults=DEFAULTS)

    def draw(self) -> torch.Tensor:
        """The training pictures, N×H×W×3 uint8, drawn by as many processes as there are cores."""
        return draw_once(self.work / "drawings", self.figures, NATIVE_SIZE, os.cpu_count() or 1)[0]

    def train_vae(self, pictures: torch.Tensor) -> TrainingReport:
        """Train the autoencoder and set its scaling factor. The last pictures are held out."""
        report = self._train("vae", VaeTask(self.pipeline.vae, pictures[:-HELD_OUT], pictures[-HELD_OUT:]))
        set_scaling_factor(self.pipeline.vae, *encode(self.pipeline.vae, pictures[:128]))
        return report

    def train_decoder(self, pictures: torch.Tensor) -> TrainingReport:
        """Let the decoder learn on by itself, which costs half as much as training both and leaves the latents."""
        learned, held_out = pictures[:-HELD_OUT], pictures[-HELD_OUT:]
        return self._train("decoder", VaeTask(self.pipeline.vae, learned, held_out, decoder_only=True))

    def train_text_encoder(self) -> TrainingReport:
        """Pre-train the text encoder on the figures' attributes."""
        tokens = self.tokens
        coder = AttributeCoder(self.figures)
        labels = coder.encode(self.figures)[:, None].expand(-1, tokens.shape[1], -1)
        return self._train("text", TextEncoderTask(self.pipeline.text_encoder, tokens, labels, coder.classes))

    def train_unet(self, pictures: torch.Tensor, stage: str) -> TrainingReport:
        """Train the denoiser with the text encoder, at half size (``"unet-small"``) or at full size (``"unet"``)."""
        shrink = 2 if stage == "unet-small" else 1
        width, height = (side // shrink for side in NATIVE_SIZE)
        show = SampleSettings(PROMPTS, width, height)
        return self._train(stage, DiffusionTask(self.pipeline, self.latents(pictures, shrink), show))

    def latents(self, pictures: torch.Tensor, shrink: int) -> Latents:
        """The drawings, shrunk and encoded; encoded once for each state of the encoder, then read from the disk."""
        count = len(pictures) if shrink > 1 else min(self.recipe.full_pictures, len(pictures))
        path = self.work / f"latents-{shrink}-{count}-{weights_digest(self.pipeline.vae.encoder)}.safetensors"
        if not path.exists():
            self.pipeline.vae.to(processes().device)
            parts = []
            for some in torch.split(pictures[:count], 256):
                small = to_pictures(functional.avg_pool2d(to_model(some), shrink)) if shrink > 1 else some
                parts.append(encode(self.pipeline.vae, small))
            mean, spread = (torch.cat(kind) for kind in zip(*parts, strict=True))
            Latents(mean, spread, self.tokens[:count]).save(path)
        return Latents.load(path)

    @cached_property
    def tokens(self) -> torch.Tensor:
        """N×K×77 tokens: ``CAPTIONS_PER_FIGURE`` captions of each figure, repeated where it has fewer."""
        captions = []
        for figure in self.figures:
            own = wardrobe.captions(figure)
            captions += [own[i % len(own)] for i in range(CAPTIONS_PER_FIGURE)]
        flat = torch.cat([tokenize(self.pipeline, captions[i : i + 4096]) for i in range(0, len(captions), 4096)])
        return flat.short().view(len(self.figures), CAPTIONS_PER_FIGURE, -1)

    def _train(self, name: str, task: Task) -> TrainingReport:
        stage, recipe = STAGES[name], self.recipe
        settings = LoopSettings(
            steps=1,
            batch_size=stage.batch_size * (recipe.batch_scale or batch_scale()),
            learning_rate=stage.learning_rate,
            ema_decay=stage.ema_decay,
            precision=precision(recipe.precision),
            seed=recipe.seed,
        )
        share = 1.0 if self.start is not None else stage.share
        folder = self.work / name
        return train(task, planned(folder, recipe.minutes * share, task, settings), folder)
