"""Weights from strangers through every loader: no code of theirs is run, nothing hangs or takes the memory, and what is
refused is refused in one line. Whoever wants all of them runs ``-m slow``; the others are drawn by a seed."""

import json
import random
import resource
import shutil
import signal

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import igo
from igo import embedded
from igo.errors import IGOError, PluginError
from igo.networks.files import load_srvgg
from igo.networks.rrdb import RRDBNet
from igo.networks.srvgg import SRVGGNetCompact
from igo_plugins import Adapter, Captioning, Upscaling
from igo_plugins.styling import text_mask
from tests.builders import captioners
from tests.builders.hostile import hostile

SECONDS = 30
MEGABYTES = 600
PICTURE = Image.new("RGB", (8, 8), "teal")
STATES = {
    "srvgg": lambda: SRVGGNetCompact(2, 8, 1).state_dict(),
    "rrdb": lambda: RRDBNet(4, 8, 1, 4).state_dict(),
}


def upscale(path):
    look = igo.Chain(Upscaling(2, model=str(path)), runtime=igo.Runtime("cpu")).run(image=PICTURE, seed=1)
    assert np.isfinite(np.asarray(look.image)).all()


def start(path):
    assert all(weight.isfinite().all() for weight in load_srvgg(path).parameters())


def caption(folder):
    chain = igo.Chain(Captioning(str(folder), num_beams=1, max_new_tokens=2), runtime=igo.Runtime("cpu"))
    assert len(chain.caption([PICTURE])) == 1


def mask(folder):
    assert np.isfinite(text_mask.load(str(folder), igo.Runtime("cpu")).soft(PICTURE, ("hoodie",))).all()


def paint(checkpoint, *steps):
    chain = igo.Chain(igo.TextToImage(str(checkpoint)), *steps, runtime=igo.Runtime("cpu"))
    chain.run("a coat", seed=1, width=16, height=16, num_inference_steps=1)


@pytest.fixture(scope="module")
def wholes(tmp_path_factory, tiny_checkpoint):
    """Folders of whole models, and the file of weights in each that is replaced."""
    git = captioners.save_git(tmp_path_factory.mktemp("git"))
    return {
        "captioner": (git, "model.safetensors"),
        "text mask": (embedded.path("clipseg"), "model.safetensors"),
        "checkpoint": (tiny_checkpoint, "unet/diffusion_pytorch_model.safetensors"),
    }


def judge(act, given, canary, made):
    """What came of ``act(given)``: "taken", or the one line that refuses it. Raises ``AssertionError`` for all else."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def ring(*_):
        raise TimeoutError(f"{made} hangs")

    signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    refusal = None
    try:
        act(given)
    except IGOError as error:
        refusal = error
    except Exception as error:
        raise AssertionError(f"{made}: {type(error).__name__}") from error
    finally:
        signal.alarm(0)
    assert not canary.exists(), f"{made} ran code"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    assert grown < MEGABYTES, f"{made} took {grown} MB"
    if refusal is None:
        return "taken"
    told = str(refusal)
    assert not isinstance(refusal, PluginError), f"{made}: {told}"
    assert told.isprintable(), f"{made}: {told!r}"
    assert "weights_only" not in told, f"{made}: {told}"
    assert len(told) < 1000, f"{made}: {told}"
    return told


def drawn(made, slow, count):
    """All of them, or so many that a seed chooses."""
    return list(made) if slow else random.Random(7).sample(sorted(made), count)


MUST_FAIL = ("state nan", "state infinite", "state integers", "state missing", "state few", "state none", "state half")
SPEED = [False, pytest.param(True, marks=pytest.mark.slow)]


@pytest.mark.parametrize("slow", SPEED)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kind", STATES)
def test_upscalers(kind, suffix, slow, tmp_path):
    torch.manual_seed(0)
    state = STATES[kind]()
    made = hostile(state, suffix, mutants=200 if slow else 20)
    assert len(made) > 75
    for name in [*MUST_FAIL, *drawn(made, slow, 20)]:
        path = tmp_path / f"{name.replace('/', '-')}{suffix}"
        if not path.exists() and not path.is_symlink():
            made[name](path, tmp_path / "canary")
        told = [judge(act, path, tmp_path / "canary", f"{name}{suffix}") for act in (upscale, start)]
        assert name not in MUST_FAIL or "taken" not in told


LOADERS = {"captioner": caption, "text mask": mask, "checkpoint": paint}


@pytest.mark.parametrize("slow", SPEED)
@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("suffix", [".bin", ".safetensors"])
def test_folders(loader, suffix, slow, wholes, tmp_path):
    source, inner = wholes[loader]
    state = load_file(source / inner)
    made = hostile(state, suffix, mutants=40 if slow else 4)
    for name in [*MUST_FAIL, *drawn(made, slow, 4)]:
        folder = shutil.copytree(source, tmp_path / "model", copy_function=shutil.copyfile)
        (folder / inner).unlink()
        path = (folder / inner).with_suffix(suffix)
        path = path.with_name(path.name.replace("model.bin", "pytorch_model.bin")) if loader != "checkpoint" else path
        made[name](path, tmp_path / "canary")
        told = judge(LOADERS[loader], folder, tmp_path / "canary", f"{loader}: {name}{suffix}")
        assert name not in MUST_FAIL or told != "taken", f"{loader}: {name}{suffix}"
        shutil.rmtree(folder)


VALUES = [None, -1, 0, 1.5, 10**9, 10**30, "\x1b[31m", [], {}, True, "own.Model"]


@pytest.mark.parametrize("slow", SPEED)
@pytest.mark.parametrize("loader", LOADERS)
def test_descriptions(loader, slow, wholes, tmp_path):
    """Any setting of any description of a folder, at any value."""
    source, _ = wholes[loader]
    chance = random.Random(11)
    files = sorted(path.relative_to(source) for path in source.rglob("*.json"))
    for number in range(120 if slow else 8):
        folder = shutil.copytree(source, tmp_path / "model", copy_function=shutil.copyfile)
        path = folder / chance.choice(files)
        table = json.loads(path.read_text("utf-8"))
        inner = table
        while isinstance(inner, dict) and inner:
            name = chance.choice(sorted(inner))
            if not isinstance(inner[name], dict) or chance.random() < 0.2:
                break
            inner = inner[name]
        value = chance.choice(VALUES)
        if isinstance(inner, dict) and inner:
            inner[name] = value
        path.write_text(json.dumps(table))
        made = f"{loader} {number}: {path.relative_to(folder)} {name}={value!r}"
        judge(LOADERS[loader], folder, tmp_path / "canary", made)
        shutil.rmtree(folder)


@pytest.mark.parametrize("slow", SPEED)
def test_single_files(slow, tmp_path):
    state = {f"model.diffusion_model.{name}": value for name, value in STATES["srvgg"]().items()}
    state |= {"first_stage_model.a": torch.zeros(1), "cond_stage_model.a": torch.zeros(1)}
    made = hostile(state, ".safetensors", mutants=60 if slow else 5)
    for name in drawn(made, slow, 8):
        path = tmp_path / f"{name}.safetensors"
        made[name](path, tmp_path / "canary")
        judge(paint, path, tmp_path / "canary", f"single file: {name}")


@pytest.mark.parametrize("slow", SPEED)
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_adapters(slow, suffix, tiny_checkpoint, tmp_path):
    layer = "unet.up_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora_"
    state = {f"{layer}A.weight": torch.randn(2, 16), f"{layer}B.weight": torch.randn(16, 2)}
    made = hostile(state, suffix, mutants=60 if slow else 5)

    def adapt(path):
        paint(tiny_checkpoint, Adapter(str(path)))

    for name in [*MUST_FAIL[:2], *drawn(made, slow, 8)]:
        path = tmp_path / f"{name}{suffix}"
        if not path.exists() and not path.is_symlink():
            made[name](path, tmp_path / "canary")
        told = judge(adapt, path, tmp_path / "canary", f"adapter: {name}{suffix}")
        assert name not in MUST_FAIL or told != "taken", f"adapter: {name}{suffix}"


def test_names_that_steer_a_terminal(tmp_path):
    path = tmp_path / "a\n\x1b[31m\x1b]0;owned\x07b.pth"
    path.write_bytes(b"hello")
    for act in (upscale, start, caption, mask, paint):
        assert "owned" in judge(act, path, tmp_path / "canary", "a name")
