"""A SegFormer that learns who wears what, from scratch and from a checkpoint."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor, SegformerConfig, SegformerForSemanticSegmentation

from igo.errors import CheckpointError
from igo.mini import parser as recipe
from igo.mini.pictures import balanced_figures
from igo.training import finetune
from igo.training.data.parses import IGNORED, ParseSet
from igo.training.loop.effort import Effort
from igo.training.loop.loop import LoopSettings, train
from igo.training.tasks.parser import ParserTask, dice_loss, export_parser, relabel
from igo.training.tasks.preprocessing import Preprocessing
from igo.wardrobe import PARSE

NAMES = ("rest", "left box", "right box")
SMALL = Preprocessing((64, 64))
TINY = {
    "depths": [1, 1, 1, 1],
    "hidden_sizes": [8, 8, 16, 16],
    "num_attention_heads": [1, 1, 2, 2],
    "mlp_ratios": [2, 2, 2, 2],
    "decoder_hidden_size": 16,
}


def tiny(names=NAMES):
    torch.manual_seed(0)
    table = dict(enumerate(names))
    config = SegformerConfig(id2label=table, label2id={name: value for value, name in table.items()}, **TINY)
    model = SegformerForSemanticSegmentation(config)
    recipe._begin(model)
    return model


def boxes(count, size=64):
    """A red box on the left, a blue one on the right, and a stripe that nobody knows."""
    rng = np.random.default_rng(count)
    pictures = np.full((count, size, size, 3), 90, np.uint8)
    labels = np.zeros((count, size, size), np.uint8)
    for row in range(count):
        for value, channel, left in ((1, 0, 0), (2, 2, size // 2)):
            x, y = left + int(rng.integers(2, size // 5)), int(rng.integers(2, size // 2))
            pictures[row, y : y + size // 3, x : x + size // 4] = 20
            pictures[row, y : y + size // 3, x : x + size // 4, channel] = 250
            labels[row, y : y + size // 3, x : x + size // 4] = value
    labels[:, :2] = IGNORED
    return ParseSet(torch.from_numpy(pictures), torch.from_numpy(labels), NAMES)


@pytest.fixture
def task():
    return ParserTask(tiny(), SMALL, [boxes(6), boxes(4, 32)], [boxes(2)], shares=[0.5, 0.5])


def test_batches_repeat_and_mirror_labels_with_pictures(task):
    def drawn(seed):
        return task.batch(16, torch.Generator().manual_seed(seed))

    first, again, other = drawn(1), drawn(1), drawn(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["pixels"], other["pixels"])
    assert first["pixels"].shape == (16, 3, 64, 64)
    assert first["labels"].shape == (16, 32, 32)
    assert set(first["labels"].unique().tolist()) == {-1, 0, 1, 2}
    plain = ParserTask(tiny(), SMALL, [boxes(6)], [boxes(2)], augment=False)
    batch = plain.batch(4, torch.Generator().manual_seed(3))
    for value, channel in ((1, 0), (2, 2)):
        shown = batch["pixels"][:, channel, ::2, ::2][batch["labels"] == value]
        assert shown.median() > 1.5, "a label lies elsewhere than what it names"


def test_a_mirrored_left_box_is_a_right_one(task):
    seen = {True: 0, False: 0}
    for seed in range(6):
        batch = task.batch(8, torch.Generator().manual_seed(seed))
        for labels, pixels in zip(batch["labels"], batch["pixels"], strict=True):
            inside = labels == 1
            if inside.sum() > 20:
                red = pixels[0, ::2, ::2][inside].median() > pixels[2, ::2, ::2][inside].median()
                seen[bool(red)] += 1
    assert seen[True]
    assert seen[False], "no mirrored picture has a left box"


def test_what_nobody_knows_is_not_learned_from(task):
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    labels = torch.zeros(1, 4, 4, dtype=torch.long)
    labels[:, :2] = -1
    dice_loss(logits, labels).backward()
    assert (logits.grad[:, :, :2] == 0).all()
    assert (logits.grad[:, :, 2:] != 0).any()
    batch = {"pixels": torch.zeros(1, 3, 64, 64), "labels": torch.full((1, 32, 32), -1)}
    task.module.train()
    assert torch.isfinite(task.module(**batch)["loss"])


def test_a_handful_of_boxes_is_learned(tmp_path):
    task = ParserTask(tiny(), SMALL, [boxes(8)], [boxes(2)], augment=False)
    settings = LoopSettings(steps=60, batch_size=4, learning_rate=6e-3, warmup=10, ema_decay=0.8)
    report = train(task, settings, tmp_path, quiet=True)
    assert report.measures["iou"] > 0.75
    assert {"iou rest", "iou left box", "iou right box"} <= set(report.measures)
    with Image.open(tmp_path / "samples" / "step-000060.png") as sheet:
        assert sheet.width > 64


def test_a_killed_run_goes_on_as_if_it_had_not_been(tmp_path):
    def run(folder, **stop):
        task = ParserTask(tiny(), SMALL, [boxes(6)], [boxes(2)])
        train(task, LoopSettings(steps=4, batch_size=2, warmup=1), tmp_path / folder, quiet=True, **stop)
        return task.model.state_dict()

    whole = run("whole")
    run("parts", halt_at=2)
    parts = run("parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_the_exported_folder_is_what_plain_transformers_load(task, tmp_path):
    task.model.config._name_or_path = "/home/me/start"
    task.model.decode_head.batch_norm.running_mean.fill_(0.5)
    size = export_parser(task.model, SMALL, tmp_path / "out", torch.float32)
    assert export_parser(task.model, SMALL, tmp_path / "half") < 0.6 * size
    assert "/home/me" not in (tmp_path / "out" / "config.json").read_text()
    model = SegformerForSemanticSegmentation.from_pretrained(tmp_path / "out").eval()
    assert SegformerForSemanticSegmentation.from_pretrained(tmp_path / "half").dtype == torch.float32
    assert model.config.id2label == dict(enumerate(NAMES))
    processor = AutoImageProcessor.from_pretrained(tmp_path / "out")
    assert Preprocessing.of(processor) == SMALL
    for one in (boxes(1), boxes(1, 32), boxes(1, 96)):
        inputs = processor(Image.fromarray(one.pictures[0].numpy()), return_tensors="pt")
        assert torch.allclose(inputs.pixel_values, SMALL.apply(one.pictures), atol=0.02)
        with torch.no_grad():
            theirs = processor.post_process_semantic_segmentation(model(**inputs), [tuple(one.labels.shape[1:])])[0]
            task.module.eval()
            ours = task._found(one.pictures[0])
        assert (theirs == ours).float().mean() > 0.99


def test_weights_that_overflow_are_refused_and_the_old_folder_stays(task, tmp_path):
    export_parser(task.model, SMALL, tmp_path / "out")
    with torch.no_grad():
        task.model.decode_head.classifier.bias[0] = 1e9
    with pytest.raises(CheckpointError, match=r"classifier\.bias' is not finite"):
        export_parser(task.model, SMALL, tmp_path / "out")
    SegformerForSemanticSegmentation.from_pretrained(tmp_path / "out")


def test_labels_of_the_same_name_keep_what_is_known_of_them():
    model = tiny()
    before = model.decode_head.classifier.weight.detach().clone()
    relabel(model, ("Right box", "sleeve", "rest", "hem"))
    after = model.decode_head.classifier.weight
    assert torch.equal(after[0], before[2])
    assert torch.equal(after[2], before[0])
    assert model.config.num_labels == 4
    assert model(pixel_values=torch.zeros(1, 3, 32, 32)).logits.shape[1] == 4
    assert model.config.label2id["hem"] == 3


def test_a_checkpoint_is_trained_on_with_other_labels(tmp_path):
    export_parser(tiny(), SMALL, tmp_path / "base")
    model, preprocessing = finetune.load_parser(str(tmp_path / "base"), ("rest", "left box", "collar"))
    assert preprocessing == SMALL
    one = ParseSet(boxes(4).pictures, boxes(4).labels, ("rest", "left box", "collar"))
    effort = Effort(steps=2, batch_size=2, quiet=True)
    finetune.train_parser(model, preprocessing, [one], [one], tmp_path / "out", tmp_path / "work", effort)
    trained = SegformerForSemanticSegmentation.from_pretrained(tmp_path / "out")
    assert trained.config.id2label[2] == "collar"


def test_what_is_no_parser_is_one_line(tmp_path):
    with pytest.raises(CheckpointError, match="the parser 'nowhere/at/all' can't be loaded: there is no such folder"):
        finetune.load_parser("nowhere/at/all", NAMES)
    export_parser(tiny(), SMALL, tmp_path / "base")
    path = tmp_path / "base" / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"size": {"shortest_edge": 64}}))
    with pytest.raises(CheckpointError, match="pictures of no fixed size") as caught:
        finetune.load_parser(str(tmp_path / "base"), NAMES)
    assert "\n" not in str(caught.value)


def test_the_recipe_draws_and_trains_what_transformers_load(tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "build_parser", lambda: tiny(PARSE))
    monkeypatch.setattr(recipe, "PREPROCESSING", SMALL)
    effort = Effort(steps=3, batch_size=2, quiet=True)
    options = {"pictures": 6, "held_out": 3, "workers": 1}
    report = recipe.train_parser(tmp_path / "work", tmp_path / "out", effort, **options)
    assert report.samples == 6
    again = recipe.train_parser(tmp_path / "work", tmp_path / "out", effort, **options)
    assert (again.step, again.samples, again.measures) == (report.step, 0, report.measures)
    trained = SegformerForSemanticSegmentation.from_pretrained(tmp_path / "out")
    assert list(trained.config.id2label.values()) == list(PARSE)


def test_garments_alone_are_labelled_by_their_kind():
    kinds = set()
    for figure in balanced_figures(14, 5):
        image, labels = recipe.alone(recipe.tailored(figure), 96, 128)
        assert image.shape == (128, 96, 3)
        found = set(np.unique(labels)) - {0}
        assert len(found) == 1, "one garment, one label"
        kinds |= {PARSE[value] for value in found}
        assert image[labels > 0].mean() != image[labels == 0].mean()
    assert kinds >= {"top", "dress", "pants"}


def test_the_real_shape_is_as_small_as_promised():
    assert 1.0e6 < sum(p.numel() for p in recipe.build_parser().parameters()) < 1.2e6
