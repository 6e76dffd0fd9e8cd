"""The command: all parts in one table, what was found is kept, and what can't be evaluated is one line."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from PIL import Image

from benchmarks import evaluate as module
from benchmarks import painting, upscaling
from benchmarks.evaluate import PARTS, main
from benchmarks.findings import GOALS, Findings, Row, Sample
from benchmarks.prompts import shown_outfits
from igo.errors import CheckpointError
from igo.mini.clipseg import PREPROCESSING, build_clipseg, build_clipseg_tokenizer
from igo.mini.parser import PREPROCESSING as PARSING
from igo.mini.parser import build_parser
from igo.networks.srvgg import SRVGGNetCompact
from igo.training.tasks.clipseg import export_clipseg
from igo.training.tasks.parser import export_parser
from igo.training.tasks.upscaler import export_srvgg


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Folders of tiny random networks."""
    folder, tokenizer = tmp_path_factory.mktemp("weights"), build_clipseg_tokenizer()
    export_clipseg(build_clipseg(tokenizer), tokenizer, PREPROCESSING, folder / "clipseg")
    for scale in (2, 4):
        export_srvgg(SRVGGNetCompact(scale, features=4, convolutions=1), folder / "upscaler" / f"x{scale}.safetensors")
    export_parser(build_parser(), PARSING, folder / "parser")
    return [argument for part in ("clipseg", "parser", "upscaler") for argument in (f"--{part}", str(folder / part))]


@pytest.fixture(autouse=True)
def short(monkeypatch, tmp_path, photo):
    (tmp_path / "data").mkdir()
    photo.save(tmp_path / "data" / "photo.png")
    monkeypatch.setattr(painting, "shown_outfits", lambda: shown_outfits(14))
    monkeypatch.setattr(painting, "SPOILT", 2)
    monkeypatch.setattr(painting, "TIMED", 1)
    monkeypatch.setattr(upscaling, "SIZE", (64, 96))
    monkeypatch.setattr(upscaling, "PHOTOS", ("photo.png",))
    monkeypatch.setattr(upscaling, "find_spec", lambda name: SimpleNamespace(origin=str(tmp_path / "__init__.py")))


def found(part):
    sample = Sample((Image.new("RGB", (8, 8)),), "a sample")
    return Findings(part, {}, [Row(f"how good {part} is", 0.5)], [sample], columns=1, height=32)


@pytest.mark.slow
def test_all_parts_are_evaluated(weights, tiny_checkpoint, tiny_inpaint_checkpoint, tmp_path, capsys):
    counts = ["--prompts", "1", "--seeds", "1", "--steps", "1", "--garments", "1", "--drawings", "1", "--renders", "1"]
    own = ["--base", str(tiny_checkpoint), "--inpaint", str(tiny_inpaint_checkpoint), *weights]
    main([*own, *counts, "--json", str(tmp_path / "figures.json"), "--sheets", str(tmp_path / "sheets")])
    told, read = capsys.readouterr(), json.loads((tmp_path / "figures.json").read_text("utf-8"))
    assert list(read) == list(PARTS)
    measures = {name for part in read.values() for name in part["measures"]}
    assert set(GOALS) - {"seam of outpainting"} <= measures  # which has a command of its own
    for name in ("garment in the asked colour", "IoU, mean of six", "×4, degraded: gain, dB", "a face"):
        assert name in told.out
    assert "requires torchvision" not in told.err
    assert {path.name for path in (tmp_path / "sheets").iterdir()} == {f"{part}.png" for part in PARTS}


def test_what_was_found_is_kept_if_a_later_part_fails(monkeypatch, weights, tmp_path, capsys):
    def evaluate(part, chosen, progress):
        if part == "clipseg":
            raise CheckpointError("these weights are broken")
        return found(part)

    monkeypatch.setattr(module, "evaluate", evaluate)
    figures = tmp_path / "figures.json"
    with pytest.raises(SystemExit, match=r"^error: clipseg: these weights are broken$"):
        main(["--parts", "upscaler", "clipseg", "base", *weights, "--json", str(figures)])
    out = capsys.readouterr().out
    assert "how good base is" in out
    assert "how good upscaler is" in out
    assert list(json.loads(figures.read_text())) == ["base", "upscaler"]


@pytest.mark.parametrize(("fault", "raised"), [(KeyboardInterrupt, SystemExit), (RuntimeError, RuntimeError)])
def test_what_was_found_is_kept_if_all_ends(monkeypatch, weights, capsys, tmp_path, fault, raised):
    def evaluate(part, chosen, progress):
        if part == "upscaler":
            raise fault
        return found(part)

    monkeypatch.setattr(module, "evaluate", evaluate)
    with pytest.raises(raised):
        main(["--parts", "clipseg", "upscaler", *weights, "--json", str(tmp_path / "figures.json")])
    assert "how good clipseg is" in capsys.readouterr().out
    assert list(json.loads((tmp_path / "figures.json").read_text())) == ["clipseg"]


def test_without_names_all_that_is_carried_is_evaluated(monkeypatch, weights, tmp_path):
    asked = []
    monkeypatch.setattr(module, "evaluate", lambda part, chosen, progress: asked.append(part) or found(part))
    monkeypatch.setattr("igo.embedded.WEIGHTS", tmp_path)
    (tmp_path / "base").mkdir()
    main([])
    assert asked == ["base"]
    asked.clear()
    main(weights)
    assert asked == ["base", "clipseg", "parser", "upscaler"]
    asked.clear()
    main(["--inpaint", "mini", *weights])
    assert asked == list(PARTS)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--seeds", "0"], "--seeds is 0; it must be at least 1"),
        (["--grow", "-1"], "--grow is -1; it must be at least 0"),
        (["--parts", "base", "--base", "nothing/here/"], "base: there is no checkpoint 'nothing/here/'"),
        (["--parts", "clipseg", "--clipseg", "nothing"], "--clipseg nothing is no folder"),
        (["--parts", "inpaint", "--clipseg", "tests"], "mini has no embedded weights 'inpaint'"),
        (["--parts", "upscaler", "--upscaler", "tests"], "upscaler: there is no upscaler in tests"),
        (["--parts", "clipseg", "--clipseg", "tests"], "clipseg: the text masks tests can't be loaded"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(monkeypatch, tmp_path, options, told):
    monkeypatch.setattr("igo.embedded.WEIGHTS", tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(options)
    assert str(caught.value).startswith(f"error: {told}")
    assert "\n" not in str(caught.value)


def test_options_are_checked_without_torch(capsys):
    code = "import sys; from benchmarks.evaluate import main; sys.argv[1:] = ['--steps', '0']\n"
    code += "try: main()\nexcept SystemExit as error: print(error)\nprint('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == ["error: --steps is 0; it must be at least 1", "False"]
