"""The training of the whole family."""

import hashlib
from dataclasses import replace

import pytest
import torch
from diffusers import StableDiffusionPipeline

import igo
from igo import cli, embedded
from igo.errors import SettingsError
from igo.mini import family, recipe
from igo.mini.quick import train_adapter, train_tiny
from igo.mini.recipe import BaseTraining, Recipe, Stage
from igo.painting.checkpoints import checkpoint
from igo.training.loop.effort import Effort
from igo_plugins import FewSteps, TinyDecoder


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
        family, "train_tryon", lambda inpaint, body, work, out, effort, **_: write(out, "tryon", effort.minutes)
    )
    monkeypatch.setattr(
        family, "train_bodies", lambda parser, work, out, effort, **_: write(out, "body", effort.minutes)
    )
    monkeypatch.setattr(family, "train_adapter", lambda base, work, out, effort, _: write(out, "turbo", effort.minutes))
    monkeypatch.setattr(family, "train_tiny", lambda base, work, out, effort, *_: write(out, "tiny", effort.minutes))
    monkeypatch.setattr(
        family, "train_upscaler", lambda scale, work, out, effort, **_: write(out, f"x{scale}", effort.minutes)
    )
    return asked


def test_all_parts_share_the_time_and_are_on_record(made, tmp_path):
    size = family.make(tmp_path / "out", Recipe(minutes=100))
    shared = {
        "base": 33, "inpaint": 11, "clipseg": 11, "parser": 9, "body": 4, "tryon": 18, "turbo": 3, "tiny": 3, "x4": 6,
        "x2": 2,
    }  # fmt: skip
    assert dict(made) == shared
    assert size == sum(len(name) for name, _ in made)
    lines = (tmp_path / "out" / "SHA256SUMS").read_text().splitlines()
    assert f"{hashlib.sha256(b'x2').hexdigest()}  upscaler/x2.safetensors" in lines
    assert len([line for line in lines if line.endswith("/README.md")]) == 9
    assert len(lines) == 19


def test_one_part_gets_all_of_the_time(made, tmp_path):
    family.make(tmp_path / "out", Recipe(minutes=8), parts=["upscaler"])
    assert made == [("x4", 6), ("x2", 2)]
    family.make(tmp_path / "out", Recipe(minutes=8), parts=["upscaler"])  # a killed run goes on beside what is there
    assert made == [("x4", 6), ("x2", 2)] * 2


def test_parts_that_cannot_be_made_are_refused(made, tmp_path):
    with pytest.raises(
        SettingsError,
        match="no part 'vae'; choose from base, inpaint, clipseg, parser, body, tryon, turbo, tiny, upscaler",
    ):
        family.make(tmp_path / "out", Recipe(), parts=["vae"])
    made_of = {"inpaint": "base", "body": "parser", "tryon": "inpaint", "turbo": "base", "tiny": "base"}
    for part, needed in made_of.items():
        with pytest.raises(SettingsError, match=f"mini/{part} is made of mini/{needed}, which is not in"):
            family.make(tmp_path / "out", Recipe(), parts=[part])
    (tmp_path / "out" / "base").mkdir(parents=True)
    (tmp_path / "out" / "base" / "diary.txt").write_text("dear")
    with pytest.raises(SettingsError, match="would be replaced"):
        family.make(tmp_path / "out", Recipe())
    assert made == []


def test_the_command_names_its_parts(made, tmp_path, capsys):
    assert cli.run_command(["mini", "train", str(tmp_path / "out"), "--part", "clipseg", "--minutes", "1"]) == 0
    assert made == [("clipseg", 1)]
    assert ": 7 bytes of weights" in capsys.readouterr().out
    assert cli.run_command(["mini", "train", str(tmp_path / "out"), "--minutes", "0"]) == 2
    assert "minutes is 0" in capsys.readouterr().err


@pytest.mark.slow
def test_an_adapter_and_a_small_decoder_are_made_of_the_base(tmp_path):
    base, effort, few = embedded.path("base"), Effort(steps=1, batch_size=1, quiet=True), Recipe(pictures=65)
    assert train_adapter(base, tmp_path / "work", tmp_path / "turbo", effort, few).step == 1
    (adapter,) = (tmp_path / "turbo").iterdir()
    assert adapter.stat().st_size < 2e6
    assert train_tiny(base, tmp_path / "work", tmp_path / "tiny", effort, few, held_out=1).step == 1
    chain = igo.Chain(igo.TextToImage("mini"), FewSteps(str(adapter), steps=1), TinyDecoder(str(tmp_path / "tiny")))
    assert chain.run("a red hoodie", seed=1, width=64, height=64).image.size == (64, 64)
