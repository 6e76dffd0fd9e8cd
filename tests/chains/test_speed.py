"""Speeds by one word: what each is made of, in Python and in every command that paints, and what is on record."""

import pytest
import torch
from PIL import Image

import igo
from igo import cli
from igo.chains import speed as speeds
from igo.errors import SettingsError
from igo.painting.checkpoints import checkpoint
from igo_plugins import Caching, FewSteps
from tests.plugins.test_adapter import acting


def test_each_is_made_of_plugins(tmp_path, monkeypatch):
    monkeypatch.setitem(speeds.ADAPTERS, "mini", ("mini/turbo", tmp_path))
    assert igo.speed("exact") == []
    assert igo.speed("fast", "any") == [Caching(5, last=0)]
    assert igo.speed("fast", "mini/tryon") == []
    assert igo.speed("turbo") == [FewSteps("mini/turbo")]
    assert igo.speed("turbo", "any", few_steps="lcm.safetensors") == [FewSteps("lcm.safetensors")]
    assert set(speeds.SPEEDS) == {"exact", "fast", "turbo"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "fats"}, "speed is 'fats'; did you mean 'fast'"),
        (
            {"name": "turbo", "checkpoint": "my/model"},
            "no adapter for 'my/model'; give few_steps=..., such as lat",
        ),
        ({"name": "fast", "few_steps": "a"}, "few_steps is 'a', which is for speed='turbo'; this is 'fast'"),
    ],
)
def test_what_can_not_be_meant(given, message):
    with pytest.raises(SettingsError, match=message):
        igo.speed(**given)


def test_mini_paints_in_four_steps_by_its_own_adapter():
    settings = {"seed": 1, "width": 64, "height": 96}
    exact, turbo = (
        igo.Chain(igo.TextToImage("mini"), *igo.speed(name)).run("a red hoodie", **settings)
        for name in ("exact", "turbo")
    )
    assert [look.frames[0].told["num_inference_steps"] for look in (exact, turbo)] == [20, 4]
    assert exact.image != turbo.image


def test_an_installation_without_minis_adapter_asks_for_one(tmp_path, monkeypatch):
    monkeypatch.setitem(speeds.ADAPTERS, "mini", ("mini/turbo", tmp_path / "none"))
    with pytest.raises(SettingsError, match="knows no adapter for 'mini'; give"):
        igo.speed("turbo")


@pytest.fixture
def run(tiny_checkpoint, tmp_path, monkeypatch, capsys):
    """A command in an empty folder, with the tiny checkpoint; gives code and errors."""
    monkeypatch.chdir(tmp_path)
    Image.effect_noise((40, 48), 60).convert("RGB").save("me.png")

    def run(*arguments):
        code = cli.run_command([*arguments, "--seed", "1", "--quiet"])
        return code, capsys.readouterr().err

    return run


def lossy(path):
    """What a picture's record says was given up, by step."""
    from igo.images import read_image
    from igo.records.provenance import parse_record

    history = parse_record(read_image(path).text["igo"])["history"]
    return {entry["step"]: entry["lossy"] for entry in history if "lossy" in entry}


def test_every_command_that_paints_takes_one(run, tiny_checkpoint, tmp_path):
    base, size = ["--checkpoint", str(tiny_checkpoint), "--steps", "5"], ["--width", "32", "--height", "48"]
    Image.new("L", (40, 48), 255).save("mask.png")
    (tmp_path / "chain.toml").write_text(f'[[step]]\nuse = "text-to-image"\ncheckpoint = "{tiny_checkpoint}"\n')
    commands = {
        "generate": ["generate", "a coat", *base, *size],
        "style": ["style", "me.png", "coat", "a red coat", *base, "--mask", "mask.png"],
        "outpaint": ["outpaint", "me.png", "a coat", *base, "--right", "8"],
        "run": ["run", "chain.toml", "-p", "a coat", *base[2:], *size],
    }
    for name, command in commands.items():
        code, errors = run(*command, "--speed", "fast", "-o", f"{name}.png")
        assert code == 0, errors
        assert lossy(f"{name}.png") == {"caching": "features of one in 5 steps"}
    code, errors = run(*commands["run"], "-o", "exact.png")
    assert (code, lossy("exact.png")) == (0, {})


def test_turbo_takes_the_adapter_that_is_given(run, tiny_checkpoint, tmp_path):
    pipeline = checkpoint.load(str(tiny_checkpoint), dtype=torch.float32).pipeline
    acting(pipeline, tmp_path / "lcm-tiny.safetensors", 0)
    given = ["generate", "a coat", "-c", str(tiny_checkpoint), "--width", "32", "--height", "48", "-o", "look.png"]
    code, errors = run(*given, "--speed", "turbo", "--few-steps", "lcm-tiny.safetensors")
    assert code == 0, errors
    assert lossy("look.png") == {"few-steps": "few steps, by an adapter"}
    code, errors = run(*given, "--speed", "turbo")
    assert (code, errors.count("\n")) == (2, 1)
    assert "--speed turbo knows no adapter for" in errors
    assert "give --few-steps ..., such as latent-consistency/lcm-lora-sdv1-5" in errors
    assert run(*given, "--few-steps", "a.safetensors")[0] == 2
    assert run("tryon", "me.png", "me.png", "--speed", "turbo")[0] == 2
