"""mini/clipseg: a small CLIPSeg that finds the parts of drawn figures by phrases."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from transformers import CLIPSegConfig, CLIPSegForImageSegmentation, CLIPTokenizer

from igo.embedded import NATIVE_SIZE
from igo.mini.architecture import MAX_TOKENS
from igo.mini.drawings import draw_once
from igo.mini.parts import PartsTask
from igo.mini.phrases import GROUPS, LEGS, WORDINGS, Phrase, answer, phrases, things
from igo.mini.pictures import balanced_figures
from igo.mini.tokenizer import build_tokenizer
from igo.training import finetune
from igo.training.data.masks import MaskSet, phrase_tokens
from igo.training.loop.effort import Effort, digest
from igo.training.loop.loop import TrainingReport
from igo.training.tasks.preprocessing import Preprocessing
from igo.wardrobe import Figure, Part, vocabulary

PREPROCESSING = Preprocessing((384, 384))
"""Twice the native height; the native width of 128 is stretched to it, which small parts gain by. Nothing more is seen
at that size, but patches of 16 are what CLIPSeg's finer upsampling takes."""

ABSENT_SHARE = 0.4
_SHARES = {"top": 3.0, "bottom": 3.0, "shoes": 4.0, "hat": 2.0, "bag": 6.0, "hair": 4.0, "background": 1.0}
FIRST = 0.5
LOWEST_ARM = 0.54
"""No arm reaches further down, as a share of the picture's height: skin below it is legs."""


def build_clipseg_tokenizer() -> CLIPTokenizer:
    """A tokenizer with one token for each word of every phrase and of the drawn world's captions."""
    wordings = [wording.format(phrase.text) for phrase in phrases() for wording in WORDINGS]
    return build_tokenizer([*vocabulary(), *wordings])


def build_clipseg(tokenizer: CLIPTokenizer) -> CLIPSegForImageSegmentation:
    """1.3 M parameters, random weights: patches of 16 at 384 pixels, so 24×24 tokens.

    The decoder is as wide as the encoder and one layer deep: three layers of half the width find things as well but
    outline them by patches. It ends in the finer upsampling of ``CIDAS/clipseg-rd64-refined``
    (``use_complex_transposed_convolution``), which sees the patches around and writes pixels in two steps; a single one
    has to write all pixels of a patch from one vector, in which the text must choose a part for every thing that may
    be there.
    """
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": MAX_TOKENS,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "image_size": PREPROCESSING.size[0],
        "patch_size": 16,
    }
    model = CLIPSegForImageSegmentation(
        CLIPSegConfig(
            text_config=text,
            vision_config=vision,
            projection_dim=64,
            reduce_dim=128,
            extract_layers=[2],
            decoder_num_attention_heads=4,
            decoder_intermediate_size=256,
            use_complex_transposed_convolution=True,
        )
    )
    _calm(model.decoder)
    return model


def _calm(decoder: Any) -> None:
    """Give the decoder a start to learn from: transformers draws its weights from a normal distribution of deviation 1,
    which makes first masks of extreme noise. Here features are passed on as they are, layers begin by adding nothing to
    them, and all masks begin faint."""
    with torch.no_grad():
        for linear in (decoder.film_mul, decoder.film_add):
            linear.weight.normal_(0, linear.in_features**-0.5)
        decoder.film_mul.bias.fill_(1)
        for reduce, layer in zip(decoder.reduces, decoder.layers, strict=True):
            torch.nn.init.eye_(reduce.weight)
            for last in (layer.self_attn.out_proj, layer.mlp.fc2):
                last.weight.zero_()
                last.bias.zero_()
        around, _, between, _, pixels = decoder.transposed_convolution
        for convolution in (around, between, pixels):
            convolution.reset_parameters()
        torch.nn.init.dirac_(around.weight)
        pixels.bias.fill_(-2)


def with_legs(labels: np.ndarray) -> np.ndarray:
    """Labels (H×W uint8, values of ``Part``) in which bare legs are ``LEGS`` instead of skin."""
    count, patches, _, centres = cv2.connectedComponentsWithStats((labels == Part.SKIN).astype(np.uint8))
    low = [patch for patch in range(1, count) if centres[patch][1] > LOWEST_ARM * len(labels)]
    return np.where(np.isin(patches, low), np.uint8(LEGS), labels)


def drawn_masks(folder: Path, figures: Sequence[Figure], tokenizer: CLIPTokenizer, workers: int = 1) -> MaskSet:
    """``figures`` as drawn at `mini`'s size, with all phrases. Two in five that are asked name something absent."""
    pictures, labels = draw_once(folder, figures, NATIVE_SIZE, workers)
    every = phrases()
    members, weights = ask(figures, every)
    return MaskSet(
        pictures=pictures,
        labels=torch.from_numpy(np.stack([with_legs(one) for one in labels.numpy()])),
        codes=1 << torch.arange(LEGS + 1),
        asks=torch.arange(len(every)).expand(len(figures), -1),
        members=members,
        weights=weights,
        tokens=phrase_tokens(tokenizer, [[wording.format(phrase.text) for wording in WORDINGS] for phrase in every]),
        groups=torch.tensor([GROUPS.index(phrase.group) for phrase in every]),
        names=GROUPS,
    )


def ask(figures: Sequence[Figure], every: Sequence[Phrase]) -> tuple[Tensor, Tensor]:
    """What each phrase names on each figure (N×P bits), and how often it is asked (N×P, each row sums to 1).

    Groups are asked in fixed shares, phrases without colour more often than those with one. Of what is absent, the
    near misses come first: the right garment in a wrong colour, and any other garment by its bare name.
    """
    groups = np.array([GROUPS.index(phrase.group) for phrase in every])
    shares = np.array([_SHARES.get(group, 1.0) for group in GROUPS])
    bare = np.array([phrase.color is None and phrase.pattern is None for phrase in every])
    members = np.zeros((len(figures), len(every)), np.int16)
    weights = np.zeros((len(figures), len(every)), np.float32)
    for row, figure in enumerate(figures):
        found = things(figure)
        answers = [answer(phrase, found) for phrase in every]
        members[row] = [bits or 0 for bits in answers]
        worn = np.array([phrase.noun in found for phrase in every])
        wanted = np.where(bare, 6.0, np.where(worn, 3.0, 1.0))
        asked = np.array([bits is not None for bits in answers])
        for there, total in ((members[row] != 0, 1 - ABSENT_SHARE), (members[row] == 0, ABSENT_SHARE)):
            own = wanted * (asked & there)
            own *= shares[groups] / np.maximum(np.bincount(groups, own, len(GROUPS))[groups], 1e-9)
            weights[row] += (total * own / own.sum()).astype(np.float32)
    return torch.from_numpy(members), torch.from_numpy(weights)


def train_clipseg(
    work: Path, out: Path, effort: Effort, *, pictures: int, held_out: int = 48, workers: int | None = None
) -> TrainingReport:
    """Draw ``pictures``, train on all but ``held_out`` of them and write a transformers folder to ``out``.

    ``FIRST`` of the effort goes to parts and phrases for themselves (``igo.mini.parts``), the rest to masks.
    ``work`` keeps drawings and checkpoints; a run that was killed goes on from there. ``workers`` is how many processes
    draw (default: one a core).
    """
    torch.manual_seed(effort.seed)
    tokenizer = build_clipseg_tokenizer()
    model = build_clipseg(tokenizer)
    figures = balanced_figures(pictures, effort.seed)
    masks = drawn_masks(work / "drawings", figures, tokenizer, workers or os.cpu_count() or 1)
    learned, measured = masks.hold_out(held_out)
    first = replace(
        effort,
        minutes=FIRST * effort.minutes,
        steps=effort.steps and max(1, int(FIRST * effort.steps)),
        batch_size=2 * effort.batch_size,
    )
    parts = PartsTask(model, PREPROCESSING, learned, phrases())
    first.train(parts, work / "clipseg-parts", digest(learned))
    effort = replace(effort, minutes=(1 - FIRST) * effort.minutes)
    return finetune.train_clipseg(
        model, tokenizer, PREPROCESSING, learned, measured, out, work / "clipseg", effort, decoder_only=False
    )
