"""The first training of mini/clipseg: every patch against every phrase."""

import json

import pytest
import torch

from igo.mini import clipseg
from igo.mini.parts import PartsTask, _words
from igo.mini.phrases import GROUPS, phrases
from igo.mini.pictures import balanced_figures
from igo.training.loop.loop import LoopSettings, train
from igo.training.tasks.preprocessing import Preprocessing
from tests.training.tasks.test_clipseg_task import tiny


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    tokenizer = clipseg.build_clipseg_tokenizer()
    figures = balanced_figures(6, seed=3)
    masks = clipseg.drawn_masks(tmp_path_factory.mktemp("drawn"), figures, tokenizer)
    return PartsTask(tiny(tokenizer), Preprocessing((64, 64)), masks, phrases())


def test_phrases_become_class_numbers():
    every = phrases()
    words, sizes = _words(every)
    assert words.shape == (len(every), 4)
    assert sizes[0] == len(GROUPS)
    assert (words.amax(0) < torch.tensor(sizes)).all()
    number = next(index for index, phrase in enumerate(every) if phrase.text == "red hoodie")
    same = [every[index] for index in (words[:, 2] == words[number, 2]).nonzero().flatten().tolist()]
    assert {phrase.color for phrase in same} == {"red"}


def test_batches_repeat_and_labels_stay_with_their_pixels(task):
    one, other = (task.batch(4, torch.Generator().manual_seed(2)) for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert one["pixels"].shape == (4, 3, 64, 64)
    assert one["labels"].shape == (4, 64, 64)
    assert one["tokens"].shape[0] == one["words"].shape[0] == len(phrases())
    assert one["asked"].sum(1).tolist() == pytest.approx([1] * 4)
    person = next(index for index, phrase in enumerate(phrases()) if phrase.text == "person")
    assert one["named"][:, person].tolist() == [[0.0] + [1.0] * (len(task.masks.codes) - 1)] * 4


def test_the_truth_of_a_patch_is_the_share_that_is_named(task):
    labels = torch.zeros(1, 64, 64, dtype=torch.long)
    labels[0, :16, :8] = 4
    shares = task.module._shares(labels)
    assert shares[0, 4, 0].item() == 0.5
    assert shares[0, 0].sum().item() == shares.shape[-1] - 0.5
    assert shares.sum().item() == shares.shape[-1]


@pytest.mark.slow
def test_parts_and_phrases_are_learned(task, tmp_path):
    train(task, LoopSettings(steps=60, batch_size=6, learning_rate=3e-3, warmup=5, ema_decay=0.8), tmp_path, quiet=True)
    rows = [json.loads(line) for line in (tmp_path / "losses.jsonl").read_text().splitlines()]
    first, last = ({name: sum(row[name] for row in part) for name in part[0]} for part in (rows[:8], rows[-8:]))
    assert last["parts"] < 0.7 * first["parts"]
    assert last["phrase"] < 0.9 * first["phrase"]
    assert last["match"] < 0.85 * first["match"]
