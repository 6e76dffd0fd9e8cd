"""What is deployed for Inferentia, with a stand-in for its compiler: shapes, calls, and the same protocol."""

import ast
import json
import re
import runpy
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops
from safetensors.torch import load_file, save_file

import igo
from igo import cli
from igo.errors import ChainError, CheckpointError, MaskError, SettingsError
from igo.serving import deploy
from igo.serving.kserve import Service
from igo.serving.neuron import parts
from igo.serving.neuron.base import NeuronTextToImage
from igo.serving.neuron.compiling import compile_checkpoint
from igo.serving.neuron.framing import framed
from igo.serving.server import Server
from igo_plugins import Adapter, Outpainting, Remote
from tests.builders import neuron

# of torch's releases after those that AWS's compiler is for
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
SIZE = (32, 48)


@pytest.fixture(scope="module")
def deployed(tiny_checkpoint, tmp_path_factory):
    """A folder as it is written, in which ``compile.py`` has been run."""
    folder = tmp_path_factory.mktemp("neuron") / "out"
    deploy.write_neuron(folder, igo.Chain(igo.TextToImage(str(tiny_checkpoint))), width=SIZE[0], height=SIZE[1])
    with pytest.MonkeyPatch.context() as monkeypatch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's, on what it takes for constant: the shapes are
        neuron.use(monkeypatch)
        monkeypatch.chdir(folder)
        runpy.run_path("compile.py")
    return folder


@pytest.fixture
def base(deployed, monkeypatch):
    neuron.use(monkeypatch)
    monkeypatch.chdir(deployed)
    (base,) = igo.load_chain("chain.toml")
    return base


@pytest.fixture
def served(base, answers):
    with Service(Server(igo.Chain(base), answers)).serving() as service:
        yield igo.Chain(Remote(service.url))


def levels(one, other):
    """By how many levels two pictures differ, at the most."""
    return max(high for _, high in ImageChops.difference(one, other).getextrema())


def test_it_paints_what_the_checkpoint_paints(served, tiny_checkpoint):
    here = igo.Chain(igo.TextToImage(str(tiny_checkpoint)))
    for asked in (
        {"prompt": "a red hoodie", "num_images": 2},
        {"prompt": "a (red:1.4) hoodie", "negative_prompt": "blue"},
        {"prompt": "a red hoodie", "guidance_scale": 1.0},
    ):
        settings = {"seed": 5, "num_inference_steps": 3, "width": SIZE[0], "height": SIZE[1], **asked}
        settings.setdefault("guidance_scale", 7.5)
        for one, other in zip(served.run(**settings), here.run(**settings), strict=True):
            assert levels(one.image, other.image) <= 1


def test_pictures_of_any_size_and_masks(served, photo, tiny_checkpoint):
    mask = Image.new("L", photo.size)
    mask.paste(255, (8, 12, 30, 40))
    look = served.run("a red hoodie", image=photo, layers={"mask": mask}, seed=3, num_inference_steps=2)
    changed = (np.asarray(look.image) != np.asarray(photo)).any(axis=2)
    assert changed.any()
    assert not changed[np.asarray(mask) == 0].any()
    assert served.run("a red hoodie", image=photo, seed=3, num_inference_steps=3).image.size == photo.size
    wide = igo.Chain(*served, Outpainting(to="1:1", prompt="street")).run(image=photo, seed=3, num_inference_steps=2)
    assert wide.image.size == (53, 53)


def test_a_client_cant_tell_it_from_triton(served):
    """Metadata, records and errors; only what the server's step is called differs."""
    look = served.run("a red hoodie", seed=5, num_inference_steps=2)
    (entry,) = look[0].history
    assert entry.report["at"] == "neuron-text-to-image"
    assert entry.report["num_inference_steps"] == 2
    (identity,) = look.making.models.values()
    assert re.fullmatch("sha256:[0-9a-f]{64}", identity)
    with pytest.raises(SettingsError, match="width is 64, and this server is compiled for 32x48"):
        served.run("a red hoodie", width=64)
    with pytest.raises(SettingsError, match="leaves nothing to paint"):
        served.run("a red hoodie", image=look.image, strength=0.001)
    black = {"mask": Image.new("L", look.image.size)}
    with pytest.raises(MaskError, match="the mask is empty"):
        served.run("a red hoodie", image=look.image, layers=black)


def test_long_prompts_are_cut_and_that_is_noted(served):
    look = served.run("red " * 100, seed=5, num_inference_steps=2)
    assert "longer than the 77 tokens" in look[0].told["note"]
    assert look.image.tobytes() == served.run("red " * 75, seed=5, num_inference_steps=2).image.tobytes()


def test_the_shapes_are_those_of_the_size(tiny_checkpoint, tiny_inpaint_checkpoint):
    for checkpoint, channels in ((tiny_checkpoint, 4), (tiny_inpaint_checkpoint, 9)):
        pipeline = parts.load(NeuronTextToImage(str(checkpoint)).wanted())
        found = {
            name: [tuple(one.shape) for one in given] for name, (_, given) in parts.examples(pipeline, 64, 32).items()
        }
        assert found == {
            "text_encoder": [(1, 77)],
            "unet": [(1, channels, 16, 32), (1,), (1, 77, 32)],
            "vae_encoder": [(1, 3, 32, 64)],
            "vae_decoder": [(1, 4, 16, 32)],
        }


def test_batches_are_cut_and_filled_up():
    import torch

    seen = []

    def traced(one, other):
        seen.append(one.shape[0])
        return one + other

    part = parts.Static(traced, 2)
    one, other = torch.arange(5.0)[:, None], torch.ones(5, 1)
    assert part(one, other).tolist() == (one + other).tolist()
    assert seen == [2, 2, 2]


@pytest.mark.parametrize("size", [(32, 48), (1, 1), (300, 7), (7, 300), (64, 96), (31, 47)])
def test_framing_there_and_back(size):
    image = Image.effect_noise(size, 60).convert("RGB")
    frame = framed(image, None, SIZE, 0.5)
    assert frame.image.size == SIZE
    assert frame.restore(frame.image).size == size
    if size in (SIZE, (31, 47)):
        assert size != SIZE or frame.restore(frame.image).tobytes() == image.tobytes()
    mask = Image.new("L", size)
    mask.putpixel((size[0] // 2, size[1] // 2), 3)
    shown = framed(image, mask, SIZE, 0.5)
    assert shown.mask.size == SIZE
    assert shown.mask.getbbox()


def test_what_was_compiled_for_something_else_is_told(base, deployed, tmp_path):
    with pytest.raises(CheckpointError, match="holds nothing compiled, or not all of it; run compile"):
        igo.Chain(NeuronTextToImage(base.checkpoint, compiled=str(tmp_path))).run("x")
    with pytest.raises(CheckpointError, match="is compiled for width 32, and the chain says 40; run compile"):
        igo.Chain(NeuronTextToImage(base.checkpoint, width=40, height=48)).run("x")
    (tmp_path / "compiled.json").write_text("[")
    with pytest.raises(CheckpointError, match=r"compiled\.json can't be read"):
        igo.Chain(NeuronTextToImage(base.checkpoint, compiled=str(tmp_path))).run("x")
    record = json.loads((deployed / "compiled" / "compiled.json").read_text())
    assert record["checkpoint"] == base.checkpoint
    assert "diffusers" in record["versions"]


def test_other_checkpoints_are_refused(tiny_checkpoint, tmp_path, monkeypatch):
    neuron.use(monkeypatch)

    def compiled(folder):
        compile_checkpoint(NeuronTextToImage(str(folder)).wanted(), tmp_path / "compiled")

    (tmp_path / "xl").mkdir()
    (tmp_path / "xl" / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}')
    with pytest.raises(
        CheckpointError, match="is a StableDiffusionXLPipeline; expected one of: StableDiffusionPipeline"
    ):
        compiled(tmp_path / "xl")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="can't be loaded"):
        compiled(tmp_path / "empty")
    lacking = shutil.copytree(tiny_checkpoint, tmp_path / "lacking")
    weights = lacking / "text_encoder" / "model.safetensors"
    tensors = load_file(weights)
    tensors.pop(next(name for name in tensors if "final_layer_norm" in name))
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"the text_encoder of .* lacks 1 weights, such as '.*final_layer_norm"):
        compiled(lacking)
    assert not (tmp_path / "compiled").exists()


# What is written


def test_the_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("chain.toml").write_text('[[step]]\nuse = "text-to-image"\n')
    assert cli.run_command(["deploy", "neuron", "out", "--chain", "chain.toml", "--name", "looks"]) == 0
    files = {path.name: path.read_text() for path in Path("out").iterdir()}
    assert set(files) == {"README.md", "requirements.txt", "Dockerfile", "compile.py", "serve.py", "chain.toml"}
    (base,) = igo.load_chain("out/chain.toml")
    assert (base.width, base.height, base.num_inference_steps) == (128, 192, 20)
    for name, text in files.items():
        assert "@{" not in text
        assert str(tmp_path) not in text
        assert "://" not in text.replace("http://HOST", ""), name
        if name.endswith(".py"):
            ast.parse(text)
    assert "**not run on an Inferentia yet**" in files["README.md"].splitlines()[0]
    assert "'looks' is ready" in files["serve.py"]


@pytest.mark.parametrize(
    ("chain", "kind", "said"),
    [
        ([Adapter("x.safetensors")], ChainError, "'adapter' can't be compiled"),
        ([igo.TextToImage("mini")] * 2, ChainError, "a second text-to-image can't be compiled"),
        ([igo.TextToImage("mini", clip_skip=1)], SettingsError, "clip_skip is not for a compiled base"),
    ],
)
def test_what_cant_be_compiled_is_told_beforehand(chain, kind, said, tmp_path):
    steps = chain if isinstance(chain[0], igo.TextToImage) else [igo.TextToImage("mini"), *chain]
    with pytest.raises(kind, match=said):
        deploy.write_neuron(tmp_path / "out", igo.Chain(*steps))
    with pytest.raises(SettingsError, match="width is 100; expected a multiple of 8"):
        deploy.write_neuron(tmp_path / "out", igo.Chain(igo.TextToImage("mini")), width=100)
    assert not (tmp_path / "out").exists()


def test_serve_says_what_is_wrong_in_one_line(deployed, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(deployed)
    deploy.write_neuron(tmp_path / "out", igo.Chain(igo.TextToImage("mini")))
    monkeypatch.setattr(sys, "argv", ["serve.py", "--port", "0"])
    with pytest.raises(SystemExit, match=r"serve\.py: .*holds nothing compiled"):
        runpy.run_path(str(tmp_path / "out" / "serve.py"))
