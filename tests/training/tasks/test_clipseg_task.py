"""Text masks: phrases and labels of the drawn world, and the task that learns them."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPSegConfig, CLIPSegForImageSegmentation, CLIPSegProcessor

from igo import wardrobe
from igo.errors import CheckpointError, SettingsError
from igo.mini import clipseg
from igo.mini.drawings import draw_once
from igo.mini.phrases import GROUPS, LEGS, answer, phrases, things
from igo.mini.pictures import balanced_figures
from igo.training.data.masks import MaskSet, phrase_tokens
from igo.training.loop.effort import Effort
from igo.training.loop.loop import LoopSettings, train
from igo.training.tasks.clipseg import ClipsegTask, export_clipseg
from igo.training.tasks.preprocessing import Preprocessing
from igo.wardrobe import Part

SMALL = Preprocessing((64, 64))
CLOTHED = {"gender": "woman", "top": "shirt", "top_color": "red", "top_pattern": "plain", "hat": "none", "bag": "none"}


def tiny(tokenizer):
    """Patches of 16 at 64 pixels, some ten thousand parameters."""
    torch.manual_seed(0)
    part = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    model = CLIPSegForImageSegmentation(
        CLIPSegConfig(
            text_config=part | text,
            vision_config=part | {"image_size": 64, "patch_size": 16},
            projection_dim=32,
            reduce_dim=64,
            extract_layers=[0, 1],
            decoder_num_attention_heads=2,
            decoder_intermediate_size=64,
            use_complex_transposed_convolution=True,
        )
    )
    clipseg._calm(model.decoder)
    return model


@pytest.fixture(scope="module")
def bars(tokenizer):
    """Pictures whose left half is red or blue: "red" and "blue" name it or nothing, "black" names the rest."""
    pictures = torch.zeros(4, 64, 64, 3, dtype=torch.uint8)
    pictures[0::2, :, :32, 0] = pictures[1::2, :, :32, 2] = 255
    labels = torch.zeros(4, 64, 64, dtype=torch.uint8)
    labels[:, :, :32] = 1
    members = torch.tensor([[2, 0, 1], [0, 2, 1]] * 2, dtype=torch.int16)
    return MaskSet(
        pictures,
        labels,
        torch.tensor([1, 2]),
        torch.arange(3).expand(4, -1),
        members,
        torch.ones(4, 3),
        phrase_tokens(tokenizer, [["red"], ["blue"], ["coat"]]),
        torch.tensor([0, 0, 1]),
        ("side", "rest"),
    )


@pytest.fixture
def task(tokenizer, bars):
    return ClipsegTask(tiny(tokenizer), SMALL, bars, bars, phrases=3, augment=False)


def named(figure, text):
    phrase = next(phrase for phrase in phrases() if phrase.text == text)
    return answer(phrase, things(figure))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("shirt", {Part.TOP}),
        ("red shirt", {Part.TOP}),
        ("blue shirt", set()),
        ("striped shirt", set()),
        ("hoodie", set()),
        ("jeans", {Part.BOTTOM}),
        ("pants", {Part.BOTTOM}),
        ("black pants", {Part.BOTTOM}),
        ("green jeans", set()),
        ("trousers", None),
        ("skirt", set()),
        ("clothes", {Part.TOP, Part.BOTTOM}),
        ("red clothes", {Part.TOP}),
        ("hat", set()),
        ("bag", set()),
        ("dog", set()),
        ("bare legs", set()),
        ("legs", None),
        ("face", {Part.FACE}),
        ("background", {Part.BACKGROUND}),
        ("man", set()),
    ],
)
def test_phrases_name_what_people_would_say(text, parts):
    figure = wardrobe.sample(3, bottom="jeans", bottom_color="black", **CLOTHED)
    assert named(figure, text) == (None if parts is None else sum(1 << part for part in parts))


def test_inner_clothes_and_near_colours_are_left_out():
    jacket = wardrobe.sample(3, bottom="jeans", bottom_color="navy", **{**CLOTHED, "top": "jacket"})
    assert named(jacket, "top") == 1 << Part.TOP | 1 << Part.INNER
    assert named(jacket, "t-shirt") is None
    assert named(jacket, "blue jeans") is None
    assert named(jacket, "hoodie") == 0


def test_phrases_are_many_distinct_and_grouped():
    every = phrases()
    assert len({phrase.text for phrase in every}) == len(every) > 400
    assert {phrase.group for phrase in every} == set(GROUPS)


def test_asked_phrases_are_balanced_and_never_doubtful():
    every, figures = phrases(), balanced_figures(14, seed=2)
    members, weights = clipseg.ask(figures, every)
    assert torch.allclose(weights.sum(1), torch.ones(14), atol=1e-4)
    assert torch.allclose((weights * (members == 0)).sum(1), torch.full((14,), clipseg.ABSENT_SHARE), atol=1e-4)
    for row, figure in enumerate(figures):
        doubtful = [answer(phrase, things(figure)) is None for phrase in every]
        assert weights[row][doubtful].sum() == 0


def test_masks_of_drawings_are_their_labels(tmp_path):
    tokenizer = clipseg.build_clipseg_tokenizer()
    figures = [wardrobe.sample(5, bottom="shorts", **CLOTHED), wardrobe.sample(6, bottom="jeans", **CLOTHED)]
    masks = clipseg.drawn_masks(tmp_path, figures, tokenizer)
    column = [phrase.text for phrase in phrases()].index("bare legs")
    legs = masks.masks(masks.labels, masks.members[:, [column]])[:, 0]
    assert not legs[1].any()
    labels = torch.from_numpy(wardrobe.draw(figures[0]).labels)
    assert legs[0].sum() > 200
    assert not legs[0, :100].any()
    assert (labels[legs[0]] == Part.SKIN).all()
    assert int(masks.labels.max()) == LEGS
    assert masks.tokens.shape[:2] == (len(phrases()), 6)


def test_drawings_are_drawn_once(tmp_path):
    figures = balanced_figures(2, seed=0)
    pictures, labels = draw_once(tmp_path, figures, (64, 96))
    written = (tmp_path / "labels.npy").stat().st_mtime_ns
    draw_once(tmp_path, figures, (64, 96))
    assert (tmp_path / "labels.npy").stat().st_mtime_ns == written
    assert np.array_equal(pictures[1].numpy(), wardrobe.draw(figures[1], 64, 96).image)
    assert np.array_equal(labels[1].numpy(), wardrobe.draw(figures[1], 64, 96).labels)
    assert draw_once(tmp_path, figures, (32, 48))[0].shape == (2, 48, 32, 3)


def test_batches_show_pictures_and_masks_in_one_place(task):
    task.augment = True
    batch = task.batch(16, torch.Generator().manual_seed(0))
    again = task.batch(16, torch.Generator().manual_seed(0))
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    assert batch["pixels"].shape == (16, 3, 64, 64)
    assert batch["masks"].shape == (16, 3, 64, 64)
    colour = batch["pixels"][:, [0, 2]].amax(1)
    side = batch["masks"].any(1) & ~batch["masks"].all(1)
    for row in range(16):
        tokens = batch["tokens"][row]
        for column in range(3):
            mask = batch["masks"][row, column]
            if mask.any() and not mask.all() and not torch.equal(tokens[column], task.masks.tokens[2, 0].long()):
                assert colour[row][mask].mean() > colour[row][~mask].mean() + 1
    assert side.any()


def test_a_handful_of_masks_is_learned(task, tmp_path):
    settings = LoopSettings(steps=100, batch_size=4, learning_rate=3e-3, warmup=20, ema_decay=0.8, weight_decay=0)
    report = train(task, settings, tmp_path, quiet=True)
    assert report.measures["iou"] > 0.9
    assert report.measures["absent"] == 1
    assert {"iou side", "iou rest"} <= set(report.measures)
    assert (tmp_path / "samples" / "step-000100.png").exists()


def test_the_decoder_can_learn_alone(tokenizer, bars, tmp_path):
    task = ClipsegTask(tiny(tokenizer), SMALL, bars, bars, decoder_only=True)
    before = task.model.clip.vision_model.embeddings.patch_embedding.weight.clone()
    start = task.model.decoder.film_add.weight.clone()
    train(task, LoopSettings(steps=2, batch_size=2), tmp_path, quiet=True)
    assert torch.equal(before, task.model.clip.vision_model.embeddings.patch_embedding.weight)
    assert not torch.equal(start, task.model.decoder.film_add.weight)


def test_sides_that_patches_do_not_fill_are_refused(tokenizer, bars):
    with pytest.raises(SettingsError, match="patches of 16"):
        ClipsegTask(tiny(tokenizer), Preprocessing((36, 36)), bars, bars)


def test_masks_are_those_of_plain_transformers_from_the_exported_folder(task, tokenizer, tmp_path):
    task.model.config._name_or_path = "/home/me/start"
    size = export_clipseg(task.model, tokenizer, SMALL, tmp_path / "out", torch.float32)
    assert "/home/me" not in (tmp_path / "out" / "config.json").read_text(), "a path of the machine"
    half = export_clipseg(task.model, tokenizer, SMALL, tmp_path / "half")
    assert half < 0.6 * size
    model = CLIPSegForImageSegmentation.from_pretrained(tmp_path / "out").eval()
    processor = CLIPSegProcessor.from_pretrained(tmp_path / "out")
    assert CLIPSegForImageSegmentation.from_pretrained(tmp_path / "half").dtype == torch.float32
    assert Preprocessing.of(processor.image_processor) == SMALL
    picture = Image.fromarray(task.masks.pictures[0].numpy())
    texts = ["red", "a red coat"]
    inputs = processor(text=texts, images=[picture] * 2, padding=True, return_tensors="pt")
    task.module.eval()
    with torch.no_grad():
        theirs = model(**inputs).logits
        pixels = SMALL.apply(task.masks.pictures[:1])
        ours = task.module.logits(pixels, phrase_tokens(tokenizer, [texts])[0][None].long())[0]
    assert torch.allclose(inputs.pixel_values[:1], pixels, atol=1e-5)
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_weights_that_overflow_are_refused_and_the_old_folder_stays(task, tokenizer, tmp_path):
    export_clipseg(task.model, tokenizer, SMALL, tmp_path / "out")
    with torch.no_grad():
        task.model.decoder.film_mul.bias[0] = 1e9
    with pytest.raises(CheckpointError, match=r"film_mul.bias' is not finite"):
        export_clipseg(task.model, tokenizer, SMALL, tmp_path / "out")
    CLIPSegForImageSegmentation.from_pretrained(tmp_path / "out")


def test_training_writes_a_folder_that_transformers_load(tmp_path, monkeypatch):
    monkeypatch.setattr(clipseg, "build_clipseg", tiny)
    monkeypatch.setattr(clipseg, "PREPROCESSING", SMALL)
    effort = Effort(steps=2, batch_size=4, quiet=True)
    options = {"pictures": 9, "held_out": 2, "workers": 1}
    report = clipseg.train_clipseg(tmp_path / "work", tmp_path / "out", effort, **options)
    assert report.samples == 8
    again = clipseg.train_clipseg(tmp_path / "work", tmp_path / "out", effort, **options)
    assert (again.step, again.samples, again.measures) == (report.step, 0, report.measures)
    CLIPSegProcessor.from_pretrained(tmp_path / "out")


def test_phrases_stay_apart_while_masks_are_still_bad(tokenizer, bars, tmp_path):
    """At the full rate the text encoder says the same of all phrases before any mask is good."""
    task = ClipsegTask(tiny(tokenizer), SMALL, bars, bars)
    rates = {group["rate"]: len(group["params"]) for group in task.parameter_groups()}
    assert set(rates) == {1.0, 0.1, 0.2}
    assert sum(rates.values()) == sum(p.requires_grad for p in task.module.parameters())


def test_the_real_shape_is_as_small_as_promised():
    model = clipseg.build_clipseg(clipseg.build_clipseg_tokenizer())
    assert 1.2e6 < sum(p.numel() for p in model.parameters()) < 1.3e6


def test_all_masks_begin_faint(task):
    batch = task.batch(4, torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert (task.module.logits(batch["pixels"], batch["tokens"]) + 2).abs().max() < 1
