"""The training of the whole family."""

import hashlib
from dataclasses import replace

import pytest
import torch
from diffusers import StableDiffusionPipeline

from igo import cli, embedded
from igo.errors import SettingsError
from igo.mini import family, recipe
from igo.mini.recipe import BaseTraining, Recipe, Stage
from igo.painting.checkpoints import checkpoint


@pytest.fixture
def short(monkeypatch):
    """Stages of a few tiny batches."""
    stages = {name: Stage(stage.share, 2, stage.learning_rate) for name, stage in recipe.STAGES.items()}
    monkeypatch.setattr(recipe, "STAGES", stages)
    monkeypatch.setattr(recipe, "PROMPTS", recipe.PROMPTS[:1])
    monkeypatch.setattr(recipe, "HELD_OUT", 2)
    monkeypatch.setattr(recipe, "VOCABULARY_FIGURES", 20)
    monkeypatch.setattr(recipe, "planned", lambda folder, minutes, task, settings: replace(settings, steps=1))
    return Recipe(pictures=5, full_pictures=4)


@pytest.mark.slow
def test_a_base_is_made_from_nothing_and_another_of_it(short, tmp_path):
    size = BaseTraining(tmp_path / "work", short).run(tmp_path / "out")
    assert 14e6 < size < 16e6
    loaded = checkpoint.load(str(tmp_path / "out"), dtype=torch.float32)
    assert (loaded.defaults.width, loaded.defaults.height) == embedded.NATIVE_SIZE
    assert {path.name for path in (tmp_path / "work").iterdir()} > {"drawings", *recipe.STAGES}
    more = BaseTraining(tmp_path / "more", short, start=tmp_path / "out")
    more.run(tmp_path / "again")
    assert not (tmp_path / "more" / "vae").exists()
    one, other = (StableDiffusionPipeline.from_pretrained(tmp_path / name) for name in ("out", "again"))
    assert torch.equal(one.vae.decoder.conv_in.weight, other.vae.decoder.conv_in.weight)
    assert not torch.equal(one.unet.conv_out.weight, other.unet.conv_out.weight)


@pytest.fixture
def made(monkeypatch):
    """What is asked of each part's training, which writes one small file in its place."""
    asked = []

    def write(out, name, minutes):
        asked.append((name, round(minutes, 3)))
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.safetensors").write_bytes(name.encode())

    class Base:
        def __init__(self, work, recipe, start):
            self.minutes = recipe.minutes

        def run(self, out):
            write(out, "base", self.minutes)

    monkeypatch.setattr(family, "BaseTraining", Base)
    monkeypatch.setattr(
        family, "_inpaint", lambda out, work, recipe, effort: write(out / "inpaint", "inpaint", effort.minutes)
    )
    monkeypatch.setattr(family, "train_clipseg", lambda work, out, effort, **_: write(out, "clipseg", effort.minutes))
    monkeypatch.setattr(family, "train_parser", lambda work, out, effort, **_: write(out, "parser", effort.minutes))
    monkeypatch.setattr(
        family, "train_tryon", lambda inpaint, work, out, effort, **_: write(out, "tryon", effort.minutes)
    )
    monkeypatch.setattr(
        family, "train_upscaler", lambda scale, work, out, effort, **_: write(out, f"x{scale}", effort.minutes)
    )
    return asked


def test_all_parts_share_the_time_and_are_on_record(made, tmp_path):
    size = family.make(tmp_path / "out", Recipe(minutes=100))
    shared = {"base": 36, "inpaint": 12, "clipseg": 12, "parser": 12, "tryon": 20, "x4": 6, "x2": 2}
    assert dict(made) == shared
    assert size == sum(len(name) for name, _ in made)
    lines = (tmp_path / "out" / "SHA256SUMS").read_text().splitlines()
    assert f"{hashlib.sha256(b'x2').hexdigest()}  upscaler/x2.safetensors" in lines
    assert len([line for line in lines if line.endswith("/README.md")]) == 6
    assert len(lines) == 13


def test_one_part_gets_all_of_the_time(made, tmp_path):
    family.make(tmp_path / "out", Recipe(minutes=8), parts=["upscaler"])
    assert made == [("x4", 6), ("x2", 2)]
    family.make(tmp_path / "out", Recipe(minutes=8), parts=["upscaler"])  # a killed run goes on beside what is there
    assert made == [("x4", 6), ("x2", 2)] * 2


def test_parts_that_cannot_be_made_are_refused(made, tmp_path):
    with pytest.raises(
        SettingsError, match="no part 'vae'; choose from base, inpaint, clipseg, parser, tryon, upscaler"
    ):
        family.make(tmp_path / "out", Recipe(), parts=["vae"])
    with pytest.raises(SettingsError, match="is made of mini/base, which is not in"):
        family.make(tmp_path / "out", Recipe(), parts=["inpaint"])
    (tmp_path / "out" / "base").mkdir(parents=True)
    (tmp_path / "out" / "base" / "diary.txt").write_text("dear")
    with pytest.raises(SettingsError, match="would be replaced"):
        family.make(tmp_path / "out", Recipe())
    assert made == []


def test_the_command_names_its_parts(made, tmp_path, capsys):
    assert cli.run_command(["mini", "train", str(tmp_path / "out"), "--part", "clipseg", "--minutes", "1"]) == 0
    assert made == [("clipseg", 1)]
    assert "MB of weights" in capsys.readouterr().out
    assert cli.run_command(["mini", "train", str(tmp_path / "out"), "--minutes", "0"]) == 2
    assert "minutes is 0" in capsys.readouterr().err
