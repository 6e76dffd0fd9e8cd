"""Several processes learn together what one would from as many micro-batches."""

import json
import os
import subprocess
import sys

import pytest
from PIL import Image

from igo import cli


@pytest.mark.slow
def test_two_processes_learn_what_one_does_with_twice_the_batch(tiny_checkpoint, tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    lines = []
    for index, colour in enumerate(("red", "blue", "green")):
        Image.new("RGB", (64, 96), colour).save(tmp_path / "photos" / f"{index}.png")
        lines.append(json.dumps({"file_name": f"{index}.png", "text": f"a {colour} hoodie"}))
    (tmp_path / "photos" / "metadata.jsonl").write_text("\n".join(lines))
    command = [
        *("train", "lora", "--data", "photos", "--base", str(tiny_checkpoint), "--width", "32", "--height", "48"),
        *("--steps", "4", "--learning-rate", "1e-2", "--batch-size", "2", "--rank", "2", "--text-rate", "0.5"),
    ]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "igo"]
    environment = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launch, *command, "--out", "two.safetensors"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("two.safetensors: 4 steps") == 1
    monkeypatch.chdir(tmp_path)
    assert cli.run_command([*command, "--accumulation", "2", "--out", "one.safetensors"]) == 0
    one, two = (
        [json.loads(line)["loss"] for line in (tmp_path / f"{name}-training" / "losses.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    )
    assert len(one) == len(two) == 4
    assert two == pytest.approx(one, rel=1e-5)
