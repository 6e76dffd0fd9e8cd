"""How `mini` is made: draw, then autoencoder, text encoder and denoiser, then a folder that diffusers can load."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from diffusers import StableDiffusionPipeline
from torch.nn import functional

from igo.errors import IGOError, SettingsError
from igo.mini import NATIVE_SIZE, wardrobe
from igo.mini.architecture import assemble, build_text_encoder, build_unet, build_vae
from igo.mini.attributes import AttributeCoder
from igo.mini.pictures import DrawnSet, balanced_figures, draw_set
from igo.mini.tokenizer import build_tokenizer
from igo.training.data import Latents, to_model, to_pictures, weights_digest
from igo.training.diffusion import DiffusionTask, SampleSettings, tokenize
from igo.training.export import export
from igo.training.loop import LoopSettings, TrainingReport, train
from igo.training.plan import planned
from igo.training.task import Task
from igo.training.text_encoder import TextEncoderTask
from igo.training.vae import VaeTask, encode, set_scaling_factor

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
    "decoder": Stage(share=0.15, batch_size=4, learning_rate=1e-3),
    "text": Stage(share=0.04, batch_size=64, learning_rate=2e-3, ema_decay=0.99),
    "unet-small": Stage(share=0.36, batch_size=16, learning_rate=1e-3, ema_decay=0.998),
    "unet": Stage(share=0.25, batch_size=8, learning_rate=7e-4, ema_decay=0.998),
}
"""The denoiser learns on pictures of half the size first, where a sample costs a quarter."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what `mini` becomes. ``batch_scale`` multiplies every stage's batch, for a GPU.

    ``full_pictures`` of the ``pictures`` are used at full size too: encoding one costs as much as a third of a step.
    """

    minutes: float = 90.0
    pictures: int = 14_000
    full_pictures: int = 6_000
    seed: int = 0
    precision: Literal["no", "bf16"] = "no"
    batch_scale: int = 1

    def __post_init__(self) -> None:
        if not self.minutes > 0:
            raise SettingsError(f"minutes is {self.minutes}; give the training time in minutes, above 0")
        if min(self.pictures, self.full_pictures) <= HELD_OUT or self.batch_scale < 1:
            raise SettingsError(f"pictures must be more than {HELD_OUT}, and batch_scale at least 1")


class MiniTraining:
    """One training of `mini` in a working folder. Every method goes on where an earlier, killed call stopped."""

    def __init__(self, work: Path, recipe: Recipe) -> None:
        self.work, self.recipe = work, recipe
        torch.manual_seed(recipe.seed)
        figures = balanced_figures(VOCABULARY_FIGURES, seed=1)
        drawn_words = [caption for figure in figures for caption in wardrobe.captions(figure)]
        self.tokenizer = build_tokenizer([*wardrobe.vocabulary(), *drawn_words])
        self.pipeline: StableDiffusionPipeline = assemble(
            build_vae(), build_text_encoder(self.tokenizer), self.tokenizer, build_unet()
        )

    def run(self, out: Path) -> int:
        """All stages, then the export to ``out``. Returns the size of the weights in bytes."""
        drawn = self.draw()
        self.train_vae(drawn)
        self.train_decoder(drawn)
        self.train_text_encoder(drawn)
        for stage in ("unet-small", "unet"):
            self.train_unet(drawn, stage)
        return export(self.pipeline, out)

    def draw(self) -> DrawnSet:
        """The training pictures, drawn by as many processes as there are cores."""
        return draw_set(self.work / "pictures", self.recipe.pictures, self.recipe.seed, os.cpu_count() or 1)

    def train_vae(self, drawn: DrawnSet) -> TrainingReport:
        """Train the autoencoder and set its scaling factor. The last pictures are held out."""
        task = VaeTask(self.pipeline.vae, drawn.pictures[:-HELD_OUT], drawn.pictures[-HELD_OUT:])
        report = self._train("vae", task)
        set_scaling_factor(self.pipeline.vae, *encode(self.pipeline.vae, drawn.pictures[:128]))
        return report

    def train_decoder(self, drawn: DrawnSet) -> TrainingReport:
        """Let the decoder learn on by itself, which costs half as much as training both and leaves the latents."""
        pictures, held_out = drawn.pictures[:-HELD_OUT], drawn.pictures[-HELD_OUT:]
        return self._train("decoder", VaeTask(self.pipeline.vae, pictures, held_out, decoder_only=True))

    def train_text_encoder(self, drawn: DrawnSet) -> TrainingReport:
        """Pre-train the text encoder on the figures' attributes."""
        tokens = self._tokens(drawn)
        coder = AttributeCoder(drawn.figures)
        labels = coder.encode(drawn.figures)[:, None].expand(-1, tokens.shape[1], -1)
        return self._train("text", TextEncoderTask(self.pipeline.text_encoder, tokens, labels, coder.classes))

    def train_unet(self, drawn: DrawnSet, stage: str) -> TrainingReport:
        """Train the denoiser with the text encoder, at half size (``"unet-small"``) or at full size (``"unet"``)."""
        shrink = 2 if stage == "unet-small" else 1
        width, height = (side // shrink for side in NATIVE_SIZE)
        show = SampleSettings(PROMPTS, width, height)
        return self._train(stage, DiffusionTask(self.pipeline, self.latents(drawn, shrink), show))

    def latents(self, drawn: DrawnSet, shrink: int) -> Latents:
        """The drawings, shrunk and encoded; encoded once for each state of the encoder, then read from the disk."""
        count = len(drawn.pictures) if shrink > 1 else min(self.recipe.full_pictures, len(drawn.pictures))
        path = self.work / f"latents-{shrink}-{count}-{weights_digest(self.pipeline.vae.encoder)}.safetensors"
        if not path.exists():
            parts = []
            for pictures in torch.split(drawn.pictures[:count], 256):
                small = to_pictures(functional.avg_pool2d(to_model(pictures), shrink)) if shrink > 1 else pictures
                parts.append(encode(self.pipeline.vae, small))
            mean, spread = (torch.cat(kind) for kind in zip(*parts, strict=True))
            Latents(mean, spread, self._tokens(drawn)[:count]).save(path)
        return Latents.load(path)

    def _tokens(self, drawn: DrawnSet) -> torch.Tensor:
        """N×K×77 tokens: ``CAPTIONS_PER_FIGURE`` captions of each figure, repeated where it has fewer."""
        captions = []
        for figure in drawn.figures:
            own = wardrobe.captions(figure)
            captions += [own[i % len(own)] for i in range(CAPTIONS_PER_FIGURE)]
        flat = torch.cat([tokenize(self.pipeline, captions[i : i + 4096]) for i in range(0, len(captions), 4096)])
        return flat.short().view(len(drawn.figures), CAPTIONS_PER_FIGURE, -1)

    def _train(self, name: str, task: Task) -> TrainingReport:
        stage, recipe = STAGES[name], self.recipe
        settings = LoopSettings(
            steps=1,
            batch_size=stage.batch_size * recipe.batch_scale,
            learning_rate=stage.learning_rate,
            ema_decay=stage.ema_decay,
            precision=recipe.precision,
            seed=recipe.seed,
        )
        folder = self.work / name
        return train(task, planned(folder, recipe.minutes * stage.share, task, settings), folder)


def make(out: Path, recipe: Recipe, work: Path | None = None) -> int:
    """Train `mini` from nothing and write it to ``out`` as a diffusers folder; returns its weights' size in bytes.

    ``work`` keeps drawings, latents and checkpoints (2 GB by default); a killed run goes on from there. Without it a
    folder beside ``out`` is used.
    """
    return MiniTraining(work or out.with_name(out.name + "-training"), recipe).run(out)


def main() -> None:
    """The command line: ``python -m igo.mini.recipe --out DIR --minutes N``."""
    parser = argparse.ArgumentParser(prog="igo.mini.recipe", description="Train mini, IGO's small embedded model.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the finished model")
    parser.add_argument("--work", type=Path, help="folder for drawings and checkpoints (default: OUT-training)")
    parser.add_argument("--minutes", type=float, default=Recipe.minutes, help="training time, without the drawing")
    parser.add_argument("--pictures", type=int, default=Recipe.pictures, help="how many pictures to draw")
    parser.add_argument(
        "--full-pictures", type=int, default=Recipe.full_pictures, help="how many of them to use at full size too"
    )
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--precision", choices=("no", "bf16"), default=Recipe.precision)
    parser.add_argument("--batch-scale", type=int, default=Recipe.batch_scale, help="multiply all batches, for a GPU")
    arguments = vars(parser.parse_args())
    out, work = arguments.pop("out"), arguments.pop("work")
    try:
        size = make(out, Recipe(**arguments), work)
    except IGOError as error:
        raise SystemExit(f"error: {error}") from error
    print(f"{out}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
