"""Commercial use: weights that forbid it, or say nothing, are refused before they are read; records name licences."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

import igo
from igo import cli, embedded
from igo.errors import LicenseError, SettingsError
from igo.licensing import CARD, License
from igo.networks import folders
from igo.painting.checkpoints import checkpoint
from igo.records.provenance import read_record
from igo_plugins import (
    Adapter,
    Captioning,
    ControlNet,
    Depth,
    Edges,
    Embedding,
    HumanParsing,
    Reference,
    TextMask,
    Upscaling,
    VirtualStyling,
)
from tests.builders import hub as hubs

NC = "---\nlicense: cc-by-nc-4.0\n---\n"
OPEN = "---\nlicense: openrail\n---\n"


def commercial():
    return igo.Runtime("cpu", commercial=True)


@pytest.fixture
def unread(monkeypatch):
    """Nothing reads weights."""

    def read(*_, **__):
        pytest.fail("weights were read")

    monkeypatch.setattr(checkpoint, "load_pipeline", read)
    monkeypatch.setattr(checkpoint, "load_single_file", read)
    monkeypatch.setattr(folders, "load_model", read)
    monkeypatch.setattr("igo_plugins.realesrgan.backends._by_torch", read)
    monkeypatch.setattr("igo_plugins.adapters.files.read", read)


@pytest.fixture
def folder(tmp_path):
    """A folder that looks like a checkpoint, and has a card."""
    place = tmp_path / "model"
    place.mkdir()
    (place / "model_index.json").write_text("{}")
    (place / CARD).write_text(NC)
    return place


def test_the_runtime_permits_what_is_allowed(tmp_path, folder):
    assert igo.Runtime().permit("model", folder) == License("cc-by-nc-4.0", CARD)
    assert igo.Runtime().permit("model", tmp_path) == License()
    with pytest.raises(
        LicenseError, match=r"^model is not loaded for commercial use: its licence, cc-by-nc-4\.0 .* forb"
    ):
        commercial().permit("model", folder)
    with pytest.raises(
        LicenseError, match=r"nothing is not loaded .* it states no licence; if you know it, write it down"
    ):
        commercial().permit("nothing", tmp_path)
    (folder / CARD).write_text("---\nlicense: llama3\n---\n")
    with pytest.raises(
        LicenseError, match=r"its licence, llama3 \(README.md\), isn't known to allow it; or name other"
    ):
        commercial().permit(str(folder))
    (folder / CARD).write_text(OPEN)
    assert commercial().permit(str(folder)).name == "openrail"


def test_it_is_part_of_the_chain():
    runtime = commercial()
    assert runtime.commercial
    assert runtime.bound("step").commercial
    chain = igo.Chain(igo.TextToImage("mini"), runtime=runtime)
    assert chain.describe()["runtime"] == {"device": "cpu", "commercial": True}
    assert igo.load_chain(chain.to_toml()) == chain
    assert chain != igo.Chain(igo.TextToImage("mini"), runtime=igo.Runtime("cpu"))
    with pytest.raises(SettingsError, match="commercial is 'yes'; expected true or false"):
        igo.Runtime(commercial="yes")
    with pytest.raises(igo.IGOError, match="commercial is 1; expected true or false"):
        igo.load_chain('[runtime]\ncommercial = 1\n[[step]]\nuse = "text-to-image"\n')


def file(tmp_path, **metadata):
    save_file({"weight": np.zeros((2, 2), np.float32)}, tmp_path / "w.safetensors", metadata)
    return str(tmp_path / "w.safetensors")


STEPS = {
    "folder": lambda tmp, folder: [igo.TextToImage(str(folder))],
    "single file": lambda tmp, folder: [igo.TextToImage(file(tmp))],
    "inpainting": lambda tmp, folder: [igo.TextToImage("mini", inpaint_checkpoint=str(folder))],
    "adapter": lambda tmp, folder: [igo.TextToImage("mini"), Adapter(file(tmp, license="cc-by-nc-4.0"))],
    "embedding": lambda tmp, folder: [igo.TextToImage("mini"), Embedding(file(tmp))],
    "text mask": lambda tmp, folder: [TextMask("coat", mask_model=str(folder))],
    "styling": lambda tmp, folder: [
        igo.TextToImage("mini"),
        VirtualStyling("coat", to="a red coat", mask_model=str(folder)),
    ],
    "upscaling": lambda tmp, folder: [Upscaling(2, model=file(tmp))],
    "parsing": lambda tmp, folder: [HumanParsing(part="top", model=str(folder))],
    "depth": lambda tmp, folder: [Depth(str(folder))],
    "ControlNet": lambda tmp, folder: [igo.TextToImage("mini"), ControlNet(str(folder), layer="edges"), Edges()],
    "reference": lambda tmp, folder: [igo.TextToImage("mini"), Reference(str(folder))],
}


@pytest.mark.parametrize("kind", STEPS)
def test_a_chain_is_refused_before_weights_are_read(kind, tmp_path, folder, unread):
    steps = STEPS[kind](tmp_path, folder)
    picture = Image.new("RGB", (64, 64))
    references = {"style": picture} if kind == "reference" else {}
    with pytest.raises(LicenseError, match="is not loaded for commercial use"):
        igo.Chain(*steps, runtime=commercial()).run("a coat", image=picture, references=references, seed=1)
    with pytest.raises(LicenseError, match="is not loaded for commercial use"):
        igo.Chain(*steps, runtime=commercial()).check(references=references)


def test_loaders_are_refused_too(folder, unread):
    """Whatever chain, or none, they are called from."""
    runtime = commercial()
    with pytest.raises(LicenseError):
        igo.Chain(Captioning(str(folder)), runtime=runtime).caption([Image.new("RGB", (8, 8))])
    with pytest.raises(LicenseError):
        checkpoint.load(str(folder), dtype=None, permit=runtime.permit)
    with pytest.raises(LicenseError):
        igo.Chain(VirtualStyling("coat", to="a hat", mask_model=str(folder)), runtime=runtime).layer(
            "mask", Image.new("RGB", (64, 64))
        )


def test_mini_paints_and_enlarges_says_its_licence_and_is_made_again_so(tmp_path):
    chain = igo.Chain(igo.TextToImage("mini"), Upscaling(2), runtime=commercial())
    look = chain.run("a man in a red coat", seed=1, num_inference_steps=1)
    path = tmp_path / "look.png"
    look.save(path)
    record = read_record(path)
    assert record["chain"]["runtime"] == {"device": "cpu", "commercial": True}
    assert record["licenses"].keys() == record["models"].keys()
    assert set(record["licenses"].values()) == {"apache-2.0"}
    again = igo.replay(path)
    assert again.identical
    assert again.look.making.licenses == record["licenses"]


def test_what_states_nothing_is_on_record_as_such(tiny_checkpoint, tmp_path):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "own")
    chain = igo.Chain(igo.TextToImage(str(folder)), runtime=igo.Runtime("cpu"))
    run = {"seed": 1, "num_inference_steps": 1, "width": 32, "height": 32}
    path, later = tmp_path / "look.png", tmp_path / "later.png"
    chain.run("a", **run).save(path)
    assert set(read_record(path)["licenses"].values()) == {"none stated"}
    (folder / CARD).write_text(OPEN)
    chain = igo.Chain(igo.TextToImage(str(folder)), runtime=commercial())
    chain.run("a", **run).save(later)
    after = read_record(later)
    assert after["licenses"] == dict.fromkeys(after["models"], "openrail")
    assert after["models"] == read_record(path)["models"], "a card is no weight"


def test_a_plugin_of_somebody_else_gets_it_by_one_call(folder):
    class Own:
        @igo.hookimpl
        def postprocess(self, frame, runtime):
            runtime.identify("own model", "sha256:0", runtime.permit("own model", folder))
            return frame

    look = igo.Chain(Own()).run(image=Image.new("RGB", (8, 8)), seed=1)
    assert look.making.licenses == {"own model": "cc-by-nc-4.0"}
    with pytest.raises(LicenseError, match=r"step 'own' \(postprocess\): own model is not loaded"):
        igo.Chain(Own(), runtime=commercial()).run(image=Image.new("RGB", (8, 8)), seed=1)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A hub with one repository, of which the card can be changed."""
    place = tmp_path / "hub" / "own" / "model"
    shutil.copytree(embedded.path("clipseg"), place)
    (place / "model_index.json").write_text("{}")
    with hubs.Hub(tmp_path / "hub").serving() as served:
        hubs.use(monkeypatch, served.endpoint, tmp_path / "cache")
        yield served, place / CARD


@pytest.mark.parametrize("card", [NC, None], ids=["forbidding", "none"])
def test_nothing_but_the_card_is_fetched_of_what_is_refused(card, repository):
    served, place = repository
    place.unlink()
    if card:
        place.write_text(card)
    for load in (
        lambda: igo.Chain(igo.TextToImage("own/model"), runtime=commercial()).check(),
        lambda: checkpoint.load("own/model", dtype=None, permit=commercial().permit),
        lambda: folders.place_of("own/model", "it", "name another", permit=commercial().permit),
        lambda: igo.Chain(Adapter("own/model"), runtime=commercial()).check(),
    ):
        with pytest.raises(LicenseError):
            load()
    assert set(served.fetched) == ({f"own/model/{CARD}"} if card else set())


def test_a_card_comes_with_the_weights_and_counts_without_network(repository, monkeypatch):
    _, place = repository
    place.write_text(NC)
    found = folders.place_of("own/model", "it", "name another")
    assert (found / CARD).is_file()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(LicenseError, match=r"own/model is not loaded for commercial use: its licence, cc-by-nc-4\.0"):
        folders.place_of("own/model", "it", "name another", permit=commercial().permit)


COMMANDS = [
    ["generate", "a", "--checkpoint", "model"],
    ["style", "me.png", "coat", "a hat", "--mask-model", "model"],
    ["outpaint", "me.png", "a", "--to", "3:4", "--checkpoint", "model"],
    ["upscale", "me.png", "2", "--model", "w.safetensors"],
    ["run", "chain.toml"],
    ["caption", "photos", "--model", "model"],
    ["dataset", "mask", "photos", "coat", "--mask-model", "model"],
    ["train", "base", "--base", "model", "--drawn", "4", "--out", "out"],
    ["train", "inpaint", "--base", "model", "--drawn", "4", "--out", "out"],
    ["train", "clipseg", "--base", "model", "--drawn", "4", "--out", "out"],
    ["train", "lora", "--base", "model", "--data", "photos", "--out", "out.safetensors"],
    ["train", "upscaler", "--start", "w.safetensors", "--drawn", "4", "--out", "out.safetensors"],
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: " ".join(arguments[:2]))
def test_commands_take_the_option(arguments, tmp_path, folder, unread, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64)).save("me.png")
    Path("photos").mkdir()
    Image.new("RGB", (64, 64)).save("photos/a.png")
    file(tmp_path)
    Path("chain.toml").write_text('[[step]]\nuse = "text-to-image"\ncheckpoint = "model"\n')
    before = sorted(Path().rglob("*"))
    assert cli.run_command([*arguments, "--commercial"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert "is not loaded for commercial use" in err
    assert sorted(Path().rglob("*")) == before


def test_doctor_and_show_say_the_licence(tiny_checkpoint, tmp_path, capsys):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "own")
    for card, told in (
        (None, "it names none"),
        (NC, "cc-by-nc-4.0 (forbids commercial use)"),
        (OPEN, "openrail (allows"),
    ):
        if card:
            (folder / CARD).write_text(card)
        assert cli.run_command(["doctor", str(folder)]) == 0
        assert f"licence: {told}" in capsys.readouterr().out
    chain = igo.Chain(igo.TextToImage(str(folder)), runtime=igo.Runtime("cpu"))
    chain.run("a", seed=1, num_inference_steps=1, width=32, height=32).save(tmp_path / "look.png")
    assert cli.run_command(["show", str(tmp_path / "look.png")]) == 0
    assert "(licence: openrail)" in capsys.readouterr().out
