"""What commands import: nothing that they don't use, since imports are most of what a short command takes."""

import json
import subprocess
import sys

import pytest

from igo.testing import draw_figure

RUN = """
import json, sys
from igo.cli import run_command
code = run_command(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]))
"""
NOBODY = {"IPython", "datasets", "gradio", "matplotlib", "openvino", "pandas", "ray", "skimage", "sklearn"}
"""What may be installed beside IGO, and others would pick up."""
OTHER_FAMILIES = {"diffusers.pipelines.auto_pipeline", "diffusers.pipelines.flux", "diffusers.pipelines.wan"}
LIBRARIES = {"accelerate", "diffusers", "peft", "scipy", "transformers", "torch._dynamo", "torch._inductor"}


@pytest.mark.parametrize(
    ("arguments", "unused"),
    [
        pytest.param(
            ["generate", "a coat", "--steps", "1", "--width", "64", "--height", "64"],
            OTHER_FAMILIES,
            marks=pytest.mark.slow,
        ),
        (["upscale", "photo.png", "2"], LIBRARIES),
    ],
    ids=["generate", "upscale"],
)
def test_a_command_imports_what_it_uses(arguments, unused, tmp_path):
    draw_figure(3, 64, 96).image.save(tmp_path / "photo.png")
    run = [sys.executable, "-c", RUN, *arguments, "--quiet", "-o", "made.png"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True)
    code, imported = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stderr
    assert not (NOBODY | unused) & set(imported)
    assert (tmp_path / "made.png").exists()
