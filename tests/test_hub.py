"""Published repositories, in small, from a hub on loopback."""

import re
import shlex
import shutil
import socket
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import igo
from igo import cli
from igo.errors import CheckpointError
from igo.networks.folders import place_of
from igo.painting.checkpoints import checkpoint
from igo.testing import draw_figure
from igo_plugins.styling import text_mask
from tests import pages
from tests.builders import hub as hubs

BASE, INPAINTING = "youngmki/musinsaigo-1.0", "stable-diffusion-v1-5/stable-diffusion-inpainting"
LORA = "youngmki/musinsaigo-2.0"
PUBLISHED = ("youngmki/", "stable-diffusion-v1-5/", "CIDAS/")


def test_the_published_clipseg_finds_what_its_weights_find_elsewhere(hub):
    figure, runtime = draw_figure(seed=7).image, igo.Runtime("cpu")
    found = text_mask.load("CIDAS/clipseg-rd64-refined", runtime).soft(figure, ("hoodie", "jeans"))
    assert np.array_equal(found, text_mask.load("mini", runtime).soft(figure, ("hoodie", "jeans")))
    assert found.max() > 0.5
    assert "CIDAS/clipseg-rd64-refined/pytorch_model.bin" in hub.fetched


def test_of_a_model_the_best_weights_alone_are_fetched(hub):
    repository = hub.root / "own" / "both"
    shutil.copytree(hub.root / "CIDAS" / "clipseg-rd64-refined", repository)
    for name in ("model.safetensors", "model.fp16.safetensors", "flax_model.msgpack", "README.md"):
        (repository / name).write_text(name)  # of equal files one is fetched
    (repository / "onnx").mkdir()
    (repository / "onnx" / "model.json").write_text("{}")
    kept = place_of("own/both", "the model", "name another")
    assert kept.name == hub.commit("own/both")
    fetched = {name.removeprefix("own/both/") for name in hub.fetched if name.startswith("own/both/")}
    described = {path.name for path in repository.iterdir() if path.suffix in (".json", ".txt")}
    assert fetched == {"model.safetensors", "README.md", *described}


def test_a_model_that_is_not_on_the_hub_is_one_line_and_one_question(hub, capfd):
    with pytest.raises(CheckpointError, match=r"^there is no 'own/none' on the hub, or it is private; "):
        place_of("own/none", "the model", "name another")
    assert len(hub.asked) == 1
    assert capfd.readouterr().err == ""


@pytest.fixture
def command(hub, capfd, monkeypatch, tmp_path):
    """Run ``igo`` in a folder of its own; gives exit code, output and errors, of libraries too."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(checkpoint, "defaults_in", lambda *_: checkpoint.Defaults(32, 48, 2, 3.0))  # they are tiny

    def run(line):
        capfd.readouterr()
        code = cli.run_command(shlex.split(line))
        return code, *capfd.readouterr()

    return run


@pytest.fixture
def own_hub(hub, published_repositories, tmp_path):
    """The hub with copies of its repositories, which a test may change."""
    hub.root = shutil.copytree(published_repositories, tmp_path / "repositories")
    return hub


def refused(name, **settings):
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(name, dtype=torch.float32, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_base_paints_what_plain_diffusers_paints_of_it(hub, published_repositories):
    from diffusers import StableDiffusionPipeline

    base = igo.TextToImage(BASE, preset="none", emphasis="off")
    settings = {"width": 32, "height": 48, "num_inference_steps": 3, "guidance_scale": 6.0}
    look = igo.Chain(base).run("a red hoodie", seed=5, **settings)
    plain = StableDiffusionPipeline.from_pretrained(published_repositories / BASE, safety_checker=None)
    plain.set_progress_bar_config(disable=True)
    assert look.image == plain("a red hoodie", generator=torch.Generator("cpu").manual_seed(5), **settings).images[0]
    (entry,) = look.frames[0].history
    assert entry.report["identity"] == f"revision:{hub.commit(BASE)}"
    assert entry.report["scheduler"] == "EulerDiscreteScheduler"
    assert "note" not in entry.report
    assert look.frames[0].nsfw_content_detected is False


def test_the_pages_commands_for_published_checkpoints_work_and_are_quiet(command):
    """Each of them, in their order; of pictures 32 pixels wide."""
    draw_figure(seed=7).image.save("me.jpg")
    lines = [
        line.partition("  #")[0]
        for page in (pages.ROOT / "README.md", pages.DOCS / "checkpoints.md")
        for line in re.findall(r"^igo .*|(?<=`)igo [^`]*", page.read_text("utf-8").replace("\\\n", " "), re.MULTILINE)
        if any(name in line for name in PUBLISHED)
    ]
    assert {line.split()[1] for line in lines} >= {"generate", "style", "prompt"}
    for line in lines:
        line = line.replace("t-shirt", "hoodie")  # which is what the figure wears
        code, output, errors = command(f"{line}{'' if line.startswith('igo prompt') else ' --quiet'}"[4:])
        assert (code, errors) == (0, ""), line
        assert all(Path(name).is_file() for name in output.split() if name.endswith(".png"))


def test_the_pages_chain_for_published_checkpoints_runs(hub, monkeypatch, capfd):
    (code,) = [
        block.body
        for block in pages.blocks(pages.DOCS / "checkpoints.md")
        if block.language == "python" and BASE in block.body
    ]
    names = {}
    exec(code.replace("t-shirt", "hoodie"), names)
    monkeypatch.setattr(checkpoint, "defaults_in", lambda *_: checkpoint.Defaults(32, 48, 2, 3.0))
    figure = draw_figure(seed=7).image
    look = names["chain"].run(image=figure, seed=3)
    assert look.image.size == (4 * 144, 4 * 192)
    fetched = {name for name in hub.fetched if name.endswith((".bin", ".safetensors"))}
    assert all(name.endswith(".bin") and ".fp16" not in name for name in fetched)
    assert capfd.readouterr().out == ""


def test_half_precision_is_fetched_where_there_is_some(hub):
    assert checkpoint.load(INPAINTING, inpainting=True, dtype=torch.float16).note is None
    assert checkpoint.load(BASE, dtype=torch.float16).note is None
    fetched = [name for name in hub.fetched if name.endswith((".bin", ".safetensors"))]
    assert {name.rpartition("/")[2] for name in fetched if INPAINTING in name} == {
        "diffusion_pytorch_model.fp16.safetensors",
        "model.fp16.safetensors",
    }
    assert len([name for name in fetched if BASE in name]) == 4


def test_what_lies_in_the_cache_is_not_fetched_again_and_serves_without_hub(hub, monkeypatch):
    first = checkpoint.load(BASE, dtype=torch.float32)
    before = list(hub.fetched)
    assert checkpoint.load(BASE, dtype=torch.float32).identity == first.identity
    assert hub.fetched == before
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", "http://127.0.0.1:9")
    assert checkpoint.load(BASE, dtype=torch.float32).identity == first.identity
    assert "isn't in the cache, and the hub http://127.0.0.1:9 can't be reached" in refused(INPAINTING)


def test_names_that_the_hub_does_not_have(own_hub, capfd):
    assert refused("youngmki/musinsaigo-9.0").startswith("there is no 'youngmki/musinsaigo-9.0' on the hub")
    assert refused(BASE, revision="dev").startswith(f"'{BASE}' has no revision 'dev' on the hub")
    assert "pytorch_lora_weights.safetensors it is an adapter, no checkpoint" in refused(LORA)
    assert "has no model_index.json" in refused("CIDAS/clipseg-rd64-refined")
    own_hub.gated.add(INPAINTING)
    assert "accepted its terms on the hub" in refused(INPAINTING)
    (own_hub.root / BASE / "unet" / "config.json").unlink()
    assert "config.json in unet/" in refused(BASE)
    assert capfd.readouterr().err == ""


def test_a_hub_that_does_not_answer_is_given_up_within_seconds(hub, monkeypatch, tmp_path, capfd):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        hubs.use(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path / "none")
        monkeypatch.setattr("igo.hub.PATIENCE", 0.3)
        start = time.monotonic()
        assert "can't be reached" in refused(BASE)
        assert time.monotonic() - start < 3
    assert capfd.readouterr().err == ""


def test_pointers_and_cut_files_of_a_hub(own_hub, monkeypatch, capfd):
    weights = own_hub.root / BASE / "unet" / "diffusion_pytorch_model.bin"
    whole = weights.read_bytes()
    weights.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n")
    assert "it is a Git LFS pointer" in refused(BASE)
    weights.write_bytes(whole)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("huggingface_hub.utils.disable_progress_bars", lambda: None)
    own_hub.cut.add(weights.name)
    message = refused(BASE)
    assert message.startswith(f"the download of '{BASE}' stopped")
    assert message.endswith("ask for it again, and it goes on from there")
    own_hub.cut.clear()
    assert checkpoint.load(BASE, dtype=torch.float32).identity == f"revision:{own_hub.commit(BASE)}"
    assert "thrown while requesting" not in capfd.readouterr().err


def test_a_configuration_from_the_hub_serves_a_single_file(hub, tmp_path):
    from diffusers import StableDiffusionPipeline

    from tests.builders.ldm import save_single_file

    folder, file = hub.root / BASE, tmp_path / "model.safetensors"
    save_single_file(StableDiffusionPipeline.from_pretrained(folder, safety_checker=None), file)
    settings = {"seed": 3, "num_inference_steps": 2, "guidance_scale": 5.0, "width": 32, "height": 32}
    one = igo.Chain(igo.TextToImage(str(file), config=BASE, preset="none")).run("a red hoodie", **settings)
    other = igo.Chain(igo.TextToImage(str(folder), preset="none")).run("a red hoodie", **settings)
    assert one.image == other.image
    assert not [name for name in hub.fetched if name.endswith(".bin")]
