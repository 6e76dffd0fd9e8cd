"""Folders to deploy: whole, or not there."""

import ast
import os
import subprocess
from pathlib import Path

import pytest

import igo
from igo import cli
from igo.errors import SettingsError
from igo.serving import deploy
from igo.serving.protocol import MAX_MESSAGE
from igo.testing import PaintedBase
from igo_plugins import Upscaling


def written(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def chain(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("chain.toml").write_text('[[step]]\nuse = "text-to-image"\ncheckpoint = "mini"\n')
    return igo.load_chain("chain.toml")


def test_triton(chain, capsys):
    assert cli.run_command(["deploy", "triton", "out", "--chain", "chain.toml", "--name", "looks", "--delay", "7"]) == 0
    out = Path("out")
    model = out / "models" / "looks"
    assert written(out) == {
        "README.md",
        "requirements.txt",
        "start.sh",
        "models/looks/config.pbtxt",
        "models/looks/1/model.py",
        "models/looks/1/chain.toml",
    }
    assert igo.load_chain(model / "1" / "chain.toml") == chain
    config = (model / "config.pbtxt").read_text()
    assert 'name: "looks"' in config
    assert "max_queue_delay_microseconds: 7000" in config
    assert "kind: KIND_AUTO" in config
    ast.parse((model / "1" / "model.py").read_text())
    assert os.access(out / "start.sh", os.X_OK)
    subprocess.run(["bash", "-n", out / "start.sh"], check=True)
    assert str(MAX_MESSAGE) in (out / "start.sh").read_text()
    assert f"igo=={igo.__version__}" in (out / "requirements.txt").read_text()
    for path in written(out):
        text = (out / path).read_text()
        assert "@{" not in text
        assert str(Path.cwd()) not in text, path
    assert "models/looks/1/model.py" in capsys.readouterr().out


def test_a_chain_for_cpus_is_served_on_cpus(tmp_path):
    chain = igo.Chain(PaintedBase(), runtime=igo.Runtime("cpu"))
    deploy.write_triton(tmp_path / "out", chain)
    assert "kind: KIND_CPU" in (tmp_path / "out" / "models" / "igo" / "config.pbtxt").read_text()


def test_places_that_a_chain_names_are_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("weights").mkdir()
    Path("chain.toml").write_text('[[step]]\nuse = "text-to-image"\ncheckpoint = "./weights"\n')
    assert cli.run_command(["deploy", "triton", "out", "--chain", "chain.toml"]) == 0
    assert "note: the chain names ./weights, which has to be on the server too" in capsys.readouterr().out
    assert "- `./weights`" in Path("out/README.md").read_text()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--name", "../x"], "--name is '../x'; expected up to 100 letters"),
        (["--name", ""], "--name is ''"),
        (["--batch-size", "0"], "--batch-size is 0; expected 1 to 128"),
        (["--delay", "-1"], "--delay is -1; expected 0 to 60000"),
        (["--instances", "1000"], "--instances is 1000; expected 1 to 64"),
        (["--chain", "nowhere.toml"], "nowhere.toml can't be read"),
        (["--chain", "upscaling.toml"], "no step of this chain makes pictures"),
    ],
)
def test_what_cant_be_deployed_leaves_nothing(more, said, chain, capsys):
    Path("upscaling.toml").write_text(igo.Chain(Upscaling(2)).to_toml())
    assert cli.run_command(["deploy", "triton", "out", "--chain", "chain.toml", *more]) == 2
    assert said in capsys.readouterr().err
    assert not Path("out").exists()


def test_a_folder_with_something_in_it_is_left_alone(chain):
    Path("out").mkdir()
    Path("out/mine.txt").write_text("mine")
    with pytest.raises(SettingsError, match="out is not empty; choose another folder"):
        deploy.write_triton(Path("out"), chain)
    assert written(Path("out")) == {"mine.txt"}
    assert not [path for path in Path().iterdir() if path.name.startswith(".")]


def test_an_empty_folder_is_filled(chain):
    Path("out").mkdir()
    deploy.write_triton(Path("out"), chain)
    assert "start.sh" in written(Path("out"))
