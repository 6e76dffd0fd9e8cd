"""DreamBooth of several subjects: what a subjects file says, and what is trained on."""

import json

import pytest
import torch
from PIL import Image
from safetensors import safe_open

from igo.errors import SettingsError
from igo.training.adapters import adapt, dreambooth
from igo.training.adapters.adapt import Adaptation
from igo.training.adapters.dreambooth import (
    Prior,
    Subject,
    prior_pictures,
    subject_pictures,
    subject_zones,
    train_dreambooth,
)
from igo.training.adapters.lora import LoraSettings
from igo.training.adapters.subjects import read_subjects
from igo.training.loop.effort import Effort

SIZE = (32, 48)
FILE = """
[[subject]]
token = "zwx"
class = "coat"
folder = "coat"

[[subject]]
token = "qvk"
class = "dress"
folder = "dresses"
repeats = 3
caption = "photo of a {}"
prior = ["a {}", "a red {}"]
"""


@pytest.fixture
def subjects(tmp_path):
    """A file of two subjects: one with captions, one with pictures alone."""
    for name, colour in (("coat", "red"), ("dresses", "blue")):
        (tmp_path / name).mkdir()
        for index in range(3):
            Image.new("RGB", (64, 64), colour).save(tmp_path / name / f"{index}.png")
    texts = ("a woman in a coat", "a zwx coat", "street style")
    lines = [json.dumps({"file_name": f"{index}.png", "text": text}) for index, text in enumerate(texts)]
    (tmp_path / "coat" / "metadata.jsonl").write_text("\n".join(lines))
    (tmp_path / "subjects.toml").write_text(FILE)
    return tmp_path / "subjects.toml"


@pytest.fixture
def base(tiny_checkpoint):
    loaded = adapt.load_adaptable(str(tiny_checkpoint))
    loaded.pipeline.safety_checker = None
    return type(loaded)(loaded.pipeline, loaded.identity, type(loaded.defaults)(*SIZE, 2, 2.0))


def test_captions_name_the_subject(subjects):
    coat, dress = read_subjects(subjects)
    found = subject_pictures(coat, SIZE)
    assert found.captions == [["a woman in a zwx coat"], ["a zwx coat"], ["zwx coat, street style"]]
    assert found.pictures.shape == (3, 48, 32, 3)
    assert subject_pictures(dress, SIZE).captions == [["photo of a qvk dress"]] * 3
    for index, text in enumerate(("a blue dress", "street", "a qvk dress, park")):
        (dress.folder / f"{index}.txt").write_text(text)
    beside = [["a blue qvk dress"], ["qvk dress, street"], ["a qvk dress, park"]]
    assert subject_pictures(dress, SIZE).captions == beside
    assert coat.captioned("a raincoat") == "zwx coat, a raincoat", "another word that ends like the class"


def test_masks_say_where_the_subject_is(subjects, tmp_path):
    """Those of its class alone; a picture without one counts as a whole."""
    coat, dress = read_subjects(subjects)
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 64, 32))
    mask.save(tmp_path / "coat" / "mask.png")
    with (tmp_path / "coat" / "metadata.jsonl").open("a") as file:
        file.write('\n{"file_name": "1.png", "text": "the coat", "mask": "mask.png"}')
        file.write('\n{"file_name": "2.png", "text": "a hat", "mask": "mask.png"}')
    zones = subject_zones(coat, SIZE, 3)
    assert zones.shape == (3, 48, 32)
    assert zones.float().mean((1, 2)).tolist() == [1, 0.5, 1]
    assert zones[1, :24].all()
    assert subject_zones(dress, SIZE, 3).all()
    assert subject_pictures(coat, SIZE).pictures.shape[0] == 3


def test_masks_stay_with_their_pictures_whatever_the_order_of_lines(subjects, tmp_path):
    coat, _ = read_subjects(subjects)
    Image.new("L", (64, 64)).save(tmp_path / "coat" / "empty.png")
    metadata = tmp_path / "coat" / "metadata.jsonl"
    first = '{"file_name": "2.png", "text": "the coat", "mask": "empty.png"}\n'
    metadata.write_text(first + metadata.read_text())
    assert subject_zones(coat, SIZE, 3).any(-1).any(-1).tolist() == [True, True, False]


def test_prior_pictures_are_painted_once(subjects, base, tmp_path, monkeypatch):
    _, dress = read_subjects(subjects)
    first = prior_pictures(base, dress, SIZE, 3, tmp_path / "prior", seed=5)
    assert [texts[0] for texts in first.captions] == ["a dress", "a red dress", "a dress"]
    assert len({picture.numpy().tobytes() for picture in first.pictures}) == 3
    monkeypatch.setattr(dreambooth, "generate", lambda *_: pytest.fail("they are kept"))
    again = prior_pictures(base, dress, SIZE, 3, tmp_path / "prior", seed=5)
    assert torch.equal(first.pictures, again.pictures)


def test_subjects_are_drawn_alike_and_their_repeats_count(subjects, base, tmp_path, monkeypatch):
    seen = {}

    def train_lora(base, data, *_, weights, metadata, **__):
        seen.update(data=data, weights=weights, metadata=metadata)

    monkeypatch.setattr(dreambooth, "train_lora", train_lora)
    effort = Effort(steps=1, quiet=True)
    found = read_subjects(subjects)
    train_dreambooth(base, found, SIZE, tmp_path / "a.safetensors", tmp_path / "w", effort, Adaptation(), Prior(2, 0.5))
    captions, weights = [texts[0] for texts in seen["data"][0].captions], seen["weights"][0]
    shares = {}
    for text, weight in zip(captions, weights.tolist(), strict=True):
        kind = ("prior " if "zwx" not in text and "qvk" not in text else "") + ("coat" if "coat" in text else "dress")
        shares[kind] = shares.get(kind, 0) + weight
    assert shares == pytest.approx({"coat": 1, "prior coat": 0.5, "dress": 3, "prior dress": 1.5})
    assert seen["metadata"] == {"subjects": "zwx coat, qvk dress"}


def test_pictures_of_both_are_drawn_where_masks_cut_them_out(subjects, base, tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(dreambooth, "train_lora", lambda base, data, *_, **given: seen.update(data=data[0], **given))
    coat, dress = read_subjects(subjects)
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 64, 16))
    mask.save(coat.folder / "mask.png")
    with (coat.folder / "metadata.jsonl").open("a") as file:
        file.writelines(
            f'\n{{"file_name": "{index}.png", "text": "the coat", "mask": "mask.png"}}' for index in range(3)
        )
    effort, out = Effort(steps=1, quiet=True), tmp_path / "a.safetensors"
    arguments = [coat, dress], SIZE, out, tmp_path / "w", effort, Adaptation(), Prior(0)
    train_dreambooth(base, *arguments, together=0.5)
    both = [
        index for index, texts in enumerate(seen["data"].captions) if texts == ["photo of a qvk dress, with a zwx coat"]
    ]
    assert len(both) == 9
    assert float(seen["weights"][0][both].sum()) == pytest.approx(0.5)
    assert seen["data"].pictures[both[0]][:12].float().mean((0, 1)).tolist() == [255, 0, 0]
    assert seen["data"].pictures[both[0]][13:].float().mean((0, 1)).tolist() == [0, 0, 255]
    train_dreambooth(base, *arguments[:-1], Prior(2), together=0.5)
    alone = [
        index for index, texts in enumerate(seen["data"].captions) if texts[0].endswith("a red dress, with a zwx coat")
    ]
    assert len(alone) == 3, "on each other dress that is red"
    assert float(seen["weights"][0][alone].sum()) == pytest.approx(0.25)
    train_dreambooth(base, *arguments, together=0)
    assert len(seen["data"]) == 6
    with pytest.raises(SettingsError, match="together is -1; it must be at least 0"):
        train_dreambooth(base, *arguments, together=-1)


def test_two_subjects_are_trained_into_one_file(subjects, base, tmp_path):
    effort = Effort(steps=2, batch_size=2, learning_rate=1e-3, quiet=True)
    adaptation = Adaptation(LoraSettings(rank=2), text_rate=0.5)
    out = tmp_path / "both.safetensors"
    train_dreambooth(base, read_subjects(subjects), SIZE, out, tmp_path / "work", effort, adaptation, Prior(1))
    with safe_open(out, "pt") as file:
        assert file.metadata()["igo_subjects"] == "zwx coat, qvk dress"
    assert len(list((tmp_path / "work" / "prior").glob("*.png"))) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("subject = 3", "each [[subject]] needs token, class and folder"),
        ('[[subject]]\ntoken = "zwx"\nfolder = "coat"', "subject.0.class: Field required"),
        ('[[subject]]\ntoken = " "\nclass = "coat"\nfolder = "coat"', "subject.0.token"),
        (FILE.replace("qvk", "zwx"), "two subjects have the token 'zwx'"),
        (FILE.replace("repeats = 3", "repeats = 0"), "subject.1.repeats"),
        (FILE.replace("repeats", "repeat"), "subject.1.repeat: Extra inputs"),
        ("[[subject", "is not TOML"),
    ],
)
def test_a_file_that_can_not_be_understood_is_one_line(text, message, tmp_path):
    path = tmp_path / "subjects.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_subjects(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(SettingsError, match="can't be read"):
        read_subjects(tmp_path / "none.toml")
    subject = Subject.model_validate({"token": "zwx", "class": "coat", "folder": tmp_path / "none"})
    with pytest.raises(SettingsError, match="is not a folder; expected pictures of the zwx coat"):
        subject_pictures(subject, SIZE)
    with pytest.raises(SettingsError, match="holds no pictures"):
        subject_pictures(subject.model_copy(update={"folder": tmp_path}), SIZE)
    with pytest.raises(SettingsError, match="must be at least 0"):
        Prior(-1)
